"""The one owner of a sweep's state: events in, instructions out.

No clock, disk, Ray or thread: the same events give the same instructions, so every decision can be
replayed and tested without running a fit.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf
from typing import Any

from evaluators.types import Failure
from search import flights, shares
from search.entries import Entry, SweepState
from search.events import (
    BudgetsSet,
    Cancel,
    Event,
    Finish,
    Instruction,
    ItemEnded,
    NodesChanged,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    SlotFreed,
    StopAsked,
    WorkerIdled,
)
from search.finals import Finals
from search.flights import Flight, Flights, unfinished
from search.known import Known
from search.learning import Learning
from search.losses import judged
from search.policy import Policy, Standing, budgets_entry, verdict, with_budgets
from search.queue import Queue
from search.stopping import Stopping, asked
from search.strategy import Strategy
from search.trials import Trial, Trials


class Sweep:
    """Decides what runs next, what a report means, and when to stop.

    On resume ``entries`` is the whole earlier record: what ended is told to the strategy again and
    what was in flight waits, with a new attempt and no blame.
    """

    def __init__(
        self,
        policy: Policy,
        strategy: Strategy,
        entries: Sequence[Entry] = (),
        *,
        started_at: float = 0.0,
        earlier_s: float = 0.0,
        known: Known | None = None,
    ) -> None:
        self.policy = policy
        self.trials = Trials.from_entries(entries, policy.objective)
        self.learning = Learning(policy, strategy, self.trials)
        self.state: SweepState = "running"
        self.queue = Queue(policy, self.trials, self.learning, known)
        self._started_at = started_at
        self._earlier_s = earlier_s
        self._flights = Flights()
        self._false_starts: list[str] = []
        self._nowhere_since: float | None = None
        self._stopping: Stopping | None = None
        self.learning.relearn(entries)
        self.finals = Finals.from_entries(entries, policy, self.queue)

    @property
    def best(self) -> Trial | None:
        """The incumbent."""
        return self.learning.best

    @property
    def finished(self) -> bool:
        """Whether nothing more will be handed out."""
        return self.state != "running"

    def handle(self, event: Event) -> list[Instruction]:
        """The one door. After the sweep has finished every event is ignored."""
        if self.finished:
            return []
        if isinstance(event, StopAsked) or self._stopping is not None:
            return self._stopped(event)
        if isinstance(event, BudgetsSet):
            self.policy = self.queue.policy = with_budgets(self.policy, event)
            return [Record(budgets_entry(event))]
        return self._handled(event)

    def _stopped(self, event: Event) -> list[Instruction]:
        """An event since a stop was asked for."""
        stopping, out = asked(self._stopping, event)
        self._stopping = stopping
        if isinstance(event, SlotFreed):
            out += self._rest(event)
        elif not isinstance(event, StopAsked | WorkerIdled | BudgetsSet):
            out += self._handled(event)
        finals, queue = self.finals, self.queue
        flying = self._flights if finals is None else finals.flights
        begun = bool(queue.parts.ready()) if finals is None else finals.begun
        if not self.finished and (event.time >= stopping.until or not (flying or begun)):
            out += self._finish("stopped", stopping.reason, event.time)
        return out

    def _rest(self, event: SlotFreed) -> list[Instruction]:
        """What is left of a trial that workers share: nothing new, or it could not end."""
        if self.finals is not None:
            return self.finals.dispatch(event.time, begun=True)
        pack = self.queue.next_part(event.worker)
        return [] if pack is None else [self._flights.depart(pack, event.time)]

    def _handled(self, event: Event) -> list[Instruction]:
        """An event of the search or of the finalists."""
        moved = self._moved(event) if isinstance(event, NodesChanged) else []
        if self.finals is not None:
            return [*moved, *self._compared(self.finals, event)]
        return [*moved, *self._searched(event)]

    def _moved(self, event: NodesChanged) -> list[Instruction]:
        """Other nodes than before: a pack that waits for one that is gone gives its trials back."""
        room = self.queue.room
        room.move(event.nodes)
        since = self._nowhere_since
        self._nowhere_since = (event.time if since is None else since) if room.nowhere else None
        out: list[Instruction] = []
        for flight in self._flights.homeless(room.largest):
            self._flights.land(flight.pack.number)
            room.leave(flight.pack.memory_mb, died=True)
            said = f"no node is left that has {flight.pack.limit_mb:.0f} MB for it"
            left = unfinished(flight, self.trials)
            out += [self._again(trial, event.time, said, False) for trial in left]
            out.append(Cancel(flight.pack.number))
        return out

    def _searched(self, event: Event) -> list[Instruction]:
        """An event while configurations are tried."""
        out: list[Instruction] = []
        match event:
            case SlotFreed():
                out += self._next_pack(event)
            case WorkerIdled():
                out += self.queue.prepare(event.time, self._flights.on_board)
            case PackStarted():
                out += self._started(event)
            case PackReported():
                out += self._reported(event)
            case PackLost():
                out += self._lost(event)
        if self.learning.at_boundary(self.queue.exhausted):
            self.learning.learn()
        fallen = self.queue.opening.below(self.trials, self.learning.bar)
        out += [
            self._end(trial, event.time, flights.paused_end(trial), None, None) for trial in fallen
        ]
        over = verdict(self.policy, self.standing(event.time))
        if over and over[0] == "completed" and self.policy.finals and self.best:
            out += self._begin_finals(over[1], event.time)
        elif over:
            out += self._finish(*over, event.time)
        return out

    def _begin_finals(self, reason: str, now: float) -> list[Instruction]:
        """The search is over, the sweep is not: the best few compete."""
        out = self._end_search(reason, now)
        left = None
        if self.policy.timeout_s is not None:
            left = self.policy.timeout_s - self.standing(now).elapsed_s
        self.finals = Finals.of(self.policy, self.trials, reason, left, self.queue)
        return [*out, self.finals.opening(now)]

    def _compared(self, finals: Finals, event: Event) -> list[Instruction]:
        """An event while finalists are scored; whatever is late from the search counts no more."""
        out = finals.handle(event)
        late = self.standing(event.time).elapsed_s >= (self.policy.timeout_s or inf)
        if finals.over or late:
            out += self._finish("completed", finals.reason, event.time)
        return out

    def standing(self, now: float) -> Standing:
        """How the sweep stands at a moment."""
        return Standing(
            ended=self.trials.ended,
            live=self.trials.live,
            completed=self.trials.count("completed"),
            failed=self.learning.failed,
            best=self.best.score if self.best else None,
            best_s=self.best.wall_s if self.best else 0.0,
            since_best=self.learning.since_best,
            steady_for=self.learning.steady_for() if self.policy.stop.converged else 0,
            elapsed_s=self._earlier_s + now - self._started_at,
            exhausted=self.queue.exhausted,
            false_starts=self._false_starts,
            nowhere_s=0.0 if self._nowhere_since is None else now - self._nowhere_since,
        )

    def _next_pack(self, event: SlotFreed) -> list[Instruction]:
        """The next pack, if there is room for one; trials that are known end one by one."""
        out: list[Instruction] = []
        while True:
            asked, pack = self.queue.next_pack(event.time, self._flights.on_board, event.worker)
            out += asked
            if pack is not None:
                return [*out, self._flights.depart(pack, event.time)]
            if not self.queue.answered or verdict(self.policy, self.standing(event.time)):
                return out

    # -- what happened ----------------------------------------------------------------------

    def _started(self, event: PackStarted) -> list[Instruction]:
        """A worker began: note who, and how long the pack had waited for it."""
        flight = self._flights.get(event.pack)
        if flight is None:
            return []
        self._false_starts.clear()
        self.queue.settle(event.worker, flight.items)
        return [Record(entry) for entry in flight.began(event, self.trials, self.queue.parts.kept)]

    def _reported(self, event: PackReported) -> list[Instruction]:
        """Take over what a worker found; whatever it left undone waits again, without blame."""
        flight = self._flights.get(event.pack)
        if flight is None:
            return []
        flight.heard(event.report)
        out: list[Instruction] = [
            Record(flights.fold_entry(scored, event.time), fold=scored.result)
            for scored in event.report.folds if self.queue.parts.heard(scored)
        ]  # fmt: skip
        for item in event.report.ended:
            out += self._item_ended(flight, item, event)
        if event.report.last:
            self._flights.land(event.pack)
            self.queue.landed(flight, died=event.report.spent)
            for trial in unfinished(flight, self.trials):
                out.append(self._again(trial, event.time, "its pack's worker had to end", False))
        return out

    def _item_ended(
        self, flight: Flight, item: ItemEnded, event: PackReported
    ) -> list[Instruction]:
        """One trial has its verdict; reports of an older attempt are dropped."""
        trial = self.trials[item.trial]
        if trial.attempt != item.attempt or trial.state != "running":
            return []
        parts, limit_s = self.queue.parts, self.policy.trial_timeout_s
        whole = parts.hand_in(trial, flight, item.outcome, event, limit_s)
        if whole is None:
            return []
        outcome, failure = whole, whole.failure
        short = failure and failure.cause == "out_of_memory"
        if failure and short and self.queue.grow(trial, flight.pack.memory_mb):
            return [self._again(trial, event.time, failure.reason, True)]
        if outcome.given_up == 0 and flight.pauses(trial.number):
            self.trials.pause(trial, outcome.path, outcome.resources)
            self.queue.looked_at(trial)
            return [Record(flights.paused_entry(flight, item, event))]
        outcome = replace(outcome, resources=trial.costs(outcome.resources))
        outcome, body = shares.ended(parts.of(trial), flight, outcome, event)
        if failure is None:
            trial.scored(outcome, self.policy)
            body["infeasible"] = trial.infeasible or None
            body["path"] = list(outcome.path)
            used = outcome.resources
            self.learning.measured(trial.configuration.model, used.wall_s, used.peak_mb)
        return [self._end(trial, event.time, body, failure, outcome.oof)]

    def _lost(self, event: PackLost) -> list[Instruction]:
        """A worker died. In company nobody is blamed: each is run again alone."""
        flight = self._flights.land(event.pack)
        if flight is None:
            return []
        self.queue.landed(flight, died=True)
        left = unfinished(flight, self.trials)
        if flight.started_at is None or event.loss == "never_started":
            self._false_starts.append(event.detail)
            return [self._again(t, event.time, event.detail, False) for t in left]
        if len(left) > 1 or event.loss == "preempted":
            for trial in left:  # that a host goes is no trial's fault
                trial.alone |= event.loss not in ("node", "preempted")
            return [self._again(t, event.time, event.detail, False) for t in left]
        return [self._blame(trial, flight, event) for trial in left]

    def _blame(self, trial: Trial, flight: Flight, event: PackLost) -> Record:
        """A trial that lost its worker while alone on it: once more, or failed with a cause."""
        trial.deaths += 1
        elapsed, limit = event.time - (flight.started_at or event.time), self.policy.trial_timeout_s
        before = self.queue.parts.before(trial, flight)
        if event.loss == "memory":  # a second time, whatever the first was seen by, is the last
            trial.deaths = max(trial.deaths, 2) if trial.memory_mb else trial.deaths
        held_s = before.wall_s + elapsed
        failure = judged(event, deaths=trial.deaths, elapsed_s=held_s, limit_s=limit)
        if failure is None:
            if event.loss == "memory":
                self.queue.grow(trial, flight.pack.memory_mb)
            return self._again(trial, event.time, event.detail, True)
        body = flights.lost_body(flight, trial.costs(before), elapsed, event.reached_mb)
        return self._end(trial, event.time, body, failure, None)

    def _again(self, trial: Trial, now: float, reason: str, guilty: bool) -> Record:
        """Send a trial back to waiting, ahead of new ones, fenced by a new attempt."""
        entry = flights.lost_entry(trial, now, reason, guilty)
        self.trials.again(trial)
        self.queue.put_back(trial)
        return Record(entry)

    # -- ends -------------------------------------------------------------------------------

    def _end(
        self, trial: Trial, now: float, body: dict[str, Any], failure: Failure | None,
        oof: bytes | None,
    ) -> Record:  # fmt: skip
        """Close a trial: into the record, and to the strategy."""
        given_up = trial.given_up is not None and failure is None
        self.trials.move(trial, "failed" if failure else "pruned" if given_up else "completed")
        self.queue.parts.over(trial)
        if failure:
            trial.cause = failure.cause
            if failure.cause == "out_of_memory":  # or all others of its model would run out too
                self.learning.ran_out(trial, body)
            body |= flights.failed_body(failure)
        self.learning.ended(trial)
        body["state"] = trial.state
        rung = trial.given_up if trial.given_up is not None and given_up else len(trial.path) or -1
        return Record(Entry("ended", now, body, trial.number, trial.attempt, rung=rung), oof)

    def _finish(self, state: SweepState, reason: str, now: float) -> list[Instruction]:
        """End the sweep: what is live is cancelled, what is finished stays."""
        late = () if self.finals is None else self.finals.flights
        out = [*self._end_search(reason, now), *(Cancel(number) for number in late)]
        self.state = state
        return [*out, Finish(state, reason)]

    def _end_search(self, reason: str, now: float) -> list[Instruction]:
        """No trial runs any more."""
        out: list[Instruction] = [Cancel(number) for number in self._flights]
        self.learning.learn()
        cancelled = self.trials.cancel()
        out += [Record(flights.cancelled_entry(trial, now, reason)) for trial in cancelled]
        for flight in self._flights.values():
            self.queue.room.leave(flight.pack.memory_mb, died=True)
        self._flights.ground()
        self.queue.clear()
        return out
