"""No configuration twice: what stands between a sampler and a sweep."""

from collections.abc import Iterator
from itertools import chain, islice

from evaluators.types import Configuration
from search.sequences import SPARE, draws, walk
from search.space import Space, canonical
from search.strategy import Strategy, Verdict

#: Repeats in a row after which a sampler is no longer asked for this trial.
PATIENCE = 20
#: Random draws made in its place before a finite space is walked from its beginning.
DRAWS = 100
#: Random draws that bring nothing new after which an endless space counts as run out.
DRAWS_ENDLESS = 10_000


class Distinct:
    """Asks a sampler until it proposes something new; ends when the space has run out.

    Known is what was asked, told or remembered, except for trials that were cancelled. A repeat
    goes back to the sampler as ``infeasible``: used up, look elsewhere. (Told its known score
    again, TPE piles repeats up on the best place and never leaves it; a plain failure teaches it
    nothing and it repeats on.) After ``patience`` repeats in a row something new is drawn at
    random, or found by walking a finite space, and the sampler is told to remember it.
    """

    def __init__(
        self, inner: Strategy, space: Space, *, seed: int, patience: int | None = PATIENCE
    ) -> None:
        """``patience`` None: until the sampler itself ends."""
        self._inner = inner
        self._space = space
        self._seed = seed
        self._patience = patience
        self._size = space.cardinality()
        self._taken: dict[str, int] = {}  # a configuration of the space: the trial that has it
        self._walk: Iterator[Configuration] = iter(())

    @property
    def name(self) -> str:
        """The sampler's name."""
        return self._inner.name

    def ask(self, trial: int) -> Configuration | None:
        """Something new, None when there is nothing left."""
        left = self._left()
        patience = self._patience
        if patience is not None and left is not None:
            patience = min(patience, left)  # with few left, that many repeats say enough
        repeats = 0
        while left != 0 and repeats != patience:
            configuration = self._inner.ask(trial)
            if configuration is None:
                break
            if self._take(trial, configuration):
                return configuration
            self._inner.tell(trial, configuration, None, "infeasible")
            repeats += 1
        return self._spare(trial) if left != 0 else None

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """Passed on; a cancelled configuration may be proposed again."""
        self._take(trial, configuration)
        if verdict == "cancelled":
            key = canonical(configuration.model, configuration.params)
            if self._taken.get(key) == trial:
                del self._taken[key]
        self._inner.tell(trial, configuration, score, verdict)

    def remember(self, trial: int, configuration: Configuration) -> None:
        """Passed on; the configuration is taken."""
        self._take(trial, configuration)
        self._inner.remember(trial, configuration)

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """Passed on."""
        self._inner.looked_at(trial, configuration, score)

    def _left(self) -> int | None:
        """Configurations that are not taken; None for an endless space."""
        return None if self._size is None else self._size - len(self._taken)

    def _take(self, trial: int, configuration: Configuration) -> bool:
        """Whether the configuration was still free. One outside the space is never proposed."""
        model, params = configuration.model, configuration.params
        if not self._space.contains(model, params):
            return False
        key = canonical(model, params)
        free = key not in self._taken
        self._taken.setdefault(key, trial)
        return free

    def _spare(self, trial: int) -> Configuration | None:
        """Something new that the sampler did not find."""
        count = DRAWS_ENDLESS if self._size is None else DRAWS
        found = islice(draws(self._space, (SPARE, self._seed, trial)), count)
        for configuration in chain(found, self._untaken()):
            if self._take(trial, configuration):
                self._inner.remember(trial, configuration)
                return configuration
        return None

    def _untaken(self) -> Iterator[Configuration]:
        """What lies ahead of the walk through a finite space, then the space once more.

        The second time round finds what was given free behind the walk.
        """
        if self._size is not None:
            yield from self._walk
            self._walk = walk(self._space)
            yield from self._walk
