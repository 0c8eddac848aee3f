"""The service: its start and memory, the page's first view of a large sweep, a list's pages.

Each turn starts ``quintain serve`` anew on a store with one sweep of so many trials, written and
not run, and asks over the loopback as a browser does. Nothing is warm in the process; the store's
file is in the cache of the system.
"""

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.written_sweeps import written
from search.records import Records

#: What is asked in each turn: a name, the address, how often; the slowest of several is told.
ASKED = (
    ("list of sweeps", "/", 1),
    ("first view of the sweep", "/sweeps/large-1", 1),
    ("the sweep again", "/sweeps/large-1", 5),
    ("table of trials", "/sweeps/large-1/trials", 5),
    ("filtered and sorted", "/sweeps/large-1/trials?text=max_depth>5&sort=-cpu&page=20", 5),
    ("a trial", "/sweeps/large-1/trials/77", 5),
    ("REST, 100 trials", "/v1/sweeps/large-1/trials", 5),
    ("REST, 1,000 trials by score", "/v1/sweeps/large-1/trials?limit=1000&sort=score", 5),
    ("REST, 100 sweeps", "/v1/sweeps", 5),
)


@dataclass(frozen=True, slots=True)
class Serving:
    """A service of its own; ``start_s``: until its first answer, and ``start_mb`` it held then."""

    client: httpx.Client
    process: subprocess.Popen[bytes]
    start_s: float
    start_mb: float


@contextmanager
def serving(store: str, *options: str) -> Iterator[Serving]:
    """A service on a store, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "quintain"), "serve", "--port", str(port), *options],
        env={**os.environ, "QUINTAIN_RECORDS": store}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            while True:
                try:
                    client.get("/health").raise_for_status()
                    break
                except httpx.TransportError:
                    time.sleep(0.01)
            seconds = time.perf_counter() - began
            memory = psutil.Process(process.pid).memory_info().rss / 1e6
            yield Serving(client, process, seconds, memory)
    finally:
        process.terminate()
        process.wait()


def turn(store: str) -> dict[str, float]:
    """One service from its start to its end."""
    with serving(store) as served:
        told = {"start_s": served.start_s, "start_mb": served.start_mb}
        for name, address, times in ASKED:
            taken = []
            for _ in range(times):
                began = time.perf_counter()
                served.client.get(address).raise_for_status()
                taken.append(time.perf_counter() - began)
            told[name] = max(taken)
    return told


def main() -> None:
    """Print a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--sweeps", type=int, default=50, help="small ones beside the large one")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="2,000 trials, two turns")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()
    trials, runs = (2_000, 2) if asked.quick else (asked.trials, asked.runs)
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder, "records.db"))
        with Records.open(store) as records:
            written(records, "large", trials)
            for number in range(asked.sweeps):
                written(records, f"small{number % 7}", 20, seed=number)
        turns = [turn(store) for _ in range(runs)]
    busy = psutil.cpu_percent(1.0)
    print(f"{trials:,} trials in one sweep, {asked.sweeps} sweeps of 20; {runs} turns")
    print(f"{platform.python_version()}, {psutil.cpu_count()} cores, others keep {busy:.0f}% busy")
    for name in turns[0]:
        values = [each[name] for each in turns]
        unit, scale = ("MB", 1.0) if name.endswith("mb") else ("ms", 1000.0)
        low, middle, high = (scale * f(values) for f in (min, statistics.median, max))
        print(f"{name:<30} {middle:8.0f} {unit}  ({low:.0f} to {high:.0f})")
    if asked.json:
        asked.json.write_text(json.dumps({"trials": trials, "turns": turns}, indent=1))


if __name__ == "__main__":
    main()
