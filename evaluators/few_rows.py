"""Rung 0 of models that are not fitted in rounds: a part of the first fold's rows to learn from."""

import math

import numpy as np
from numpy.typing import NDArray

from evaluators.race import FEW_ROUNDS
from evaluators.types import Ints

#: Rows of a part, as a share of those of the fold: it takes what a booster's few rounds take.
FEW_ROWS = FEW_ROUNDS
#: Rows that it needs at least, and of the rarest class; where that is more than so large a share
#: there is no rung 0: a look would cost a good part of the fit it may save.
FEWEST_ROWS, FEWEST_OF_A_CLASS, LARGEST_SHARE = 2_000, 100, 1 / 3


def few_of(train: Ints, target: NDArray[np.generic], classes: int) -> Ints | None:
    """Some of the rows ``train``, in their order; None where they are too few to tell anything.

    Of each class the same share, evenly spaced, so that time and order are covered as they are in
    the whole. ``target``: of all rows; without classes numbers, of whose order every n-th is taken.
    """
    values = target[train]
    share = FEW_ROWS
    groups = [np.argsort(values, kind="stable")]
    if classes:
        groups = [
            found for label in range(classes) if len(found := np.flatnonzero(values == label))
        ]
        share = max(share, FEWEST_OF_A_CLASS / min(len(group) for group in groups))
    share = max(share, FEWEST_ROWS / len(train))
    if share > LARGEST_SHARE:
        return None
    chosen = [group[_spaced(len(group), math.ceil(share * len(group)))] for group in groups]
    few: Ints = train[np.sort(np.concatenate(chosen))]
    return few


def _spaced(count: int, wanted: int) -> Ints:
    """So many of the numbers below ``count``, evenly apart."""
    places: Ints = np.arange(wanted) * count // wanted
    return places
