"""What may be told of a test set that was looked at before: the Ladder.

The parameter-free Ladder of Blum & Hardt (ICML 2015) keeps the best submission so far and answers
with its score until a new one is better by more than one standard deviation of the paired
difference, ``sd(loss(new) - loss(best)) / sqrt(n)``; then it answers with the new score, rounded
to 1/n. Metrics that are no mean over rows take the bootstrap's standard deviation of the
difference in its place (our own extension).

One step is ours: instead of one standard deviation, the difference has to pass the normal quantile
of the level that the look's interval has. One is not enough against somebody who changes a few
labels a time, for whom a step of one standard deviation is small and a sixth of all steps
succeeds: 500 such looks at 4,000 rows of noise gained 0.065 in accuracy at one standard deviation
and 0.001 with the quantile, where exact answers gained 0.096 (benchmarks/attack.py).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from evaluators import metric_functions as formula
from evaluators.bootstrap import bootstrap, drawn_weights, strata_of
from evaluators.intervals import delong, wilson
from evaluators.metrics import Metric
from evaluators.number_metrics import r2
from evaluators.out_of_fold import OutOfFold
from evaluators.types import Floats, Interval, Ints, ScoreKind
from evaluators.weighing import weigher

#: What the levels of all looks at one test set leave out between them, at most: the k-th look's
#: interval has the level 1 - ERROR / k (Bonferroni).
ERROR = 0.05
#: Draws for a standard deviation: known to 5%.
DRAWS = 200
#: Draws beyond the ends of a bootstrapped interval.
BEYOND = 50


@dataclass(frozen=True, slots=True, eq=False)
class Rung:
    """What the ladder tells at present.

    Attributes:
        scored: the best submission so far.
        score: as it was told.
    """

    scored: OutOfFold
    score: float


def level_of(look: int) -> float:
    """The level of the interval of the ``look``-th look, 1 the first."""
    return 1 - ERROR / look


def one_test_set(
    rows: Ints, target: Ints, output: Floats, kind: ScoreKind, labels: Ints
) -> OutOfFold:
    """One model's outputs on test rows, ``rows`` being their numbers, as bootstraps read them."""
    nothing = np.zeros(len(rows), np.int64)
    return OutOfFold(rows, nothing, nothing, target, output, kind, labels)


def climb(
    metric: Metric, rung: Rung | None, new: OutOfFold, look: int, groups: Ints | None = None
) -> tuple[Rung, bool]:
    """The rung after a submission, and whether it was told.

    Args:
        metric: by which submissions are compared.
        rung: before it; None at the first submission, which is told exactly.
        new: the submission. It is compared on the rows that both have; told where they share none.
        look: its number, from 1.
        groups: of rows, by their number; drawn as wholes.
    """
    score = new.score(metric)
    if rung is None:
        return Rung(new, score), True
    if not _shown_better(metric, new, rung.scored, look, groups):
        return rung, False
    return Rung(new, rounded(score, len(new.rows), step_of(metric, new))), True


def interval_of(
    metric: Metric, scored: OutOfFold, look: int, groups: Ints | None = None
) -> Interval:
    """How sure a score on test rows is, at the level of the ``look``-th look.

    DeLong for the ROC AUC of two classes, Wilson for shares of rows, each where rows come alone;
    else the bootstrap of rows or groups, with as many draws beyond each end at every level.
    """
    level = level_of(look)
    if groups is None and scored.classes == 2:
        if metric.function is formula.roc_auc:
            return delong(scored.target, scored.output, level=level)[1]
        counts = scored.part(np.arange(len(scored.rows))).counts
        shares = {
            formula.accuracy: (np.trace(counts), counts.sum()),
            formula.recall: (counts[1, 1], counts[1].sum()),
            formula.specificity: (counts[0, 0], counts[0].sum()),
            formula.precision: (counts[1, 1], counts[:, 1].sum()),
        }
        if metric.function in shares:
            return wilson(*map(float, shares[metric.function]), level=level)
    return bootstrap(metric, scored, groups=groups, draws=round(BEYOND / (1 - level)), level=level)


def step_of(metric: Metric, scored: OutOfFold) -> float:
    """What 1 is to a metric of shares: for one of errors in the target's unit, what the rows' mean
    scores.
    """
    if scored.kind != "value":
        return 1.0
    mean = np.full(len(scored.rows), scored.target.mean())
    score = abs(replace(scored, output=mean, labels=mean).score(metric))
    return score if math.isfinite(score) and score > 0 and metric.function is not r2 else 1.0


def rounded(score: float, rows: int, unit: float = 1.0) -> float:
    """To the next multiple of unit / rows."""
    return score if math.isnan(score) else round(score / unit * rows) / rows * unit


def _shown_better(
    metric: Metric, new: OutOfFold, best: OutOfFold, look: int, groups: Ints | None
) -> bool:
    one, other = _on_common_rows(new, best)
    if one is None or other is None:
        return True
    gain = one.score(metric) - other.score(metric)
    if metric.direction == "minimize":
        gain = -gain
    if math.isnan(gain) or gain <= 0:
        return bool(np.isnan(other.score(metric)) and not np.isnan(one.score(metric)))
    steps = float(ndtri((1 + level_of(look)) / 2))
    return gain > steps * deviation(metric, one, other, groups)


def deviation(metric: Metric, one: OutOfFold, other: OutOfFold, groups: Ints | None) -> float:
    """The standard deviation of the difference of two scores on the same rows."""
    if metric.function is formula.accuracy and groups is None:
        right = (one.labels == one.target).astype(float) - (other.labels == other.target)
        return float(right.std() / math.sqrt(len(right)))  # the paper's own
    units, stratum, group = strata_of([one, other], groups)
    first, second = (weigher(metric, each, units) for each in (one, other))
    values = [first(w) - second(w) for w in drawn_weights(stratum, group, DRAWS, seed=0)]
    return float(np.nanstd(np.concatenate(values)))


def _on_common_rows(one: OutOfFold, other: OutOfFold) -> tuple[OutOfFold | None, OutOfFold | None]:
    """Both on the rows they share, in one order; None where there are none."""
    common, first, second = np.intersect1d(one.rows, other.rows, return_indices=True)
    if not len(common):
        return None, None
    return _part(one, first), _part(other, second)


def _part(scored: OutOfFold, index: Ints) -> OutOfFold:
    labels = scored.labels[index]
    return one_test_set(
        scored.rows[index], scored.target[index], scored.output[index], scored.kind, labels
    )
