"""A sweep on a Ray of its own whose memory monitor is set to strike; prints what was recorded.

Run by test_memory_kill.py in a process of its own: one process can hold one Ray.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import psutil
from memory_hog import SPARE

HERE = Path(__file__).parent


def main():
    memory = psutil.virtual_memory()
    threshold = (memory.total - memory.available + SPARE) / memory.total
    from cluster.ray_session import set_environment

    set_environment(None)
    import ray

    ray.init(
        address="local", num_cpus=1, include_dashboard=False, log_to_driver=False,
        _system_config={
            "memory_usage_threshold": threshold, "memory_monitor_refresh_ms": 100,
        },
    )  # fmt: skip
    from cluster.runner import Workload
    from cluster.tune_runner import RayRunner
    from evaluators.assignment import Assignment
    from evaluators.metrics import resolve
    from evaluators.models import make_recipe
    from evaluators.splits import SplitPlan, make_splits
    from evaluators.types import Column, Dataset
    from search.driver import Driver
    from search.policy import Policy, StopRules
    from search.records import Records
    from search.space import Choice, Parameter, Space
    from search.strategy import make_strategy
    from search.sweep import Sweep

    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 1))
    dataset = Dataset(values, (values[:, 0] > 0).astype(np.int32), (Column("a"),), ("no", "yes"))
    splits, _ = make_splits(SplitPlan(folds=2), dataset)
    recipe = make_recipe("hog", "memory_hog.py:Hog", {}, None, HERE)
    assignment = Assignment({"hog": recipe}, (resolve("roc_auc", binary=True),))
    space = Space({"hog": (Parameter("greedy", Choice((0, 0.5, 1, 1.5, 2))),)})
    policy = Policy(5, "roc_auc", "maximize", stop=StopRules(failed=100))
    strategy = make_strategy("grid", space, direction="maximize", trials=5, seed=0)
    sweep = Sweep(policy, strategy, started_at=time.time())
    sweep.learning.pace.learn("hog", 0.001)  # so that all five travel in one pack
    runner = RayRunner()
    runner.prepare()
    with Records.open(sys.argv[1]) as store:
        sweep_id = store.create("hog", {"metric": "roc_auc"})
        with store.acquire(sweep_id) as lease:
            runner.run(
                Driver(sweep, store, sweep_id, lease), Workload(assignment, dataset, [splits]), 1
            )
    ray.shutdown()
    ended = {
        trial.configuration.params["greedy"]: [trial.state, trial.cause] for trial in sweep.trials
    }
    print(json.dumps({"state": sweep.state, "ended": sorted(ended.items())}))


if __name__ == "__main__":
    main()
