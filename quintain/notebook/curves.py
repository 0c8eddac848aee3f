"""PR and ROC curves of a trial's out-of-fold rows, with bands of the bootstrap.

All rows of all folds stand in one ranking, so that the area here differs a little from a metric
that is a mean over folds. A band is pointwise: at each place of the horizontal axis the middle 95%
of what curves of resampled rows (of whole groups where rows come in groups) reach there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.bootstrap import drawn_weights, strata_of
from evaluators.out_of_fold import OutOfFold
from evaluators.types import Floats, Ints

#: Places of the horizontal axis.
GRID = np.linspace(0.0, 1.0, 101)
DRAWS = 200
LEVEL = 0.95
#: Steps of one ranking: neighbouring scores beyond are taken together, equal parts of the rows.
STEPS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One curve over ``GRID`` with its band, and the area under it with its interval."""

    ys: Floats
    low: Floats
    high: Floats
    area: float
    area_low: float
    area_high: float


@dataclass(frozen=True, slots=True, eq=False)
class ClassCurves:
    """Of one class against the rest. ``share``: of its rows, which is what PR has to beat."""

    name: str
    share: float
    roc: Curve
    pr: Curve


def class_curves(
    scored: OutOfFold, names: tuple[str, ...], groups: Ints | None
) -> list[ClassCurves]:
    """Of the positive class, or of each of several; a class without rows is left out."""
    units, stratum, group = strata_of([scored], groups)
    unit = np.searchsorted(units, scored.rows)
    found = []
    for code in (1,) if scored.output.ndim == 1 else range(scored.classes):
        output = scored.output if scored.output.ndim == 1 else scored.output[:, code]
        positive = scored.target == code
        if not positive.any() or positive.all():
            continue
        place = _places(output)
        hits, alarms = ((place[of], unit[of]) for of in (positive, ~positive))
        whole = _curves(hits, alarms, np.ones((len(units), 1)))
        drawn = [
            _curves(hits, alarms, weights)
            for weights in drawn_weights(stratum, group, DRAWS, seed=0)
        ]
        parts = [np.concatenate(each) for each in zip(*drawn, strict=True)]
        roc, pr = (_banded(whole[at][0], parts[at], whole[at + 2][0], parts[at + 2])
                   for at in (0, 1))  # fmt: skip
        found.append(ClassCurves(names[code], float(positive.mean()), roc, pr))
    return found


def _places(output: Floats) -> Ints:
    """Each row's step in the ranking, 0 the highest score; equal scores share one."""
    distinct, rank, number = np.unique(-output, return_inverse=True, return_counts=True)
    if len(distinct) <= STEPS:
        return rank.astype(np.int64)
    middle = (np.cumsum(number) - number / 2) / len(output)
    step = np.unique((middle * STEPS).astype(np.int64), return_inverse=True)[1]
    return step.astype(np.int64)[rank]


def _curves(
    hits: tuple[Ints, Ints], alarms: tuple[Ints, Ints], weights: NDArray[Any]
) -> tuple[Floats, ...]:
    """ROC and PR over ``GRID``, (draws, places) each, and the areas, (draws,) each.

    ``hits``, ``alarms``: step and unit of each row of the class and of the others; ``weights``:
    (units, draws).
    """
    rows = list(_each(hits, alarms, weights))
    roc, pr, roc_area, pr_area = (np.array(each) for each in zip(*rows, strict=True))
    return roc, pr, roc_area, pr_area


def _each(
    hits: tuple[Ints, Ints], alarms: tuple[Ints, Ints], weights: NDArray[Any]
) -> Iterator[tuple[Floats, Floats, float, float]]:
    steps = int(max(place.max() for place, _ in (hits, alarms))) + 1
    for draw in np.ascontiguousarray(weights.T):  # rows are looked up in it 190,000 at a time
        hit, alarm = (np.bincount(place, draw[unit], steps) for place, unit in (hits, alarms))
        found, false = np.cumsum(hit), np.cumsum(alarm)
        recall = np.r_[0.0, found / found[-1]]
        fallout = np.r_[0.0, false / false[-1]]
        precision = found / np.maximum(found + false, 1e-12)
        # from the right, so that a vertical rise at one place counts with its upper end
        roc = np.interp(GRID, fallout + 1e-12 * np.arange(len(fallout)), recall)
        reached = np.minimum(np.searchsorted(recall[1:], GRID - 1e-12), steps - 1)
        yield (
            roc, precision[reached], float(np.trapezoid(recall, fallout)),
            float(np.sum(np.diff(recall) * precision)),
        )  # fmt: skip


def _banded(ys: Floats, drawn: Floats, area: float, areas: Floats) -> Curve:
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    low, high = np.quantile(drawn, ends, axis=0)
    area_low, area_high = np.quantile(areas, ends)
    return Curve(ys, low, high, float(area), float(area_low), float(area_high))
