"""Small fits before the sweep: one of each model (is this seconds of work, or more?), and the
growing parts of a fold that a plan is made from (``cluster.pilots`` fits them).
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluators.assignment import Assignment
from evaluators.data import nested_sample
from evaluators.fingerprint import row_hashes
from evaluators.models import ModelRecipe, build
from evaluators.process import MB
from evaluators.scoring import outputs
from evaluators.types import Dataset, Ints, Split

#: Rows of a pilot fit: enough to be in proportion, few enough to cost a fraction of a second.
PILOT_ROWS = 4000

#: Shares of a fold that a plan is made from: four to predict by (SCIENCE 4.2), and more for data
#: so small that fits of those say nothing. The last is the fold itself.
SHARES = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0)
#: The first fit of a process warms it up, and shows what a worker takes with next to no data.
WARM_ROWS = 300


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


def shown_row_mb(
    assignment: Assignment, recipe: ModelRecipe, dataset: Dataset, split: Split
) -> float:
    """What a row takes as a model sees it, in units of 2**20 bytes; no less than in the dataset.

    Categories as 0/1 columns take several times what their codes do.
    """
    rows = split.train[:: max(1, len(split.train) // PILOT_ROWS)]
    model = build(
        recipe, {}, dataset.columns, dataset.classes, dataset.target[rows],
        threads=assignment.threads, seed=assignment.seed,
    )  # fmt: skip
    shown: Any = model.view.fit_transform(dataset.values[rows])
    if hasattr(shown, "memory_usage"):
        taken = int(shown.memory_usage().sum())
    elif hasattr(shown, "indptr"):
        taken = shown.data.nbytes + shown.indices.nbytes + shown.indptr.nbytes
    else:
        taken = shown.nbytes
    return max(float(dataset.values[:1].nbytes), taken / len(rows)) / MB


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The same piece of each of some folds. ``rows``: how many a fit learns from, on average."""

    rows: int
    share: float
    splits: tuple[Split, ...]


def parts(
    dataset: Dataset, splits: Sequence[Split], shares: Sequence[float] = SHARES, seed: int = 0
) -> list[Part]:
    """Growing parts of folds, each inside the next; rows to fit and to score in proportion.

    Before those of ``shares`` comes one of ``WARM_ROWS``. Classes keep their shares of the rows,
    but each has at least ``evaluators.data.MINORITY_FLOOR`` rows to learn from, or all it has.
    Smaller parts are left out; folds of no more rows are one part, themselves.
    """
    train = min(len(split.train) for split in splits)
    asked = {1.0}
    if train > WARM_ROWS:
        asked = {WARM_ROWS / train, *(share for share in shares if share * train > WARM_ROWS)}
    hashes = dataset.identity if dataset.identity is not None else row_hashes(dataset)
    strata = np.zeros(dataset.rows, np.int32) if dataset.regression else dataset.target

    def pieces(whole: Ints) -> list[Ints]:
        """From the largest to the smallest, each drawn from the one before: half the sorting."""
        rows, made = whole, []
        for share in sorted(asked, reverse=True):
            count = max(len(dataset.classes), 1, round(share * len(whole)))
            if count < len(rows):
                rows = rows[nested_sample(hashes[rows], strata[rows], count, seed)]
            made.append(rows)
        return made

    by_split = [
        [
            replace(split, train=train, test=test)
            for train, test in zip(pieces(split.train), pieces(split.test), strict=True)
        ]
        for split in splits
    ]
    found = []
    for share, cut in zip(sorted(asked, reverse=True), zip(*by_split, strict=True), strict=True):
        found.append(Part(round(sum(len(each.train) for each in cut) / len(cut)), share, cut))
    return found[::-1]
