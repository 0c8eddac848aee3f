"""Folds of trials under way: which are done, and which of them several workers have."""

from collections.abc import Mapping
from dataclasses import replace

from evaluators.types import FoldResult, Outcome, Resources
from search.events import FoldScored, Item, PackReported
from search.flights import Flight
from search.homes import Homes
from search.shares import Shares, before
from search.trials import Trial, Trials


class Parts:
    """Of the trials of a search.

    Attributes:
        shared: those that several workers have, by number.
        homes: which worker has which folds prepared.
    """

    def __init__(self, trials: Trials) -> None:
        self.shared: dict[int, Shares] = {}
        self.homes = Homes()
        self._trials = trials
        self._kept: dict[int, dict[int, FoldResult]] = {}

    def ready(self, worker: str = "") -> list[Trial]:
        """Trials of which workers have a part and something is to be handed out, in their order.

        Those that suit ``worker`` come first.
        """
        found = [self._trials[number] for number, shares in self.shared.items() if shares.ready]
        return sorted(found, key=lambda trial: not self.suits(worker, trial))

    def suits(self, worker: str, trial: Trial) -> bool:
        """Whether a worker has a fold prepared that waits of such a trial, or none waits of it."""
        waiting, model = self.shared[trial.number].waiting, trial.configuration.model
        return not waiting or any(self.homes.has(worker, model, part) for part in waiting)

    def next(self, trial: Trial, whole: Item, worker: str) -> Item:
        """What a worker gets next of a trial: ``whole`` where nobody shares it."""
        shares, model = self.of(trial), trial.configuration.model
        if shares is None:
            return whole
        place = self.homes.best(worker, model, shares.waiting) if shares.waiting else 0
        return shares.next(replace(whole, bar=None, kept=()), place)

    def of(self, trial: Trial) -> Shares | None:
        """Its folds under its present attempt, where several workers have some of them."""
        return self.shared.get(trial.number)

    def kept(self, trial: int) -> Mapping[int, FoldResult]:
        """Its folds that are done, as far as they are kept."""
        return self._kept.get(trial, {})

    def keep(self, folds: Mapping[int, Mapping[int, FoldResult]]) -> list[int]:
        """Folds that an earlier driver has kept, by trial: which of these have ended."""
        over = []
        for number, results in folds.items():
            if number < len(self._trials) and self._trials[number].live:
                self._kept[number] = dict(results)
            else:
                over.append(number)
        return over

    def heard(self, scored: FoldScored) -> bool:
        """Whether a fold is of a trial's present attempt: it may come late, from a share of one.

        It is kept for the case that its trial has to go on elsewhere.
        """
        trial = self._trials[scored.trial]
        counts = trial.live and trial.attempt == scored.attempt
        if counts and scored.result is not None:
            self._kept.setdefault(trial.number, {})[scored.fold] = scored.result
        return counts

    def hand_in(
        self, trial: Trial, flight: Flight, outcome: Outcome, event: PackReported,
        limit_s: float | None,
    ) -> Outcome | None:  # fmt: skip
        """What a trial comes to by an outcome; None where that is a part of it, and is kept.

        ``limit_s``: of the whole.
        """
        shares = self.of(trial)
        if shares is None or not outcome.parts:
            return outcome
        ended = shares.hand_in(flight, outcome, event, limit_s)
        mine = self._kept.setdefault(trial.number, {})  # in place of what was told fold by fold
        mine.update((result.fold, result) for result in outcome.parts)
        return ended

    def before(self, trial: Trial, flight: Flight) -> Resources:
        """What its folds took that are done, those of a flight apart."""
        [item] = [item for item in flight.items if item.trial == trial.number]
        return before(self.of(trial), item)

    def put_back(self, trial: Trial) -> None:
        """Its attempt is over; the folds that are done stay."""
        self.shared.pop(trial.number, None)

    def over(self, trial: Trial) -> None:
        """It has ended: nothing of it is handed out any more."""
        self.shared.pop(trial.number, None)
        self._kept.pop(trial.number, None)

    def clear(self) -> None:
        """All have ended."""
        self.shared.clear()
        self._kept.clear()
