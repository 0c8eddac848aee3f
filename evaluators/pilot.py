"""One small fit of each model before the sweep: is this seconds of work, or more?"""

import time
from collections.abc import Sequence

import numpy as np

from evaluators.crossval import Assignment, outputs
from evaluators.models import build
from evaluators.types import Dataset, Split

#: Rows of a pilot fit: enough to be in proportion, few enough to cost a fraction of a second.
PILOT_ROWS = 4000


def predicted_trial_s(
    assignment: Assignment, dataset: Dataset, splits: Sequence[Split]
) -> float | None:
    """Wall seconds of an average trial (all folds), from one fit a model; None if a fit failed.

    Fixed parameters only, in proportion to the rows: right within a factor of a few, which is all
    that the choice between two runners needs. Never use it as a plan.
    """
    train = splits[0].train
    step = max(1, len(train) // PILOT_ROWS)
    rows = train[::step]
    if len(np.unique(dataset.target[rows])) < len(dataset.classes):
        rows = train
    seconds = []
    for recipe in assignment.recipes.values():
        started = time.perf_counter()
        try:
            model = build(
                recipe, {}, dataset.columns, dataset.classes, dataset.target[rows],
                threads=assignment.threads, seed=assignment.seed,
            )  # fmt: skip
            model.fit(dataset.values[rows], dataset.target[rows])
            outputs(model, dataset.values[rows], len(dataset.classes))
        except Exception:
            return None  # the sweep itself will say what is wrong, with its cause
        seconds.append((time.perf_counter() - started) * len(train) / len(rows))
    return float(np.mean(seconds)) * len(splits)
