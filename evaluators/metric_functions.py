"""The formulas of the registered metrics, each a plain function of what it reads.

Three kinds of input: a confusion matrix, a ranking's curve, probabilities. All answer NaN where
the rows cannot define the value (a class it needs is missing), and never warn. A model that
predicts no positive is a bad model, not an undefined one: its 0/0 precision counts as 0, as with
scikit-learn's ``zero_division=0``.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluators.types import Floats, Ints

#: (classes, classes) counts, ``[true][predicted]``.
Counts = NDArray[np.float64]


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
    ordered = score[falling]
    last_of_tie = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    hits = np.cumsum(positive[falling], dtype=np.float64)[last_of_tie]
    return Curve(hits, last_of_tie + 1.0 - hits)


def count(target: Ints, labels: Ints, classes: int) -> NDArray[np.int64]:
    """The confusion matrix, ``[true][predicted]``."""
    cells = np.bincount(target * np.int64(classes) + labels, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


# --- of a confusion matrix -----------------------------------------------------------------------
# Binary data: of class 1. More classes: the mean of the per-class values (so F1 is the mean of the
# classes' F1, not the F1 of mean precision and recall; Opitz & Burst 2019), NaN if one is missing.


def _of_classes(by_class: Floats) -> float:
    return float(by_class[1] if len(by_class) == 2 else np.mean(by_class))


def _share(part: Floats, whole: Floats, where: NDArray[np.bool_], otherwise: float) -> Floats:
    result: Floats = np.full(len(part), otherwise)
    return np.divide(part, whole, out=result, where=where)


def _recalls(counts: Counts) -> Floats:
    actual = counts.sum(axis=1)
    return _share(np.diagonal(counts), actual, actual > 0, math.nan)


def precision(counts: Counts) -> float:
    """TP / (TP + FP)."""
    predicted = counts.sum(axis=0)
    shares = _share(np.diagonal(counts), predicted, predicted > 0, 0.0)
    return _of_classes(np.where(counts.sum(axis=1) > 0, shares, math.nan))


def recall(counts: Counts) -> float:
    """TP / (TP + FN)."""
    return _of_classes(_recalls(counts))


def specificity(counts: Counts) -> float:
    """TN / (TN + FP)."""
    negatives = counts.sum() - counts.sum(axis=1)
    false_alarms = counts.sum(axis=0) - np.diagonal(counts)
    return _of_classes(_share(negatives - false_alarms, negatives, negatives > 0, math.nan))


def fbeta(counts: Counts, beta: float) -> float:
    """(1 + b²) TP / ((1 + b²) TP + b² FN + FP); the denominator is b² actual + predicted."""
    actual, predicted = counts.sum(axis=1), counts.sum(axis=0)
    weight = beta * beta
    top = (1 + weight) * np.diagonal(counts)
    return _of_classes(_share(top, weight * actual + predicted, actual > 0, math.nan))


def accuracy(counts: Counts) -> float:
    """The share of rows whose label is right."""
    return float(np.trace(counts) / counts.sum())


def balanced_accuracy(counts: Counts) -> float:
    """The mean of the classes' recalls. A missing class is NaN, not dropped from the mean."""
    return float(np.mean(_recalls(counts)))


def g_mean(counts: Counts) -> float:
    """The geometric mean of the classes' recalls (Kubat & Matwin 1997)."""
    recalls = _recalls(counts)
    return float(np.prod(recalls ** (1 / len(recalls))))


def matthews_corrcoef(counts: Counts) -> float:
    """Matthews' correlation, for any number of classes (Gorodkin 2004).

    0 where every row got the same label; NaN where every row has the same class.
    """
    actual, predicted, rows = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    spread = (rows**2 - actual @ actual, rows**2 - predicted @ predicted)
    if spread[0] <= 0:
        return math.nan
    if spread[1] <= 0:
        return 0.0
    together = np.trace(counts) * rows - actual @ predicted
    return float(np.clip(together / (math.sqrt(spread[0]) * math.sqrt(spread[1])), -1.0, 1.0))


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
