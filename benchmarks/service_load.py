"""The service under load: a sweep of 10,000 trials, requests at that size, and 50 watchers.

A real ``quintain serve`` on a store of its own, with real drivers and workers of this machine.

size      a sweep of trials that fit next to nothing, as quick as the cores go: the peak resident
          memory of its driver; every page of its trials and the list of sweeps, once it runs with
          four fifths of them ended, and once it is over; and what it takes meanwhile to hand in
          a sweep, by ``quintain submit`` and by the request alone
watchers  a sweep whose trials sleep, in windows in turn without and with 50 that read its events:
          its driver's CPU seconds of a trial, and trials a second. Then the same of a sweep whose
          trials fit next to nothing, where every core is wanted: no law, for the watchers
          themselves, in whose place would be other machines, take theirs from the trials

Ratios are of neighbouring windows; shown is their median, and an interval for it by order
statistics (of nine the second and the eighth: 96%). The law, "no difference", is an interval with 1
in it.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil

from benchmarks.overhead import interval
from benchmarks.page_speed import serving
from benchmarks.service_bench import NOTHING, SLEEPING, Bench, peak_mb
from search.records import Records

WATCHERS = 50
ASLEEP = "trials that sleep 0.1 s"
#: Seconds that a watcher may be behind.
BEHIND_S = 3.0

#: The most that each may be; of a ratio "no difference" is the law.
LAWS = {
    "driver's peak memory, MB": 600.0,
    "list of sweeps, ms": 200.0,
    "100 trials, ms": 200.0,
    "1,000 trials by score, ms": 200.0,
    "POST /v1/sweeps, ms": 100.0,
}


Figures = dict[str, list[float]]


def timed(client: httpx.Client, path: str, query: Mapping[str, Any]) -> tuple[float, Any]:
    """Milliseconds of a request, and what was answered."""
    began = time.perf_counter()
    answer = client.get(path, params=query)
    taken = 1000 * (time.perf_counter() - began)
    answer.raise_for_status()
    return taken, answer.json()


def pages(client: httpx.Client, sweep: str) -> Figures:
    """Every page of its trials, and the list as often as ten times."""
    found: Figures = {"list of sweeps, ms": [], "100 trials, ms": []}
    for _ in range(10):
        found["list of sweeps, ms"].append(timed(client, "/v1/sweeps", {})[0])
    asked: dict[str, dict[str, Any]] = {
        "100 trials, ms": {}, "1,000 trials by score, ms": {"limit": 1000, "sort": "score"},
    }  # fmt: skip
    for name, query in asked.items():
        taken: list[float] = []
        after: str | None = None
        while after is not None or not taken:
            more: dict[str, Any] = {} if after is None else {"after": after}
            each, told = timed(client, f"/v1/sweeps/{sweep}/trials", query | more)
            taken.append(each)
            after = told["next"]
        found[name] = taken
    return found


def handed_in(bench: Bench, times: int) -> Figures:
    """Sweeps that have to wait, for another one runs: handed in, and stopped again."""
    spec = bench.spec("waits", 10, NOTHING)
    path = bench.folder / "waits.toml"
    path.write_text(spec)
    posted, submitted = [], []
    for turn in range(4 * times):
        began = time.perf_counter()
        sweep = bench.post(spec)
        posted.append(1000 * (time.perf_counter() - began))
        bench.stop(sweep)
        if turn % 4 == 0:
            command = [str(Path(sys.executable).parent / "quintain"), "submit", str(path), "--json"]
            at = str(bench.served.client.base_url).rstrip("/")
            began = time.perf_counter()
            done = subprocess.run(
                [*command, "--service", at], capture_output=True, text=True, check=True
            )
            submitted.append(1000 * (time.perf_counter() - began))
            bench.stop(json.loads(done.stdout)["sweep"])
    return {"POST /v1/sweeps, ms": posted, "quintain submit, ms": submitted}


def size(bench: Bench, trials: int, sampler: str, times: int) -> dict[str, Figures]:
    """The long sweep, from its first trial to the end of its driver."""
    sweep = bench.post(bench.spec("long", trials, NOTHING, sampler))
    driver, began = bench.driver(sweep), time.monotonic()
    found: dict[str, Figures] = {}
    peak: list[float] = []
    while (now := peak_mb(driver.pid)) is not None:
        peak.append(now)
        if not found and bench.counted(sweep)[0] >= 0.8 * trials:
            running = pages(bench.served.client, sweep)
            found["while it runs"] = running | handed_in(bench, times)
        time.sleep(0.2)
    searched = time.monotonic() - began
    ended, written, _ = bench.counted(sweep)
    if ended != trials:
        raise SystemExit(f"{ended} of {trials} trials of {sweep} ended")
    found["once it is over"] = pages(bench.served.client, sweep)
    service = peak_mb(bench.served.process.pid)
    found[f"{trials:,} trials, {written:,} entries"] = {
        "driver's peak memory, MB": [max(peak)], "service's peak memory, MB": [service or 0.0],
        "trials a second": [trials / searched],
    }  # fmt: skip
    return found


def window(bench: Bench, sweep: str, driver: psutil.Process, seconds: float, many: int) -> Figures:
    """So many seconds of a sweep that runs, with so many watchers."""
    service = psutil.Process(bench.served.process.pid)
    last = bench.counted(sweep)[2]
    command = [sys.executable, "-m", "benchmarks.watchers", str(bench.served.client.base_url.port)]
    crowd = subprocess.Popen(
        [*command, sweep, str(last), str(many)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert crowd.stdout is not None
    crowd.stdout.readline()  # all of them are there
    time.sleep(1.0)
    before, cpu, theirs = bench.counted(sweep), _cpu(driver), _cpu(service)
    began = time.perf_counter()
    time.sleep(seconds)
    after, cpu, theirs = bench.counted(sweep), _cpu(driver) - cpu, _cpu(service) - theirs
    took, trials = time.perf_counter() - began, after[0] - before[0]
    time.sleep(BEHIND_S)
    told = json.loads(crowd.communicate()[0])
    with Records.open(bench.store, create=False) as records:
        written = sum(seq <= after[2] for seq, _ in records.entries_after(sweep, last))
    if many and min(told) < written:
        raise SystemExit(f"{written} entries were written, and a watcher was told {min(told)}")
    return {
        "pace": [trials / took], "driver's CPU": [1000 * cpu / trials],
        "service's CPU": [100 * theirs / took],
    }  # fmt: skip


def _cpu(process: psutil.Process) -> float:
    """Seconds of its own, without those of its children."""
    times = process.cpu_times()
    return float(times.user + times.system)


def watched(bench: Bench, model: str, pairs: int, seconds: float) -> Figures:
    """A sweep in windows without and with watchers, whichever comes first in turn."""
    sweep = bench.post(bench.spec("watched", 1_000_000, model))
    driver = bench.driver(sweep)
    found: Figures = {}
    try:
        for turn in range(pairs):
            for many in (0, WATCHERS) if turn % 2 == 0 else (WATCHERS, 0):
                for name, value in window(bench, sweep, driver, seconds, many).items():
                    found.setdefault(f"{name}, {many} watchers", []).extend(value)
                print({name: round(each[-1], 2) for name, each in found.items()}, file=sys.stderr)
        bench.stop(sweep)
    except BaseException:
        driver.terminate()  # it outlives the service
        raise
    units = {"pace": "trials a second", "driver's CPU": "ms a trial"}
    told: Figures = {}
    for name, unit in units.items():
        without, with_them = (found[f"{name}, {many} watchers"] for many in (0, WATCHERS))
        told[f"{name}, {unit}, without"] = without
        told[f"{name}, {unit}, with {WATCHERS}"] = with_them
        told[f"{name}, with / without"] = [
            b / a for a, b in zip(without, with_them, strict=True)
        ]  # fmt: skip
    told["service's CPU, % of a core, without"] = found["service's CPU, 0 watchers"]
    told[f"service's CPU, % of a core, with {WATCHERS}"] = found[
        f"service's CPU, {WATCHERS} watchers"
    ]
    return told


def verdict(part: str, name: str, values: Sequence[float]) -> str:
    """Whether a figure keeps its law."""
    if name.endswith("with / without"):
        low, high = interval(values)
        held = "no difference" if low <= 1 <= high else "differs"
        law = "" if part != ASLEEP else "  law: held" if low <= 1 <= high else "  law: MISSED"
        return f"{low:.3f} to {high:.3f}: {held}{law}"
    most = LAWS.get(name)
    if most is None:
        return ""
    if max(values) <= most:
        return f"law {most:.0f}: held"
    held = "held by the median only" if statistics.median(values) <= most else "MISSED"
    return f"law {most:.0f}: {held}"


def table(found: Mapping[str, Figures]) -> list[str]:
    """A line for each figure: the median, least and most, and what became of its law."""
    told = []
    for part, figures in found.items():
        told.append(part)
        for name, values in figures.items():
            low, middle, high = (f(values) for f in (min, statistics.median, max))
            spread = f"({low:.4g} to {high:.4g})" if len(values) > 1 else ""
            line = f"  {name:<44}{middle:>9.4g}  {spread:<22}{verdict(part, name, values)}"
            told.append(line.rstrip())
    return told


def main() -> None:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--sampler", choices=["random", "tpe"], default="tpe")
    parser.add_argument("--pairs", type=int, default=9, help="of windows; a third of busy ones")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a window")
    parser.add_argument("--parts", nargs="*", choices=["size", "watchers"], default=None)
    parser.add_argument("--quick", action="store_true", help="500 trials, two pairs of 3 s")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    trials, pairs, seconds = (
        (500, 2, 3.0) if asked.quick else (asked.trials, asked.pairs, asked.seconds)
    )
    parts = asked.parts or ["size", "watchers"]
    load = os.getloadavg()[0]
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rng = np.random.default_rng(0)
        frame = pd.DataFrame(rng.normal(size=(100, 2)), columns=["x0", "x1"])
        frame["target"] = (frame["x0"] + rng.normal(size=100) > 0).astype(int)
        frame.to_csv(folder / "load.csv", index=False)
        store = str(folder / "records.db")
        with serving(store, "--max-sweeps", "1") as served:
            bench = Bench(served, folder, store)
            if "size" in parts:
                found |= size(bench, trials, asked.sampler, 2 if asked.quick else 5)
            if "watchers" in parts:
                found[ASLEEP] = watched(bench, SLEEPING, pairs, seconds)
                found["trials of next to nothing"] = watched(
                    bench, NOTHING, max(1, pairs // 3), seconds
                )
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print("\n".join(table(found)))
    print(f"{machine}; load {load:.1f} before, {os.getloadavg()[0]:.1f} after")
    if asked.json:
        told = {"machine": machine, "load": load, "sampler": asked.sampler, "figures": found}
        asked.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
