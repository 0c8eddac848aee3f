"""Folds that run forward in time: expanding windows."""

from itertools import pairwise

import numpy as np

from evaluators.errors import SplitError
from evaluators.split_checks import missing_class
from evaluators.split_plan import SplitPlan
from evaluators.types import Dataset, Floats, Ints, Split

#: Offsets looked at for one repeat of fresh windows before giving up.
_OFFSETS_TO_TRY = 20


def windows(plan: SplitPlan, folds: int, dataset: Dataset) -> list[Split]:
    """scikit-learn's TimeSeriesSplit, its cuts moved back to the last change of time.

    Folds in which nothing is left to train or to test on come out empty. Where the plan is fresh
    all cuts of a repeat are first moved by one offset of up to half a window, earlier or later,
    to where neither an unmoved plan nor an earlier repeat has them; folds that lack a class get
    another offset.

    Raises:
        SplitError: no offset gives fresh folds.
    """
    assert dataset.time is not None
    order = np.argsort(dataset.time, kind="stable")
    moments = dataset.time[order]
    plain = _cuts(moments, folds, 0)
    if not plan.fresh:
        return _folds(order, plain, 0)
    reach = dataset.rows // (folds + 1) // 2
    generator = np.random.default_rng(plan.seed % 2**32)
    taken = {tuple(plain)}
    splits: list[Split] = []
    for repeat in range(plan.repeats):
        problem = "there is no other change of time near them"
        for offset in generator.permutation(np.r_[-reach:0, 1 : reach + 1])[:_OFFSETS_TO_TRY]:
            cuts = _cuts(moments, folds, int(offset))
            if tuple(cuts) in taken:
                continue
            moved = _folds(order, cuts, repeat)
            problem = missing_class(moved, dataset, plan)
            if not problem:
                taken.add(tuple(cuts))
                splits += moved
                break
        else:
            raise SplitError(f"the cuts between windows in time cannot be moved: {problem}")
    return splits


def _cuts(moments: Floats, folds: int, offset: int) -> Ints:
    """Where each test window begins among the rows in order of time, and where the last ends."""
    size = len(moments) // (folds + 1)
    places = len(moments) - size * np.arange(folds, 0, -1) + offset
    return np.append(np.searchsorted(moments, moments[places]), len(moments))


def _folds(order: Ints, cuts: Ints, repeat: int) -> list[Split]:
    return [
        Split(np.sort(order[:start]), np.sort(order[start:end]), repeat)
        for start, end in pairwise(cuts)
    ]
