"""A sweep of trials that eat memory, on the local or the ray runner; prints what was recorded.

Run in a process of its own, so that it can be put into a control group.
Arguments: runner, memory of the node in MB ("none": not reckoned with), megabytes of each trial.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def main():
    from cluster.runner import Workload
    from evaluators.assignment import Assignment
    from evaluators.metrics import resolve
    from evaluators.models import make_recipe
    from evaluators.splits import SplitPlan, make_splits
    from evaluators.types import Column, Dataset
    from search.driver import Driver
    from search.policy import Policy, StopRules
    from search.records import Records
    from search.room import Node
    from search.space import Choice, Parameter, Space
    from search.strategy import make_strategy
    from search.sweep import Sweep

    name, memory, slowly, *sizes = sys.argv[1:]
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 1))
    dataset = Dataset(values, (values[:, 0] > 0).astype(np.int32), (Column("a"),), ("no", "yes"))
    splits, _ = make_splits(SplitPlan(folds=2), dataset)
    recipe = make_recipe("eater", "eater.py:Eater", {"slowly": slowly == "slowly"}, None, HERE)
    metrics = (resolve("roc_auc", binary=True),)
    assignment = Assignment({"eater": recipe}, metrics, fit_seconds=60)
    space = Space({"eater": (Parameter("megabytes", Choice(tuple(map(int, sizes)))),)})
    nodes = () if memory == "none" else (Node(2, float(memory)),)
    policy = Policy(
        len(sizes), "roc_auc", "maximize", slots=2, nodes=nodes, stop=StopRules(failed=100),
        trial_timeout_s=60,
    )  # fmt: skip
    strategy = make_strategy("grid", space, direction="maximize", trials=len(sizes), seed=0)
    sweep = Sweep(policy, strategy, started_at=time.time())
    if name == "ray":
        from cluster.ray_session import set_environment

        set_environment(None)
        import ray

        ray.init(
            address="local", num_cpus=2, include_dashboard=False, log_to_driver=False,
            _memory=int(memory) * 2**20, object_store_memory=100 * 2**20,
        )  # fmt: skip
        from cluster.tune_runner import RayRunner

        runner = RayRunner()
    else:
        from cluster.local import LocalRunner

        runner = LocalRunner(2)
    runner.prepare()
    with Records.open() as store:
        sweep_id = store.create("eater", {"metric": "roc_auc"})
        with store.acquire(sweep_id) as lease:
            runner.run(
                Driver(sweep, store, sweep_id, lease), Workload(assignment, dataset, [splits]), 2
            )
        entries = store.entries(sweep_id)
    runner.close()
    ended = {e.trial: e.body for e in entries if e.kind == "ended"}
    guilty = Counter(e.trial for e in entries if e.kind == "lost" and e.body["guilty"])
    told = [
        {
            "asked_mb": trial.configuration.params["megabytes"],
            "state": trial.state,
            "cause": trial.cause,
            "tries": guilty[trial.number] + 1,  # put back for another's fault is none
            "reason": ended[trial.number].get("reason"),
            "peak_mb": (ended[trial.number].get("resources") or {}).get("peak_mb"),
        }
        for trial in sweep.trials
    ]
    workers = {e.body["worker"] for e in entries if e.kind == "started"}
    room = sweep.queue.room
    print(json.dumps({"trials": told, "workers": len(workers), "started": room.started,
                      "deaths": room.deaths, "state": sweep.state}))  # fmt: skip


if __name__ == "__main__":
    main()
