"""Where trials fail: the one condition on a parameter that separates failures of a cause best.

A condition is a model, or within a model one parameter's value, or a bound on it. The best by the
likelihood of its split is told only if chance would hardly make one as good: Fisher's exact test
(one-sided), times the number of conditions that were looked at (Bonferroni). Within it most trials
must fail, and of the cause's failures most must lie in it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Failures of one cause that a road is told from, at least.
LEAST = 3
#: Chance of as good a condition where failures have nothing to do with parameters, at most.
CHANCE = 0.01
#: Share of the trials under the condition that fail by the cause, and of the cause's failures that
#: lie under it, at least.
SHARE = 0.6
#: Causes that say nothing of a configuration.
BY_CHANCE = ("worker_lost", "preempted")

#: What trials did, by cause.
SAID = {
    "out_of_memory": "ran out of memory", "timeout": "ran out of time",
    "bad_parameters": "had parameters that the library refuses", "numeric": "gave no number",
    "user_code": "raised in your code", "crashed": "crashed their worker",
}  # fmt: skip


class Tried(Protocol):
    """What is read of a trial."""

    @property
    def model(self) -> str:
        """Its block."""

    @property
    def params(self) -> Mapping[str, Any]:
        """Its parameters."""

    @property
    def state(self) -> str:
        """How it ended."""

    @property
    def cause(self) -> str | None:
        """Why it failed."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What trials of a road have in common.

    Attributes:
        parameter: None for the model alone.
        relation: "=", "<=" or ">".
    """

    model: str
    parameter: str | None = None
    relation: str = "="
    value: Any = None

    def holds(self, model: str, params: Mapping[str, Any]) -> bool:
        """Whether a configuration is on the road."""
        if model != self.model:
            return False
        if self.parameter is None:
            return True
        if self.parameter not in params:
            return False
        found = params[self.parameter]
        if self.relation == "=":
            return type(found) is type(self.value) and bool(found == self.value)
        if not _is_number(found):
            return False
        return bool(found > self.value if self.relation == ">" else found <= self.value)

    def __str__(self) -> str:
        if self.parameter is None:
            return self.model
        value = self.value
        told = f"{value:.4g}" if isinstance(value, float) else "none" if value is None else value
        return f"{self.model} with {self.parameter} {self.relation} {told}"


@dataclass(frozen=True, slots=True)
class Road:
    """A condition under which trials fail.

    Attributes:
        failed: failures of the cause under the condition; ``of``: of the cause in all.
        trials: trials under it that reached an end.
        chance: of a condition as good by chance alone, at most.
    """

    cause: str
    condition: Condition
    failed: int
    of: int
    trials: int
    chance: float

    def __str__(self) -> str:
        return (
            f"{self.failed} of {self.of} failures: {self.condition} "
            f"{SAID.get(self.cause, self.cause)} ({self.failed} of {self.trials} such trials)"
        )

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        found = self.condition
        return {
            "cause": self.cause, "model": found.model, "parameter": found.parameter,
            "relation": found.relation, "value": found.value, "failed": self.failed,
            "of": self.of, "trials": self.trials, "chance": self.chance, "said": str(self),
        }  # fmt: skip


def failed_roads(trials: Iterable[Tried]) -> list[Road]:
    """A road for each cause that has one, the most failures first."""
    ended = [each for each in trials if each.state in ("completed", "pruned", "failed")]
    causes = dict.fromkeys(each.cause for each in ended if each.state == "failed" and each.cause)
    found = [_road(ended, cause) for cause in causes if cause and cause not in BY_CHANCE]
    return sorted((road for road in found if road), key=lambda road: -road.failed)


def _road(ended: Sequence[Tried], cause: str) -> Road | None:
    """The best condition of one cause, where it is much better than chance."""
    failed = sum(each.cause == cause for each in ended)
    if failed < LEAST:
        return None
    best: tuple[float, Condition, int, int] | None = None
    looked_at = 0
    for condition, inside, bad in _splits(ended, cause):
        looked_at += 1
        told = bad >= max(LEAST, SHARE * failed) and bad >= SHARE * inside
        gain = _gain(bad, inside, failed, len(ended)) if told else 0.0
        if gain > (best[0] if best else 0.0):
            best = gain, condition, inside, bad
    if best is None:
        return None
    _, condition, inside, bad = best
    chance = min(1.0, looked_at * _tail(bad, inside, failed, len(ended)))
    return Road(cause, condition, bad, failed, inside, chance) if chance < CHANCE else None


def _splits(ended: Sequence[Tried], cause: str) -> Iterator[tuple[Condition, int, int]]:
    """Each condition, how many trials are under it, and how many of those failed by the cause."""
    for model in dict.fromkeys(each.model for each in ended):
        own = [each for each in ended if each.model == model]
        yield Condition(model), len(own), sum(each.cause == cause for each in own)
        for name in dict.fromkeys(name for each in own for name in each.params):
            pairs = [
                (each.params[name], each.cause == cause) for each in own if name in each.params
            ]
            numbers = all(_is_number(value) for value, _ in pairs)
            yield from _bounds(model, name, pairs) if numbers else _values(model, name, pairs)


def _values(
    model: str, name: str, pairs: Sequence[tuple[Any, bool]]
) -> Iterator[tuple[Condition, int, int]]:
    """One condition for each value."""
    counts: dict[str, tuple[Any, int, int]] = {}
    for value, bad in pairs:
        _, inside, failed = counts.get(repr(value), (value, 0, 0))
        counts[repr(value)] = value, inside + 1, failed + bad
    for value, inside, failed in counts.values():
        yield Condition(model, name, "=", value), inside, failed


def _bounds(
    model: str, name: str, pairs: Sequence[tuple[Any, bool]]
) -> Iterator[tuple[Condition, int, int]]:
    """Two conditions for each place between two values."""
    rising = sorted(pairs, key=lambda pair: pair[0])
    every, below = sum(bad for _, bad in rising), 0
    for place in range(1, len(rising)):
        (value, bad), after = rising[place - 1], rising[place][0]
        below += bad
        if value < after:
            cut = between(value, after)
            yield Condition(model, name, "<=", cut), place, below
            yield Condition(model, name, ">", cut), len(rising) - place, every - below


def between(low: float, high: float) -> float:
    """The shortest decimal from ``low`` on and below ``high``, near their middle."""
    if isinstance(low, int):
        return low
    middle = low + (high - low) / 2
    for digits in range(1, 17):
        short = float(f"{middle:.{digits}g}")
        if low <= short < high:
            return short
    return low


def _gain(bad: int, inside: int, failed: int, every: int) -> float:
    """Log-likelihood of the split over that of no split; 0 where it fails no more than the rest."""
    outside = every - inside
    if bad * outside <= (failed - bad) * inside and outside:
        return 0.0
    split = _likelihood(bad, inside) + _likelihood(failed - bad, outside)
    return split - _likelihood(failed, every)


def _likelihood(hits: int, of: int) -> float:
    """Of so many hits, at their own rate."""
    terms = (count * math.log(count / of) for count in (hits, of - hits) if count)
    return sum(terms)


def _tail(bad: int, inside: int, failed: int, every: int) -> float:
    """Chance that ``inside`` of ``every`` trials hold ``bad`` or more of ``failed`` ones.

    Fisher's exact test, one-sided: the tail of the hypergeometric distribution.
    """
    whole = _ways(every, inside)
    return math.fsum(
        math.exp(_ways(failed, hits) + _ways(every - failed, inside - hits) - whole)
        for hits in range(bad, min(inside, failed) + 1)
        if inside - hits <= every - failed
    )


def _ways(of: int, some: int) -> float:
    """Logarithm of the number of ways to take some."""
    return math.lgamma(of + 1) - math.lgamma(some + 1) - math.lgamma(of - some + 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
