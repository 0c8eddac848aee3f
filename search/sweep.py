"""The one owner of a sweep's state: events in, instructions out.

No clock, disk, Ray or thread: the same events give the same instructions, so every decision can be
replayed and tested without running a fit.
"""

from collections import deque
from collections.abc import Sequence
from math import ceil, inf
from typing import Any

from evaluators.types import Failure
from search.entries import Entry, SweepState
from search.events import (
    Cancel,
    Dispatch,
    Event,
    Finish,
    Instruction,
    Item,
    ItemEnded,
    Pack,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    SlotFreed,
    StopAsked,
    WorkerIdled,
)
from search.finals import Finals
from search.flights import Flight, ended_body, fold_entry, lost_body
from search.learning import Learning
from search.losses import judged
from search.packing import Pace
from search.policy import Policy, Standing, verdict
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
    ) -> None:
        self.policy = policy
        self.trials = Trials.from_entries(entries, policy.objective)
        self.learning = Learning(policy, strategy, self.trials)
        self.state: SweepState = "running"
        self._strategy = strategy
        self._started_at = started_at
        self._earlier_s = earlier_s
        self._exhausted = False
        self._flights: dict[int, Flight] = {}
        self._packs = 0
        self._false_starts: list[str] = []
        self._waiting: deque[int] = deque(t.number for t in self.trials if t.state == "waiting")
        self.learning.relearn(entries)
        self.finals = Finals.from_entries(entries, policy)

    @property
    def best(self) -> Trial | None:
        """The incumbent."""
        return self.learning.best

    @property
    def pace(self) -> Pace:
        """How long trials take, by model."""
        return self.learning.pace

    @property
    def finished(self) -> bool:
        """Whether nothing more will be handed out."""
        return self.state != "running"

    def handle(self, event: Event) -> list[Instruction]:
        """The one door. After the sweep has finished every event is ignored."""
        if self.finished:
            return []
        if isinstance(event, StopAsked):
            return self._finish("stopped", event.reason, event.time)
        return self._searched(event) if self.finals is None else self._compared(self.finals, event)

    def _searched(self, event: Event) -> list[Instruction]:
        """An event while configurations are tried."""
        out: list[Instruction] = []
        match event:
            case SlotFreed():
                out += self._next_pack(event.time)
            case WorkerIdled():
                out += self._prepare(event.time)
            case PackStarted():
                out += self._started(event)
            case PackReported():
                out += self._reported(event)
            case PackLost():
                out += self._lost(event)
        if self.learning.at_boundary(self._exhausted):
            self.learning.learn()
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
        self.finals = Finals.of(self.policy, self.trials, reason, left, self._packs)
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
            elapsed_s=self._earlier_s + now - self._started_at,
            exhausted=self._exhausted,
            false_starts=self._false_starts,
        )

    # -- what to run next -------------------------------------------------------------------

    def _ask(self, now: float) -> Record | None:
        """One more configuration from the strategy, if budget, order and space allow it."""
        policy, trials = self.policy, self.trials
        if self._exhausted or trials.ended + trials.live >= policy.budget:
            return None
        if self.learning.must_wait():
            return None
        configuration = self.learning.ask()
        if configuration is None:
            self._exhausted = True
            return None
        trial = trials.add(configuration, self._strategy.name, now)
        self._waiting.append(trial.number)
        body = {
            "model": configuration.model,
            "params": dict(configuration.params),
            "origin": trial.origin,
        }
        return Record(Entry("asked", now, body, trial.number))

    def _prepare(self, now: float) -> list[Instruction]:
        """Ask ahead while workers work: only where fits are short, since advice grows stale."""
        quick = self.pace.remaining(1)
        if quick is None or quick >= self.policy.pack_s or len(self._waiting) >= self._pack_size():
            return []
        asked = self._ask(now)
        return [asked] if asked else []

    def _pack_size(self) -> int:
        """Configurations in a pack at most: the rest of the budget is shared by all slots."""
        policy = self.policy
        handed_out = sum(len(flight.items) for flight in self._flights.values())
        left = policy.budget - self.trials.ended - handed_out
        return max(1, min(policy.pack_items, ceil(left / policy.slots)))

    def _next_pack(self, now: float) -> list[Instruction]:
        """Fill a pack with about ``pack_s`` of predicted work."""
        out: list[Instruction] = []
        chosen: list[Trial] = []
        seconds = 0.0
        predicted: float | None = None
        while len(chosen) < self._pack_size():
            if not self._waiting:
                asked = self._ask(now)
                if asked is None:
                    break
                out.append(asked)
            trial = self.trials[self._waiting[0]]
            predicted = self.pace.predict(trial.configuration.model)
            if chosen and (trial.alone or predicted is None):
                break
            chosen.append(self.trials[self._waiting.popleft()])
            seconds += predicted or 0.0
            if trial.alone or predicted is None or seconds >= self.policy.pack_s:
                break
        if chosen:
            items = tuple(Item(t.number, t.attempt, t.configuration) for t in chosen)
            pack = Pack(self._packs, items, None if predicted is None else seconds)
            self._packs += 1
            self._flights[pack.number] = Flight(pack, now)
            out.append(Dispatch(pack))
        return out

    # -- what happened ----------------------------------------------------------------------

    def _started(self, event: PackStarted) -> list[Instruction]:
        """A worker began: note who, and how long the pack had waited for it."""
        flight = self._flights.get(event.pack)
        if flight is None:
            return []
        self._false_starts.clear()
        flight.started_at, flight.worker = event.time, event.worker
        for item in flight.items:
            self.trials.move(self.trials[item.trial], "running")
        body = {"worker": event.worker, "queue_s": event.time - flight.dispatched_at}
        return [
            Record(Entry("started", event.time, body, item.trial, item.attempt))
            for item in flight.items
        ]

    def _reported(self, event: PackReported) -> list[Instruction]:
        """Take over what a worker found; whatever it left undone waits again, without blame."""
        flight = self._flights.get(event.pack)
        if flight is None:
            return []
        flight.heard(event.report)
        out: list[Instruction] = [
            Record(fold_entry(scored, event.time)) for scored in event.report.folds
        ]
        for item in event.report.ended:
            out += self._item_ended(flight, item, event)
        if event.report.last:
            del self._flights[event.pack]
            for trial in self._unfinished(flight):
                out.append(self._again(trial, event.time, "its pack's worker had to end", False))
        return out

    def _item_ended(
        self, flight: Flight, item: ItemEnded, event: PackReported
    ) -> list[Instruction]:
        """One trial has its verdict; reports of an older attempt are dropped."""
        trial = self.trials[item.trial]
        if trial.attempt != item.attempt or trial.state != "running":
            return []
        outcome, failure = item.outcome, item.outcome.failure
        body = ended_body(flight, outcome, event)
        if failure is None:
            trial.scored(outcome, self.policy)
            body["infeasible"] = trial.infeasible or None
            self.pace.learn(trial.configuration.model, outcome.resources.wall_s)
        return [self._end(trial, event.time, body, failure, outcome.oof)]

    def _lost(self, event: PackLost) -> list[Instruction]:
        """A worker died. In company nobody is blamed: each is run again alone."""
        flight = self._flights.pop(event.pack, None)
        if flight is None:
            return []
        unfinished = self._unfinished(flight)
        if flight.started_at is None or event.loss == "never_started":
            self._false_starts.append(event.detail)
            return [self._again(t, event.time, event.detail, False) for t in unfinished]
        if len(unfinished) > 1:
            for trial in unfinished:
                trial.alone = True
            return [self._again(t, event.time, event.detail, False) for t in unfinished]
        return [self._blame(trial, flight, event) for trial in unfinished]

    def _blame(self, trial: Trial, flight: Flight, event: PackLost) -> Record:
        """A trial that lost its worker while alone on it: once more, or failed with a cause."""
        trial.deaths += 1
        elapsed = event.time - (flight.started_at or event.time)
        limit = self.policy.trial_timeout_s
        failure = judged(event, deaths=trial.deaths, elapsed_s=elapsed, limit_s=limit)
        if failure is None:
            return self._again(trial, event.time, event.detail, True)
        return self._end(trial, event.time, lost_body(flight, elapsed), failure, None)

    def _unfinished(self, flight: Flight) -> list[Trial]:
        """Trials of a pack that have no verdict under the attempt it carried."""
        return [
            trial
            for item in flight.items
            if (trial := self.trials[item.trial]).live and trial.attempt == item.attempt
        ]

    def _again(self, trial: Trial, now: float, reason: str, guilty: bool) -> Record:
        """Send a trial back to waiting, ahead of new ones, fenced by a new attempt."""
        body = {"reason": reason, "guilty": guilty, "alone": trial.alone}
        entry = Entry("lost", now, body, trial.number, trial.attempt)
        if trial.state == "running":
            self.trials.move(trial, "waiting")
        trial.attempt += 1
        self._waiting.appendleft(trial.number)
        return Record(entry)

    # -- ends -------------------------------------------------------------------------------

    def _end(
        self,
        trial: Trial,
        now: float,
        body: dict[str, Any],
        failure: Failure | None,
        oof: bytes | None,
    ) -> Record:
        """Close a trial: into the record, and to the strategy."""
        self.trials.move(trial, "failed" if failure else "completed")
        if failure:
            trial.cause = failure.cause
            body |= {
                "cause": failure.cause,
                "reason": failure.reason,
                "traceback": failure.traceback,
            }
        self.learning.ended(trial)
        body["state"] = trial.state
        return Record(Entry("ended", now, body, trial.number, trial.attempt), oof)

    def _finish(self, state: SweepState, reason: str, now: float) -> list[Instruction]:
        """End the sweep: what is live is cancelled, what is finished stays."""
        out = self._end_search(reason, now)
        if self.finals is not None:
            out += [Cancel(number) for number in self.finals.flights]
        self.state = state
        return [*out, Finish(state, reason)]

    def _end_search(self, reason: str, now: float) -> list[Instruction]:
        """No trial runs any more."""
        out: list[Instruction] = [Cancel(number) for number in self._flights]
        self.learning.learn()
        for trial in self.trials:
            if trial.live:
                self.trials.move(trial, "cancelled")
                body = {"state": "cancelled", "reason": reason}
                out.append(Record(Entry("ended", now, body, trial.number, trial.attempt)))
        self._flights.clear()
        self._waiting.clear()
        return out
