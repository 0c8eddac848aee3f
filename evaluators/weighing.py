"""A metric under many weightings of the rows at once: the arithmetic of every resampling here.

A resample is a count for each row. Rows that a metric cannot tell apart, since they fall in the
same cell of the confusion matrix or have the same score and class, are summed first: one product
of a sparse matrix (cells by rows) with the counts (rows by draws) serves all draws. What follows
is the metric's own function on what was summed.

Above ``BINS`` distinct scores in one ranking, neighbouring ones are treated as ties, in bins of
equal parts of the two classes' shares. That changes a ROC AUC by less than 1 / (2 BINS); and as
every draw is changed much alike, the values are moved back by what the undrawn rows were changed.
Measured on 10,000 to 100,000 rows with 0.5% to 20% positives: the ends of a 95% interval move by at
most 0.2% of its width for ROC AUC and average precision, and by 1.1% for metrics of one threshold
(benchmarks/bootstrap_cost.py), where the draws themselves leave them uncertain by some 3%.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from evaluators import metric_functions as formula
from evaluators.errors import MetricError
from evaluators.metric_functions import Curve
from evaluators.metrics import Metric
from evaluators.out_of_fold import OutOfFold
from evaluators.scored_rows import ScoredRows
from evaluators.scoring import value_of
from evaluators.types import Floats, Ints

#: Most bins of one ranking.
BINS = 2048

#: (units, draws) int32: how often each row was drawn.
Weights = NDArray[np.int32]

#: From weights to one value a draw.
Weigh = Callable[[Weights], Floats]


def weigher(metric: Metric, scored: OutOfFold, units: Ints, bins: int = BINS) -> Weigh:
    """The trial's score by draw, for weights of ``units``: dataset rows, sorted, each once.

    Weights of one everywhere give ``scored.score(metric)``. A fold or repeat that a draw leaves
    undefined (it lost a class) is left out of that draw's mean; NaN where all are.
    """
    exact = scored.score(metric)
    if np.isnan(exact):
        return lambda weights: np.full(weights.shape[1], np.nan)
    unit = np.searchsorted(units, scored.rows)
    parts = [
        _of_part(metric, scored, index, unit[index], len(units), bins)
        for index in scored.parts(metric)
    ]

    def together(weights: Weights) -> Floats:
        return _mean_of_known(np.stack([part(weights) for part in parts]))

    moved = exact - float(together(np.ones((len(units), 1), dtype=np.int32))[0])
    return lambda weights: together(weights) + moved


def resampled(metric: Metric) -> bool:
    """Whether every draw is a whole run of the metric, as for a user's own function."""
    return metric.reads not in ("counts", "curve") and metric.function not in _LOSSES


def _of_part(
    metric: Metric, scored: OutOfFold, index: Ints, unit: Ints, units: int, bins: int
) -> Weigh:
    """The metric on one part of the table; ``unit`` of each row of the part."""
    rows = scored.part(index)
    if metric.reads == "counts":
        return _of_counts(metric, rows, unit, units)
    if metric.reads == "curve":
        return _of_curves(metric, rows, unit, units, bins)
    if metric.function in _LOSSES:
        return _of_losses(_LOSSES[metric.function](rows.target, rows.output), unit, units)
    return _of_rows(metric, rows, unit)


def _of_counts(metric: Metric, rows: ScoredRows, unit: Ints, units: int) -> Weigh:
    classes = rows.classes
    cells = _cells(rows.target * np.int64(classes) + rows.labels, classes**2, unit, units)

    def values(weights: Weights) -> Floats:
        counts = (cells @ weights).T.astype(np.float64).reshape(-1, classes, classes)
        return np.array([metric.function(each) if each.any() else np.nan for each in counts])

    return values


def _of_curves(metric: Metric, rows: ScoredRows, unit: Ints, units: int, bins: int) -> Weigh:
    """Binary: one curve, of class 1. More classes: the mean over each against the rest."""
    scores = [rows.output] if rows.output.ndim == 1 else list(rows.output.T)
    codes = [1] if rows.output.ndim == 1 else list(range(rows.classes))
    each = [
        _of_curve(metric, rows.target == code, score, unit, units, bins)
        for code, score in zip(codes, scores, strict=True)
    ]
    return lambda weights: np.mean([one(weights) for one in each], axis=0)


def _of_curve(
    metric: Metric, positive: NDArray[np.bool_], score: Floats, unit: Ints, units: int, bins: int
) -> Weigh:
    place = _places(positive, score, bins)
    number = int(place.max()) + 1
    cells = _cells(place + number * positive, 2 * number, unit, units)

    def values(weights: Weights) -> Floats:
        # (draws, 2, bins), contiguous along the bins that the sums run over
        drawn = (cells @ weights).T.reshape(-1, 2, number)
        alarms, hits = np.cumsum(drawn, axis=2, dtype=np.float64).transpose(1, 0, 2)
        there = drawn.any(axis=1)
        return np.array([
            metric.function(Curve(hit[seen], alarm[seen])) if seen.any() else np.nan
            for hit, alarm, seen in zip(hits, alarms, there, strict=True)
        ])  # fmt: skip

    return values


def _places(positive: NDArray[np.bool_], score: Floats, bins: int) -> Ints:
    """Each row's place in the ranking, 0 the highest score; equal scores have one place.

    Of more than ``bins`` distinct scores, neighbours share a place such that the places hold equal
    parts of the mean of the two classes' shares: a rare class is not crowded into a few.
    """
    distinct, rank = np.unique(-score, return_inverse=True)
    if len(distinct) <= bins:
        return rank.astype(np.int64)
    share = np.zeros(len(distinct))
    for part in (positive, ~positive):
        if part.any():
            share += np.bincount(rank[part], minlength=len(distinct)) / part.sum()
    # The middle of each score's own part, so that one with a large part is not split unevenly.
    middle = (np.cumsum(share) - share / 2) / share.sum()
    _, place = np.unique((middle * bins).astype(np.int64), return_inverse=True)
    return place.astype(np.int64)[rank]


def _of_losses(loss: Floats, unit: Ints, units: int) -> Weigh:
    """A mean over rows."""
    sums = csr_array((loss, (np.zeros_like(unit), unit)), shape=(1, units))
    times = _cells(np.zeros_like(unit), 1, unit, units)

    def values(weights: Weights) -> Floats:
        total = (times @ weights)[0]
        found: Floats = np.full(len(total), np.nan)
        np.divide((sums @ weights)[0], total, out=found, where=total > 0)
        return found

    return values


def _of_rows(metric: Metric, rows: ScoredRows, unit: Ints) -> Weigh:
    """Rows written out as often as they were drawn, and the metric run on them."""

    def value(times: Ints) -> float:
        index = np.repeat(np.arange(len(unit)), times[unit])
        if not len(index):
            return np.nan
        drawn = ScoredRows(rows.target[index], rows.output[index], rows.kind, rows.labels[index])
        try:
            return value_of(metric, drawn)
        except MetricError:  # a user's function that cannot do without a class
            return np.nan

    return lambda weights: np.array([value(times) for times in weights.T])


def _cells(cell: Ints, cells: int, unit: Ints, units: int) -> csr_array:
    """(cells, units): how often each unit is in each cell; whole numbers stay exact."""
    ones = np.ones(len(cell), dtype=np.int32)
    return csr_array((ones, (cell, unit)), shape=(cells, units))


def _mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis without NaN; NaN where there is nothing else."""
    known = ~np.isnan(values)
    number = known.sum(axis=0)
    found: Floats = np.full(values.shape[1], np.nan)
    np.divide(np.where(known, values, 0.0).sum(axis=0), number, out=found, where=number > 0)
    return found


def _brier_losses(target: Ints, proba: Floats) -> Floats:
    if proba.ndim == 1:
        binary: Floats = (proba - target) ** 2
        return binary
    true = proba[np.arange(len(target)), target]
    several: Floats = np.einsum("rk,rk->r", proba, proba) - 2 * true + 1
    return several


def _log_losses(target: Ints, proba: Floats) -> Floats:
    if proba.ndim == 1:
        true = np.where(target == 1, proba, 1 - proba)
    else:
        true = proba[np.arange(len(target)), target]
    epsilon = np.finfo(np.float64).eps
    losses: Floats = -np.log(np.clip(true, epsilon, 1 - epsilon))
    return losses


#: Metrics that are the mean of a loss of each row.
_LOSSES: dict[Callable[..., float], Callable[[Ints, Floats], Floats]] = {
    formula.brier: _brier_losses,
    formula.log_loss: _log_losses,
}
