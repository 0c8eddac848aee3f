"""``quintain.SearchCV`` beside scikit-learn's GridSearchCV, both with two processes.

The same grid of decision trees on the same folds, fits of about 5, 50 and 500 ms, interleaved in
one process: the first round of each starts its workers ("first"), later ones find them running
("again"). ``script``: a process of its own for each, imports and start of workers included.
Scores must be equal. What an import costs is measured in fresh processes with bytecode in place.

"in fits" is the share of two processes' time that was spent in fits and scores. A busy Linux gives
a session of its own more than its part of a shared one, and our workers have one each: after the
first round joblib's are given the same, so that other work on the machine bends both alike. CPU
seconds, of driver and workers together, it bends least.
"""

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil

FOLDS = 5
#: By milliseconds of a fit: candidates, and fewer of them under ``--quick``.
CANDIDATES = {5: (100, 40), 50: (40, 16), 500: (12, 4)}
NAMES = ("GridSearchCV", "SearchCV")
#: Imports by what is told of them.
IMPORTS = {
    "nothing": "pass",
    "import quintain": "import quintain",
    "sklearn's GridSearchCV": "from sklearn.model_selection import GridSearchCV",
    "quintain's SearchCV": "from quintain import SearchCV",
}


def table(rows: int) -> tuple[Any, Any]:
    """Twenty columns, two classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 20))
    y = (X[:, :5].sum(axis=1) + rng.normal(size=rows) > 0).astype(int)
    return X, y


def rows_for(ms: float) -> int:
    """Rows on which a tree of four folds takes about so many milliseconds."""
    from sklearn.tree import DecisionTreeClassifier

    rows = 500
    while True:
        X, y = table(rows)
        part = slice(0, rows * (FOLDS - 1) // FOLDS)
        times = []
        for seed in range(5):
            began = time.perf_counter()
            DecisionTreeClassifier(random_state=seed).fit(X[part], y[part])
            times.append(1e3 * (time.perf_counter() - began))
        took = statistics.median(times)
        if took >= 0.8 * ms:
            return max(100, int(rows * ms / took))
        rows = int(rows * min(4.0, max(1.2, ms / took)))


def fitted(name: str, rows: int, candidates: int) -> Any:
    """One search, over."""
    from sklearn.tree import DecisionTreeClassifier

    X, y = table(rows)
    grid = {"random_state": list(range(candidates))}
    if name == "SearchCV":
        from quintain import SearchCV

        return SearchCV(DecisionTreeClassifier(), grid, cv=FOLDS, n_jobs=2).fit(X, y)
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(DecisionTreeClassifier(), grid, cv=FOLDS, n_jobs=2).fit(X, y)


def cpu_s() -> float:
    """CPU seconds so far of this process and of the workers that live."""
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return float(sum(sum(each.cpu_times()[:2]) for each in family))


def seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    """Wall seconds of a call, and what it returned."""
    began = time.perf_counter()
    found = call()
    return time.perf_counter() - began, found


def end_workers() -> None:
    """Those that either keeps for its next search."""
    from joblib.externals.loky import get_reusable_executor

    from cluster.kept_workers import crew

    get_reusable_executor().shutdown(wait=True)
    crew().dismiss()


def own_session() -> None:
    """In a worker: a session of its own, if it has none yet."""
    with contextlib.suppress(PermissionError):
        os.setsid()


def level() -> None:
    """Give joblib's workers what ours have."""
    from joblib import Parallel, delayed

    Parallel(n_jobs=2)(delayed(own_session)() for _ in range(20))


def share_in_fits(search: Any, wall_s: float) -> float:
    """Of the time of two processes."""
    table = search.cv_results_
    fits_s = FOLDS * float((table["mean_fit_time"] + table["mean_score_time"]).sum())
    return float((fits_s / 2 + search.refit_time_) / wall_s)


def interleaved(ms: int, rows: int, candidates: int, runs: int) -> dict[str, Any]:
    """Both in turn, the first round apart; who goes first alternates."""
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    shares: dict[str, list[float]] = {name: [] for name in NAMES}
    cpu: dict[str, list[float]] = {name: [] for name in NAMES}
    last: dict[str, Any] = {}
    end_workers()
    for turn in range(runs + 1):
        if turn:
            level()
        for name in NAMES if turn % 2 == 0 else reversed(NAMES):
            before_s = cpu_s()
            took, last[name] = seconds(lambda name=name: fitted(name, rows, candidates))  # type: ignore[misc]
            cpu[name].append(cpu_s() - before_s)
            times[name].append(took)
            shares[name].append(share_in_fits(last[name], took))
    theirs, ours = (last[name].cv_results_ for name in NAMES)
    if not np.array_equal(theirs["mean_test_score"], ours["mean_test_score"]):
        raise RuntimeError("SearchCV and GridSearchCV do not score alike")
    return {
        "asked_ms": ms, "rows": rows, "candidates": candidates,
        "fit_ms": {n: 1e3 * float(np.median(last[n].cv_results_["mean_fit_time"])) for n in NAMES},
        "first_s": {name: times[name][0] for name in NAMES},
        "again_s": {name: times[name][1:] for name in NAMES},
        "cpu_s": {name: cpu[name][1:] for name in NAMES},
        "in_fits": {name: shares[name][1:] for name in NAMES},
    }  # fmt: skip


def process_s(arguments: list[str]) -> float:
    """Wall seconds of a Python process."""
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    took, _ = seconds(lambda: subprocess.run([sys.executable, *arguments], env=here, check=True))
    return took


def scripts(rows: int, candidates: int, runs: int) -> dict[str, list[float]]:
    """Whole processes, in turn."""
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    for turn in range(runs):
        for name in NAMES if turn % 2 == 0 else reversed(NAMES):
            one = ["-m", "benchmarks.searchcv", "--one", name, str(rows), str(candidates)]
            times[name].append(process_s(one))
    return times


def imports(runs: int) -> dict[str, list[float]]:
    """Whole processes that import and end, in turn; the first round writes bytecode."""
    times: dict[str, list[float]] = {told: [] for told in IMPORTS}
    for turn in range(runs + 1):
        for told, code in IMPORTS.items():
            took = process_s(["-c", code])
            if turn:
                times[told].append(took)
    return times


def line(told: str, times: dict[str, list[float]]) -> str:
    """Both medians with their ranges, and the median ratio of runs next to each other."""
    theirs, ours = (times[name] for name in NAMES)
    ratio = statistics.median(b / a for a, b in zip(theirs, ours, strict=True))
    shown = "".join(
        f"{statistics.median(each):>8.2f} [{min(each):.2f}, {max(each):.2f}]".ljust(24)
        for each in (theirs, ours)
    )
    return f"{told:<22}{shown}{ratio:>6.2f}"


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """Everything, printed as it comes."""
    runs = asked.runs or (2 if asked.quick else 5)
    found: dict[str, Any] = {"searches": [], "scripts": {}}
    print(f"{'wall seconds':<22}{NAMES[0]:>10}{'':<14}{NAMES[1]:>10}{'':<14}median of ratios")
    for ms in asked.ms:
        candidates = CANDIDATES[ms][asked.quick]
        one = interleaved(ms, rows_for(ms), candidates, runs)
        found["searches"].append(one)
        print(line(f"{ms} ms, first", {n: [one["first_s"][n]] for n in NAMES}))
        print(line(f"{ms} ms, again", one["again_s"]), flush=True)
        print(line(f"{ms} ms, again, CPU s", one["cpu_s"]))
        told = "; ".join(
            f"{name} fits of {one['fit_ms'][name]:.1f} ms, "
            f"{statistics.median(one['in_fits'][name]):.0%} in fits"
            for name in NAMES
        )
        print(
            f"  {candidates} candidates x {FOLDS} folds of {one['rows']} rows; {told}", flush=True
        )
        if not asked.no_scripts and ms <= 50:
            found["scripts"][ms] = scripts(one["rows"], candidates, max(2, runs - 2))
            print(line(f"{ms} ms, script", found["scripts"][ms]), flush=True)
    found["imports"] = imports(3 if asked.quick else 7)
    for told, times in found["imports"].items():
        print(f"{told:<24}{statistics.median(times):>8.3f} [{min(times):.3f}, {max(times):.3f}] s")
    return found


def main() -> None:
    """Measure, print, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer candidates, 2 rounds for 5")
    parser.add_argument("--runs", type=int, help="rounds after the first")
    parser.add_argument("--ms", type=int, nargs="+", default=list(CANDIDATES), choices=CANDIDATES)
    parser.add_argument("--no-scripts", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        fitted(asked.one[0], int(asked.one[1]), int(asked.one[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["QUINTAIN_RECORDS"] = str(Path(folder) / "records.db")
        found = measured(asked)
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    told = {"machine": machine, "scikit-learn": version("scikit-learn"), **found}
    if asked.json:
        asked.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
