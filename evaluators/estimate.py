"""How sure an estimate is: the wider of what the folds say and what the rows say.

The corrected resampled t knows how much scores differ between training sets, the bootstrap of rows
how much they owe to the rows that happened to be scored; each misses the other's part, and each
can be the smaller one (SCIENCE 1.4). Both are approximate: folds share their rows.
"""

from collections.abc import Sequence

import numpy as np

from evaluators.bootstrap import OutOfFold, bootstrap
from evaluators.intervals import corrected_t, wider
from evaluators.metrics import Metric
from evaluators.types import Interval, Ints, Split


def tested_share(splits: Sequence[Split]) -> float:
    """Test rows over training rows of a fold, on average."""
    return float(np.mean([len(split.test) / len(split.train) for split in splits]))


def estimate_interval(
    metric: Metric,
    score: float,
    by_fold: Sequence[float],
    scored: OutOfFold,
    splits: Sequence[Split],
    groups: Ints | None,
) -> Interval:
    """Around a score on a partition that chose nothing; within the metric's bounds."""
    of_folds = corrected_t(by_fold, tested_share(splits), around=score)
    of_rows = bootstrap(metric, scored, groups=groups)
    found = wider(of_folds, of_rows)
    low, high = np.clip((found.low, found.high), *metric.bounds)
    return Interval(float(low), float(high), found.level, found.method)
