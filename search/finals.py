"""After the search: the best few on a fresh partition, then the winner alone on another.

Partition 1 helps to choose; partition 2 is used for nothing but the estimate. Everything is derived
from entries: ``finalists`` (who and how much), ``rescored`` (each run), ``winner``.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from evaluators.types import Configuration, Failure, Outcome
from search.constraints import broken
from search.entries import Entry
from search.events import (
    Cancel,
    Event,
    Instruction,
    Item,
    NodesChanged,
    Pack,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    SlotFreed,
)
from search.finals_plan import (
    CHOICE,
    ESTIMATE,
    EXACT,
    SEARCH,
    Candidate,
    Job,
    Plan,
    competing,
    winner_of,
)
from search.flights import Flight, Flights
from search.losses import judged
from search.policy import FALSE_STARTS_ALLOWED, FinalRules, Policy
from search.queue import Queue
from search.shares import Shares, before, ended
from search.trials import Trials


class Finals:
    """Hands out the finalists' jobs, chooses the winner, and has it estimated.

    Attributes:
        reason: why the search ended: it becomes the sweep's.
        jobs: numbered by their place; packs carry that number in place of a trial's.
        winner: place among the candidates, once chosen.
        over: whether nothing is left to do.
    """

    def __init__(
        self, policy: Policy, plan: Plan, candidates: Sequence[Candidate], reason: str, queue: Queue
    ) -> None:
        """``queue``: the search's, whose workers the finalists use."""
        self.policy = policy
        self.plan = plan
        self.candidates = tuple(candidates)
        self.reason = reason
        self.jobs: list[Job] = []
        self.winner: int | None = None
        self.over = False
        self.flights = Flights()
        self._queue = queue
        self._false_starts = 0
        if len(self.candidates) > 1:
            for place, candidate in enumerate(self.candidates):
                if candidate.trial is None:
                    self.jobs.append(Job(place, SEARCH))
                self.jobs.append(Job(place, CHOICE))

    @classmethod
    def of(
        cls, policy: Policy, trials: Trials, reason: str, left_s: float | None, queue: Queue
    ) -> "Finals":
        """As many of the best trials as budget and time allow. ``left_s``: seconds of timeout."""
        plan, chosen = competing(policy, trials, left_s)
        return cls(policy, plan, chosen, reason, queue)

    @classmethod
    def from_entries(
        cls, entries: Sequence[Entry], policy: Policy, queue: Queue
    ) -> "Finals | None":
        """As the record tells it; None where the search had not ended."""
        finals: Finals | None = None
        for entry in entries:
            body = entry.body
            if entry.kind == "finalists":
                candidates = [Candidate.read(each) for each in body["candidates"]]
                finals = cls(policy, Plan(**body["plan"]), candidates, body["reason"], queue)
            elif finals is not None and entry.kind == "winner":
                finals._estimate(body["candidate"])
            elif finals is not None and entry.kind == "rescored":
                finals._restore(body)
        return finals

    def opening(self, now: float) -> Record:
        """The entry that says who competes."""
        body = {
            "reason": self.reason,
            "plan": asdict(self.plan),
            "candidates": [asdict(each) for each in self.candidates],
        }
        return Record(Entry("finalists", now, body))

    @property
    def _rules(self) -> FinalRules:
        assert self.policy.finals is not None, "a sweep with finalists has rules for them"
        return self.policy.finals

    @property
    def progress(self) -> tuple[int, int]:
        """Jobs done, and all that are known of; the estimate counts from the start."""
        done = sum(job.done for job in self.jobs)
        return done, len(self.jobs) + (self.winner is None)

    @property
    def chosen(self) -> dict[str, Any]:
        """The winner's trial, None for the defaults, and its score on the folds searched on."""
        assert self.winner is not None, "ask once there is one"
        found = self.candidates[self.winner]
        own = [j.score for j in self.jobs if (j.candidate, j.partition) == (self.winner, SEARCH)]
        return {"trial": found.trial, "score": own[0] if own else found.score}

    @property
    def estimate(self) -> float | None:
        """The winner's score on the last partition, once it is known."""
        found = [job.score for job in self.jobs if job.partition == ESTIMATE]
        return found[0] if found and math.isfinite(found[0]) else None

    # -- what to run --------------------------------------------------------------------------

    def handle(self, event: Event) -> list[Instruction]:
        """One event; what belongs to a pack of the search is over and counts no more."""
        out: list[Instruction] = []
        match event:
            case SlotFreed():
                out += self.dispatch(event.time)
            case PackStarted() if event.pack in self.flights:
                self._started(event)
            case PackReported() if event.pack in self.flights:
                out += self._reported(event)
            case PackLost() if event.pack in self.flights:
                out += self._lost(event)
            case NodesChanged():
                out += self._moved()
        return out + self._advance(event.time)

    @property
    def begun(self) -> bool:
        """Whether workers have a part of a job, and something is to be handed out."""
        return any(job.shared for job in self.jobs)

    def dispatch(self, now: float, *, begun: bool = False) -> list[Instruction]:
        """The next job, or share of one, as a pack of its own; ``begun``: of those alone."""
        ready = (n for n, job in enumerate(self.jobs) if (job.shared if begun else job.ready))
        place = next(ready, None)
        if place is None:
            return []
        job, queue = self.jobs[place], self._queue
        candidate, (folds, more) = self.candidates[job.candidate], self._size(job)
        size = queue.room.take(queue.needs(candidate.model, job.memory_mb, more))
        if size is None:
            return []
        if job.state == "waiting":
            job.shares = self._shares(job)
            job.state = "running"
        runs = sum(not each.done for each in self.jobs)
        item = Item(
            place, job.attempt, Configuration(candidate.model, candidate.params), job.partition,
            job.folds, interval=job.partition == ESTIMATE,
            kept=() if job.shares else tuple(job.kept.values()),
            each=self.policy.holds(runs * folds, more),
        )  # fmt: skip
        pack = Pack(queue.packs, (job.shares.next(item) if job.shares else item,), memory_mb=size)
        queue.packs += 1
        return [self.flights.depart(pack, now)]

    def _size(self, job: Job) -> tuple[int, float]:
        """Folds of a job, and how many times the rows of one that is searched on each has."""
        rules = self._rules
        folds = job.folds or rules.folds * (1 if job.fresh else rules.repeats)
        return folds, rules.more_rows if job.fresh else 1.0

    def _limit_s(self, job: Job) -> float | None:
        """Seconds that a job may take."""
        fresh = job.partition != SEARCH
        return self._rules.limit_s(self.policy.trial_timeout_s, fresh, job.folds)

    def _shares(self, job: Job) -> Shares | None:
        """A job's folds, where several workers are to have some of them; not after it failed."""
        rules, candidate, policy = self._rules, self.candidates[job.candidate], self.policy
        folds, more = self._size(job)
        shared = sum(each.shares is not None for each in self.jobs)
        held = policy.holds(folds * (1 + shared), more)
        if job.deaths or job.memory_mb or policy.lanes(folds, more) < 2 or not held:
            return None
        trial_s = candidate.wall_s
        if math.isnan(trial_s):
            trial_s = self._queue.trial_s(candidate.model) or 0.0
        dearer = rules.dearer if job.fresh else 1.0
        fold_s = trial_s * dearer / (rules.folds * rules.repeats)
        return Shares.of(folds, fold_s, policy.pack_s, job.kept)

    # -- what happened ------------------------------------------------------------------------

    def _started(self, event: PackStarted) -> None:
        """A worker has the job."""
        flight = self.flights[event.pack]
        self._false_starts = 0
        flight.started_at, flight.worker = event.time, event.worker

    def _reported(self, event: PackReported) -> list[Instruction]:
        """A job may have its verdict; one that a worker left undone waits again."""
        flight = self.flights[event.pack]
        flight.heard(event.report)
        for scored in event.report.folds:
            self.jobs[scored.trial].heard(scored)
        out: list[Instruction] = []
        for item in event.report.ended:
            job, outcome = self.jobs[item.trial], item.outcome
            if job.state != "running" or item.attempt != job.attempt:
                continue
            ended = job.hand_in(flight, outcome, event, self._limit_s(job))
            if ended is None:
                continue
            outcome = ended
            short = outcome.failure is not None and outcome.failure.cause == "out_of_memory"
            if not (short and self._grown(job, flight)):  # else it waits again, below
                out.append(self._ended(job, flight, outcome, event))
        if event.report.last:
            self.flights.land(event.pack)
            self._queue.room.leave(flight.pack.memory_mb, died=event.report.spent)
            [carried] = flight.items
            job = self.jobs[carried.trial]
            left = job.state == "running" and job.attempt == carried.attempt
            if left and not flight.handed_in:
                job.again()
        return out

    def _lost(self, event: PackLost) -> list[Instruction]:
        """A worker died: the job runs again, or has failed."""
        flight = self.flights[event.pack]
        self.flights.land(event.pack)
        self._queue.room.leave(flight.pack.memory_mb, died=True)
        [carried] = flight.items
        job = self.jobs[carried.trial]
        if job.attempt != carried.attempt or job.done or flight.handed_in:
            return []
        if flight.started_at is None or event.loss == "never_started":
            self._false_starts += 1
            if self._false_starts < FALSE_STARTS_ALLOWED:
                job.again()
                return []
            self._false_starts = 0
            failure: Failure | None = Failure("worker_lost", event.detail)
        else:
            job.deaths += event.loss != "preempted"
            held_s = before(job.shares, carried).wall_s + event.time - flight.started_at
            limit = self._limit_s(job)
            failure = judged(event, deaths=job.deaths, elapsed_s=held_s, limit_s=limit)
        if failure is None:
            if event.loss == "memory":
                self._grown(job, flight)
            job.again()
            return []
        return [self._failed(job, failure, {"worker": flight.worker}, event.time)]

    def _moved(self) -> list[Instruction]:
        """Other nodes than before: a job that waits for one that is gone waits for any other."""
        room, out = self._queue.room, list[Instruction]()
        for flight in self.flights.homeless(room.largest):
            self.flights.land(flight.pack.number)
            room.leave(flight.pack.memory_mb, died=True)
            [carried] = flight.items
            job = self.jobs[carried.trial]
            if job.state == "running" and job.attempt == carried.attempt:
                job.again()
            out.append(Cancel(flight.pack.number))
        return out

    def _grown(self, job: Job, flight: Flight) -> bool:
        """Give a job that ran out of memory the next class, with fewer neighbours, once."""
        larger = self._queue.room.next_class(flight.pack.memory_mb)
        if job.memory_mb or larger is None:
            return False
        job.memory_mb = larger
        return True

    def _ended(self, job: Job, flight: Flight, outcome: Outcome, event: PackReported) -> Record:
        """One job is done."""
        outcome, body = ended(job.shares, flight, outcome, event)
        if outcome.failure is not None:
            return self._failed(job, outcome.failure, body, event.time)
        objective = self.policy.objective
        job.over("completed")
        job.score = outcome.scores[objective]
        job.by_fold = tuple(outcome.folds[objective])
        job.cpu_s = outcome.resources.cpu_s
        over = broken(self.policy.constraints, outcome.resources)
        job.infeasible = bool(over)
        body["infeasible"] = over or None
        interval = None if outcome.interval is None else asdict(outcome.interval)
        body |= self._named(job) | {"state": "completed", "interval": interval}
        return self._record(job, body, event.time, outcome.oof)

    def _failed(self, job: Job, failure: Failure, body: dict[str, Any], now: float) -> Record:
        job.over("failed")
        body |= self._named(job) | {"state": "failed"} | asdict(failure)
        return self._record(job, body, now, None)

    def _named(self, job: Job) -> dict[str, Any]:
        return {"candidate": job.candidate, "partition": job.partition}

    def _record(self, job: Job, body: dict[str, Any], now: float, oof: bytes | None) -> Record:
        trial = self.candidates[job.candidate].trial
        trial = -1 if trial is None else trial
        return Record(Entry("rescored", now, body, trial, job.attempt, fold=-1), oof)

    def _restore(self, body: Mapping[str, Any]) -> None:
        """Take over a job's verdict from the record."""
        for job in self.jobs:
            if (job.candidate, job.partition) == (body["candidate"], body["partition"]):
                job.took(body, self.policy.objective)

    # -- the verdict --------------------------------------------------------------------------

    def _advance(self, now: float) -> list[Instruction]:
        """Choose when every finalist is scored; end when the winner is estimated."""
        if self.over or not all(job.done for job in self.jobs):
            return []
        if self.winner is None:
            choice = winner_of(self.policy, self.candidates, self.jobs)
            self._estimate(choice.candidate)
            return [Record(Entry("winner", now, asdict(choice)))]
        self.over = True
        return []

    def _estimate(self, winner: int) -> None:
        """The winner is known: its estimate comes last, with what shared cuts made of its score."""
        self.winner = winner
        self.jobs.append(Job(winner, ESTIMATE, self.plan.repeats * self._rules.folds))
        if self.candidates[winner].model in self._rules.cuts_shared:
            self.jobs.append(Job(winner, EXACT))
