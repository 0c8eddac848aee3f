"""The opening of a race: its first trials wait at rung 0 until they can be compared.

Nothing is known of the first trials, so no bar could end them. A look at each of a booster's first
few rounds costs about a fiftieth of a trial; so all of the opening are looked at first, and then
they go on one by one, the best before the others. Not all of the first to go on are the best: some
are drawn from further down, for the line from rung 0 to the end (``search.race``) is to be learnt
over the whole of its length. Once there is a bar, those that wait below it end where they are.
"""

from collections.abc import Callable, Sequence

from evaluators.race import FEW_ROUNDS, Bar
from search.policy import Policy
from search.trials import Trial, Trials

#: Which of those that wait goes on next, from 0 for the best to 1 for the worst; after these the
#: best of the rest.
SPREAD = (0.0, 0.0, 0.0, 0.5, 0.75)
#: Trials of an opening, and of the budget, at most.
MOST, MOST_SHARE = 24, 0.25
#: What a look takes of a trial of five folds.
LOOK = FEW_ROUNDS / 5


def size_of(budget: int) -> int:
    """Trials that the opening of so many has."""
    return min(MOST, int(MOST_SHARE * budget))


class Opening:
    """Who is paused, and who goes on next. ``waiting``: the numbers of paused trials."""

    def __init__(self, policy: Policy) -> None:
        self.waiting: list[int] = []
        self._size = policy.opening
        self._sign = -1.0 if policy.race == "minimize" else 1.0
        self._least_s = policy.pack_s * LOOK
        self._gone_on = 0

    def went_on(self, count: int) -> None:
        """So many have gone on before a resume."""
        self._gone_on = count

    def pauses(self, trial: Trial) -> bool:
        """Whether a trial is only to be looked at. A finalist of an earlier sweep has been."""
        return trial.number < self._size and not trial.path and trial.origin != "refresh"

    def looked_at(self, trial: Trial) -> None:
        """One more waits. Where a whole trial is as short as a pack, no further one is paused."""
        self.waiting.append(trial.number)
        if trial.spent is not None and trial.spent.wall_s < self._least_s:
            self._size = 0

    def over(self, asked: int) -> bool:
        """Whether all of it have been asked for."""
        return asked >= self._size

    def below(self, trials: Trials, bar_of: Callable[[str], Bar | None]) -> list[Trial]:
        """Who of those that wait has no chance any more: they are let go."""
        found = []
        for number in list(self.waiting):
            trial = trials[number]
            bar = bar_of(trial.configuration.model)
            if bar is not None and bar.falls_short(0, trial.path[0]):
                self.waiting.remove(number)
                trial.given_up, trial.attempt = 0, trial.attempt - 1  # the next never began
                found.append(trial)
        return found

    def next(self, trials: Sequence[Trial]) -> Trial:
        """Who of ``trials``, all that wait, goes on. A paused trial has a score at rung 0."""
        ranked = sorted(trials, key=lambda each: (-self._sign * each.path[0], each.number))
        share = SPREAD[self._gone_on] if self._gone_on < len(SPREAD) else 0.0
        chosen = ranked[round(share * (len(ranked) - 1))]
        self.waiting.remove(chosen.number)
        chosen.paused = False
        self._gone_on += 1
        return chosen
