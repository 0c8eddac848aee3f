"""Memory of a sweep on 2,000,000 x 40 rows: is the data held once, does a worker hold one slice?

xgboost, 3 folds, two workers, generated rows (float32, 320 MB). While the sweep runs the pages of
driver and workers are read from the kernel. Laws held to (issue 4): the pages that show the data
come to one copy of it over all processes together (proportional memory; the positions of folds lie
in files of their own and are told apart); the peak of a trial's own memory, beyond what one without
data has and beyond the binned matrices of its folds, stays under 1.2 times one fold's slice.
"""

import argparse
import json
import os
import platform
import re
import tempfile
import threading
import time
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import quintain
from evaluators.mapped import FILES
from evaluators.process import MB, own_memory

ROWS, COLUMNS, FOLDS, SLICE_SHARE = 2_000_000, 40, 3, 2 / 3
COPIES, SLICES = 1.1, 1.2
_MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)$")


def table(rows: int) -> tuple[Any, Any]:
    """(rows, COLUMNS) float32 noise of which a few columns tell the label, 3% of it positive."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, COLUMNS), dtype=np.float32)
    score = X[:, :5].sum(axis=1) + rng.standard_normal(rows, dtype=np.float32)
    return X, (score > np.quantile(score, 0.97)).astype(np.int8)


def proportional_mb(pid: int) -> dict[str, float]:
    """Proportional memory of a process by the data files and object stores that it maps."""
    found: dict[str, float] = {}
    shown = None
    try:
        lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
    except OSError:
        return {}
    for line in lines:
        mapping = _MAPPING.match(line)
        if mapping:
            shown = mapping[1] if FILES in mapping[1] or "plasma" in mapping[1] else None
        elif shown and line.startswith("Pss:"):
            found[shown] = found.get(shown, 0.0) + int(line.split()[1]) / 1024
    return found


class Watch(threading.Thread):
    """Looks at this process and its descendants again and again until told to end.

    Attributes:
        data_mb: the most proportional memory of the largest file, all processes together.
        folds_mb: of the other files.
        own_mb: by worker, the most own memory, finalists and their intervals included.
    """

    def __init__(self, every_s: float = 0.1) -> None:
        super().__init__(daemon=True)
        self.data_mb = self.folds_mb = 0.0
        self.own_mb: dict[int, float] = {}
        self._every_s = every_s
        self._over = threading.Event()

    def run(self) -> None:
        me, looks = psutil.Process(), 0
        while not self._over.wait(self._every_s):
            looks += 1
            family = me.children(recursive=True)
            workers = [each.pid for each in family if _is_worker(each)]
            for pid in workers:
                self.own_mb[pid] = max(self.own_mb.get(pid, 0.0), own_memory(pid) / MB)
            if looks % 10 == 0:  # reading all mappings is dear
                self._take(os.getpid(), *workers)

    def _take(self, *pids: int) -> None:
        """What these processes show of files, each file over all of them."""
        total: Counter[str] = Counter()
        for pid in pids:
            total.update(proportional_mb(pid))
        largest = max(total.values(), default=0.0)
        self.data_mb = max(self.data_mb, largest)
        self.folds_mb = max(self.folds_mb, sum(total.values()) - largest)

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


def _is_worker(process: psutil.Process) -> bool:
    try:
        line, parent = " ".join(process.cmdline()), process.ppid()
    except psutil.Error:
        return False
    forked = "cluster.forking" in line and parent != os.getpid()  # that one forks them
    return forked or "ray::QuintainWorker" in line


def binned_mb(rows: int) -> float:
    """What xgboost's own binned matrix of one fold's training rows holds, measured here."""
    import xgboost

    X, y = table(int(rows * SLICE_SHARE))
    before = own_memory(os.getpid())
    matrix = xgboost.QuantileDMatrix(X, y, nthread=1)
    held = (own_memory(os.getpid()) - before) / MB
    assert matrix.num_row() == len(X)
    return held


def sweep(runner: str, rows: int, trials: int, data: tuple[Any, Any]) -> dict[str, Any]:
    """One sweep under watch."""
    spec = {
        "name": "large",
        "holdout": {"test_size": False},
        "evaluate": {"folds": FOLDS, "metric": "average_precision", "metrics": []},
        "search": {"trials": trials, "max_concurrent": 2, "sampler": "random"},
        "model": [
            {
                "estimator": "xgboost",
                "params": {"n_estimators": 50},
                "space": {"max_depth": {"int": [3, 8]}, "learning_rate": {"float": [0.05, 0.3]}},
            }
        ],
    }
    watch = Watch()
    watch.start()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = quintain.run(
            spec, data, runner=runner, records=f"{folder}/r.db", progress=False, plan=False
        )
        told = result.to_json()
    watch.end()
    return {
        "runner": runner,
        "state": told["state"],
        "wall_s": time.perf_counter() - began,
        "data_mb": watch.data_mb,
        "folds_mb": watch.folds_mb,
        "own_mb": max(watch.own_mb.values()),
        "workers": len(watch.own_mb),
        "peak_mb": told["resources"]["peak_mb"],
    }


def main() -> None:
    """Both runners, then the figures and whether the laws hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runners", default="local,ray", help="names, with commas between")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, two trials")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    asked = parser.parse_args()
    if asked.quick:
        asked.rows, asked.trials = ROWS // 10, 2
    data = table(asked.rows)
    data_mb = data[0].nbytes / MB
    slice_mb, matrix_mb = SLICE_SHARE * data_mb, binned_mb(asked.rows)
    found = []
    for runner in asked.runners.split(","):
        tiny = sweep(runner, 2000, 2, table(2000))
        told = sweep(runner, asked.rows, asked.trials, data)
        told["base_mb"] = tiny["peak_mb"]
        told["beyond_mb"] = told["peak_mb"] - tiny["peak_mb"] - FOLDS * matrix_mb
        told["slices"] = told["beyond_mb"] / slice_mb
        told["copies"] = told["data_mb"] / data_mb
        told["passes"] = told["copies"] <= COPIES and told["slices"] <= SLICES
        found.append(told)
        print(
            f"{runner:6} data {told['data_mb']:.0f} of {data_mb:.0f} MB shown over all processes: "
            f"{told['copies']:.2f} copies, folds {told['folds_mb']:.0f}; a trial's own "
            f"{told['peak_mb']:.0f} MB (a finalist's {told['own_mb']:.0f}), less "
            f"{told['base_mb']:.0f} without data and {FOLDS} x {matrix_mb:.0f} binned: "
            f"{told['beyond_mb']:.0f} MB, {told['slices']:.2f} slices of {slice_mb:.0f}; "
            f"{told['wall_s']:.0f} s, {told['state']}",
            flush=True,
        )
    passes = all(each["passes"] for each in found)
    print(json.dumps({"passes": passes}))
    if asked.json:
        machine = f"{platform.platform()}, {os.cpu_count()} cores"
        versions = {name: version(name) for name in ("xgboost", "numpy", "ray")}
        report = {"machine": machine, "versions": versions, "rows": asked.rows,
                  "data_mb": data_mb, "slice_mb": slice_mb, "binned_mb": matrix_mb,
                  "passes": passes, "sweeps": found}  # fmt: skip
        asked.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
