"""A sweep on 2,000,000 x 40 rows beside loky's and Ray Tune's: seconds, memory, the same scores.

XGBoost with 50 rounds, 3 folds, two workers of one thread, the same grid of 12 configurations and
the same folds for everybody, every fold run; generated float32 rows (320 MB), which peers load as
arrays and ours reads from a file by its spec: rows that a program holds itself are held beside it.
Each run is a fresh process, the systems one after the other in each repeat. Seconds are from the
process's begin until all configurations have their folds; what ours does after that (finalists, the
estimate), which the others do not, is told beside it. Memory is proportional, over all processes of
the tree, at its peak, finalists included. Laws held to (issue 5): at most 0.6 of the seconds of
loky (GridSearchCV) with identical scores (``quintain-shared``, with one set of cuts for all folds,
has others); memory at most loky's and 0.8 of Ray Tune's as its documentation shows it.
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
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.footprint import Footprint
from benchmarks.large_data import ROWS, table
from benchmarks.large_peers import ROWS_FILE, SHARED, SYSTEMS, spec
from benchmarks.time_to_score import ONE_THREAD
from quintain.prepare import prepare
from search.spec import read_spec

OF_LOKY_S, OF_LOKY_MB, OF_RAY_MB = 0.6, 1.0, 0.8
#: Scores further apart than this come from other trees, not from the order of a sum.
SAME = 1e-9


def lay_out(folder: Path, rows: int, configurations: int) -> None:
    """Rows and the folds that a sweep of ours has on them, as files."""
    X, y = table(rows)
    splits = prepare(read_spec(spec(configurations)), (X, y)).splits
    arrays: dict[str, Any] = {f"train{fold}": split.train for fold, split in enumerate(splits)}
    arrays |= {f"test{fold}": split.test for fold, split in enumerate(splits)}
    np.savez(folder / "folds.npz", **arrays)
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    np.savez(folder / ROWS_FILE, X=X, y=y)


def measured(system: str, data: Path, configurations: int, every_s: float) -> dict[str, Any]:
    """One run of one system in a fresh process, under watch."""
    with tempfile.TemporaryDirectory(prefix="large-") as made:
        folder = Path(made)
        for name in ("X.npy", "y.npy", ROWS_FILE, "folds.npz"):
            (folder / name).symlink_to(data / name)
        job = {"system": system, "configurations": configurations}
        (folder / "job.json").write_text(json.dumps(job))
        with (folder / "log").open("w") as log:
            began = time.time()
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.large_peers", str(folder)],
                env={**os.environ, **ONE_THREAD}, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            watch = Footprint(process.pid, every_s)
            watch.start()
            status = process.wait()
            watch.end()
        if status:
            said = (folder / "log").read_text()[-4000:]
            raise SystemExit(f"{system} ended with status {status}:\n{said}")
        told = json.loads((folder / "told.json").read_text())
    return {
        "system": system,
        "searched_s": told["searched"] - began,
        "answered_s": told["ended"] - began,
        "fit_s": told["fit_s"],
        "peak_mb": watch.peak_mb(),
        "search_peak_mb": watch.peak_mb(told["searched"]),
        "looks": len(watch.looks),
        "scores": told["scores"],
    }


def apart(one: Mapping[str, Sequence[float]], other: Mapping[str, Sequence[float]]) -> float:
    """The largest difference of a fold's score between two runs over the same configurations."""
    if set(one) != set(other):
        raise ValueError(f"not the same configurations: {sorted(set(one) ^ set(other))}")
    return max(abs(a - b) for name in one for a, b in zip(one[name], other[name], strict=True))


def summary(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By system: medians with their spread, and how far its scores are from loky's."""
    told: dict[str, dict[str, Any]] = {}
    loky = next((each["scores"] for each in found if each["system"] == "loky"), None)
    for system in dict.fromkeys(each["system"] for each in found):
        runs = [each for each in found if each["system"] == system]
        told[system] = {"runs": len(runs)}
        for name in ("searched_s", "answered_s", "fit_s", "peak_mb", "search_peak_mb"):
            of = [run[name] for run in runs]
            told[system][name] = [statistics.median(of), min(of), max(of)]
        if loky is not None:
            told[system]["apart"] = max(apart(run["scores"], loky) for run in runs)
    return told


def laws(told: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each of ours beside the peers that ran: medians' ratios, and whether they hold."""
    found: list[dict[str, Any]] = []
    for ours in (name for name in told if name.startswith("quintain")):
        for peer, key, limit in (
            ("loky", "searched_s", OF_LOKY_S),
            ("loky", "peak_mb", OF_LOKY_MB),
            ("ray", "peak_mb", OF_RAY_MB),
        ):
            if peer in told:
                ratio = told[ours][key][0] / told[peer][key][0]
                law = f"{ours} {key} of {peer}"
                found.append({"law": law, "ratio": ratio, "limit": limit, "holds": ratio <= limit})
        if "loky" in told and ours != SHARED:
            far = told[ours]["apart"]
            law = f"{ours} scores apart from loky"
            found.append({"law": law, "ratio": far, "limit": SAME, "holds": far <= SAME})
    return found


def lines(told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The table and the laws."""
    head = (
        f"{'system':16}{'all folds s':>22}{'answer s':>22}{'fits s':>9}{'peak MB':>26}{'apart':>10}"
    )
    found = ["medians (least-most)", head]
    for system, each in told.items():
        shown = "".join(
            f"{'{:.1f} ({:.1f}-{:.1f})'.format(*each[name]):>22}"
            for name in ("searched_s", "answered_s")
        )
        memory = "{:.0f} ({:.0f}-{:.0f})".format(*each["peak_mb"])
        far = f"{each['apart']:.1e}" if "apart" in each else "-"
        found.append(f"{system:16}{shown}{each['fit_s'][0]:>9.0f}{memory:>26}{far:>10}")
    for law in laws(told):
        verdict = "holds" if law["holds"] else "MISSED"
        found.append(f"{law['law']}: {law['ratio']:.3g}, at most {law['limit']:g}: {verdict}")
    return found


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--configurations", type=int, default=0, choices=(4, 8, 12))
    parser.add_argument("--repeats", type=int, default=0, help="default: 5, quick: 1")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="names, with commas between")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from look to look")
    parser.add_argument("--quick", action="store_true", help="200,000 rows, 4 configurations")
    parser.add_argument("--json", type=Path, metavar="FILE", help="written after every run")
    asked = parser.parse_args()
    asked.rows = asked.rows or (ROWS // 10 if asked.quick else ROWS)
    asked.configurations = asked.configurations or (4 if asked.quick else 12)
    asked.repeats = asked.repeats or (1 if asked.quick else 5)
    unknown = set(asked.systems.split(",")) - set(SYSTEMS)
    if unknown:
        parser.error(f"no such systems: {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    return asked


def _keep(file: Path, asked: argparse.Namespace, found: Sequence[dict[str, Any]]) -> None:
    told = summary(found)
    report = {
        "what": (__doc__ or "").strip().splitlines()[0],
        "machine": f"{platform.platform()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in ("scikit-learn", "xgboost", "ray", "numpy")},
        "rows": asked.rows,
        "configurations": asked.configurations,
        "summary": told,
        "laws": laws(told),
        "runs": list(found),
    }
    file.write_text(json.dumps(report, indent=1))


def main() -> None:
    """Every system in every repeat; the table, and whether the laws hold."""
    asked = _asked()
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="large-") as folder:
        lay_out(Path(folder), asked.rows, asked.configurations)
        for _ in range(asked.repeats):
            for system in asked.systems.split(","):
                run = measured(system, Path(folder), asked.configurations, asked.every)
                found.append(run)
                print(
                    f"{system:16} {run['searched_s']:.1f} s, answer at {run['answered_s']:.1f}; "
                    f"fits {run['fit_s']:.0f} s; {run['peak_mb']:.0f} MB",
                    flush=True,
                )
                if asked.json:
                    _keep(asked.json, asked, found)
    told = summary(found)
    print("\n" + "\n".join(lines(told)))
    verdict = laws(told)
    print(json.dumps({"passes": bool(verdict) and all(law["holds"] for law in verdict)}))


if __name__ == "__main__":
    main()
