"""Sweeps written into a store without running one: of any size, with every kind of trial in it.

What a page or a list takes is measured on these, and a hostile name is easily put into them.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from search.entries import Entry
from search.records import Records

#: What would run, or break out of an attribute, wherever it is not escaped.
HOSTILE = "<script>document.title='taken'</script>\"'><img src=x onerror=alert(1)>"
BEGAN = 1_790_000_000.0
MODELS = ("xgboost", "hist_gradient_boosting", "logistic_regression")


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


def configuration(
    rng: random.Random, models: Sequence[str] = MODELS, **more: Any
) -> dict[str, Any]:
    """A model and its parameters, as a strategy asks for them."""
    model = rng.choice(models)
    if model == "logistic_regression":
        return {"model": model, "params": {"C": 10 ** rng.uniform(-3, 2), **more}, "origin": "tpe"}
    params = {
        "max_depth": rng.randint(2, 12), "learning_rate": 10 ** rng.uniform(-3, 0),
        "subsample": rng.uniform(0.5, 1), "min_child_weight": 10 ** rng.uniform(-1, 2), **more,
    }  # fmt: skip
    return {"model": model, "params": params, "origin": "tpe"}


def trial(
    rng: random.Random, number: int, time: float, state: str | None = None, *,
    folds: bool = True, models: Sequence[str] = MODELS, **params: Any,
) -> Iterator[Entry]:  # fmt: skip
    """The entries of one trial, in the way most of them go; those of its ``folds`` too."""
    asked = configuration(rng, models, **params)
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
        "path": [scores[0] - 0.02, *(fmean(scores[:n]) for n in range(1, len(scores) + 1))],
    }  # fmt: skip
    if kind == "completed":
        ended["path"].pop()  # the end itself is no rung
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


def candidate(
    trial: int | None, asked: Mapping[str, Any], end: Mapping[str, Any]
) -> dict[str, Any]:
    """A finalist as the sweep writes it, from what its trial asked and how that ended."""
    return {
        "trial": trial, "model": asked["model"], "params": asked["params"],
        "score": end["scores"]["average_precision"], "wall_s": end["resources"]["wall_s"],
        "folds": end["folds"]["average_precision"],
    }  # fmt: skip


def finals(
    candidates: Sequence[Mapping[str, Any]], time: float, repeats: int = 1
) -> Iterator[Entry]:
    """The finalists meet, the first of them wins and is estimated on so many deals of five folds.

    The defaults (``trial`` None) are scored on the folds searched on, too.
    """
    rng = random.Random(1)
    plan = {"finalists": len(candidates), "repeats": repeats}
    told = {"reason": "budget spent", "plan": plan, "candidates": list(candidates)}
    yield Entry("finalists", time, told)
    jobs = [(place, 1) for place in range(len(candidates))] if len(candidates) > 1 else []
    jobs += [(place, 0) for place, _ in jobs if candidates[place]["trial"] is None]
    for place, partition in jobs:
        yield _rescored(rng, candidates, place, partition, time + 1)
    yield Entry("winner", time + 1, {"candidate": 0, "reason": "trial has the best mean"})
    yield _rescored(rng, candidates, 0, 2, time + 8, repeats)


def _rescored(
    rng: random.Random, candidates: Sequence[Mapping[str, Any]], place: int, partition: int,
    time: float, repeats: int = 1,
) -> Entry:  # fmt: skip
    """A finalist scored on a partition; partition 2 is the estimate's."""
    trial = candidates[place]["trial"]
    scores = [0.81 + rng.gauss(0, 0.006) for _ in range(5 * repeats)]
    body = _ended(rng, "completed", scores, {"worker": "node0:410", "queue_s": 0.0})
    interval = {"low": 0.801, "high": 0.822, "level": 0.95, "method": "bootstrap of rows"}
    body |= {"candidate": place, "partition": partition}
    body["interval"] = interval if partition == 2 else None
    return Entry("rescored", time, body, -1 if trial is None else trial, 0)


def last_state(counts: Mapping[str, int], best: Mapping[str, Any], time: float) -> Entry:
    """The end, with what a list of sweeps shows."""
    states = ("completed", "pruned", "failed", "cancelled")
    return Entry("state", time, {"state": "completed", "summary": {
        "counts": {each: counts[each] for each in states},
        "best": {"trial": best["trial"], "score": best["score"]}, "estimate": 0.811,
    }})  # fmt: skip


def entries_of(
    trials: int, *, over: bool = True, seed: int = 0, folds: bool = True, finalists: int = 1,
    models: Sequence[str] = MODELS, **params: Any,
) -> list[Entry]:  # fmt: skip
    """A sweep of so many trials, over or cut off in its middle.

    With several ``finalists`` the defaults compete too, and the estimate is of five deals.
    """
    rng = random.Random(seed)
    entries = list(opening())
    for number in range(trials):
        time = BEGAN + 1 + 3.0 * number
        entries += trial(rng, number, time, folds=folds, models=models, **params)
    if over:
        return entries + _closing(entries, BEGAN + 3.0 * trials + 10, finalists)
    for number, state in enumerate(("running", "running", "waiting"), trials):
        entries += trial(rng, number, BEGAN + 1 + 3.0 * number, state, models=models, **params)
    return entries


def _closing(entries: Sequence[Entry], last: float, finalists: int) -> list[Entry]:
    """What follows the last trial."""
    ends = [e for e in entries if e.kind == "ended"]
    asked = {e.trial: e.body for e in entries if e.kind == "asked"}
    completed = [e for e in ends if e.body["state"] == "completed"]
    completed.sort(key=lambda e: -e.body["scores"]["average_precision"])
    best = [candidate(e.trial, asked[e.trial], e.body) for e in completed[:finalists]]
    if finalists > 1:
        unknown: dict[str, Any] = {
            "trial": None,
            "params": {},
            "score": None,
            "folds": (),
            "wall_s": None,
        }
        best.append({**best[0], **unknown})
    counts = Counter(e.body["state"] for e in ends)
    repeats = 5 if finalists > 1 else 1
    watched = nodes(min(last - BEGAN - 10, 2000))
    return [*watched, *finals(best, last, repeats), last_state(counts, best[0], last + 9)]


def written(
    store: Records, name: str, trials: int, *, over: bool = True, seed: int = 0,
    note: str | None = None, head: Mapping[str, Any] | None = None, **params: Any,
) -> str:  # fmt: skip
    """A sweep of so many trials in ``store``, see ``entries_of``; its id.

    ``head``: of what its header has, in place of what ``header`` writes.
    """
    sweep = store.create(name, {**header(budget=trials, note=note), **(head or {})})
    store.append(sweep, entries_of(trials, over=over, seed=seed, **params))
    return sweep
