"""What Optuna is told that each parameter could have been.

It is what the sweep's spec says, widened to hold every value that was tried: a refreshed sweep asks
finalists of an earlier space first. Without a spec, as of SearchCV, it is read off the trials.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from quintain.prepare import spec_of
from search.domains import Choice, Domain, Fixed, Float, Int, Scalar, same
from search.spec import space_of
from search.view import SweepView


class Named:
    """Optuna's parameters of a sweep.

    Of several models each parameter is named ``model.parameter``, beside one parameter "model".

    Attributes:
        models: of the sweep.
        each: a distribution by name.
    """

    def __init__(self, view: SweepView) -> None:
        domains = _domains(view)
        tried = dict.fromkeys(trial.model for trial in view.trials)
        self.models = tuple(dict.fromkeys([*domains, *tried]))
        values: dict[str, list[Scalar]] = {}
        known: dict[str, Domain] = {}
        for model, parameters in domains.items():
            known |= {self._name(model, name): domain for name, domain in parameters.items()}
        for trial in view.trials:
            for name, value in trial.params.items():
                values.setdefault(self._name(trial.model, name), []).append(value)
        fixed = {
            name for name, domain in known.items()
            if isinstance(domain, Fixed) and all(map(domain.contains, values.get(name, ())))
        }  # fmt: skip
        self.each: dict[str, BaseDistribution] = {
            name: _distribution(known.get(name), found)
            for name, found in values.items()
            if name not in fixed
        }
        if len(self.models) > 1:
            self.each["model"] = CategoricalDistribution(self.models)

    def params(self, model: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's parameters under these names, without those that are fixed."""
        named = {self._name(model, name): value for name, value in params.items()}
        if len(self.models) > 1:
            named["model"] = model
        return {name: value for name, value in named.items() if name in self.each}

    def _name(self, model: str, parameter: str) -> str:
        return parameter if len(self.models) == 1 else f"{model}.{parameter}"


def _domains(view: SweepView) -> dict[str, dict[str, Domain]]:
    """By model what the spec lets each parameter be."""
    if "spec" not in view.header or "searchcv" in view.header:
        return {}
    space = space_of(spec_of(view.header))
    return {
        model: {each.name: each.domain for each in parameters}
        for model, parameters in space.models.items()
    }


def _distribution(domain: Domain | None, values: Sequence[Scalar]) -> BaseDistribution:
    """The domain where it holds every value; else a wider one, without step or logarithm."""
    if domain is not None and all(map(domain.contains, values)):
        match domain:
            case Int(low, high, step, log):
                return IntDistribution(low, high, log=log, step=step)
            case Float(low, high, float_step, log):
                return FloatDistribution(low, high, log=log, step=float_step)
            case Choice(options):
                return CategoricalDistribution(options)
    match domain:
        case Int(low, high) | Float(low, high):
            values = [*values, low, high]
        case Choice(options):
            return CategoricalDistribution(_distinct([*options, *values]))
        case Fixed(value):
            values = [value, *values]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(_distinct(values))
    ends = min(numbers), max(numbers)
    if all(isinstance(number, int) for number in numbers):
        return IntDistribution(int(ends[0]), int(ends[1]))
    return FloatDistribution(float(ends[0]), float(ends[1]))


def _distinct(values: Iterable[Scalar]) -> list[Scalar]:
    found: list[Scalar] = []
    for value in values:
        if not any(same(value, other) for other in found):
            found.append(value)
    return found
