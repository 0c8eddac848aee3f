"""The formulas of the registered metrics, each a plain function of what it reads.

Three kinds of input: a confusion matrix, a ranking's curve, probabilities. All answer NaN where
the rows cannot define the value (a class it needs is missing), and never warn. A model that
predicts no positive is a bad model, not an undefined one: its 0/0 precision counts as 0, as with
scikit-learn's ``zero_division=0``.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluators.types import Floats, Ints

if TYPE_CHECKING:
    from evaluators.scored_rows import ScoredRows

#: (..., classes, classes) counts, ``[true][predicted]``.
Counts = NDArray[Any]
#: A float of one confusion matrix, an array of a stack of them.
Scores = Any


class Curve(NamedTuple):
    """Cumulative counts while the threshold falls through the distinct scores, highest first.

    ``hits`` are the positives and ``alarms`` the negatives at or above each score; the last
    entries are all the positives and all the negatives.
    """

    hits: NDArray[np.float64]
    alarms: NDArray[np.float64]

    @property
    def undefined(self) -> bool:
        """Whether one class is missing, so that there is nothing to rank."""
        return not (self.hits[-1] and self.alarms[-1])


def curve_of(positive: NDArray[np.bool_], score: Floats) -> Curve:
    """The curve of one class against the rest; one sort, rows with equal scores fall together."""
    falling = np.argsort(score)[::-1]
    ordered, hit = score[falling], positive[falling]
    del falling  # of millions of rows each array counts: a trial's peak is often here
    last_of_tie = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    del ordered
    hits = np.cumsum(hit, dtype=np.float64)[last_of_tie]
    return Curve(hits, last_of_tie + 1.0 - hits)


def count(target: Ints, labels: Ints, classes: int) -> NDArray[np.int64]:
    """The confusion matrix, ``[true][predicted]``."""
    cells = np.bincount(target * np.int64(classes) + labels, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


# --- of a confusion matrix -----------------------------------------------------------------------
# Binary data: of class 1. More classes: the mean of the per-class values (so F1 is the mean of the
# classes' F1, not the F1 of mean precision and recall; Opitz & Burst 2019), NaN if one is missing.
# A stack of matrices, (..., classes, classes), gives an array of values, (...): so a threshold is
# chosen, or a score resampled, in one call.


def _of_classes(by_class: Floats) -> Scores:
    return by_class[..., 1][()] if by_class.shape[-1] == 2 else by_class.mean(axis=-1)


def _share(part: Floats, whole: Floats, where: NDArray[np.bool_], otherwise: float) -> Floats:
    result: Floats = np.full(part.shape, otherwise)
    return np.divide(part, whole, out=result, where=where)


def _right(counts: Counts) -> Counts:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def recalls(counts: Counts) -> Floats:
    """(..., classes): of each class's rows, the share labelled as it; NaN without a row."""
    actual = counts.sum(axis=-1)
    return _share(_right(counts), actual, actual > 0, math.nan)


def precisions(counts: Counts) -> Floats:
    """(..., classes): of the rows labelled as each class, the share that is; NaN without a row."""
    predicted = counts.sum(axis=-2)
    shares = _share(_right(counts), predicted, predicted > 0, 0.0)
    return np.where(counts.sum(axis=-1) > 0, shares, math.nan)


def fbetas(counts: Counts, beta: float) -> Floats:
    """(..., classes): F of each class; NaN without a row of it."""
    actual, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    weight = beta * beta
    return _share((1 + weight) * _right(counts), weight * actual + predicted, actual > 0, math.nan)


def precision(counts: Counts) -> Scores:
    """TP / (TP + FP)."""
    return _of_classes(precisions(counts))


def recall(counts: Counts) -> Scores:
    """TP / (TP + FN)."""
    return _of_classes(recalls(counts))


def specificity(counts: Counts) -> Scores:
    """TN / (TN + FP)."""
    actual, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    negatives = actual.sum(axis=-1, keepdims=True) - actual
    false_alarms = predicted - _right(counts)
    return _of_classes(_share(negatives - false_alarms, negatives, negatives > 0, math.nan))


def fbeta(counts: Counts, beta: float) -> Scores:
    """(1 + b²) TP / ((1 + b²) TP + b² FN + FP); the denominator is b² actual + predicted."""
    return _of_classes(fbetas(counts, beta))


def accuracy(counts: Counts) -> Scores:
    """The share of rows whose label is right."""
    return _right(counts).sum(axis=-1) / counts.sum(axis=(-2, -1))


def balanced_accuracy(counts: Counts) -> Scores:
    """The mean of the classes' recalls. A missing class is NaN, not dropped from the mean."""
    return recalls(counts).mean(axis=-1)


def g_mean(counts: Counts) -> Scores:
    """The geometric mean of the classes' recalls (Kubat & Matwin 1997)."""
    each = recalls(counts)
    return np.prod(each ** (1 / each.shape[-1]), axis=-1)


def matthews_corrcoef(counts: Counts) -> Scores:
    """Matthews' correlation, for any number of classes (Gorodkin 2004).

    0 where every row got the same label; NaN where every row has the same class.
    """
    actual, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    rows = actual.sum(axis=-1)
    of_truth, of_labels = (rows**2 - (part**2).sum(axis=-1) for part in (actual, predicted))
    together = _right(counts).sum(axis=-1) * rows - (actual * predicted).sum(axis=-1)
    spread = np.sqrt(np.maximum(of_truth, 0)) * np.sqrt(np.maximum(of_labels, 0))
    found = np.clip(_share(together, spread, spread > 0, 0.0), -1.0, 1.0)
    return np.where(of_truth > 0, found, math.nan)[()]


def mean_cost(counts: Counts, costs: Sequence[Sequence[float]]) -> Scores:
    """Sum of counts times ``costs[true][predicted]``, over the rows."""
    return (counts * np.asarray(costs)).sum(axis=(-2, -1)) / counts.sum(axis=(-2, -1))


# --- of a curve ----------------------------------------------------------------------------------


def roc_auc(curve: Curve) -> float:
    """The chance that a positive scores above a negative, ties counting half (trapezoids)."""
    if curve.undefined:
        return math.nan
    below = np.concatenate(([0.0], curve.hits[:-1])) + curve.hits
    area = np.diff(curve.alarms, prepend=0.0) @ below / 2
    return _unit(area / (curve.hits[-1] * curve.alarms[-1]))


def average_precision(curve: Curve) -> float:
    """Sum of precision times the step in recall. Not the trapezoid area, which flatters."""
    if curve.undefined:
        return math.nan
    steps = np.diff(curve.hits, prepend=0.0) / curve.hits[-1]
    return _unit(steps @ _precisions(curve))


def recall_at_precision(curve: Curve, least: float) -> float:
    """The highest recall at any threshold whose precision is at least ``least``.

    0 means that no threshold reaches that precision.
    """
    if curve.undefined:
        return math.nan
    reached = curve.hits[_precisions(curve) >= least]
    return float(reached.max(initial=0.0) / curve.hits[-1])


def precision_at_recall(curve: Curve, least: float) -> float:
    """The highest precision at any threshold whose recall is at least ``least``."""
    if curve.undefined:
        return math.nan
    return float(_precisions(curve)[curve.hits / curve.hits[-1] >= least].max())


def _precisions(curve: Curve) -> Floats:
    return curve.hits / (curve.hits + curve.alarms)


def _unit(value: float) -> float:
    """Sums of many shares can pass 1 by a rounding error."""
    return float(min(max(value, 0.0), 1.0))


# --- of probabilities ----------------------------------------------------------------------------


def brier(target: Ints, proba: Floats) -> float:
    """Binary: mean (p - y)², 0 to 1. More classes: its sum over the classes, 0 to 2."""
    if proba.ndim == 1:
        return float(np.mean((proba - target) ** 2))
    # sum_k (p_k - y_k)^2 without the one-hot table: only the true class's term differs from p_k^2.
    true = proba[np.arange(len(target)), target]
    return float(np.mean(np.einsum("rk,rk->r", proba, proba) - 2 * true + 1))


def log_loss(target: Ints, proba: Floats) -> float:
    """Mean of -ln(probability of the true class), clipped at the float64 epsilon: at most 36.04."""
    if proba.ndim == 1:
        true = np.where(target == 1, proba, 1 - proba)
    else:
        true = proba[np.arange(len(target)), target]
    epsilon = np.finfo(np.float64).eps
    return float(-np.mean(np.log(np.clip(true, epsilon, 1 - epsilon))))


#: Bins of the calibration error: ten rows each are enough for the hundred rows of a small set.
BINS = 10


def calibration_error(target: Ints, proba: Floats, bins: int = BINS) -> float:
    """Expected calibration error: how far probabilities are from the frequencies they stand for.

    Mean over bins, by rows, of the distance between mean probability and share of positives. Bins
    hold equal numbers of rows: bins of equal width are empty but for the first where positives are
    rare (adaptive calibration error, Nixon et al. 2019). More classes: the mean over the classes,
    each against the rest. Noise alone makes it positive: about sqrt(p (1 - p) / rows in a bin).
    """
    if proba.ndim == 1:
        return _calibration_gap((target == 1).astype(np.float64), proba, bins)
    gaps = [
        _calibration_gap((target == code).astype(np.float64), proba[:, code], bins)
        for code in range(proba.shape[1])
    ]
    return float(np.mean(gaps))


def _calibration_gap(hit: Floats, proba: Floats, bins: int) -> float:
    """Of one class against the rest. Not ``sklearn.calibration.calibration_curve``: its quantile
    bins merge where probabilities tie, and it does not tell how many rows each holds.
    """
    order = np.argsort(proba, kind="stable")
    proba, hit = proba[order], hit[order]
    # Rows that tie share their frequency, so that the order of rows cannot matter.
    starts = np.append(0, np.flatnonzero(proba[1:] != proba[:-1]) + 1)
    sizes = np.diff(np.append(starts, len(proba)))
    hit = np.repeat(np.add.reduceat(hit, starts) / sizes, sizes)
    edges = np.linspace(0, len(proba), min(bins, len(proba)) + 1).astype(np.int64)[:-1]
    return float(np.abs(np.add.reduceat(proba - hit, edges)).sum() / len(proba))


# --- of rows -------------------------------------------------------------------------------------


def roc_auc_ovo(rows: "ScoredRows") -> float:
    """Mean over pairs of classes of the AUC between the two (Hand & Till 2001).

    A pair counts by the scores of either of its classes, both alike, whatever the other classes'
    shares: a rare class weighs as much as a frequent one. For more than two classes.
    """
    if rows.lacks_a_class:
        return math.nan
    areas = []
    for one in range(rows.classes):
        for other in range(rows.classes):
            if one != other:
                pair = np.isin(rows.target, (one, other))
                areas.append(roc_auc(curve_of(rows.target[pair] == one, rows.output[pair, one])))
    return float(np.mean(areas))
