"""One line of the record: append-only, keyed (sweep, trial, attempt, rung, fold)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: asked     a configuration was chosen               body: model, params, origin
#: started   a worker began an attempt                body: worker, queue_s, memory_mb, kept (folds
#:           that are done)
#: fold      a fold was scored                        body: scores, resources
#: paused    a trial of the opening was looked at and waits       body: path, resources, queue_s,
#:           start_s, overhead_s, worker
#: lost      an attempt ended without a verdict; the trial waits again    body: reason, guilty,
#:           alone, memory_mb
#: ended     the trial reached its end                body: state, cause, reason, traceback, scores,
#:           folds, confusion, kind, threshold, tuned_confusion, resources, queue_s, start_s,
#:           overhead_s, worker, oof, parts (worker, beginning and end, where several shared it)
#: baseline  the prior's score under the same folds   body: kind, scores
#: warning   something the user should know           body: code, message, figure
#: state     the sweep changed state                  body: state, reason, summary (on the last one)
#: finalists the search is over, the best compete     body: reason, plan, candidates
#: rescored  a finalist was scored on a partition     body: candidate, partition, state, interval,
#:           and all that "ended" has
#: winner    a finalist was chosen                    body: candidate, reason
#: optimism  the score that choosing best-of-N leaves of itself, by BBC-CV   body: score, low, high,
#:           level, method, trials
#: outer     an outer fold of a nested sweep          body: sweep, state, scores, wall_s
#: nested    the estimate over all outer folds        body: score, folds, low, high, level, method
#: budgets   the budgets are others from here on   body: trials, timeout_s, user
#: known     what was known before the first trial   body: sweeps, replay, learnt_from
#: node      what a node did for some seconds     body: host, seconds, cores, cores_busy, memory_mb,
#:           memory_total_mb
#: plan      what was foreseen before the first trial      body: as ``search.outlook.Foresight``
#: returned  a Python face gave its result back, or raised what the search came to    body: refit_s
#: refreshed the finalists were scored on rows that came later   body: as `quintain refresh --json`
#: varied    one hyperparameter went through steps   body: as `quintain vary --json`; in the record
#:           of the sweep that they started from, and in their own
Kind = Literal[
    "asked", "started", "fold", "paused", "lost", "ended", "baseline", "warning", "state",
    "finalists", "rescored", "winner", "optimism", "outer", "nested", "refreshed", "node", "plan",
    "budgets", "returned", "varied", "known",
]  # fmt: skip

#: States of a sweep and of a trial.
SweepState = Literal[
    "queued", "running", "stopping", "interrupted", "completed", "stopped", "failed"
]
TrialState = Literal["waiting", "running", "completed", "pruned", "failed", "cancelled"]

#: States that count against the budget of ``trials``.
BUDGETED: tuple[TrialState, ...] = ("completed", "pruned", "failed")


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a sweep. ``time`` is seconds since the epoch; -1 means "does not apply"."""

    kind: Kind
    time: float
    body: Mapping[str, Any] = field(default_factory=dict)
    trial: int = -1
    attempt: int = -1
    rung: int = -1
    fold: int = -1
