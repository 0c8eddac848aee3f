"""Time until the incumbent's score on held-back rows is as good as random search's at its end.

Medium work (100,000 x 30, 3% positive) and two real tables, XGBoost, 5 folds, average precision,
two workers. The level is the baseline (a constant) plus 98% of the gain that RandomizedSearchCV has
after 100 configurations. It comes first for each work and seed, and what it took, or ``--share`` of
it, is the time that Optuna, FLAML, Ray Tune and ours get; halving gets as many configurations, and
ours no more. A run that never reaches the level counts as its time, or as its own where it took
longer: with a share below 1 a peer's is counted too short, never too long. Each run is a process of
its own, all systems one after the other for each seed. Laws held to (issue 5), start-up included:
ours at most 1/10 of RandomizedSearchCV on the medium work and 1/4 on the real tables, at most 1/3
of every other peer's time to the level.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import Job, systems
from benchmarks.score_paths import RANDOM, Run, Step, law_line, laws, lines, measured
from benchmarks.score_space import SPACE
from benchmarks.score_works import Judge, Work, work_of

FOLDS, CONFIGURATIONS, QUICK_CONFIGURATIONS = 5, 100, 10
#: No run gets less, or starting alone would use it up: this only matters with ``--quick``.
LEAST_S = 13.0
#: A fit has one thread whoever asks the libraries below.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def search(work: Work, judge: Judge, job: Job, budget_s: float) -> Run:
    """One search in a fresh process, then its incumbents scored on the held-back rows.

    ``budget_s``: 0 for random search, whose own time it is.
    """
    folder = Path(job.folder)
    np.save(folder / "X.npy", work.X)
    np.save(folder / "y.npy", work.y)
    log, began = folder / "log", time.time()
    told_job = asdict(job) | {"deadline": began + budget_s}
    (folder / "job.json").write_text(json.dumps(told_job))
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.peers", str(folder)],
            env={**os.environ, **ONE_THREAD}, stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    wall_s = time.time() - began
    if done.returncode:
        raise SystemExit(f"{job.system} ended with {done.returncode}:\n{log.read_text()[-4000:]}")
    told = json.loads((folder / "told.json").read_text())
    path = [
        Step(
            each["at"] - began, _exact(each["params"]), each["score"], judge(_exact(each["params"]))
        )
        for each in told["path"]
    ]
    chosen, end_s = _exact(told["chosen"]), told["ended"] - began
    return Run(
        work=work.name, seed=job.seed, system=job.system, budget_s=budget_s or end_s,
        start_s=told["began"] - began, end_s=end_s, wall_s=wall_s, baseline=work.baseline,
        path=path, chosen=chosen, chosen_held=judge(chosen) if chosen else work.baseline,
        notes=told["notes"],
    )  # fmt: skip


def _exact(params: Mapping[str, float]) -> dict[str, float]:
    """Whole numbers as such, in the order of the space; what is not given stays the default."""
    return {
        name: int(params[name]) if of.whole else float(params[name])
        for name, of in SPACE.items()
        if name in params
    }


class Runs:
    """All runs so far, in a file where one is given: what is there is not done again."""

    def __init__(self, file: Path | None, settings: Mapping[str, Any]) -> None:
        self._file, self._settings = file, dict(settings)
        self.done: list[Run] = []
        if file and file.exists():
            told = json.loads(file.read_text())
            if told["settings"] != self._settings:
                raise SystemExit(f"{file} was written with {told['settings']}: name another file")
            self.done = [Run.read(each) for each in told["runs"]]

    def find(self, work: str, seed: int, system: str) -> Run | None:
        """One that was done."""
        return next((run for run in self.done if run.key == (work, seed, system)), None)

    def add(self, run: Run) -> None:
        """Another one, kept at once."""
        self.done.append(run)
        self.keep()

    def verdict(self) -> list[dict[str, Any]]:
        """Every law of every work."""
        works = dict.fromkeys(run.work for run in self.done)
        found = {work: measured(self.done, work) for work in works}
        return [
            law
            for work, by_system in found.items()
            for ours in by_system
            if ours.startswith("quintain")
            for law in laws(by_system, work, ours)
        ]

    def keep(self) -> None:
        """Write the file anew."""
        if self._file is None:
            return
        told = self.verdict()
        report = {
            "what": (__doc__ or "").strip().splitlines()[0],
            "machine": f"{platform.platform()}, {os.cpu_count()} cores",
            "versions": _versions(),
            "settings": self._settings,
            "passes": bool(told) and all(law["holds"] for law in told),
            "laws": told,
            "runs": [run.to_json() for run in self.done],
        }  # fmt: skip
        self._file.write_text(json.dumps(report, indent=1))


def _versions() -> dict[str, str | None]:
    """Of all that took part; None for a peer that is not installed."""
    found: dict[str, str | None] = {}
    for name in ("scikit-learn", "xgboost", "optuna", "flaml", "ray", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def one_seed(
    name: str, seed: int, wanted: Sequence[str], asked: argparse.Namespace, runs: Runs
) -> None:
    """All systems on one work with one seed, random search first: the others need its time."""
    missing = [each for each in wanted if runs.find(name, seed, each) is None]
    if not missing:
        return
    work = work_of(name, seed, asked.quick)
    judge = Judge(work, os.cpu_count() or 1)
    for system in missing:
        random = runs.find(name, seed, RANDOM)
        budget_s = 0.0 if random is None else max(LEAST_S, asked.share * random.end_s)
        with tempfile.TemporaryDirectory(prefix="score-") as folder:
            job = Job(
                system=system, seed=seed, folds=FOLDS, configurations=asked.configurations,
                deadline=0.0, pruner=asked.pruner, quick=asked.quick, folder=folder,
            )  # fmt: skip
            run = search(work, judge, job, budget_s)
        runs.add(run)
        print(
            f"{name:8} seed {seed} {system:15} {run.wall_s:6.1f} s, search from {run.start_s:.1f} "
            f"to {run.end_s:.1f}; {len(run.path)} incumbents, held back {run.chosen_held:.4f} "
            f"(a constant {run.baseline:.4f})",
            flush=True,
        )


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--works", default="", help="default: medium,adult,bank; quick: medium")
    parser.add_argument("--systems", default=",".join(systems()), help="random always takes part")
    parser.add_argument("--seeds", type=int, default=0, help="so many; default: 5, quick: 1")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="of those seeds")
    parser.add_argument("--share", type=float, default=1.0, help="of random search's time, for all "
                        "others")  # fmt: skip
    parser.add_argument("--pruner", default="auto", help="ours")
    parser.add_argument("--configurations", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="5,000 rows: under two minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="written after every run; one "
                        "that is there is gone on with")  # fmt: skip
    asked = parser.parse_args()
    asked.works = asked.works or ("medium" if asked.quick else "medium,adult,bank")
    asked.seeds = asked.seeds or (1 if asked.quick else 5)
    fewer = QUICK_CONFIGURATIONS if asked.quick else CONFIGURATIONS
    asked.configurations = asked.configurations or fewer
    unknown = set(asked.systems.split(",")) - set(systems())
    if unknown:
        parser.error(f"no such systems: {', '.join(unknown)}; there are {', '.join(systems())}")
    return asked


def main() -> None:
    """Seed by seed, work by work; the tables, and whether the laws hold."""
    asked = _asked()
    named = asked.systems.split(",")
    wanted = [RANDOM, *(each for each in named if each != RANDOM)]
    settings = {name: getattr(asked, name) for name in ("quick", "configurations", "pruner")}
    runs = Runs(asked.json, settings)
    for seed in range(asked.first, asked.first + asked.seeds):
        for work in asked.works.split(","):
            one_seed(work, seed, wanted, asked, runs)
    for work in asked.works.split(","):
        print("\n".join(["", *lines(measured(runs.done, work), work)]))
    told = runs.verdict()
    print("\n" + "\n".join(law_line(law) for law in told))
    print(json.dumps({"passes": bool(told) and all(law["holds"] for law in told)}))


if __name__ == "__main__":
    main()
