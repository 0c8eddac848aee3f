"""What is left of a sweep: what its plan foresaw, corrected by each trial that ended."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

#: Trials of one model differ at least so much from each other, as a share of their mean.
LEAST_SPREAD = 0.3
#: Standard deviations from the middle to what nine in ten stay below.
NINE_IN_TEN = 1.2816


@dataclass(frozen=True, slots=True)
class ModelForesight:
    """What a plan says of one model's trials.

    Attributes:
        trial_s: wall seconds of one, in the middle.
        spread: standard deviation of their mean's logarithm.
        peak_mb: own memory of its worker to plan for, in units of 2**20 bytes.
    """

    trial_s: float
    spread: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Foresight:
    """A plan as the record keeps it.

    Attributes:
        p50_s: seconds from the first trial to the end that half of such sweeps stay below.
        p90_s: seconds that nine in ten stay below.
        max_concurrent: trials at a time.
        finals_trials: how many trials' seconds the finalists and the estimate take after them.
        planning_s: seconds that planning took.
        models: by name; those that could be measured.
        trials: that the plan is for: fewer than asked for where the space has no more; None in
            the records of a version that did not keep it.
    """

    p50_s: float
    p90_s: float
    max_concurrent: int
    finals_trials: float
    planning_s: float
    models: Mapping[str, ModelForesight]
    trials: int | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Foresight":
        """As it was recorded."""
        models = {name: ModelForesight(**told) for name, told in body["models"].items()}
        return cls(**{**body, "models": models})

    def to_json(self) -> dict[str, Any]:
        """As it is recorded."""
        return asdict(self)

    def left(
        self, trials: int, slots: int, seen: Mapping[str, Sequence[float]], mix: Mapping[str, int]
    ) -> tuple[float, float]:
        """Seconds until the end, finalists included: the middle, and what nine in ten stay below.

        Args:
            trials: to come, those under way included.
            slots: trials at a time.
            seen: wall seconds of the latest trials that ended, by model.
            mix: how many of the latest trials were of each model.

        Each model's mean is the plan's and the measured one, weighted by how sure each is
        (normal in the logarithm); models come as often as they came, and once more each.
        """
        counts = {name: 1 + mix.get(name, 0) for name in self.models}
        every = sum(counts.values())
        mean = variance = 0.0
        for name, foreseen in self.models.items():
            middle, spread = _corrected(foreseen, seen.get(name, ()))
            part = counts[name] / every * math.exp(middle)
            mean, variance = mean + part, variance + (part * spread) ** 2
        seconds = mean * (trials / slots + 0.5 * (trials > 0 and slots > 1) + self.finals_trials)
        return seconds, seconds * math.exp(NINE_IN_TEN * math.sqrt(variance) / mean)


def _corrected(foreseen: ModelForesight, seen: Sequence[float]) -> tuple[float, float]:
    """The logarithm of a trial's mean seconds and its standard deviation, measured ones included.

    The product of two normal densities: means weighted by the inverse of their variances.
    """
    prior = max(foreseen.spread, 0.05) ** -2
    middle = math.log(foreseen.trial_s)
    if not seen or (mean := statistics.fmean(seen)) <= 0.0:
        return middle, prior**-0.5
    apart = statistics.pstdev(seen) / mean if len(seen) > 1 else 0.0
    weight = len(seen) / max(apart, LEAST_SPREAD) ** 2
    together = prior + weight
    return (prior * middle + weight * math.log(mean)) / together, together**-0.5
