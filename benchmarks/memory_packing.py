"""Packing by memory on Ray: how many actors are started, what runs beside what, who runs out.

A Ray of four logical cores and 4 GB, three models of one sweep: one that takes 50 MB, one of 1.3 GB
(above a worker's share, so that it runs out once, is tried again, and is known then), and one of
which a part of the space takes more than there is. Fits sleep, so the figures do not depend on the
cores there really are. Laws held to (issue 4): actors started stay within concurrency x memory
classes + deaths; memory given to trials at a time never exceeds the node's; what never fits has
failed as out_of_memory, with the bytes it reached, and its share falls as the sampler learns.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import quintain
from cluster.ray_session import set_environment
from search.entries import Entry
from search.records import Records

CORES, MEMORY_MB = 4, 4096
FOLDS = 2


def spec(trials: int) -> dict[str, Any]:
    """Three models in one search."""
    eater = str(Path(__file__).parent / "eaters.py:Eater")
    return {
        "name": "packing",
        "holdout": {"test_size": False},
        "evaluate": {"folds": FOLDS, "metric": "roc_auc", "metrics": []},
        "search": {"trials": trials, "stop_when": {"failed": trials}},
        "model": [
            {"name": "small", "estimator": eater,
             "space": {"megabytes": {"float": [0.0, 50.0]}}},
            {"name": "large", "estimator": eater,
             "space": {"megabytes": {"float": [1150.0, 1300.0]}}},
            {"name": "greedy", "estimator": eater,
             "space": {"megabytes": {"float": [100.0, 12000.0]}}},
        ],
    }  # fmt: skip


def figures(entries: Sequence[Entry]) -> dict[str, Any]:
    """What the record says of workers, classes, deaths and memory."""
    started = [entry for entry in entries if entry.kind == "started"]
    classes = {entry.body["memory_mb"] for entry in started}
    workers = {entry.body["worker"] for entry in started}
    lost = [entry for entry in entries if entry.kind == "lost"]
    ended = {entry.trial: entry for entry in entries if entry.kind == "ended"}
    short = [e for e in ended.values() if e.body.get("cause") == "out_of_memory"]
    deaths = sum(bool(entry.body["guilty"]) for entry in lost) + len(short)
    order = sorted(ended)
    late = order[len(order) // 2 :]
    early = order[: len(order) // 2]

    def failing(trials: Sequence[int]) -> float:
        return sum(ended[t] in short for t in trials) / len(trials)

    return {
        "trials": len(ended),
        "workers": len(workers),
        "classes": sorted(classes),
        "deaths": deaths,
        "bound": CORES * len(classes) + deaths,
        "most_given_mb": _most_given(entries),
        "out_of_memory": len(short),
        "reached_mb": [round(e.body["resources"]["peak_mb"]) for e in short],
        "failing_early": failing(early),
        "failing_late": failing(late),
    }


def _most_given(entries: Sequence[Entry]) -> float:
    """The most memory that workers under way were given together; a pack's trials share one."""
    given: dict[str, float] = {}
    of: dict[int | None, str] = {}
    most = 0.0
    for entry in entries:
        if entry.kind == "started":
            of[entry.trial] = entry.body["worker"]
            given[entry.body["worker"]] = entry.body["memory_mb"]
        elif entry.kind in ("lost", "ended") and entry.trial in of:
            worker = of.pop(entry.trial)
            if worker not in of.values():
                given.pop(worker, None)
        most = max(most, sum(given.values()))
    return most


def main() -> None:
    """One sweep, its figures, and whether the laws hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--quick", action="store_true", help="24 trials")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    asked = parser.parse_args()
    set_environment(None)
    import ray

    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    data = X, (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        ray.init(
            address="local", num_cpus=CORES, include_dashboard=False, log_to_driver=False,
            _memory=MEMORY_MB * 2**20, object_store_memory=100 * 2**20,
        )  # fmt: skip
        url = f"{folder}/r.db"
        result = quintain.run(
            spec(24 if asked.quick else asked.trials), data, runner="ray", records=url, plan=False
        )
        with Records.open(url) as store:
            told = figures(list(store.entries(result.view.id)))
        ray.shutdown()
    passes = {
        "actors": told["workers"] <= told["bound"],
        "memory": told["most_given_mb"] <= MEMORY_MB,
        "reached": all(mb > MEMORY_MB / 4 for mb in told["reached_mb"]),
        "avoided": told["failing_late"] <= told["failing_early"],
    }
    print(json.dumps({**told, "passes": passes}, indent=2))
    if asked.json:
        machine = f"{platform.platform()}, {os.cpu_count()} cores"
        report = {"machine": machine, "ray": version("ray"), **told, "passes": passes}
        asked.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
