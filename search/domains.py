"""What one parameter can be: a range of whole numbers, of real numbers, a choice, or one value.

All four answer the same questions: ``size`` (None when there are endlessly many values),
``values()``, ``contains(value)`` and ``at(u)``, which maps a coordinate 0 <= u <= 1 to a value.
Values keep their type: the whole number 1 is not in a range of real numbers, nor is True.
A range that cannot be searched as written raises ValueError, with one sentence for the user.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from search.wording import shown

#: What a parameter's value can be: JSON's scalars, so that any record can hold it.
Scalar = None | bool | int | float | str

_LARGEST_INT = 2**63 - 1


def same(one: Scalar, other: Scalar) -> bool:
    """Equal in value and in type: 1, 1.0 and True are three different values."""
    return type(one) is type(other) and one == other


def _check_range(low: float, high: float, log: bool) -> None:
    if not low < high:
        raise ValueError(
            f"the range [{shown(low)}, {shown(high)}] is empty; allowed: low below high"
            + (f"; for a single value write {shown(low)}" if low == high else "")
        )
    if log and low <= 0:
        raise ValueError(f"log needs a range above 0; got low = {shown(low)}")


def _check_step(low: float, high: float, step: float) -> None:
    """Refuse a step that cannot walk from ``low`` to ``high``: a range includes both its ends."""
    if step <= 0:
        raise ValueError(f"step = {shown(step)} must be above 0")
    exact = (Fraction(repr(high)) - Fraction(repr(low))) / Fraction(repr(step))
    if exact < 1:
        raise ValueError(
            f"step = {shown(step)} is larger than the range [{shown(low)}, {shown(high)}]"
        )
    if exact.denominator != 1:
        count = exact.numerator // exact.denominator
        below, above = (_on_lattice(low, step, count + more) for more in (0, 1))
        raise ValueError(
            f"step = {shown(step)} does not reach {shown(high)} from {shown(low)}; "
            f"the nearest upper ends are {shown(below)} and {shown(above)}"
        )


def _on_lattice(low: float, step: float, index: int) -> float:
    """``low + index * step`` as if calculated in decimals: 0.1 + 2 * 0.1 is 0.3 here."""
    exact = Fraction(repr(low)) + index * Fraction(repr(step))
    return int(exact) if isinstance(low, int) else float(exact)


@dataclass(frozen=True)
class Int:
    """Whole numbers from ``low`` to ``high``, both included; ``step`` must reach ``high``."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        if max(abs(self.low), abs(self.high)) > _LARGEST_INT:
            raise ValueError(f"whole numbers end at {_LARGEST_INT}")
        _check_range(self.low, self.high, self.log)
        _check_step(self.low, self.high, self.step)
        if self.log and self.step != 1:
            raise ValueError(f"log and step = {self.step} exclude each other; leave one out")

    @property
    def size(self) -> int:
        """How many values."""
        return (self.high - self.low) // self.step + 1

    def values(self) -> Iterator[int]:
        """All values, ascending."""
        return iter(range(self.low, self.high + 1, self.step))

    def contains(self, value: Scalar) -> bool:
        """Whether ``value`` is one of the whole numbers."""
        if not isinstance(value, int) or isinstance(value, bool):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def at(self, u: float) -> int:
        """Equal shares of [0, 1) for each value, or for each ratio when ``log``."""
        if self.log:
            ends = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = round(math.exp(ends[0] * (1 - u) + ends[1] * u))
            return min(max(value, self.low), self.high)
        return self.low + min(int(u * self.size), self.size - 1) * self.step


@dataclass(frozen=True)
class Float:
    """Real numbers from ``low`` to ``high``, both included; with ``step`` only low + i * step."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, float(value))
        if not math.isfinite(self.high - self.low):
            raise ValueError("both ends and their distance must be finite numbers")
        _check_range(self.low, self.high, self.log)
        if self.step is None:
            return
        if self.log:
            raise ValueError(f"log and step = {self.step} exclude each other; leave one out")
        _check_step(self.low, self.high, self.step)

    @cached_property
    def size(self) -> int | None:
        """How many values; None without a step."""
        return None if self.step is None else round((self.high - self.low) / self.step) + 1

    def values(self) -> Iterator[float]:
        """All values, ascending; ValueError without a step."""
        if self.step is None or self.size is None:
            raise ValueError("a range of real numbers without a step has no list of values")
        for index in range(self.size):
            yield _on_lattice(self.low, self.step, index)

    def contains(self, value: Scalar) -> bool:
        """Whether ``value`` is a real number of the range, exactly on the step if there is one."""
        if not isinstance(value, float) or not self.low <= value <= self.high:
            return False
        return self.step is None or self.snap(value) == value

    def snap(self, value: float) -> float:
        """The nearest value of the range. Optuna adds steps up in binary: 0.1 + 0.2 is not 0.3."""
        if self.step is None or self.size is None:
            return min(max(value, self.low), self.high)
        index = round((value - self.low) / self.step)
        return _on_lattice(self.low, self.step, min(max(index, 0), self.size - 1))

    def at(self, u: float) -> float:
        """Even over the range, over its logarithm when ``log``, or over its steps."""
        if self.step is not None and self.size is not None:
            return _on_lattice(self.low, self.step, min(int(u * self.size), self.size - 1))
        if not self.log:
            return self.snap(self.low * (1 - u) + self.high * u)
        if u in (0, 1):  # exp(log(low)) may miss low by one bit
            return self.high if u else self.low
        return self.snap(math.exp(math.log(self.low) * (1 - u) + math.log(self.high) * u))


@dataclass(frozen=True)
class Choice:
    """One of ``options``, which have no order."""

    options: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(self.options))
        if not self.options:
            raise ValueError("a choice needs at least one option")
        for index, option in enumerate(self.options):
            twins = [each for each in self.options[:index] if each == option]
            if twins and same(twins[0], option):
                raise ValueError(f"the option {shown(option)} stands twice")
            if twins:  # Optuna compares with ==, so it would learn about the wrong one
                raise ValueError(
                    f"the options {shown(twins[0])} and {shown(option)} cannot be told apart"
                )

    @property
    def size(self) -> int:
        """How many options."""
        return len(self.options)

    def values(self) -> Iterator[Scalar]:
        """The options as written."""
        return iter(self.options)

    def contains(self, value: Scalar) -> bool:
        """Whether ``value`` is one of the options."""
        return any(same(value, option) for option in self.options)

    def at(self, u: float) -> Scalar:
        """Equal shares of [0, 1) for each option."""
        return self.options[min(int(u * self.size), self.size - 1)]


@dataclass(frozen=True)
class Fixed:
    """One value, not searched, but part of every configuration."""

    value: Scalar

    @property
    def size(self) -> int:
        """One."""
        return 1

    def values(self) -> Iterator[Scalar]:
        """The value."""
        return iter((self.value,))

    def contains(self, value: Scalar) -> bool:
        """Whether ``value`` is the value."""
        return same(self.value, value)

    def at(self, u: float) -> Scalar:
        """The value, whatever the coordinate."""
        return self.value


Domain = Int | Float | Choice | Fixed
