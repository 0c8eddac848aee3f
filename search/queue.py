"""Which trials go next: those that wait and those still to be asked, in packs, where there is room.

The order is that of asking. Where the first has no room, later ones may pass it, but only so often:
else small trials would keep a large one waiting for ever.
"""

from collections import deque
from collections.abc import Sequence
from math import ceil

from evaluators.race import Bar
from search.bodies import resources_of
from search.entries import Entry
from search.events import Item, Pack, Record
from search.flights import Flight
from search.known import Known, ended_at_once
from search.learning import Learning
from search.opening import LOOK, Opening
from search.parts import Parts
from search.policy import Policy
from search.shares import Shares
from search.trials import Trial, Trials

#: Packs that may pass the first trial that waits, for each slot.
PATIENCE = 4
#: What a worker takes before it has any rows, at least; in units of 2**20 bytes.
IDLE_MB = 100.0


class Queue:
    """Fills packs.

    Attributes:
        exhausted: the space has no further configuration.
        answered: whether the last trial that was asked ended at once: it is known already.
        room: which workers there are.
        opening: trials that wait to be compared, and who of them goes on next.
        policy: what it hands out by; its budget may be set anew.
        parts: folds of trials under way.
    """

    def __init__(
        self, policy: Policy, trials: Trials, learning: Learning, known: Known | None = None
    ) -> None:
        """``known``: how configurations ended before."""
        self.exhausted = False
        self.answered = False
        self._known = known
        self.room = policy.room()
        self.packs = 0
        self.policy = policy
        self.parts = Parts(trials)
        self._trials = trials
        self._learning = learning
        waiting = [trial for trial in trials if trial.state == "waiting"]
        self._waiting = deque(trial.number for trial in waiting if not trial.paused)
        self.opening = Opening(policy)
        for trial in waiting:
            if trial.paused:
                self.opening.looked_at(trial)
        self.opening.went_on(sum(_went_on(trial) for trial in trials))
        self._passed = 0

    def put_back(self, trial: Trial) -> None:
        """A trial that was under way waits again, ahead of new ones, with the folds it has."""
        self.parts.put_back(trial)
        self._waiting.appendleft(trial.number)

    def looked_at(self, trial: Trial) -> None:
        """A trial of the opening waits, with a score at rung 0."""
        self.opening.looked_at(trial)
        self._learning.looked_at(trial)

    def clear(self) -> None:
        """Nobody waits any more."""
        self._waiting.clear()
        self.parts.clear()
        self.opening.waiting.clear()

    def landed(self, flight: Flight, *, died: bool) -> None:
        """A pack is over, and its worker may be gone with all that it had."""
        self.room.leave(flight.pack.memory_mb, died=died)
        if died:
            self.parts.homes.leave(flight.worker)

    def grow(self, trial: Trial, had_mb: float) -> bool:
        """Give a trial that ran out of memory the next class, with fewer neighbours, once."""
        larger = self.room.next_class(had_mb)
        if trial.memory_mb or larger is None:
            return False
        trial.memory_mb, trial.alone = larger, True
        return True

    def needs(self, model: str, given_mb: float, more_rows: float = 1.0) -> float:
        """Memory for a trial in units of 2**20 bytes; ``given_mb``: since it ran out, else 0.

        ``more_rows``: how many times the rows of the search it has. What a trial takes beyond an
        idle worker is in proportion to them.
        """
        peak = self._learning.peaks.predict(model)
        return max(given_mb, peak + (more_rows - 1) * max(0.0, peak - IDLE_MB))

    def trial_s(self, model: str) -> float | None:
        """Predicted wall seconds of a trial; None before the first of its model ended."""
        return self._learning.pace.predict(model)

    def _class_of(self, trial: Trial) -> float:
        """Its memory class."""
        return self.room.class_of(self.needs(trial.configuration.model, trial.memory_mb))

    def prepare(self, now: float, handed_out: int) -> list[Record]:
        """Ask ahead while workers work: only where fits are short, since advice grows stale."""
        quick = self._learning.pace.remaining(1)
        enough = len(self._waiting) >= self._pack_size(handed_out)
        if quick is None or quick >= self.policy.pack_s or enough:
            return []
        out: list[Record] = []
        self._next(now, out)
        return out

    def next_pack(
        self, now: float, handed_out: int, worker: str = ""
    ) -> tuple[list[Record], Pack | None]:
        """Fill a pack with about ``pack_s`` of predicted work; None if nothing can go now.

        ``handed_out``: configurations under way. ``worker``: whose pack it is, if it has a name.
        """
        out: list[Record] = []
        self.answered = False
        ready = self.parts.ready(worker)
        if ready and not self._rather_another(worker, ready[0]):
            return out, self.next_part(worker)
        found = self._first(now, out)
        if found is None:
            return out, self.next_part(worker)
        trial, size = found
        if shares := self._divided(trial):
            self.parts.shared[trial.number] = shares
            return out, self._packed([trial], None, size, worker)
        chosen = [trial]
        predicted = self._learning.pace.predict(trial.configuration.model)
        seconds = predicted or 0.0
        most = self._pack_size(handed_out)
        while predicted is not None and len(chosen) < most and seconds < self.policy.pack_s:
            another = None if chosen[-1].alone else self._another(now, out, size)
            if another is None:
                break
            chosen.append(another)
            seconds += self._learning.pace.predict(another.configuration.model) or 0.0
        return out, self._packed(chosen, None if predicted is None else seconds, size)

    def next_part(self, worker: str = "") -> Pack | None:
        """What is next of a trial that workers share; None if nothing of one can go now."""
        for trial in self.parts.ready(worker):
            size = self.room.take(self._class_of(trial))
            if size is not None:
                return self._packed([trial], None, size, worker)
        return None

    def _rather_another(self, worker: str, ready: Trial) -> bool:
        """Whether a worker would have to prepare each fold that waits, and another trial may begin.

        No more are begun than there would be if each worker had one of its own. ``ready``: which
        of them suits it best.
        """
        parts = self.parts
        few = len(parts.shared) < self.policy.slots
        return few and worker in parts.homes and not parts.suits(worker, ready)

    def settle(self, worker: str, items: Sequence[Item]) -> None:
        """A worker begins these: what it prepares of a fold for them stays with it."""
        for item in items:
            model = item.configuration.model
            if item.part and model in self.policy.costly_folds:
                self.parts.homes.settle(worker, model, item.part)

    def _packed(
        self, trials: Sequence[Trial], seconds: float | None, size: float, worker: str = ""
    ) -> Pack:
        """The next pack: these trials, or what is next of one that is shared."""
        each = len(trials) == 1 and self.policy.holds(self.policy.slots * self.policy.folds)
        items = [self._whole(trial, each) for trial in trials]
        if len(items) == 1:
            items = [self.parts.next(trials[0], items[0], worker)]
        self.packs += 1
        return Pack(self.packs - 1, tuple(items), seconds, size)

    def _whole(self, trial: Trial, each: bool) -> Item:
        """All of a trial, from the folds that it has; with any of them it has been looked at."""
        kept = tuple(self.parts.kept(trial.number).values())
        bar = self._learning.bar(trial.configuration.model) if kept else self._bar(trial)
        return Item(trial.number, trial.attempt, trial.configuration, bar=bar, kept=kept, each=each)

    def _divided(self, trial: Trial) -> Shares | None:
        """Its folds for several workers, where the answer comes sooner so.

        The first to go on from an opening, until there is a bar: each is an incumbent, or shows
        where one ends. And the last ones, of which there are fewer than workers. Without a race
        all those whose folds take long to prepare, which each worker does then for some of them.
        """
        policy, model = self.policy, trial.configuration.model
        blamed = trial.alone or trial.deaths or trial.memory_mb
        if policy.lanes(policy.folds) < 2 or policy.deterministic or blamed or self._bar(trial):
            return None
        begun = self._trials.live - len(self._waiting) - len(self.opening.waiting)
        last = policy.budget - self._trials.ended - begun < policy.slots - 1
        held = policy.holds(policy.folds * (1 + len(self.parts.shared)))
        kept, costly = self.parts.kept(trial.number), model in policy.costly_folds
        if held and costly and policy.race is None:
            return Shares.of(policy.folds, policy.pack_s, policy.pack_s, kept)
        if not held or (trial.spent is None and not last):
            return None
        looked_s = 0.0 if trial.spent is None else trial.spent.wall_s / LOOK
        trial_s = self._learning.pace.predict(model) or looked_s
        fold_s = trial_s / policy.folds
        return Shares.of(policy.folds, fold_s, policy.pack_s, kept)

    def _first(self, now: float, out: list[Record]) -> tuple[Trial, float] | None:
        """The first trial for which there is room, and its memory class; ``out`` takes records."""
        if not self._waiting:
            self._next(now, out)
        patient = self._passed < PATIENCE * self.policy.slots
        refused: list[float] = []
        for number in list(self._waiting) if patient else list(self._waiting)[:1]:
            needed = self._class_of(self._trials[number])
            if refused and needed >= min(refused):
                continue
            if (found := self._placed(number)) is not None:
                return found
            if needed == self.room.base:
                return None
            refused.append(needed)
        few = patient and 0 < len(self._waiting) < self.policy.slots
        if few and self.room.has_room(0.0) and self._next(now, out):
            return self._placed(self._waiting[-1])  # of another model it may be smaller
        return None

    def _placed(self, number: int) -> tuple[Trial, float] | None:
        """A trial that waits, if there is room for it."""
        trial = self._trials[number]
        size = self.room.take(self._class_of(trial))
        if size is None:
            return None
        self._passed = 0 if self._waiting[0] == number else self._passed + 1
        self._waiting.remove(number)
        return trial, size

    def _another(self, now: float, out: list[Record], size: float) -> Trial | None:
        """The next trial for a pack of this memory class; None if it does not belong there."""
        if not self._waiting and not self._next(now, out):
            return None
        trial = self._trials[self._waiting[0]]
        timed = self._learning.pace.predict(trial.configuration.model) is not None
        if trial.alone or not timed or self._class_of(trial) > size:
            return None
        self._waiting.popleft()
        return trial

    def _pack_size(self, handed_out: int) -> int:
        """Configurations in a pack at most: the rest of the budget is shared by all slots."""
        policy = self.policy
        left = policy.budget - self._trials.ended - handed_out
        return max(1, min(policy.pack_items, ceil(left / policy.slots)))

    def _bar(self, trial: Trial) -> Bar | None:
        """What ends a trial before its last fold."""
        race = self.policy.race
        if race is not None and self.opening.pauses(trial):
            return Bar.pausing(race)
        return self._learning.bar(trial.configuration.model)

    def _next(self, now: float, out: list[Record]) -> bool:
        """One more waits its turn: of the opening once that is over, else a new one."""
        paused = [self._trials[number] for number in self.opening.waiting]
        if not (paused and self.opening.over(len(self._trials))):
            asked = len(self._trials)
            if self._ask(now, out):
                return True
            if len(self._trials) > asked:  # it has ended: whether the sweep has is seen first
                return False
        if paused:
            self._waiting.append(self.opening.next(paused).number)
        return bool(paused)

    def _ask(self, now: float, out: list[Record]) -> bool:
        """One more configuration from the strategy, if budget, order and space allow it.

        Whether it waits; one that is known ends at once.
        """
        trials = self._trials
        if self.exhausted or trials.ended + trials.live >= self.policy.budget:
            return False
        if self._learning.must_wait():
            return False
        configuration = self._learning.ask()
        if configuration is None:
            self.exhausted = True
            return False
        trial = trials.add(configuration, self._learning.origin, now)
        body = {
            "model": configuration.model,
            "params": dict(configuration.params),
            "origin": trial.origin,
        }
        out.append(Record(Entry("asked", now, body, trial.number)))
        if self._known is not None and self._ended(trial, self._known, now, out):
            return False
        self._waiting.append(trial.number)
        return True

    def _ended(self, trial: Trial, known: Known, now: float, out: list[Record]) -> bool:
        """Whether a new trial has ended before, and so ends now."""
        configuration, learning = trial.configuration, self._learning
        bar = learning.bar(configuration.model)
        found = known.of(trial.number, configuration, self.policy, bar)
        if found is None:
            return False
        out.append(ended_at_once(self._trials, trial, *found, self.policy, now))
        learning.reached(trial, resources_of(found[1]))
        if learning.at_boundary(self.exhausted):
            learning.learn()
        self.answered = True
        return True


def _went_on(trial: Trial) -> bool:
    """Whether it was paused once and then chosen to go on."""
    return trial.spent is not None and not trial.paused and trial.given_up != 0
