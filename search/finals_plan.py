"""How much is done after the search: who competes, on how many fresh folds, in what time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from evaluators.types import FoldResult, Outcome
from search.bodies import number
from search.choice import Choice, Judged, choose
from search.events import FoldScored, PackReported
from search.flights import Flight
from search.policy import FINALS_SHARE, Policy
from search.shares import Shares
from search.trials import Trial, Trials

#: Partitions by number: searched on, for the choice among finalists, for the estimate alone; the
#: first again with the cuts of each fold, where those were shared in the search.
SEARCH, CHOICE, ESTIMATE, EXACT = 0, 1, 2, 3

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


def within(
    plan: Plan, seconds: float, walls: Sequence[float], slots: int, deals: float, folds: int = 1,
    rounds_of: Callable[[int], int] = lambda folds: folds, again: bool = False,
) -> Plan:  # fmt: skip
    """The plan cut down until it should end in so many seconds; never below one estimate.

    ``walls``: wall seconds of the finalists on one fresh deal of all ``folds``, the best first;
    ``deals``: what the partition searched on takes, in fresh deals; ``rounds_of``: of so many folds
    of a configuration, those that one worker does, where workers share them; ``again``: whether the
    winner goes once more over the folds searched on.
    """

    def takes(plan: Plan) -> float:
        default = [walls[0], walls[0] * deals] if plan.default else []
        jobs = [*walls[: plan.finalists], *default]
        longest = max(jobs) * rounds_of(folds) / folds
        # workers come free at a time, but for the last piece that each has
        last = longest / rounds_of(folds) if rounds_of(folds) < folds else 0.0
        choosing = max(longest, sum(jobs) / slots + last * (1 - 1 / slots))
        every = plan.repeats * folds
        estimating = (plan.repeats + deals * again) * walls[0] * rounds_of(every) / every
        return estimating + (choosing if len(jobs) > 1 else 0.0)

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


def competing(policy: Policy, trials: Trials, left_s: float | None) -> tuple[Plan, list[Candidate]]:
    """As many of the best trials as budget and time allow. ``left_s``: seconds of timeout."""
    rules = policy.finals
    assert rules is not None, "a sweep with finalists has rules for them"
    sign = -1.0 if policy.direction == "maximize" else 1.0
    scored = [each for each in trials if each.state == "completed" and not each.infeasible]
    ranked = sorted(scored, key=lambda t: (sign * (t.score or 0.0), t.wall_s, t.number))
    # as if all folds had been fitted: racing is to narrow no search and widen no interval
    units = int(FINALS_SHARE * trials.ended * rules.repeats)
    plan = plan_on_more_rows(units) if rules.on_more_rows else plan_of(units, rules.repeats)
    if left_s is not None:
        walls = [trial.wall_s * rules.dearer / rules.repeats for trial in ranked]
        deals = rules.repeats / rules.dearer
        rounds = partial(policy.rounds, more_rows=rules.more_rows)
        again = ranked[0].configuration.model in rules.cuts_shared
        plan = within(plan, left_s, walls, policy.slots, deals, rules.folds, rounds, again)
    chosen = [Candidate.of(trial) for trial in ranked[: plan.finalists]]
    default = Candidate(None, chosen[0].model, {})
    if plan.default and all(each.params or each.model != default.model for each in chosen):
        chosen.append(default)
    return plan, chosen


@dataclass(slots=True)
class Job:
    """One candidate on one partition.

    ``infeasible``: it breaks a constraint there; ``memory_mb``: what it is to be given since it
    ran out of memory, else 0. ``shares``: of its present attempt, where workers share it;
    ``kept``: folds that are done, by number.
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
    shares: Shares | None = None
    kept: dict[int, FoldResult] = field(default_factory=dict)

    def heard(self, scored: FoldScored) -> None:
        """A fold is done: it is kept for the case that the job has to go on elsewhere."""
        if scored.result is not None and scored.attempt == self.attempt and not self.done:
            self.kept[scored.fold] = scored.result

    def again(self) -> None:
        """It waits, under a new attempt, with the folds it has."""
        self.state, self.shares = "waiting", None
        self.attempt += 1

    def hand_in(
        self, flight: Flight, outcome: Outcome, event: PackReported, limit_s: float | None
    ) -> Outcome | None:
        """What it comes to by an outcome; None where that is a part of it, and is kept."""
        if self.shares is None or not outcome.parts:
            return outcome
        # in place of what was told fold by fold
        self.kept.update((result.fold, result) for result in outcome.parts)
        return self.shares.hand_in(flight, outcome, event, limit_s)

    def over(self, state: Literal["completed", "failed"]) -> None:
        """It has its verdict: what was found on the way is let go."""
        self.state, self.shares = state, None
        self.kept.clear()

    def took(self, body: Mapping[str, Any], objective: str) -> None:
        """Take over the verdict that a "rescored" entry tells."""
        self.state = body["state"]
        if self.state == "completed":
            self.infeasible = bool(body.get("infeasible"))
            self.score = number(body["scores"][objective])
            self.by_fold = tuple(number(each) for each in body["folds"][objective])
            self.cpu_s = number(body["resources"]["cpu_s"])

    @property
    def fresh(self) -> bool:
        """Whether its folds are others than those searched on."""
        return self.partition in (CHOICE, ESTIMATE)

    @property
    def ready(self) -> bool:
        """Whether there is something of it to hand out."""
        return self.state == "waiting" or self.shared

    @property
    def shared(self) -> bool:
        """Whether there is, and workers have some of it already."""
        return self.state == "running" and self.shares is not None and self.shares.ready

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


def winner_of(policy: Policy, candidates: Sequence[Candidate], jobs: Sequence[Job]) -> Choice:
    """The winner, among the finalists that could be scored."""
    rules = policy.finals
    assert rules is not None, "a sweep with finalists has rules for them"
    if len(candidates) == 1:
        return Choice(0, f"{candidates[0].name} has the best selection score")
    scored = judgeable(candidates, jobs, on_more_rows=rules.on_more_rows)
    if not scored:
        why = "no finalist could be scored on fresh folds"
        if rules.on_more_rows and any(job.infeasible for job in jobs):
            why = "on all rows no finalist keeps to search.constraints"
        return Choice(0, f"{why}: the best of the search")
    return choose(
        scored, policy.direction, rules.test_share,
        by_cost=not policy.deterministic, fresh_only=rules.on_more_rows,
    )  # fmt: skip
