"""Whether a step is more than noise: paired differences by fold, judged together.

A step's difference is taken fold by fold against the start, on the same folds under the same seed.
The test is the corrected resampled t (Nadeau & Bengio 2003, ``evaluators.intervals``) over all
folds of all repeats, and Holm's procedure (1979) over the steps: where a parameter changes nothing,
the chance that any step is called real is at most 5%, however many there are. The intervals are
Bonferroni's, so that all of them hold together.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Any, Literal

import numpy as np

from evaluators.intervals import corrected_t, corrected_t_p
from search.bodies import plain
from search.view_rows import TrialView

LEVEL = 0.95
#: The step that people ask about.
ASKED = 0.01

Verdict = Literal["better", "worse", "may be noise", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Step:
    """One value beside the start's; scores in the sweep's metric, NaN where undefined.

    Attributes:
        trial: of the vary sweep.
        folds: the score on each fold; ``difference`` is the mean over them of it less the start's.
        low, high: of the difference, at a level that holds for all steps together.
        p: of the corrected resampled t; ``p_holm``: adjusted for the number of steps.
        fit_s, wall_s: that it took.
        reason: why there is no score.
    """

    value: Any
    trial: int
    score: float
    folds: tuple[float, ...]
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    verdict: Verdict
    fit_s: float
    wall_s: float
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Judged:
    """All steps.

    Attributes:
        start: the score where the steps begin, ``folds`` by fold.
        noise: half of the band around it: a step that differs by less is not told from noise by
            these folds (the median over the steps).
        least: what ``noise`` would be with endless repeats, on the rows there are.
        kept: the place of the best step among ``steps`` that is real; None: the start stays.
    """

    start: float
    folds: tuple[float, ...]
    steps: tuple[Step, ...]
    noise: float
    least: float
    kept: int | None

    def answer(self, step: float = ASKED) -> str:
        """Whether a step of this size can be seen, as a sentence."""
        if math.isnan(self.noise):
            return f"whether a step of {step:g} is real cannot be told: no step has a score"
        if self.noise <= step:
            return (
                f"a step of {step:g} is more than the noise here, ±{self.noise:.4f} in the "
                "median of the steps: each has its own interval"
            )
        told = (
            f"a step of {step:g} is within the noise of ±{self.noise:.4f} on {len(self.folds)} "
            f"folds"
        )
        if self.least >= step:
            return f"{told}; on these rows no number of repeats would show it"
        return f"{told}; more --repeats would show it (at least ±{self.least:.4f} stays)"


def judge(
    trials: Sequence[TrialView], values: Sequence[Any], metric: str, direction: str,
    test_share: float,
) -> Judged:  # fmt: skip
    """The steps of a vary sweep.

    Args:
        trials: the start first, then by value.
        values: of the steps.
        metric: that the sweep ranks by.
        direction: of it.
        test_share: test rows over training rows of a fold.
    """
    start, *others = trials
    base = start.folds.get(metric, ())
    usable = [_paired(each, base, metric) for each in others]
    count = sum(each is not None for each in usable)
    steps = [
        _step(trial, value, pairs, metric, test_share, max(1, count))
        for trial, value, pairs in zip(others, values, usable, strict=True)
    ]
    steps = _holm(steps, direction)
    halves = [(each.high - each.low) / 2 for each in steps if not math.isnan(each.low)]
    noise = median(halves) if halves else math.nan
    folds = len(base)
    shrunk = math.sqrt(test_share / (1 / folds + test_share)) if folds else math.nan
    return Judged(
        fmean(base) if base else math.nan, tuple(base), tuple(steps), noise, noise * shrunk,
        _kept(steps, direction),
    )  # fmt: skip


def _paired(trial: TrialView, base: Sequence[float], metric: str) -> list[float] | None:
    """Differences by fold; None where the step or the start has no score on one."""
    folds = trial.folds.get(metric, ())
    if trial.state != "completed" or len(folds) != len(base) or len(base) < 2:
        return None
    found = [one - other for one, other in zip(folds, base, strict=True)]
    return found if np.isfinite(found).all() else None


def _step(
    trial: TrialView, value: Any, pairs: list[float] | None, metric: str, share: float, count: int
) -> Step:
    folds = trial.folds.get(metric, ())
    nan = math.nan
    step = Step(
        value, trial.trial, fmean(folds) if folds else nan, tuple(folds), nan, nan, nan, nan, nan,
        "cannot tell", trial.fit_s, trial.wall_s, trial.reason or "",
    )  # fmt: skip
    if pairs is None:
        return replace(step, reason=step.reason or f"trial {trial.trial} is {trial.state}")
    ends = corrected_t(pairs, share, level=1 - (1 - LEVEL) / count)
    return replace(
        step, difference=fmean(pairs), low=ends.low, high=ends.high, p=corrected_t_p(pairs, share)
    )


def _holm(steps: Sequence[Step], direction: str) -> list[Step]:
    """Adjusted p values and verdicts: the smallest times the number of steps, and so on."""
    known = sorted((i for i, each in enumerate(steps) if not math.isnan(each.p)),
                   key=lambda i: steps[i].p)  # fmt: skip
    found, highest = list(steps), 0.0
    for rank, place in enumerate(known):
        step = steps[place]
        highest = max(highest, min(1.0, step.p * (len(known) - rank)))
        up = step.difference > 0 if direction == "maximize" else step.difference < 0
        verdict: Verdict = "may be noise"
        if highest <= 1 - LEVEL and step.difference:
            verdict = "better" if up else "worse"
        found[place] = replace(step, p_holm=highest, verdict=verdict)
    return found


def _kept(steps: Sequence[Step], direction: str) -> int | None:
    sign = 1.0 if direction == "maximize" else -1.0
    better = [place for place, each in enumerate(steps) if each.verdict == "better"]
    return max(better, key=lambda place: sign * steps[place].score, default=None)


def as_json(judged: Judged) -> Mapping[str, Any]:
    """What `quintain vary --json` says of the steps, NaN as null."""
    told = {
        "start": judged.start,
        "start_folds": judged.folds,
        "noise": judged.noise,
        "least_noise": judged.least,
        "steps": [each.to_json() for each in judged.steps],
        "answer": judged.answer(),
    }
    return {name: plain(value, f"$.{name}") for name, value in told.items()}
