"""How far a sweep is, what is left of it, and what runs now: from its view and the machine."""

import math
from dataclasses import dataclass
from typing import Any

import psutil

from evaluators.limits import free_memory_mb, usable_cores, usable_memory_mb
from search.entries import BUDGETED
from search.packing import Pace
from search.view import SweepView
from search.view_rows import TrialView

#: Seconds after which a node's last word is no word of now.
STALE_S = 120.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sweep is.

    Attributes:
        done, of: trials that ended, of those asked for; ``of`` is None where that is not known.
        left_s, at_most_s: seconds until the end, and what nine in ten stay below; NaN if not known.
        stage: in words, what goes on.
    """

    done: int
    of: int | None
    left_s: float
    at_most_s: float
    stage: str

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return min(1.0, self.done / self.of) if self.of else 0.0


def progress(view: SweepView, budget: int | None) -> Progress:
    """Of a sweep whose budget is so many trials now."""
    done = sum(view.counts[state] for state in BUDGETED)
    if view.finals.finalists:
        stage = "the search is over; the best are compared on fresh folds"
        return Progress(done, budget, math.nan, math.nan, stage)
    running = view.counts["running"]
    stage = f"{running} trial{'s' * (running != 1)} running"
    left, most = _left(view, max(0, (budget or done) - done))
    return Progress(done, budget, left, most, stage)


def _left(view: SweepView, trials: int) -> tuple[float, float]:
    """Seconds for so many trials: by the plan as trials corrected it, else by their pace."""
    pace, slots = Pace(), view.resources.max_concurrent or 1
    for trial in view.trials:
        if trial.state in ("completed", "pruned") and not trial.cached and trial.wall_s > 0:
            pace.learn(trial.model, trial.wall_s)
    if trials == 0:
        return math.nan, math.nan
    if view.plan is not None:
        return view.plan.foreseen.left(trials, slots, pace.latest(), pace.mix())
    seconds = pace.remaining(trials)
    return (math.nan if seconds is None else seconds / slots), math.nan


def running(view: SweepView) -> list[TrialView]:
    """Trials that a worker has now, the one that is furthest first."""
    found = [trial for trial in view.trials if trial.state == "running"]
    return sorted(found, key=lambda trial: (-len(folds_of(trial, view)), trial.trial))


def folds_of(trial: TrialView, view: SweepView) -> tuple[float, ...]:
    """Its scores so far, in the sweep's metric."""
    return tuple(trial.folds.get(view.metric, ()))


def folds_in_all(view: SweepView) -> int | None:
    """Folds of a trial that goes to its end; None where the header does not tell."""
    folds = view.header.get("folds")
    return folds * int(view.header.get("repeats") or 1) if folds else None


def machine() -> dict[str, Any]:
    """What the service's machine has, and how much of it is taken at this moment."""
    memory, free = usable_memory_mb(), free_memory_mb()
    cores = usable_cores()
    return {
        "cores": cores, "busy": cores * psutil.cpu_percent() / 100.0,
        "memory_mb": memory, "used_mb": max(0.0, memory - free),
    }  # fmt: skip


def nodes_now(view: SweepView) -> list[dict[str, Any]]:
    """The last word of each node that works for a sweep."""
    return [
        {"host": host, "cores": node.whole.cores, "busy": last.cores_busy,
         "memory_mb": node.whole.memory_total_mb, "used_mb": last.memory_mb}
        for host, node in view.resources.nodes.items()
        for _, last in node.use[-1:]
    ]  # fmt: skip
