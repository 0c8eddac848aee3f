"""The profiler against known truths: memory taken, CPU seconds burnt, and what it costs itself."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.profiler_cases import CASES, LIMITS, Case

TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Row:
    """One case over all its repeats, each in a fresh process.

    ``truths`` and ``measured`` in MB of 2**20 bytes or CPU seconds; ``errors``: what was told less
    the truth; ``limit``: what none of them may pass, in the same unit.
    """

    name: str
    unit: str
    truths: list[float]
    measured: list[float]
    limit: float

    @property
    def errors(self) -> list[float]:
        return [told - truth for told, truth in zip(self.measured, self.truths, strict=True)]

    @property
    def passes(self) -> bool:
        return all(abs(error) <= self.limit for error in self.errors)


def run_once(name: str) -> dict[str, float]:
    """One case in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.profiler_truths", "--case", name],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=Path(__file__).resolve().parent.parent,
    )
    if done.returncode:
        raise RuntimeError(f"case {name}: {done.stderr.strip()}")
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def measure(name: str, case: Case, repeats: int) -> Row:
    """All repeats of a case."""
    runs = [run_once(name) for _ in range(repeats)]
    truths = [run["truth"] for run in runs]
    limit = LIMITS[case.kind](statistics.median(truths))
    return Row(name, case.unit, truths, [run["measured"] for run in runs], limit)


def table(rows: list[Row]) -> None:
    """One line a case: medians, and the worst of the errors."""
    print(f"{'case':<46}{'truth':>10}{'measured':>10}{'error':>9}{'worst':>9}{'limit':>9}  verdict")
    for row in rows:
        worst = max(row.errors, key=abs)
        figures = (
            statistics.median(row.truths),
            statistics.median(row.measured),
            statistics.median(row.errors),
            worst,
        )
        told = "".join(
            f"{each:>{width}.3f}" for each, width in zip(figures, (10, 10, 9, 9), strict=True)
        )
        verdict = "holds" if row.passes else "BROKEN"
        print(f"{f'{row.name} ({row.unit})':<46}{told}{row.limit:>9.3f}  {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two repeats of each case, not five")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(CASES[given.case].run()))
        return
    repeats = 2 if given.quick else 5
    chosen = {name: case for name, case in CASES.items() if given.only in name}
    rows = [measure(name, case, repeats) for name, case in chosen.items()]
    print(f"{repeats} fresh processes a case; memory within 5 MB or 5%, CPU within 3%, cost 1%")
    table(rows)
    if given.json:
        machine = f"{platform.platform()}, {os.cpu_count()} cores"
        told = [asdict(row) | {"errors": row.errors, "passes": row.passes} for row in rows]
        given.json.write_text(json.dumps({"machine": machine, "rows": told}, indent=2))
    if not all(row.passes for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
