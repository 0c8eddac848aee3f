"""What is to be said after a sweep, read off its numbers alone.

Each check gives one warning or none, and none where a number it needs is not known. On clean data
each may fire in fewer than 5 of 100 sweeps (``benchmarks/guard_alarms.py`` measures it): noise
alone is no news.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from scipy.special import stdtrit

from evaluators.types import Warned
from search.policy import Direction

_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Contender:
    """A finalist by fold: ``search`` on the folds searched on, ``fresh`` on those dealt anew."""

    name: str
    search: Sequence[float]
    fresh: Sequence[float]


def within_noise_of_baseline(
    score: float, low: float, high: float, baseline: float, direction: Direction
) -> tuple[Warned, ...]:
    """The winner's interval reaches what a model without features scores."""
    near, gain = (low, score - baseline) if direction == "maximize" else (high, baseline - score)
    if not _known(score, near, baseline):
        return ()
    if (near > baseline) if direction == "maximize" else (near < baseline):
        return ()
    text = (
        f"the winner's estimate {score:.4f} ({low:.4f} to {high:.4f}) is within noise of the "
        f"baseline {baseline:.4f}, which uses no feature: look at the data, not the model (are "
        f"the labels right, do the features bear on them, are there enough rows?)"
    )
    return (Warned("within_noise_of_baseline", text, gain),)


def optimism_large(
    selection: float, score: float, low: float, high: float, direction: Direction
) -> tuple[Warned, ...]:
    """The score that the search ranked by lies beyond the estimate's interval, on the good side."""
    far, gain = (high, selection - score) if direction == "maximize" else (low, score - selection)
    if not _known(selection, score, far):
        return ()
    if (selection <= far) if direction == "maximize" else (selection >= far):
        return ()
    text = (
        f"the search scored the winner {selection:.4f}, beyond the interval of its estimate "
        f"{score:.4f} ({low:.4f} to {high:.4f}): the search has fitted its folds; expect the "
        f"estimate, and give the next sweep evaluate.repeats or more rows rather than more trials"
    )
    return (Warned("optimism_large", text, gain),)


def winner_unstable(
    contenders: Sequence[Contender], direction: Direction, test_share: float
) -> tuple[Warned, ...]:
    """The best on the searched folds falls behind on fresh ones, by more than folds differ.

    Finalists are close by their making, so that a change of order alone says nothing. What counts
    is how far the lead over another finalist swings between the partitions: the difference of the
    mean paired fold differences, against its corrected error (Nadeau & Bengio 2003), the sum of
    ``var(d) * (1 / J + test_share)`` over the two partitions of J folds each; Bonferroni over the
    finalists that overtake it.

    Args:
        contenders: every finalist; all with the same folds in the same order.
        direction: of the scores.
        test_share: n_test / n_train of a fold.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    whole = [
        each for each in contenders
        if len(each.search) > 1 and len(each.fresh) > 1 and _known(*each.search, *each.fresh)
    ]  # fmt: skip
    if len(whole) < 2:
        return ()
    first = max(whole, key=lambda each: sign * fmean(each.search))
    level = 1 - (1 - _LEVEL) / (len(whole) - 1)
    swings = [_swing(first, other, sign, test_share, level) for other in whole]
    size, ahead, behind, name = max((each for each in swings if each), default=(0.0, 0.0, 0.0, ""))
    if not name:
        return ()
    text = (
        f"{first.name} leads {name} by {ahead:.4f} on the folds searched on and trails it by "
        f"{behind:.4f} on fresh ones, more than folds differ by chance: who wins depends on how "
        f"rows are dealt; set evaluate.repeats, or bring more rows, before you build on the "
        f"winner's parameters"
    )
    return (Warned("winner_unstable", text, size),)


def _swing(
    first: Contender, other: Contender, sign: float, test_share: float, level: float
) -> tuple[float, float, float, str] | None:
    """Swing, lead before, arrears after and name of one that overtakes beyond chance, or None."""
    before, after = (
        [sign * (one - two) for one, two in zip(ours, theirs, strict=True)]
        for ours, theirs in ((first.search, other.search), (first.fresh, other.fresh))
    )
    swing = fmean(before) - fmean(after)
    error = math.sqrt(sum(variance(d) * (1 / len(d) + test_share) for d in (before, after)))
    quantile = float(stdtrit(len(before) + len(after) - 2, (1 + level) / 2))
    if fmean(after) >= 0 or swing <= quantile * error:
        return None
    return swing, fmean(before), -fmean(after), other.name


def _known(*numbers: float) -> bool:
    return all(math.isfinite(number) for number in numbers)
