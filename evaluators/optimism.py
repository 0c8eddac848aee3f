"""The winner's curse, estimated without another fit: BBC-CV.

The best of many cross-validation scores flatters, since choosing it looked at the same rows. The
bootstrap bias corrected cross-validation of Tsamardinos, Greasidou & Borboudakis (2018) repeats
the choice: draw rows, choose the trial that is best on the rows drawn, score that one on the rows
left out. It needs nothing but the out-of-fold outputs of all trials, on all folds: a trial that
was stopped early cannot take part.

It stands for the procedure "search, then take the best", on the 63% of distinct rows that a draw
chooses by: a little pessimistic, more so where rows are few (the paper, and SCIENCE 2.2).
"""

from collections.abc import Sequence

import numpy as np

from evaluators.bootstrap import drawn_weights, percentile, strata_of
from evaluators.metrics import Metric
from evaluators.out_of_fold import OutOfFold
from evaluators.types import Floats, Interval, Ints
from evaluators.weighing import resampled, weigher

#: Fewer draws than asked for are taken so that draws x rows x trials stay below this, yet never
#: under ``FEWEST``. Whole runs of a metric cost some twenty times as much.
CELLS = 2_000_000_000
RUN_CELLS = 100_000_000
FEWEST = 50
#: Bins of a ranking: a draw's choice among trials hangs on differences far above 1 / (2 BINS).
BINS = 1024


def bbc(
    metric: Metric,
    trials: Sequence[OutOfFold],
    *,
    groups: Ints | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, Interval]:
    """What the best of ``trials`` will score on other rows, and its percentile interval.

    Args:
        metric: what the best is chosen by, and scored by.
        trials: their out-of-fold rows, the same rows in all.
        groups: (dataset rows,) codes, drawn as wholes; else rows are drawn, class by class.
        draws: how many; the interval's method names the number taken.
        level: share of the draws within the interval.
        seed: of the draws.

    Raises:
        ValueError: no trials, or they were scored on different rows.
    """
    units, stratum, group = strata_of(trials[:1], groups)
    if any(not _has_rows(trial, trials[0], units) for trial in trials):
        raise ValueError("the trials of a BBC-CV are scored on the same rows")
    cells = RUN_CELLS if resampled(metric) else CELLS
    draws = min(draws, max(FEWEST, cells // (len(units) * len(trials))))
    found = []
    for weights in drawn_weights(stratum, group, draws, seed):
        left_out = (weights == 0).astype(np.int32)
        inside, outside = np.empty((2, len(trials), weights.shape[1]))
        for number, trial in enumerate(trials):
            weigh = weigher(metric, trial, units, BINS)
            inside[number], outside[number] = weigh(weights), weigh(left_out)
        found.append(_of_the_best(metric, inside, outside))
    values = np.concatenate(found)
    known = values[~np.isnan(values)]
    estimate = float(known.mean()) if len(known) else np.nan
    return estimate, percentile(values, level, f"BBC-CV over {len(trials)} trials")


def _has_rows(trial: OutOfFold, first: OutOfFold, units: Ints) -> bool:
    """Whether a trial was scored on the rows of the first, ``units``; in their order is usual."""
    return np.array_equal(trial.rows, first.rows) or np.array_equal(np.unique(trial.rows), units)


def _of_the_best(metric: Metric, inside: Floats, outside: Floats) -> Floats:
    """(draws,): the value on rows left out of the trial that is best on the rows drawn."""
    rising = inside if metric.direction == "maximize" else -inside
    best = np.where(np.isnan(rising), -np.inf, rising).argmax(axis=0)
    values: Floats = outside[best, np.arange(outside.shape[1])]
    return values
