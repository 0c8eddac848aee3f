"""The search space: per model its parameters, some of which exist only under a condition.

Nothing here imports Optuna or numpy; ``Space.suggest`` speaks to anything with Optuna's
``suggest_*`` methods. Parents always come before their children.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from search.domains import Choice, Domain, Fixed, Float, Int, Scalar, same
from search.errors import SpecError
from search.wording import shown, unknown

__all__ = [
    "Choice",
    "Condition",
    "Domain",
    "Fixed",
    "Float",
    "Int",
    "Parameter",
    "Scalar",
    "Space",
    "TrialLike",
    "active",
    "canonical",
    "endless",
    "misfits",
]

#: A parent parameter and the values it must have.
Condition = tuple[str, tuple[Scalar, ...]]


@dataclass(frozen=True)
class Parameter:
    """One named parameter. It is active when every condition of ``when`` holds."""

    name: str
    domain: Domain
    when: tuple[Condition, ...] | None = None


class TrialLike(Protocol):
    """What ``Space.suggest`` needs of an Optuna trial."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """A whole number, both ends included."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A real number, both ends included."""

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Scalar:
        """One of the choices."""


def active(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` without those whose condition does not hold, parents before children.

    A child of an inactive parent is inactive. Names that are no parameters are left out.
    SpecError if the conditions run in a circle.
    """
    ordered, stuck = _ordered(parameters)
    if stuck:
        raise SpecError([f"$.space.{stuck[0].name}.when: {_circle(stuck)}"])
    kept: dict[str, Any] = {}
    for parameter in ordered:
        if parameter.name in values and _holds(parameter, kept):
            kept[parameter.name] = values[parameter.name]
    return kept


def _holds(parameter: Parameter, chosen: Mapping[str, Any]) -> bool:
    return all(
        parent in chosen and any(same(chosen[parent], each) for each in allowed)
        for parent, allowed in parameter.when or ()
    )


def _ordered(parameters: Sequence[Parameter]) -> tuple[list[Parameter], list[Parameter]]:
    """(parents first, otherwise as given; those left over because they wait for each other)."""
    placed: list[Parameter] = []
    waiting = list(parameters)
    while waiting:
        names = {parameter.name for parameter in waiting}
        for place, parameter in enumerate(waiting):
            parents = {parent for parent, _ in parameter.when or ()} - {parameter.name}
            if not parents & names:
                placed.append(waiting.pop(place))
                break
        else:
            break
    return placed, waiting


def _circle(stuck: Sequence[Parameter]) -> str:
    return f"the conditions run in a circle: {', '.join(each.name for each in stuck)}"


def misfits(parameters: Sequence[Parameter]) -> list[tuple[str, str]]:
    """What is wrong between parameters: (name of the parameter, sentence), empty when all is well.

    Found are names that stand twice, conditions on an unknown parameter or on a value that
    parameter cannot take, and circles.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    found = [
        (parameter.name, "stands twice")
        for index, parameter in enumerate(parameters)
        if any(parameter.name == other.name for other in parameters[:index])
    ]
    for parameter in parameters:
        for parent, allowed in parameter.when or ():
            others = [name for name in by_name if name != parameter.name]
            if parent not in others:
                what = "another parameter of this space"
                found.append((parameter.name, unknown(parent, others, what)))
                continue
            nevers = [never for value in allowed if (never := _never(by_name[parent], value))]
            if isinstance(by_name[parent].domain, Fixed):  # of several values it has one at most
                nevers = nevers[:1] if len(nevers) == len(allowed) else []
            found += [(parameter.name, never) for never in nevers]
    stuck = _ordered(parameters)[1]
    return [*found, (stuck[0].name, _circle(stuck))] if stuck else found


def _never(parent: Parameter, value: Scalar) -> str | None:
    """Why ``parent`` never has ``value``; None if it can."""
    domain = parent.domain
    if domain.size is None:
        return f"{shown(parent.name)} has no step, so it is no condition; give it one"
    if domain.contains(value):
        return None
    if isinstance(domain, (Int, Float)):
        step = "" if domain.step in (None, 1) else f" in steps of {shown(domain.step)}"
        allowed = f"{shown(domain.low)} to {shown(domain.high)}{step}"
    else:
        allowed = ", ".join(shown(each) for each in domain.values())
    return f"{shown(parent.name)} is never {shown(value)}; allowed: {allowed}"


def _shapes(ordered: Sequence[Parameter]) -> Iterator[tuple[tuple[Parameter, ...], int]]:
    """The sets of parameters that are active together, each with the number of ways it comes about.

    The ways are the values of the deciding parameters (those that others depend on); a set
    lists the free ones. Values that no condition names are taken together, so a deciding
    range of a million numbers costs as much as one of three. Exponential in the deciding
    parameters alone.
    """
    named: dict[str, list[Scalar]] = {}
    for parameter in ordered:
        for parent, allowed in parameter.when or ():
            named.setdefault(parent, []).extend(allowed)

    def walk(
        index: int, chosen: dict[str, object], free: tuple[Parameter, ...], ways: int
    ) -> Iterator[tuple[tuple[Parameter, ...], int]]:
        if index == len(ordered):
            yield free, ways
            return
        parameter = ordered[index]
        if not _holds(parameter, chosen):
            yield from walk(index + 1, chosen, free, ways)
        elif parameter.name not in named:
            yield from walk(index + 1, chosen, (*free, parameter), ways)
        else:
            known = filter(parameter.domain.contains, named[parameter.name])
            distinct = {(type(each), each): each for each in known}
            for value in distinct.values():
                yield from walk(index + 1, {**chosen, parameter.name: value}, free, ways)
            rest = (parameter.domain.size or 0) - len(distinct)
            if rest:
                other = {**chosen, parameter.name: object()}
                yield from walk(index + 1, other, free, ways * rest)

    return walk(0, {}, (), 1)


def endless(parameters: Sequence[Parameter]) -> list[str]:
    """The names of the parameters that can be active and have neither choices nor steps."""
    found = {
        parameter.name
        for free, _ in _shapes(_ordered(parameters)[0])
        for parameter in free
        if parameter.domain.size is None
    }
    return [parameter.name for parameter in parameters if parameter.name in found]


def canonical(model: str, params: Mapping[str, Any]) -> str:
    """A text that is equal for equal configurations only: JSON, keys sorted, floats by repr.

    1, 1.0 and true differ, 0.0 and -0.0 do not. ValueError for NaN and infinities.
    """
    plain = {
        name: value + 0.0 if isinstance(value, float) else value for name, value in params.items()
    }
    return json.dumps([model, plain], sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Space:
    """Parameters by model name. SpecError if the parameters of a model do not fit together."""

    models: Mapping[str, tuple[Parameter, ...]]

    def __post_init__(self) -> None:
        problems = [
            f"{self._path(model, name)}: {sentence}"
            for model, parameters in self.models.items()
            for name, sentence in misfits(parameters)
        ]
        if problems:
            raise SpecError(problems)
        ordered = {
            model: tuple(_ordered(parameters)[0]) for model, parameters in self.models.items()
        }
        object.__setattr__(self, "models", ordered)

    def _path(self, model: str, parameter: str) -> str:
        return f"$.model[{list(self.models).index(model)}].space.{parameter}"

    def cardinality(self, model: str | None = None) -> int | None:
        """How many configurations there are, in all or of one model.

        Only active combinations count; None if a range of real numbers without a step can be
        active.
        """
        total = 0
        for name in self.models if model is None else (model,):
            for free, ways in _shapes(self.models[name]):
                for parameter in free:
                    size = parameter.domain.size
                    if size is None:
                        return None
                    ways *= size
                total += ways
        return total

    def grid(self, model: str) -> Iterator[dict[str, Any]]:
        """Every active combination once, the last parameter changing fastest.

        SpecError, before the first one, if a parameter has neither choices nor steps. A range
        of whole numbers has the step 1.
        """
        parameters = self.models[model]
        if names := endless(parameters):
            raise SpecError(
                [
                    f"{self._path(model, name)}: a grid needs choices or steps; allowed: "
                    "a list of values, or a range with step"
                    for name in names
                ]
            )
        return _combinations(parameters, {})

    def from_unit(self, model: str, point: Sequence[float]) -> dict[str, Any]:
        """The configuration at ``point``: one coordinate 0 <= u < 1 per parameter, in order.

        The order is that of ``models[model]``. Equal volumes are equally likely values, or
        ratios for ``log``. u = 1 is the upper end, as a limit. Coordinates of fixed and of
        inactive parameters are not looked at. ValueError for a wrong count or a u outside.
        """
        parameters = self.models[model]
        if len(point) != len(parameters):
            raise ValueError(f"{len(point)} coordinates for {len(parameters)} parameters")
        if not all(0 <= u <= 1 for u in point):
            raise ValueError(f"coordinates lie in 0..1, got {list(point)}")
        chosen: dict[str, Any] = {}
        for parameter, u in zip(parameters, point, strict=True):
            if _holds(parameter, chosen):
                chosen[parameter.name] = parameter.domain.at(float(u))
        return chosen

    def contains(self, model: str, values: Mapping[str, Any]) -> bool:
        """Whether ``values`` is one configuration: all active parameters, no other, in range."""
        if model not in self.models:
            return False
        chosen: dict[str, Any] = {}
        for parameter in self.models[model]:
            if not _holds(parameter, chosen):
                continue
            if parameter.name not in values:
                return False
            chosen[parameter.name] = values[parameter.name]
            if not parameter.domain.contains(chosen[parameter.name]):
                return False
        return len(chosen) == len(values)

    def suggest(self, trial: TrialLike, model: str) -> dict[str, Any]:
        """Ask an Optuna trial for one configuration; its names are ``model.parameter``."""
        chosen: dict[str, Any] = {}
        for parameter in self.models[model]:
            if _holds(parameter, chosen):
                name = f"{model}.{parameter.name}"
                chosen[parameter.name] = _suggested(trial, name, parameter.domain)
        return chosen


def _suggested(trial: TrialLike, name: str, domain: Domain) -> Scalar:
    match domain:
        case Int(low, high, step, log):
            return int(trial.suggest_int(name, low, high, step=step, log=log))
        case Float(low, high, step, log):
            return domain.snap(float(trial.suggest_float(name, low, high, step=step, log=log)))
        case Choice(options):
            return trial.suggest_categorical(name, options)
        case Fixed(value):
            return value


def _combinations(
    parameters: Sequence[Parameter], chosen: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    if not parameters:
        yield chosen
    elif _holds(parameters[0], chosen):
        for value in parameters[0].domain.values():
            yield from _combinations(parameters[1:], {**chosen, parameters[0].name: value})
    else:
        yield from _combinations(parameters[1:], chosen)
