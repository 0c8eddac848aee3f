"""A scikit-learn space for the samplers that want coordinates (TPE, Sobol).

A list is a choice among its places. A distribution of whole numbers with two ends is a range of
them. Any other is a range of probabilities, 0 to 1, read through its quantile function: so equal
lengths are equally likely, as in its own draws, on whatever scale it has.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evaluators.types import Configuration
from evaluators.vocabulary import Vocabulary
from search.candidates import blocks
from search.domains import Choice, Domain, Float, Int
from search.space import Parameter, Space
from search.strategy import Strategy, Verdict

#: Of a distribution without ends, so much of either tail is left out.
TAIL = 1e-4
#: Whole numbers of a range at most; a longer one goes by its quantiles.
LONGEST = 10**6


class Listing:
    """Some values to choose from."""

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = list(values)
        self.domain: Domain = Choice(tuple(range(len(self._values))))

    def value(self, coordinate: Any) -> Any:
        """What stands at a place."""
        return self._values[coordinate]

    def coordinate(self, form: Any, vocabulary: Vocabulary, name: str) -> Any:
        """The place of what a record has; None where it is not among them."""
        forms = [vocabulary.write({name: value})[name] for value in self._values]
        return forms.index(form) if form in forms else None


class Whole:
    """A distribution of whole numbers between two ends, each as likely as any other here."""

    def __init__(self, low: int, high: int) -> None:
        self.domain: Domain = Int(low, high)

    def value(self, coordinate: Any) -> Any:
        """Itself."""
        return int(coordinate)

    def coordinate(self, form: Any, vocabulary: Vocabulary, name: str) -> Any:
        """Itself."""
        return form


class Quantiles:
    """Any other distribution."""

    def __init__(self, distribution: Any) -> None:
        self._distribution = distribution
        ends = distribution.ppf(0.0), distribution.ppf(1.0)
        self._lowest = ends[0] + 1
        low, high = (TAIL if math.isinf(ends[0]) else 0.0), (1 - TAIL if math.isinf(ends[1]) else 1)
        self.domain: Domain = Float(low, float(high))

    def value(self, coordinate: Any) -> Any:
        """The quantile, as a number of Python's."""
        found = float(self._distribution.ppf(coordinate))
        if not _is_discrete(self._distribution):
            return found
        return max(int(found), int(self._lowest))  # a discrete ppf(0) is one below its first value

    def coordinate(self, form: Any, vocabulary: Vocabulary, name: str) -> Any:
        """Where a value stands, up to rounding."""
        return float(self._distribution.cdf(form))


Axis = Listing | Whole | Quantiles


def axis(name: str, values: Any) -> Axis:
    """How one parameter is searched.

    Raises:
        TypeError: it is no list, and has no quantile function to be searched by.
        ValueError: an empty list.
    """
    if not hasattr(values, "rvs"):
        from sklearn.model_selection import ParameterGrid

        ParameterGrid({name: values})  # says what is wrong
        return Listing(values)
    if not (hasattr(values, "ppf") and hasattr(values, "cdf")):
        raise TypeError(
            f"parameter {name!r}: a distribution without ppf and cdf can only be drawn from: "
            'leave the sampler out, or name "random"'
        )
    low, high = values.ppf(0.0), values.ppf(1.0)
    if _is_discrete(values) and math.isfinite(low) and 0 < high - low < LONGEST:
        return Whole(int(low) + 1, int(high))  # a discrete ppf(0) is one below its first value
    return Quantiles(values)


def _is_discrete(distribution: Any) -> bool:
    """Whether it gives whole numbers; SciPy's frozen ones of either kind have ``pmf``."""
    kind = getattr(distribution, "dist", distribution)
    return hasattr(kind, "pmf") or hasattr(kind, "_pmf")


class Translated:
    """A sampler of coordinates that asks in the terms of the space."""

    def __init__(
        self, inner: Strategy, axes: Mapping[str, Mapping[str, Axis]], vocabulary: Vocabulary
    ) -> None:
        self._inner = inner
        self._axes = axes
        self._vocabulary = vocabulary
        self._asked: dict[int, Configuration] = {}

    @property
    def name(self) -> str:
        """The sampler's name."""
        return self._inner.name

    def ask(self, trial: int) -> Configuration | None:
        """What the sampler proposes, as a record has it."""
        asked = self._inner.ask(trial)
        if asked is None:
            return None
        self._asked[trial] = asked
        axes = self._axes[asked.model]
        values = {name: axes[name].value(place) for name, place in asked.params.items()}
        return Configuration(asked.model, self._vocabulary.write(values))

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """Passed on in coordinates."""
        self._inner.tell(trial, self._coordinates(trial, configuration), score, verdict)

    def remember(self, trial: int, configuration: Configuration) -> None:
        """Passed on in coordinates."""
        self._inner.remember(trial, self._coordinates(trial, configuration))

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """Passed on in coordinates."""
        self._inner.looked_at(trial, self._coordinates(trial, configuration), score)

    def _coordinates(self, trial: int, configuration: Configuration) -> Configuration:
        """Of what was asked, here or in an earlier run."""
        if trial not in self._asked:
            axes = self._axes[configuration.model]
            self._asked[trial] = Configuration(
                configuration.model,
                {
                    name: axes[name].coordinate(form, self._vocabulary, name)
                    for name, form in configuration.params.items()
                },
            )
        return self._asked[trial]


def translated(
    model: str, space: Any, sampler: str, *, trials: int, seed: int, resumed: int
) -> tuple[Translated, Vocabulary]:
    """A strategy over a scikit-learn space; several dicts are models of one conditional search.

    Raises:
        TypeError, ValueError: as ``axis`` does.
    """
    from search.strategy import make_strategy

    given = blocks(space)
    names = [model if len(given) == 1 else f"{model} {i + 1}" for i in range(len(given))]
    axes: dict[str, dict[str, Axis]] = {}
    vocabulary = Vocabulary()
    for name, block in zip(names, given, strict=True):
        axes[name] = {key: axis(key, values) for key, values in block.items()}
        for key, values in block.items():
            if not hasattr(values, "rvs"):
                vocabulary.learn(key, values)
    inner = make_strategy(
        sampler,
        Space({
            name: tuple(Parameter(key, each.domain) for key, each in block.items())
            for name, block in axes.items()
        }),
        direction="maximize", trials=trials, seed=seed, resumed=resumed,
    )  # fmt: skip
    return Translated(inner, axes, vocabulary), vocabulary
