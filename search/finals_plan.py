"""How much is done after the search: who competes, on how many fresh folds, in what time."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from search.bodies import number
from search.choice import Judged
from search.trials import Trial

#: Partitions by number: searched on, for the choice among finalists, for the estimate alone.
SEARCH, CHOICE, ESTIMATE = 0, 1, 2

MOST_FINALISTS = 5
#: Where a part of the rows is searched, so many meet on all of them at least: the best on a part
#: need not be the best on the whole.
FEWEST_ON_MORE_ROWS = 3
#: Times the winner's partition is dealt anew at most; more would narrow the interval no further.
MOST_REPEATS = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done after the search, in evaluations on all folds of one deal.

    Attributes:
        finalists: trials scored on the fresh partition; with one there is nothing to choose.
        default: whether the model's own defaults compete too (they need the search's folds first).
        repeats: deals of the partition on which the winner is estimated.
    """

    finalists: int = 1
    default: bool = False
    repeats: int = 1


def plan_of(units: int, deals: int) -> Plan:
    """What so many evaluations allow; the estimate itself is always made.

    ``deals``: of the partition searched on, which the default configuration has yet to see.

    In this order: the estimate, a second finalist, the default configuration, more deals for a
    narrower interval, more finalists.
    """
    left = units - 1
    if left < 2:
        return Plan(repeats=1 + max(0, left))
    left -= 2
    default = left >= 1 + deals
    left -= (1 + deals) * default
    again = min(MOST_REPEATS - 1, left)
    more = min(MOST_FINALISTS - 2, left - again)
    return Plan(2 + more, default, 1 + again)


def plan_on_more_rows(units: int) -> Plan:
    """The same where a part of the rows is searched, in evaluations on all of them.

    In this order: the estimate, ``FEWEST_ON_MORE_ROWS`` finalists, the default configuration, more
    finalists. The estimate has one deal: each of them costs as much as many trials.
    """
    left = max(0, units - 1 - FEWEST_ON_MORE_ROWS)
    default = left >= 1  # the part's folds cost next to nothing
    more = min(MOST_FINALISTS - FEWEST_ON_MORE_ROWS, left - default)
    return Plan(FEWEST_ON_MORE_ROWS + more, default)


def within(plan: Plan, seconds: float, walls: Sequence[float], slots: int, deals: float) -> Plan:
    """The plan cut down until it should end in so many seconds; never below one estimate.

    ``walls``: wall seconds of the finalists on one fresh deal of all folds, the best first;
    ``deals``: what the partition searched on takes, in fresh deals.
    """

    def takes(plan: Plan) -> float:
        default = [walls[0], walls[0] * deals] if plan.default else []
        jobs = [*walls[: plan.finalists], *default]
        choosing = max(max(jobs), sum(jobs) / slots) if len(jobs) > 1 else 0.0
        return choosing + plan.repeats * walls[0]

    while takes(plan) > seconds:
        if plan.repeats > 1:
            plan = replace(plan, repeats=plan.repeats - 1)
        elif plan.default:
            plan = replace(plan, default=False)
        elif plan.finalists > 1:
            plan = replace(plan, finalists=plan.finalists - 1)
        else:
            break
    return plan


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finalist: a trial, or with ``trial`` None the defaults of the best trial's model."""

    trial: int | None
    model: str
    params: Mapping[str, Any]
    score: float = math.nan
    folds: tuple[float, ...] = ()
    wall_s: float = math.nan

    @classmethod
    def of(cls, trial: Trial) -> "Candidate":
        """A completed trial."""
        found, score = trial.configuration, math.nan if trial.score is None else trial.score
        return cls(trial.number, found.model, found.params, score, trial.folds, trial.wall_s)

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "Candidate":
        """As it was recorded."""
        folds = tuple(number(each) for each in told["folds"])
        score, wall_s = number(told["score"]), number(told["wall_s"])
        return cls(told["trial"], told["model"], told["params"], score, folds, wall_s)

    @property
    def name(self) -> str:
        """As a reason names it."""
        return "the default configuration" if self.trial is None else f"trial {self.trial}"


@dataclass(slots=True)
class Job:
    """One candidate on one partition.

    ``infeasible``: it breaks a constraint there; ``memory_mb``: what it is to be given since it
    ran out of memory, else 0.
    """

    candidate: int
    partition: int
    folds: int | None = None
    attempt: int = 0
    deaths: int = 0
    state: Literal["waiting", "running", "completed", "failed"] = "waiting"
    score: float = math.nan
    by_fold: tuple[float, ...] = ()
    cpu_s: float = math.nan
    infeasible: bool = False
    memory_mb: float = 0.0

    @property
    def done(self) -> bool:
        """Whether it has its verdict."""
        return self.state in ("completed", "failed")


def judgeable(
    candidates: Sequence[Candidate], jobs: Sequence[Job], *, on_more_rows: bool
) -> list[Judged]:
    """The finalists that were scored on all they had to be, and may win.

    Constraints hold on the folds searched on, for the defaults as for every trial: a finalist that
    passed there does not drop out because the machine was busy later. On more rows than were
    searched it does: it takes more memory and time there, and that is what will be used.
    """
    found = []
    for place, candidate in enumerate(candidates):
        own_jobs = {job.partition: job for job in jobs if job.candidate == place}
        if not all(job.state == "completed" for job in own_jobs.values()):
            continue
        fresh, own = own_jobs[CHOICE], own_jobs.get(SEARCH)
        over = own is not None and own.infeasible
        if over or (on_more_rows and fresh.infeasible):
            continue
        score = candidate.score if own is None else own.score
        folds = candidate.folds if own is None else own.by_fold
        name, by_fold = candidate.name, fresh.by_fold
        found.append(Judged(place, name, score, fresh.score, folds, by_fold, fresh.cpu_s))
    return found
