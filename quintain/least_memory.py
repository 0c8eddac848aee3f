"""A limit of memory below what a worker takes by itself is refused before anything is written."""

import math

import numpy as np

from cluster.pilot_worker import PilotWorker, UnmeasuredError
from cluster.pilots import FIRST_S
from evaluators.curves import memory_curve
from evaluators.pilot import Part, parts
from evaluators.process import MB
from evaluators.types import Configuration
from quintain.model_costs import candidates, folds_mb
from quintain.planning import RAY_WORKER_MB
from quintain.prepare import Prepared
from search.errors import PlanError

#: A worker of libraries and next to no data takes 100 to 400 MB: larger limits are not looked at.
LOOKED_AT_BELOW_MB = 1024.0
#: The smallest limit that works is told in steps of so many MB.
STEP_MB = 10.0


def refuse_too_little(prepared: Prepared, runner: str) -> None:
    """Refuse ``resources.memory_per_trial`` where every trial would pass it.

    Only a small one is looked at: a worker process fits each model to next to no data, which takes
    about two seconds. ``runner`` is its name; the inline one enforces no limit.

    Raises:
        PlanError: it is less than a worker takes; with the smallest value that would work.
    """
    limit_mb = prepared.spec.resources.memory_limit_mb
    if limit_mb is None or limit_mb >= LOOKED_AT_BELOW_MB or runner == "inline":
        return
    pieces = parts(prepared.dataset, prepared.splits[:1], shares=())[:1]
    base_mb = _base_mb(prepared, pieces)
    if base_mb is None:
        return  # the sweep itself will say what is wrong
    base_mb += RAY_WORKER_MB * (runner == "ray")
    train = float(np.mean([len(split.train) for split in prepared.splits]))
    row_mb = prepared.dataset.values[:1].nbytes / MB
    with_rows_mb = base_mb + train * row_mb  # each fold's rows are copied for its fit
    if limit_mb >= with_rows_mb:
        return
    most = train * prepared.dataset.rows / prepared.rows_searched  # of a finalist on all rows
    known_mb = base_mb + folds_mb(prepared)
    needed_mb = memory_curve([pieces[0].rows], [known_mb], known_mb, row_mb).at(most).high
    rows = f", {with_rows_mb:.0f}M with the rows of a fit" if train * row_mb >= 1 else ""
    raise PlanError(
        f"resources.memory_per_trial is {limit_mb:.0f}M, and a worker of "
        f"{', '.join(prepared.assignment.recipes)} takes {base_mb:.0f}M before it has any data"
        f"{rows}: the smallest that would work is {math.ceil(needed_mb / STEP_MB) * STEP_MB:.0f}M"
    )


def _base_mb(prepared: Prepared, pieces: list[Part]) -> float | None:
    """Own memory of a worker that has fitted every model to next to no data; None if unknown."""
    peaks = []
    try:
        with PilotWorker(prepared.assignment, prepared.dataset, pieces) as worker:
            for name in prepared.assignment.recipes:
                asked = candidates(prepared, name)
                for params in (asked.default, asked.otherwise):
                    try:
                        outcome = worker.fit(Configuration(name, params), 0, FIRST_S)
                    except UnmeasuredError as failed:
                        if failed.over:
                            raise
                    else:
                        peaks.append(outcome.resources.peak_mb)
                        break
    except UnmeasuredError:
        pass  # what was seen before it died counts
    return max(peaks, default=None)
