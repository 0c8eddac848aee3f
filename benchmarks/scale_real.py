"""Real workers that sleep, many more than cores: what a driver keeps busy without simulation."""

import contextlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cluster.local import LocalRunner
from cluster.ray_session import RaySession, set_environment
from cluster.runner import Runner
from quintain.driving import search, slots_on
from quintain.prepare import prepare
from search.entries import Entry
from search.records import Records
from search.spec import read_spec

FOLDS = 2


@dataclass(frozen=True, slots=True)
class RealCase:
    """``seconds``: that a trial sleeps in all."""

    runner: str
    workers: int
    trials: int
    seconds: float


def spec(case: RealCase) -> dict[str, Any]:
    """Fits that sleep; no hold-out and no finalists, which would be other work."""
    return {
        "name": "sleepers",
        "data": {"source": "(in memory)", "target": "target"},
        "holdout": {"test_size": False},
        "evaluate": {"folds": FOLDS, "metric": "roc_auc", "metrics": []},
        "search": {"trials": case.trials, "sampler": "random", "max_concurrent": case.workers},
        "model": [
            {
                "estimator": str(Path(__file__).parent / "sleepers.py:Sleeper"),
                "params": {"seconds": case.seconds / FOLDS},
                "space": {"x": {"float": [0.0, 1.0]}},
            }
        ],
    }


@contextmanager
def runner_of(case: RealCase) -> Iterator[Runner]:
    """A runner that takes the machine for one of so many cores."""
    if case.runner == "local":
        with contextlib.closing(LocalRunner(case.workers, cores=case.workers)) as runner:
            yield runner
        return
    set_environment(None)
    from cluster.tune_runner import RayRunner

    with (
        contextlib.closing(RaySession(cpus=case.workers)),
        contextlib.closing(RayRunner()) as runner,
    ):
        yield runner


def real(case: RealCase) -> dict[str, Any]:
    """One sweep to its end. Time counts from the first trial's start to the last one's end."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    data = X, (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    prepared = prepare(read_spec(spec(case)), data)
    with (
        tempfile.TemporaryDirectory() as folder,
        Records.open(f"{folder}/r.db") as store,
        runner_of(case) as runner,
    ):
        began = time.perf_counter()
        machine = runner.prepare()
        slots = slots_on(prepared.spec, machine)
        sweep_id = store.create("sleepers", prepared.header(case.runner))
        with store.acquire(sweep_id) as lease:
            search(prepared, runner, machine, store, lease, None)
        whole_s = time.perf_counter() - began
        entries = store.entries(sweep_id)
    return {"runner": case.runner, "trial_s": case.seconds, "whole_s": whole_s} | _figures(
        [e for e in entries if e.kind == "started"],
        [e for e in entries if e.kind == "ended" and e.body["state"] == "completed"],
        slots,
    )


def _figures(started: list[Entry], ended: list[Entry], slots: int) -> dict[str, Any]:
    """What the record says; ``busy``: of the workers' time from their first trial on, the part
    that is spent in trials. The one that is last ready has its start beside the others' work.
    """
    search_s = max(e.time for e in ended) - min(e.time for e in started)
    worked_s = sum(e.body["resources"]["wall_s"] for e in ended)
    return {
        "workers": slots,
        "workers_seen": len({e.body["worker"] for e in ended}),
        "trials": len(ended),
        "search_s": search_s,
        "trials_per_s": len(ended) / search_s,
        "busy": worked_s / (slots * search_s),
    }
