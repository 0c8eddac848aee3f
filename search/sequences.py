"""Strategies that know what they will suggest before anything is scored: random, Sobol, grid.

What they answer is a function of seed and trial number (random, Sobol) or of the order of asking
(grid). They learn nothing, so after a resume they go on as if nothing had happened.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, log2

import numpy as np

from evaluators.types import Configuration, Floats
from search.domains import Choice, Scalar
from search.space import Parameter, Space
from search.strategy import Verdict

#: First words of the keys of random streams, so that no two uses share one.
_RANDOM, _SCRAMBLE, SPARE = 1, 2, 3


def draws(space: Space, key: Sequence[int]) -> Iterator[Configuration]:
    """An endless stream of independent configurations; equal keys give equal streams.

    Every model is equally likely, and so is every value of a parameter (every ratio for ``log``).
    """
    rng = np.random.default_rng(key)
    models = tuple(space.models)
    while True:
        model = models[int(rng.integers(len(models)))]
        point = rng.random(len(space.models[model])).tolist()
        yield Configuration(model, space.from_unit(model, point))


def walk(space: Space) -> Iterator[Configuration]:
    """Every configuration of a finite space once, model by model, in the order of their grids."""
    for model in space.models:
        for params in space.grid(model):
            yield Configuration(model, params)


class Oblivious:
    """The half of a strategy that listens, for those that do not."""

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """Scores change nothing."""

    def remember(self, trial: int, configuration: Configuration) -> None:
        """Trials under way change nothing."""

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """Neither do looks at them."""


class RandomDraws(Oblivious):
    """Independent draws. Asked again for the same trial, it goes on in that trial's own stream."""

    name = "random"

    def __init__(self, space: Space, *, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._trial: int | None = None
        self._stream: Iterator[Configuration] = iter(())

    def ask(self, trial: int) -> Configuration:
        """The trial's first draw, or its next one."""
        if trial != self._trial:
            self._trial = trial
            self._stream = draws(self._space, (_RANDOM, self._seed, trial))
        return next(self._stream)


class SobolPoints(Oblivious):
    """One scrambled Sobol sequence for each model, models in turn by trial number.

    Each parameter of a model is one dimension, conditional ones too: where a parameter is not
    active its coordinate is ignored, so the points are even over the box, not over what is active.
    """

    name = "sobol"

    def __init__(self, space: Space, *, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._points: dict[str, Floats] = {}

    def ask(self, trial: int) -> Configuration:
        """The trial's own point, however often it is asked for."""
        models = tuple(self._space.models)
        row, turn = divmod(trial, len(models))
        point = self._point(models[turn], turn, row)
        return Configuration(models[turn], self._space.from_unit(models[turn], point))

    def _point(self, model: str, turn: int, row: int) -> Sequence[float]:
        """Row ``row`` of the model's sequence, which is drawn in powers of two.

        Other lengths would unbalance it, and SciPy says so. A longer draw under the same seed
        begins with the shorter one.
        """
        dimensions = len(self._space.models[model])
        if not dimensions:
            return ()
        if row >= len(self._points.get(model, ())):
            from scipy.stats.qmc import Sobol

            rng = np.random.default_rng((_SCRAMBLE, self._seed, turn))
            exponent = max(6, ceil(log2(row + 1)))
            self._points[model] = Sobol(dimensions, rng=rng).random_base2(exponent)
        point: list[float] = self._points[model][row].tolist()
        return point


class Grid(Oblivious):
    """Given points, one after the other."""

    name = "grid"

    def __init__(self, points: Iterable[Configuration]) -> None:
        self._points = iter(points)

    def ask(self, trial: int) -> Configuration | None:
        """The next one, None after the last. Trial numbers do not matter."""
        return next(self._points, None)


def place(space: Space, configuration: Configuration) -> tuple[int, list[tuple[Scalar, ...]]]:
    """Where a configuration stands in ``walk``: sorts like it."""
    params = configuration.params

    def step(parameter: Parameter) -> tuple[Scalar, ...]:
        if parameter.name not in params:
            return ()  # its equals so far lack it too
        value = params[parameter.name]
        domain = parameter.domain
        return (domain.options.index(value),) if isinstance(domain, Choice) else (value,)

    model = configuration.model
    return list(space.models).index(model), [step(each) for each in space.models[model]]
