"""How two trials on the same rows differ, and how sure that is.

Each of the two intervals misses what the other sees: the bootstrap of rows takes the models as
they are, the corrected resampled t knows how they vary with the training rows. The wider one
counts. Under other folds the bootstrap alone calls one and the same configuration different from
itself in 3 to 23% of cases, this rule in 1 to 6% at a level of 95% (measured on three learners,
four metrics, 1,000 rows, 150 data sets).
"""

import numpy as np

from evaluators.bootstrap import bootstrap_difference
from evaluators.intervals import corrected_t, wider
from evaluators.metrics import Metric
from evaluators.out_of_fold import OutOfFold
from evaluators.scoring import value_of
from evaluators.types import Interval, Ints


def difference(
    metric: Metric,
    one: OutOfFold,
    other: OutOfFold,
    *,
    same_folds: bool,
    test_share: float,
    groups: Ints | None = None,
    draws: int = 1000,
    level: float = 0.95,
) -> tuple[float, Interval]:
    """The score of ``one`` less that of ``other``, and its interval.

    Args:
        metric: what both are scored by.
        one: scored on some rows.
        other: scored on the same rows.
        same_folds: whether fold for fold the two were trained and scored on the same rows.
        test_share: n_test / n_train of a fold.
        groups: (dataset rows,) codes, drawn as wholes.
        draws: of the bootstrap.
        level: of confidence.
    """
    found = one.score(metric) - other.score(metric)
    if same_folds:
        first, second = one.fold_scores(metric), other.fold_scores(metric)
        by_fold = [first[fold] - second[fold] for fold in first]
    else:
        by_fold = _on_folds_of(metric, one, other)
        by_fold += [-value for value in _on_folds_of(metric, other, one)]
    of_rows = bootstrap_difference(metric, one, other, groups=groups, draws=draws, level=level)
    of_folds = corrected_t(by_fold, test_share, level=level, around=found)
    return found, wider(of_rows, of_folds)


def _on_folds_of(metric: Metric, one: OutOfFold, other: OutOfFold) -> list[float]:
    """On the rows of each fold of ``one``, its value less that of ``other``.

    The rows cancel, so what varies from fold to fold is the one fit of the fold against the
    several fits of ``other`` whose rows these are. Of its repeats the mean is taken.
    """
    repeats = [np.flatnonzero(other.repeat == each) for each in np.unique(other.repeat)]
    found = []
    for fold in np.unique(one.fold):
        mine = np.flatnonzero(one.fold == fold)
        theirs = [part[np.isin(other.rows[part], one.rows[mine])] for part in repeats]
        value = np.mean([value_of(metric, other.part(part)) for part in theirs])
        found.append(value_of(metric, one.part(mine)) - float(value))
    return found
