"""``[evaluate] nested = true``: the whole search inside each fold of an outer partition.

What is scored is the procedure "search, then take the winner", on rows that no part of it saw: the
one estimate without a finger on the scale, at the price of as many searches as there are folds
(Varma & Simon 2006). Each of them is a sweep of its own in the store, named after its parent.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cluster.runner import Machine, Runner
from evaluators.crossval import Evaluator
from evaluators.errors import QuintainError, SplitError
from evaluators.estimate import estimate_interval
from evaluators.mapped import mapped
from evaluators.oof import encode
from evaluators.out_of_fold import OutOfFold, from_file
from evaluators.splits import make_splits
from evaluators.types import Configuration, FoldResult, Outcome, Split
from quintain.driving import Bounds, Watcher, search
from quintain.part import baselines, folds_of, part_within
from search.entries import Entry, SweepState
from search.records import Lease, Records
from search.view import read_view

if TYPE_CHECKING:
    from quintain.prepare import Prepared

#: Starts a runner and ends it with the block.
Start = Callable[[], AbstractContextManager[tuple[Runner, Machine]]]


def search_outer(
    prepared: "Prepared", start: Start, store: Records, lease: Lease, watcher: Watcher | None,
    bounds: Bounds | None = None,
) -> tuple[SweepState, str] | None:  # fmt: skip
    """Every outer fold searched, and the estimate recorded; else how the whole ends, and why.

    ``bounds``: laid down from outside for each of the searches.

    What an earlier run has recorded is not searched again.
    """
    splits = _sound(prepared, store, lease)
    known = {e.fold: e.body for e in store.entries(lease.sweep) if e.kind == "outer"}
    if any(e.kind == "nested" for e in store.entries(lease.sweep)):
        return None
    for number, split in enumerate(splits):
        told = known.get(number, {})
        if told.get("state") == "completed":
            continue
        inside = inner(prepared, split, number)
        # its rows are a copy, which every worker would otherwise have for itself
        inside = replace(inside, dataset=mapped(inside.dataset), splits=mapped(inside.splits))
        name = told.get("sweep") or _begin(inside, store, lease, number, len(splits))
        began = time.monotonic()
        if store.state(name) != "completed":
            with start() as (runner, machine), store.acquire(name) as own:
                search(inside, runner, machine, store, own, watcher, bounds=bounds)
        if store.state(name) != "completed":
            state = store.state(name)
            return ("failed" if state == "failed" else "stopped"), f"{name} is {state}"
        scores = _score_outer(prepared, store, lease, name, split, number)
        body = {"sweep": name, "state": "completed", "scores": scores}
        body["wall_s"] = time.monotonic() - began
        store.append(lease.sweep, [Entry("outer", time.time(), body, fold=number)], lease)
    _record(prepared, store, lease, splits)
    return None


def _sound(prepared: "Prepared", store: Records, lease: Lease) -> list[Split]:
    """The outer folds, once every one of them is known to have inner ones.

    Raises:
        SplitError: one has none, which ends the sweep before anything is searched.
    """
    try:
        splits = outer_splits(prepared, store, lease.sweep)
        for number, split in enumerate(splits):
            inner(prepared, split, number)
    except SplitError as error:
        failed = {"state": "failed", "reason": f"nested folds cannot be made: {error}"}
        store.append(lease.sweep, [Entry("state", time.time(), failed)], lease)
        raise SplitError(
            f"evaluate.nested: the folds inside an outer one cannot be made: {error}"
        ) from error
    return splits


def outer_splits(prepared: "Prepared", store: Records, sweep: str) -> list[Split]:
    """As many folds as the search has, dealt once, by a seed of their own."""
    data, plan = prepared.dataset, prepared.plan
    folds = plan.folds if ":" in plan.splitter else len(prepared.splits) // plan.repeats
    seed = store.draw_partition(data.table or data.fingerprint, sweep, "outer")
    return make_splits(replace(plan, folds=folds, seed=seed, repeats=1, fresh=True), data)[0]


def inner(prepared: "Prepared", split: Split, number: int) -> "Prepared":
    """The same sweep on an outer fold's training rows, with folds of its own."""
    rows = prepared.dataset.take(split.train)
    plan = replace(prepared.plan, seed=prepared.plan.seed + number + 1)
    part, task = part_within(prepared.part, rows), prepared.assignment
    splits, warned = folds_of(plan, rows, part)
    constant, on_part = baselines(task.metrics, rows, plan, splits, part, task.tune)
    return replace(
        prepared, dataset=rows, plan=plan, splits=splits, warnings=warned, baseline=constant,
        part=part, searched_baseline=on_part,
        assignment=replace(task, fresh_dearer=1.0 if part is None else part.dearer),
    )  # fmt: skip


def _begin(inside: "Prepared", store: Records, lease: Lease, number: int, folds: int) -> str:
    """An inner sweep in the store, and its name in the parent's record."""
    header = inside.header("auto") | {"outer_of": lease.sweep, "outer_fold": number}
    name = store.create(f"{lease.sweep}.outer{number + 1}of{folds}", header)
    body = {"sweep": name, "state": "running"}
    store.append(lease.sweep, [Entry("outer", time.time(), body, fold=number)], lease)
    return name


def _score_outer(
    prepared: "Prepared", store: Records, lease: Lease, name: str, split: Split, number: int
) -> dict[str, Any]:
    """The inner winner on the outer fold's test rows; its outputs go beside the store.

    Raises:
        QuintainError: the winner could not be fitted on all of the training rows.
    """
    inside = read_view(store, name)
    best = inside.best
    if best is None:
        raise QuintainError(f"{name} has no winner, so there is nothing to estimate")
    task = replace(prepared.assignment, fit_seconds=None, keep_oof=False, shared_cuts=False)
    evaluator = Evaluator(task, prepared.dataset, [[split]])
    results = list(evaluator.evaluate(Configuration(best.model, best.params)))
    fold = next((each for each in results if isinstance(each, FoldResult)), None)
    if fold is None:
        last = results[-1]
        why = last.failure.reason if isinstance(last, Outcome) and last.failure else "unknown"
        raise QuintainError(f"the winner of {name} failed on the outer fold's rows: {why}")
    if prepared.assignment.tuned_objective:  # frozen on the inner folds
        fold = replace(fold, cut=inside.threshold)
    folder = store.folder / lease.sweep
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"outer-{number}.oof").write_bytes(encode([split], [fold]))
    return dict(fold.scores)


def _record(prepared: "Prepared", store: Records, lease: Lease, splits: list[Split]) -> None:
    """The estimate over all outer folds."""
    metric, data = prepared.objective, prepared.dataset
    folder = store.folder / lease.sweep
    kept = [(folder / f"outer-{number}.oof").read_bytes() for number in range(len(splits))]
    scored = _joined(
        [from_file(each, data.target, [split]) for each, split in zip(kept, splits, strict=True)]
    )
    score, by_fold = scored.score(metric), list(scored.fold_scores(metric).values())
    interval = estimate_interval(metric, score, by_fold, scored, splits, data.groups)
    body = {"score": score, "folds": by_fold, **asdict(interval)}
    store.append(lease.sweep, [Entry("nested", time.time(), body)], lease)


def _joined(folds: list[OutOfFold]) -> OutOfFold:
    """The outer folds' rows as one table."""

    def every(name: str) -> Any:
        return np.concatenate([getattr(fold, name) for fold in folds])

    numbers = np.repeat(np.arange(len(folds)), [len(fold.rows) for fold in folds])
    bent = any(fold.corrected is not None for fold in folds)
    proba = [fold.output if fold.corrected is None else fold.corrected for fold in folds]
    return OutOfFold(
        every("rows"), numbers, every("repeat"), every("target"), every("output"), folds[0].kind,
        every("labels"), np.concatenate(proba) if bent else None,
    )  # fmt: skip
