"""Rounds that the user left open: as many as help on training rows that are held out.

``n_estimators = "auto"`` (``max_iter`` of histogram boosting) grows a booster on nine tenths of the
rows that it is given until rounds no longer help on the rest. A fold's test rows have no part in
that, so its score stays as honest as with a number; the rows held out are not learnt from.
"""

from typing import Any, NamedTuple

import numpy as np

from evaluators.rows import Rows
from evaluators.types import Floats, Ints

AUTO = "auto"
#: Rounds at most, and how many in a row may bring nothing. Of so many rows one is held out.
MOST_ROUNDS, PATIENCE, ONE_OF = 2_000, 50, 10


class Sample(NamedTuple):
    """Rows, their labels or numbers, their weights if they have some."""

    X: Floats | Rows
    y: Any
    weight: Floats | None


def held_out(
    X: Floats | Rows, y: Any, weight: Floats | None, seed: int | None
) -> tuple[Sample, Sample]:
    """What is learnt from, and what is held out: at random, by class or in order of the number."""
    if isinstance(X, Rows):  # the same for every trial, as what is made of rows goes by their index
        learnt, held, index = X.kept.get(
            X.index, (AUTO, seed), lambda: _divided(y, seed, X.index), lambda _: 0.0
        )
        inner: Floats | Rows = Rows(X.values, index, X.kept, X.cuts)
        outer = X.values[X.index[held]]
    else:
        learnt, held, _ = _divided(y, seed, np.arange(len(y)))
        inner, outer = X[learnt], X[held]
    weights = (None, None) if weight is None else (weight[learnt], weight[held])
    return Sample(inner, y[learnt], weights[0]), Sample(outer, y[held], weights[1])


def _divided(y: Any, seed: int | None, index: Ints) -> tuple[Ints, Ints, Ints]:
    """Places to learn from and to hold out, rising, and the former in ``index``.

    No class is held out whole: its first row is learnt from.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    held = np.zeros(len(y), dtype=bool)
    held[order[ONE_OF - 1 :: ONE_OF]] = True
    if y.dtype.kind in "iu":
        _, first = np.unique(y[order], return_index=True)
        held[order[first]] = False
    learnt = np.flatnonzero(~held)
    return learnt, np.flatnonzero(held), index[learnt]
