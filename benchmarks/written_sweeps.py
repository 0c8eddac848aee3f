"""Sweeps written into a store without running one: of any size, with every kind of trial in it.

What a page or a list takes is measured on these, and a hostile name is easily put into them.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from search.entries import Entry
from search.records import Records

#: What would run, or break out of an attribute, wherever it is not escaped.
HOSTILE = "<script>document.title='taken'</script>\"'><img src=x onerror=alert(1)>"
BEGAN = 1_790_000_000.0


def header(**more: Any) -> dict[str, Any]:
    """As ``Prepared.header`` writes it, of a search on a small table."""
    return {
        "spec": {"name": "adult", "search": {"trials": 200}, "data": {"source": "adult.csv"}},
        "folder": "/srv/team", "note": None, "metric": "average_precision",
        "metrics": ["average_precision", "roc_auc"], "direction": "maximize",
        "raced": {"metric": "average_precision", "direction": "maximize"}, "threshold": None,
        "tuned_for": "f1", "task": "classification", "target": "income", "positive": ">50K",
        "positive_share": 0.24, "classes": ["<=50K", ">50K"], "rows_searched": 45_000,
        "rows_locked": 3_842, "fingerprint": "f" * 16, "table": "t" * 16, "folds": 5, "repeats": 1,
        "splitter": "stratified", "runner": "local", "machine": {"cpus": 2}, "budget": 200,
        "seed": 0, **more,
    }  # fmt: skip


def cost(rng: random.Random, folds: int = 5) -> dict[str, Any]:
    """What so many folds take."""
    fit = folds * math.exp(rng.gauss(-1.0, 0.8))
    return {
        "wall_s": fit * 1.1, "load_s": 0.001, "fit_s": fit, "score_s": fit * 0.09,
        "cpu_s": fit * 1.05, "peak_mb": 150 + 100 * rng.random(), "threads": 1,
        "bytes_read": 4096.0, "measuring_s": 0.002, "predict_ms_per_1k": 1.5 + rng.random(),
    }  # fmt: skip


def configuration(rng: random.Random, **more: Any) -> dict[str, Any]:
    """A model and its parameters, as a strategy asks for them."""
    model = rng.choice(["xgboost", "hist_gradient_boosting", "logistic_regression"])
    if model == "logistic_regression":
        return {"model": model, "params": {"C": 10 ** rng.uniform(-3, 2), **more}, "origin": "tpe"}
    params = {
        "max_depth": rng.randint(2, 12), "learning_rate": 10 ** rng.uniform(-3, 0),
        "subsample": rng.uniform(0.5, 1), "min_child_weight": 10 ** rng.uniform(-1, 2), **more,
    }  # fmt: skip
    return {"model": model, "params": params, "origin": "tpe"}


def trial(
    rng: random.Random, number: int, time: float, state: str | None = None, *,
    folds: bool = True, **params: Any,
) -> Iterator[Entry]:  # fmt: skip
    """The entries of one trial, in the way most of them go; those of its ``folds`` too."""
    asked = configuration(rng, **params)
    worker = {"worker": f"node{number % 2}:41{number % 2}", "queue_s": 0.01}
    yield Entry("asked", time, asked, number)
    if state == "waiting":
        return
    yield Entry("started", time + 0.1, {**worker, "memory_mb": 512.0}, number, 0)
    quality = 0.78 + 0.05 * rng.random() - 0.02 * (asked["model"] == "logistic_regression")
    scores = [quality + rng.gauss(0, 0.006) for _ in range(5)]
    kind = state or rng.choices(["completed", "pruned", "failed"], (0.45, 0.5, 0.05))[0]
    done = {"completed": 5, "pruned": rng.randint(1, 4), "failed": 2, "running": 3}[kind]
    for place, each in enumerate(scores[:done] if folds else ()):
        told = {"average_precision": each, "roc_auc": each + 0.1}
        body = {"scores": told, "resources": cost(rng, 1)}
        yield Entry("fold", time + 0.2 + place, body, number, 0, -1, place)
    if kind == "running":
        return
    yield Entry("ended", time + 6, _ended(rng, kind, scores[:done], worker), number, 0, done)


def _ended(
    rng: random.Random, kind: str, scores: list[float], worker: Mapping[str, Any]
) -> dict[str, Any]:
    """How it ended, as the sweep writes it."""
    ended = {
        "state": kind, "resources": cost(rng, len(scores)), "start_s": 0.0, "overhead_s": 0.004,
        "warnings": [], **worker,
    }  # fmt: skip
    if kind == "failed":
        return ended | {
            "cause": "out_of_memory", "reason": "the worker's memory passed its limit of 512 MB",
            "traceback": "Traceback (most recent call last):\n  File \"fit.py\", line 3\n"
            "MemoryError: 512 MB",
        }  # fmt: skip
    mean = sum(scores) / len(scores)
    ended |= {
        "scores": {"average_precision": mean, "roc_auc": mean + 0.1}, "kind": "proba",
        "folds": {"average_precision": scores, "roc_auc": [each + 0.1 for each in scores]},
        "path": scores,
    }  # fmt: skip
    if kind == "completed":
        matrix = [[33_000, 1_200], [4_100, 6_700]]
        ended |= {"confusion": matrix, "threshold": 0.31, "tuned_confusion": matrix}
    return ended


def opening() -> Iterator[Entry]:
    """A sweep that has begun."""
    where = {"runner": "local", "max_concurrent": 2, "cores": 2}
    yield Entry("state", BEGAN, {"state": "running", **where})
    scores = {"average_precision": 0.24, "roc_auc": 0.5}
    yield Entry("baseline", BEGAN + 0.5, {"kind": "prior", "scores": scores})


def nodes(last: float) -> Iterator[Entry]:
    """What the machine did until ``last``, in seconds since the beginning."""
    for at in range(5, int(last), 5):
        body = {
            "host": "node0", "seconds": 5.0, "cores": 2, "cores_busy": 1.5 + 0.4 * math.sin(at),
            "memory_mb": 6_000.0 + at % 97, "memory_total_mb": 24_000.0,
        }  # fmt: skip
        yield Entry("node", BEGAN + at, body)


def closing(
    winner: int, asked: Mapping[str, Any], time: float, counts: Mapping[str, int]
) -> Iterator[Entry]:
    """Finalists, the estimate and the end."""
    candidate = {
        "trial": winner,
        **asked,
        "score": 0.829,
        "wall_s": 3.0,
        "folds": [0.82, 0.83, 0.835, 0.83, 0.83],
    }
    plan = {"repeats": 1}
    yield Entry(
        "finalists", time, {"reason": "budget spent", "plan": plan, "candidates": [candidate]}
    )
    rng = random.Random(1)
    scored = [0.81 + rng.gauss(0, 0.006) for _ in range(5)]
    body = _ended(rng, "completed", scored, {"worker": "node0:410", "queue_s": 0.0})
    interval = {"low": 0.801, "high": 0.822, "level": 0.95, "method": "bootstrap of rows"}
    yield Entry("winner", time + 1, {"candidate": 0, "reason": "trial has the best mean"})
    yield Entry(
        "rescored", time + 8, {"candidate": 0, "partition": 2, "interval": interval, **body}
    )
    yield Entry("state", time + 9, {"state": "completed", "summary": {
        "counts": {each: counts[each] for each in ("completed", "pruned", "failed", "cancelled")},
        "best": {"trial": winner, "score": 0.829}, "estimate": 0.811,
    }})  # fmt: skip


def written(
    store: Records, name: str, trials: int, *, over: bool = True, seed: int = 0,
    note: str | None = None, folds: bool = True, **params: Any,
) -> str:  # fmt: skip
    """A sweep of so many trials in ``store``, over or cut off in its middle; its id."""
    rng = random.Random(seed)
    sweep = store.create(name, header(budget=trials, note=note))
    entries = list(opening())
    for number in range(trials):
        entries += trial(rng, number, BEGAN + 1 + 3.0 * number, folds=folds, **params)
    if over:
        last = BEGAN + 3.0 * trials + 10
        entries += nodes(min(3.0 * trials, 2000))
        ends = [e for e in entries if e.kind == "ended"]
        counts = Counter(e.body["state"] for e in ends)
        won = next(e.trial for e in ends if e.body["state"] == "completed")
        asked = next(e.body for e in entries if e.kind == "asked" and e.trial == won)
        entries += closing(won, asked, last, counts)
    else:
        for number, state in enumerate(("running", "running", "waiting"), trials):
            entries += trial(rng, number, BEGAN + 1 + 3.0 * number, state, **params)
    store.append(sweep, entries)
    return sweep
