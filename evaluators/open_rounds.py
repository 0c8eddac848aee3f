"""Rounds that the user left open: as many as help on training rows that are held out.

``n_estimators = "auto"`` (``max_iter`` of histogram boosting) grows a booster on nine tenths of the
rows that it is given until rounds no longer help on the rest. A fold's test rows have no part in
that, so its score stays as honest as with a number; the rows held out are not learnt from.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evaluators.errors import ModelError
from evaluators.model_table import OWN_CLASS_WEIGHTS
from evaluators.recipe import ModelRecipe
from evaluators.resampling import NONE
from evaluators.rows import Rows
from evaluators.types import Floats, Ints

if TYPE_CHECKING:  # what is mixed into a library's booster has all names that the booster has
    from sklearn.base import BaseEstimator

    MixedIn = BaseEstimator
else:
    MixedIn = object

AUTO = "auto"
#: Rounds at most, and how many in a row may bring nothing. Of so many rows one is held out.
MOST_ROUNDS, PATIENCE, ONE_OF = 2_000, 50, 10
#: Who can, and by which parameter.
ROUNDS: Mapping[str, str] = {
    "xgboost": "n_estimators", "lightgbm": "n_estimators", "hist_gradient_boosting": "max_iter",
}  # fmt: skip


def check_open_rounds(recipe: ModelRecipe, names: Iterable[str], methods: Iterable[str]) -> None:
    """Refuse rounds left open beside what would make the rows held out no measure of them.

    ``names``: of all parameters, fixed and searched; ``methods``: of resampling that may come.

    Raises:
        ModelError: a model without such rounds; rows made by resampling would stand on both sides,
            or weights of the library's own would not count among those held out.
    """
    asked = [name for name in {*ROUNDS.values()} if recipe.params.get(name) == AUTO]
    if recipe.target is not None or not asked:
        return
    if asked != [ROUNDS.get(recipe.estimator)]:
        able = ", ".join(f"{model} ({name})" for model, name in ROUNDS.items())
        raise ModelError(f'{asked[0]} = "auto" is for boosters, which are {able}: write a number')
    if any(method != NONE for method in methods):
        raise ModelError(
            'rounds "auto" hold out rows, and resampling would put copies of them among those '
            "learnt from: write a number of rounds, search them, or leave resample out"
        )
    if weighing := [name for name in OWN_CLASS_WEIGHTS if name in names]:
        raise ModelError(
            f'{weighing[0]} does not count among the rows that rounds "auto" hold out: use '
            f"class_weight, which does, or write a number of rounds"
        )


class Sample(NamedTuple):
    """Rows, their labels or numbers, their weights if they have some."""

    X: Floats | Rows
    y: Any
    weight: Floats | None


def held_out(
    X: Floats | Rows, y: Any, weight: Floats | None, params: Mapping[str, Any]
) -> tuple[Sample, Sample]:
    """What is learnt from, and what is held out: at random, by class or in order of the number.

    ``params``: the booster's, for its seed.
    """
    named = (params.get(name) for name in ("random_state", "seed"))
    seed = next((int(each) for each in named if each is not None), 0)
    if isinstance(X, Rows):  # the same for every trial, as what is made of rows goes by their index
        learnt, held, index = X.kept.get(
            X.index, (AUTO, seed), lambda: _divided(y, seed, X.index), _megabytes
        )
        inner: Floats | Rows = Rows(X.values, index, X.kept, X.cuts)
        outer = X.values[X.index[held]]
    else:
        learnt, held, _ = _divided(y, seed, np.arange(len(y)))
        inner, outer = X[learnt], X[held]
    weights = (None, None) if weight is None else (weight[learnt], weight[held])
    return Sample(inner, y[learnt], weights[0]), Sample(outer, y[held], weights[1])


def _megabytes(divided: tuple[Ints, Ints, Ints]) -> float:
    return sum(each.nbytes for each in divided) / 2**20


def _divided(y: Any, seed: int, index: Ints) -> tuple[Ints, Ints, Ints]:
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
