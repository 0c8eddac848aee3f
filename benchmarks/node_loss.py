"""A node is killed while it alone has room for what runs on it: what becomes of the sweep?

A Ray cluster of two nodes on this machine: one core and 1 GB, one core and 4 GB. Half of the trials
fit into 1 GB, half only into 4. While one of the latter runs its node is killed for good. Laws held
to (issue 4): the sweep ends, none of its trials waits for the lost node; what was lost with it is
tried again; what fits nowhere any more has failed as out_of_memory, and what fits has completed.
"""

import argparse
import json
import os
import platform
import tempfile
import threading
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import quintain
from cluster.ray_session import set_environment
from search.entries import Entry
from search.records import Records

SMALL_MB, LARGE_MB = 1024, 4096
#: Sizes tried; the second half needs the large node.
SIZES = (20, 40, 60, 80, 1800, 1900, 2000, 2100)


def spec() -> dict[str, Any]:
    """Trials of two models, so that what each takes is known by model."""
    eater = str(Path(__file__).parent / "eaters.py:Eater")
    half = len(SIZES) // 2

    def model(name: str, sizes: tuple[int, ...]) -> dict[str, Any]:
        return {"name": name, "estimator": eater, "space": {"megabytes": {"choice": list(sizes)}}}

    return {
        "name": "node-loss",
        "holdout": {"test_size": False},
        "evaluate": {"folds": 2, "metric": "roc_auc", "metrics": []},
        "search": {"trials": len(SIZES), "sampler": "grid", "stop_when": {"failed": len(SIZES)}},
        "model": [model("small", SIZES[:half]), model("large", SIZES[half:])],
    }


class Loss(threading.Thread):
    """Kills the large node as soon as a pack of its size runs."""

    def __init__(self, cluster: Any, large: Any, url: str) -> None:
        super().__init__(daemon=True)
        self._cluster, self._large, self._url = cluster, large, url

    def run(self) -> None:
        while not self._on_the_large_one():
            time.sleep(0.5)
        time.sleep(1.0)
        self._cluster.remove_node(self._large, allow_graceful=False)

    def _on_the_large_one(self) -> bool:
        """Whether a pack that takes more than the small node has was begun."""
        with Records.open(self._url) as store:
            sweeps = store.sweeps()
            entries = [e for sweep in sweeps for e in store.entries(sweep.id)]
        return any(e.kind == "started" and e.body["memory_mb"] > SMALL_MB for e in entries)


def figures(entries: Sequence[Entry]) -> dict[str, Any]:
    """What the record says."""
    ended = [e for e in entries if e.kind == "ended"]
    lost = [e for e in entries if e.kind == "lost"]
    return {
        "states": sorted(f"{e.body['state']} {e.body.get('cause') or ''}".strip() for e in ended),
        "lost": [(e.trial, e.body["reason"]) for e in lost],
    }


def main() -> None:
    """One sweep, its figures, and whether the laws hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    asked = parser.parse_args()
    set_environment(None)
    import ray
    from ray.cluster_utils import Cluster

    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    data = X, (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    health = {"health_check_period_ms": 1000, "health_check_failure_threshold": 2}
    with tempfile.TemporaryDirectory() as folder:
        head = {"num_cpus": 1, "memory": SMALL_MB * 2**20, "include_dashboard": False,
                "_system_config": health}  # fmt: skip
        cluster = Cluster(initialize_head=True, head_node_args=head)
        large = cluster.add_node(num_cpus=1, memory=LARGE_MB * 2**20)
        url = f"{folder}/r.db"
        ray.init(address=cluster.address, log_to_driver=False)
        loss = Loss(cluster, large, url)
        loss.start()
        result = quintain.run(spec(), data, runner="ray", records=url, plan=False)
        loss.join()
        with Records.open(url) as store:
            told = figures(store.entries(result.view.id))
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]
    told["state"] = result.view.state
    half = len(SIZES) // 2
    passes = {
        "ended": told["state"] == "completed" and len(told["states"]) == len(SIZES),
        "again": any("node went away" in said for _, said in told["lost"]),
        "fitting": told["states"].count("completed") >= half,
        "others": told["states"].count("completed") + told["states"].count("failed out_of_memory")
        == len(SIZES),
    }
    print(json.dumps({**told, "passes": passes}, indent=2))
    if asked.json:
        machine = f"{platform.platform()}, {os.cpu_count()} cores"
        report = {"machine": machine, "ray": version("ray"), **told, "passes": passes}
        asked.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
