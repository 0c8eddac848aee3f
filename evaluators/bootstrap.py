"""Percentile bootstrap of out-of-fold rows, of one score or of a difference (Efron 1979).

Rows of the dataset are drawn with replacement, as many of each class as there are (from all of them
where the target is a number); whole groups where rows come in groups. One draw counts for every
repeat that scored the row, and for both sides of a comparison, so that what they share cancels. The
models are taken as they are: an interval of
this kind leaves out what another training sample would have changed, so take the wider of it and
``intervals.corrected_t`` (SCIENCE 1.4; Bates, Hastie & Tibshirani 2024).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from evaluators.metrics import Metric
from evaluators.out_of_fold import OutOfFold, from_file, out_of_fold
from evaluators.types import Floats, Interval, Ints
from evaluators.weighing import Weights, resampled, weigher

__all__ = [
    "OutOfFold",
    "bootstrap",
    "bootstrap_difference",
    "drawn",
    "drawn_weights",
    "from_file",
    "out_of_fold",
    "strata_of",
]

#: Draws where each is a whole run of the metric, as for a user's own function.
RUN_DRAWS = 200
#: Fewer draws than asked for are taken so that draws x rows stay below this, yet never under
#: ``FEWEST``: the ends from 200 draws are uncertain by some 5% of the width.
CELLS = 200_000_000
FEWEST = 200
#: Weights held at once.
CHUNK = 16_000_000


def bootstrap(
    metric: Metric,
    scored: OutOfFold,
    *,
    groups: Ints | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Of one trial's score, as ``scored.score(metric)`` has it.

    Args:
        metric: pooled or averaged over folds as the metric says.
        scored: the trial.
        groups: (dataset rows,) codes, by position in the dataset; drawn as wholes.
        draws: how many; the method names the number taken.
        level: share of the draws within the interval.
        seed: of the draws. Equal seeds draw equal rows.
    """
    return _interval(metric, [scored], groups, draws, level, seed)


def bootstrap_difference(
    metric: Metric,
    one: OutOfFold,
    other: OutOfFold,
    *,
    groups: Ints | None = None,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Of the score of ``one`` less that of ``other``, each draw of rows serving both.

    Their folds may differ. Arguments as for ``bootstrap``.
    """
    return _interval(metric, [one, other], groups, draws, level, seed)


def _interval(
    metric: Metric, scored: Sequence[OutOfFold], groups: Ints | None, draws: int, level: float,
    seed: int,
) -> Interval:  # fmt: skip
    units, stratum, group = strata_of(scored, groups)
    draws = drawn(draws, len(units), whole_runs=resampled(metric))
    weigh = [weigher(metric, each, units) for each in scored]
    signs = (1.0, -1.0)[: len(weigh)]
    values = np.concatenate([
        np.sum([sign * each(weights) for sign, each in zip(signs, weigh, strict=True)], axis=0)
        for weights in drawn_weights(stratum, group, draws, seed)
    ])  # fmt: skip
    what = "rows" if groups is None else "groups"
    paired = "paired " if len(scored) > 1 else ""
    return percentile(values, level, f"{paired}bootstrap of {what}")


def percentile(values: Floats, level: float, name: str) -> Interval:
    """The middle ``level`` of the draws that are defined; NaN unless at least half of them are."""
    known = values[~np.isnan(values)]
    if 2 * len(known) < len(values):
        return Interval(np.nan, np.nan, level, f"{name}: undefined")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    lost = len(values) - len(known)
    more = f", {lost} of them undefined" if lost else ""
    return Interval(float(low), float(high), level, f"{name} ({len(values)} draws{more})")


def drawn(draws: int, units: int, *, whole_runs: bool = False) -> int:
    """How many draws are taken of so many rows when ``draws`` are asked for."""
    if whole_runs:
        draws = min(draws, RUN_DRAWS)
    return min(draws, max(FEWEST, CELLS // units))


def strata_of(scored: Sequence[OutOfFold], groups: Ints | None) -> tuple[Ints, Ints, Ints]:
    """What is drawn from what.

    Returns:
        units: dataset rows that any of ``scored`` has, rising.
        stratum: of each thing drawn: the row's class; of a group, the rarest class in it, so that
            a draw keeps about as many rows of each class. One for all where the target is a number.
        group: (units,) which thing each row goes with: itself, or its group.
    """
    rows = np.concatenate([each.rows for each in scored])
    units, first = np.unique(rows, return_index=True)
    target = np.concatenate([each.target for each in scored])[first]
    if scored[0].kind == "value":  # numbers have no classes to keep the shares of
        target = np.zeros(len(target), dtype=np.int64)
    if groups is None:
        return units, target, np.arange(len(units))
    group = np.unique(groups[units], return_inverse=True)[1]
    number = np.bincount(target)
    rarity = np.argsort(np.argsort(number, kind="stable"))  # 0: the rarest class
    stratum = np.full(group.max() + 1, len(number))
    np.minimum.at(stratum, group, rarity[target])
    return units, stratum, group


def drawn_weights(stratum: Ints, group: Ints, draws: int, seed: int) -> Iterator[Weights]:
    """How often each row is drawn, (rows, draws) a piece, until there are ``draws``."""
    generator = np.random.default_rng(seed)
    members = [np.flatnonzero(stratum == each) for each in np.unique(stratum)]
    alone = len(stratum) == len(group)
    done = 0
    while done < draws:
        piece = min(draws - done, max(1, CHUNK // len(group)))
        weights = np.empty((len(stratum), piece), dtype=np.int32)
        for each in members:
            weights[each] = _multinomial(generator, len(each), piece).T
        yield weights if alone else weights[group]
        done += piece


def _multinomial(generator: np.random.Generator, size: int, draws: int) -> Ints:
    """(draws, size): how often each of ``size`` was drawn in ``size`` draws.

    Ten times as fast as the generator's own ``multinomial``, which makes a binomial for each.
    """
    times = np.empty((draws, size), dtype=np.int32)
    for each in times:
        each[:] = np.bincount(generator.integers(0, size, size, dtype=np.int32), minlength=size)
    return times
