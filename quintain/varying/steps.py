"""Which values one hyperparameter takes, and that nothing else changes with it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.errors import QuintainError
from search.domains import Choice, Domain, Fixed, Float, Int, Scalar, same
from search.space import Parameter
from search.wording import shown, unknown

#: Steps where nothing says how many, and at most. Each one more makes all the others less sure.
STEPS, MOST = 8, 40
#: A range whose ends lie so many times apart is walked by ratios.
WIDE = 100


@dataclass(frozen=True, slots=True)
class Start:
    """Where steps begin.

    Attributes:
        model: the ``[[model]]`` block.
        params: of the configuration, without the block's fixed ones.
        fixed: those.
        origin: for people: "trial 12", "the winner, trial 12", "the step kept by ...".
        trial: its number in the sweep; None for the default configuration and for a kept step.
    """

    model: str
    params: Mapping[str, Any]
    fixed: Mapping[str, Any]
    origin: str
    trial: int | None = None

    @property
    def all(self) -> dict[str, Any]:
        """Everything that is set."""
        return {**self.fixed, **self.params}


def stepped(
    start: Start, param: str, parameters: Sequence[Parameter], over: str | None, steps: int = STEPS
) -> list[Scalar]:
    """The values to step to, in order, without the one that the start has.

    Args:
        start: where from.
        param: the hyperparameter.
        parameters: of the model's space.
        over: "3..10", "0.01..1" or "a,b,c"; None: what the space allows.
        steps: of a range, at most so many.

    Raises:
        QuintainError: no such values, or a step would change more than this one.
    """
    domain = next((each.domain for each in parameters if each.name == param), None)
    _refuse_two_at_once(start, param, parameters)
    if over is None:
        if domain is None or isinstance(domain, Fixed):
            raise QuintainError(
                f"{param} is not searched, so its values are not known: name them, "
                f"--over 3..10 or --over a,b,c"
            )
        values = spread(domain, steps)
    else:
        values = parsed(over, domain, start.all.get(param), steps)
    known = [start.all[param]] if param in start.all else []
    distinct: list[Scalar] = []
    for value in values:
        if not any(same(value, other) for other in [*known, *distinct]):
            distinct.append(value)
    if not distinct:
        raise QuintainError(f"{param} has no value but {shown(known[0])}: name others with --over")
    if len(distinct) > MOST:
        raise QuintainError(
            f"{len(distinct)} steps are more than {MOST}: name fewer with --over, since each makes "
            f"all the others less sure"
        )
    return distinct


def _refuse_two_at_once(start: Start, param: str, parameters: Sequence[Parameter]) -> None:
    """A parameter that decides whether others are there takes them along."""
    children = [
        each.name for each in parameters if any(parent == param for parent, _ in each.when or ())
    ]
    if children:
        raise QuintainError(
            f"{param} decides whether {', '.join(children)} counts, so a step would change more "
            f"than one thing: compare two trials with quintain compare"
        )
    names = [each.name for each in parameters]
    if param in names and param not in start.params:
        raise QuintainError(
            f"{start.origin} has no {param}: it counts under a condition that does not hold there; "
            f"start at another trial with --trial"
        )


def spread(domain: Domain, steps: int) -> list[Scalar]:
    """Values over all of a domain, both ends among them; every option of a choice."""
    if isinstance(domain, Int):
        return [*_whole(domain.low, domain.high, steps, domain.log, domain.step)]
    if isinstance(domain, Float):
        found = [domain.snap(each) for each in _real(domain.low, domain.high, steps, domain.log)]
        return [*dict.fromkeys(found)]
    return list(domain.values())


def parsed(over: str, domain: Domain | None, now: Any, steps: int) -> list[Scalar]:
    """What ``--over`` says, in the type that the parameter has.

    Raises:
        QuintainError: it cannot be read.
    """
    number = isinstance(now, int | float) and not isinstance(now, bool)
    real = isinstance(domain, Float) or (isinstance(now, float) and not isinstance(domain, Int))
    if ".." in over:
        ends = [_read(each.strip()) for each in over.split("..", 1)]
        if not all(isinstance(e, int | float) and not isinstance(e, bool) for e in ends):
            raise QuintainError(f"--over {over}: write two numbers, as 3..10 or 0.01..1")
        low, high = ends
        if not low < high:
            raise QuintainError(f"--over {over} is empty: the lower end comes first")
        log = getattr(domain, "log", False) or (low > 0 and high / low >= WIDE)
        if real or not all(isinstance(each, int) for each in ends):
            return [*_real(float(low), float(high), steps, log)]
        return [*_whole(low, high, steps, log)]
    words = [each.strip() for each in over.split(",") if each.strip()]
    if not words:
        raise QuintainError("--over names no value: write 3..10, or a,b,c")
    if isinstance(domain, Choice):
        return [_option(word, domain) for word in words]
    values = [_read(word) for word in words]
    if number and not all(isinstance(v, int | float) or v is None for v in values):
        wrong = next(v for v in values if not isinstance(v, int | float) and v is not None)
        raise QuintainError(f"--over {over}: {wrong!r} is no number, and {shown(now)} is one")
    return [float(v) if real and isinstance(v, int) else v for v in values]


def _option(word: str, domain: Choice) -> Scalar:
    """The option meant; one that the space does not have is taken as it reads."""
    named = [each for each in domain.options if word in (str(each), shown(each))]
    if named:
        return named[0]
    value: Scalar = _read(word)
    if type(value) not in {type(each) for each in domain.options}:
        known = [str(each) for each in domain.options]
        raise QuintainError(f"--over: {unknown(word, known, 'an option')}")
    return value


def _read(word: str) -> Any:
    """A number, true, false or null as JSON has them; anything else is a text."""
    try:
        value = json.loads(word)
    except ValueError:
        return word
    if isinstance(value, list | dict) or (isinstance(value, float) and not math.isfinite(value)):
        return word
    return value


def _whole(low: int, high: int, steps: int, log: bool, step: int = 1) -> list[int]:
    """Every whole number, or so many of them, evenly or by ratios."""
    if (high - low) // step < steps:
        return list(range(low, high + 1, step))
    walked = np.geomspace if log and low > 0 else np.linspace
    places = walked(low, high, steps)
    return [*dict.fromkeys(low + round((each - low) / step) * step for each in places.tolist())]


def _real(low: float, high: float, steps: int, log: bool) -> list[float]:
    """So many numbers, rounded to what a person would write."""
    places = np.geomspace(low, high, steps) if log else np.linspace(low, high, steps)
    rounded = [float(f"{each:.4g}") for each in places.tolist()]
    return [low, *rounded[1:-1], high]
