"""Confidence intervals in closed form: of a mean over folds, of one test set's AUC, of a rate.

None of them calls itself exact. Folds share their training rows, so the spread of their scores
understates that of their mean (Nadeau & Bengio 2003; Bates, Hastie & Tibshirani 2024): the
corrected resampled t widens it. What cannot be had is an interval of NaN whose method says why,
never a false number.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit, ndtri, stdtr, stdtrit

from evaluators.types import Floats, Interval, Ints


def corrected_t(
    folds: Sequence[float], test_share: float, *, level: float = 0.95, around: float | None = None
) -> Interval:
    """Of the mean of fold scores: the corrected resampled t (Nadeau & Bengio 2003).

    The variance of the mean is taken as ``var(folds) * (1 / J + n_test / n_train)`` for J folds
    of all repeats, with J - 1 degrees of freedom; the second term stands for the rows that the
    training sets share.

    Args:
        folds: one score per fold; or paired differences of two models.
        test_share: n_test / n_train of one fold, as 0.25 in 5-fold cross-validation.
        level: of confidence.
        around: the middle in place of the folds' mean, as a score pooled over the folds.
    """
    values = np.asarray(folds, dtype=np.float64)
    method = f"corrected resampled t ({len(values)} folds)"
    if len(values) < 2:
        return _none(level, f"{method}: needs two folds or more")
    if not np.isfinite(values).all():
        return _none(level, f"{method}: undefined on a fold")
    middle = float(values.mean()) if around is None else around
    half = float(stdtrit(len(values) - 1, (1 + level) / 2)) * _corrected_se(values, test_share)
    return Interval(middle - half, middle + half, level, method)


def corrected_t_p(differences: Sequence[float], test_share: float) -> float:
    """Two-sided p value of a mean of 0, by the corrected resampled t (see ``corrected_t``).

    NaN with fewer than two folds or where a difference is undefined. If all differences are
    equal: 1.0 where they are 0, else 0.0.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2 or not np.isfinite(values).all():
        return math.nan
    mean, error = float(values.mean()), _corrected_se(values, test_share)
    if error == 0 or np.ptp(values) == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(len(values) - 1, -abs(mean / error)))


def _corrected_se(values: Floats, test_share: float) -> float:
    return math.sqrt(float(values.var(ddof=1)) * (1 / len(values) + test_share))


def delong(target: Ints, output: Floats, *, level: float = 0.95) -> tuple[float, Interval]:
    """ROC AUC of one test set and its interval (DeLong, DeLong & Clarke-Pearson 1988).

    The variance is var(V10) / n1 + var(V01) / n0, where V10 is for each positive the share of
    negatives that score below it and V01 for each negative the share of positives above it, ties
    counting half. The interval is taken on the logit scale, so that it stays within 0 and 1 and
    covers near 1 (Pepe 2003, 5.2.5).

    A perfect (or perfectly wrong) ranking has no variance though its truth is not known exactly:
    the rarer class then gives min(n0, n1) pairs without a common row, all ranked alike, and the
    far end is the exact one of Clopper & Pearson for those: ``((1 - level) / 2) ** (1 / pairs)``.

    Not for out-of-fold outputs of several fits, whose scores do not compare.

    Args:
        target: (rows,) 0 or 1.
        output: (rows,) anything that ranks, higher for class 1.
        level: of confidence.
    """
    negatives, positives = np.sort(output[target == 0]), np.sort(output[target == 1])
    if not (len(negatives) and len(positives) and np.isfinite(output).all()):
        return math.nan, _none(level, "DeLong: needs both classes and finite outputs")
    above = _share_below(negatives, positives)  # V10
    below = 1 - _share_below(positives, negatives)  # V01
    area = float(above.mean())
    if len(negatives) < 2 or len(positives) < 2:
        return area, _none(level, "DeLong: needs two rows of each class")
    method = "DeLong, on the logit scale"
    if area in (0.0, 1.0):
        pairs = min(len(negatives), len(positives))
        far = ((1 - level) / 2) ** (1 / pairs)
        low, high = (far, 1.0) if area else (0.0, 1 - far)
        return area, Interval(
            low, high, level, f"exact, for {pairs} pairs without one ranked wrongly"
        )
    error = math.sqrt(above.var(ddof=1) / len(positives) + below.var(ddof=1) / len(negatives))
    # The slope of the logit is 1 / (a (1 - a)).
    half = _quantile(level) * error / (area * (1 - area))
    low, high = (float(expit(logit(area) + side * half)) for side in (-1, 1))
    return area, Interval(low, high, level, method)


def _share_below(others: Floats, scores: Floats) -> Floats:
    """For each of ``scores`` the share of the sorted ``others`` below it, ties counting half."""
    left, right = (np.searchsorted(others, scores, side) for side in ("left", "right"))
    shares: Floats = (left + right) / (2 * len(others))
    return shares


def wilson(hits: float, rows: float, *, level: float = 0.95) -> Interval:
    """Of a rate such as a recall or a precision: the score interval of Wilson (1927).

    Args:
        hits: how many of the rows, as the true positives.
        rows: of how many, as all positives; averaged over repeats it need not be a whole number.
        level: of confidence.
    """
    if not rows > 0:
        return _none(level, "Wilson: no rows")
    z2 = _quantile(level) ** 2
    rate = hits / rows
    middle = (rate + z2 / (2 * rows)) / (1 + z2 / rows)
    half = math.sqrt(z2 * (rate * (1 - rate) / rows + z2 / (4 * rows**2))) / (1 + z2 / rows)
    # At a rate of 0 or 1 the end is that rate itself, which rounding may miss.
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == rows else min(1.0, middle + half)
    return Interval(low, high, level, "Wilson")


def wider(*intervals: Interval) -> Interval:
    """The widest, its method saying which others it was wider than.

    Those that are NaN are passed over unless all are; of equals the first.
    """
    known = [each for each in intervals if not math.isnan(each.width)]
    if not known:
        return intervals[0]
    widest = max(known, key=lambda each: each.width)
    others = [each.method for each in known if each is not widest]
    if not others:
        return widest
    method = f"{widest.method}, wider than {' and '.join(others)}"
    return Interval(widest.low, widest.high, widest.level, method)


def _quantile(level: float) -> float:
    """How many standard errors to each side of a normal estimate."""
    return float(ndtri((1 + level) / 2))


def _none(level: float, why: str) -> Interval:
    return Interval(math.nan, math.nan, level, why)
