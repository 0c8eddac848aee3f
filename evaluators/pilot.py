"""One small fit of each model before the sweep: is this seconds of work, or more?"""

import time
import warnings
from collections.abc import Sequence

import numpy as np

from evaluators.crossval import Assignment, outputs
from evaluators.models import ModelRecipe, build
from evaluators.types import Dataset, Ints, Split

#: Rows of a pilot fit: enough to be in proportion, few enough to cost a fraction of a second.
PILOT_ROWS = 4000


def predicted_trial_s(
    assignment: Assignment, dataset: Dataset, splits: Sequence[Split]
) -> float | None:
    """Wall seconds of an average trial (all folds), from one fit a model; None if it is not known.

    A user's own model is not tried out: nothing could end it here if it hangs.
    Fixed parameters only, in proportion to the rows: right within a factor of a few, which is all
    that the choice between two runners needs. Never use it as a plan.
    """
    if any(recipe.target is not None for recipe in assignment.recipes.values()):
        return None
    train = splits[0].train
    step = max(1, len(train) // PILOT_ROWS)
    rows = train[::step]
    if len(np.unique(dataset.target[rows])) < len(dataset.classes):
        rows = train
    try:
        seconds = [
            _fit_s(assignment, recipe, dataset, rows) for recipe in assignment.recipes.values()
        ]
    except Exception:
        return None  # the sweep itself will say what is wrong, with its cause
    return float(np.mean(seconds)) * len(train) / len(rows) * len(splits)


def _fit_s(assignment: Assignment, recipe: ModelRecipe, dataset: Dataset, rows: Ints) -> float:
    """Seconds of one fit and its scoring; the import of the model's library is left out."""
    values, target = dataset.values[rows], dataset.target[rows]
    model = build(
        recipe, {}, dataset.columns, dataset.classes, target,
        threads=assignment.threads, seed=assignment.seed,
    )  # fmt: skip
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the sweep's own trials record what is said
        model.fit(values, target)
        outputs(model, values, len(dataset.classes))
    return time.perf_counter() - started
