"""What folds must have, and what is to be said of them: read off the folds as they were cut."""

import numpy as np

from evaluators.split_plan import DEFAULT_FOLDS, ENOUGH_ROWS, SplitPlan
from evaluators.types import Dataset, Split, Warned


def missing_class(splits: list[Split], dataset: Dataset, plan: SplitPlan) -> str:
    """Which fold lacks which class, or any row; empty where none does."""
    classes = len(dataset.classes)
    for fold, split in enumerate(splits):
        for side, rows in (("training", split.train), ("test", split.test)):
            counts = dataset.counts(rows)
            some = side == "test" and plan.splitter == "time" and classes > 2
            if counts.all() or (some and np.count_nonzero(counts) >= 2):
                continue
            what = dataset.of_class(int(np.argmin(counts)))
            return (
                f"fold {fold + 1} of {len(splits)} has no row{what} among its "
                f"{len(rows)} {side} rows"
            )
    return ""


def fewest_rows(splits: list[Split], dataset: Dataset) -> tuple[str, int]:
    """The class with the fewest rows in any test fold, as ``of_class`` has it, and how many."""
    counts = np.array([dataset.counts(split.test) for split in splits]).min(axis=0)
    code = int(np.argmin(counts))
    return dataset.of_class(code), int(counts[code])


def thin_folds(splits: list[Split], dataset: Dataset) -> tuple[Warned, ...]:
    """A word where a test fold has few rows of a class."""
    what, fewest = fewest_rows(splits, dataset)
    if fewest >= ENOUGH_ROWS:
        return ()
    text = (
        f"a fold has only {fewest} test rows{what}; below {ENOUGH_ROWS} scores "
        f"vary wildly between folds: fewer folds, more repeats or more rows help"
    )
    return (Warned("thin_folds", text, float(fewest)),)


def lowered_folds(splits: list[Split], plan: SplitPlan, dataset: Dataset) -> tuple[Warned, ...]:
    """A word where fewer folds than usual were made."""
    folds = len(splits) // plan.repeats
    if folds == DEFAULT_FOLDS:
        return ()
    counts = dataset.counts(slice(None))
    rarest = int(np.argmin(counts))
    of_class = "" if dataset.regression else " of a class"
    in_all = (
        f"there are {dataset.rows} rows in all"
        if dataset.regression
        else f"the rarest, {dataset.classes[rarest]!r}, has {counts[rarest]} in all"
    )
    text = (
        f"{folds} folds in place of {DEFAULT_FOLDS}: with more, a fold would have fewer than "
        f"{ENOUGH_ROWS} rows{of_class}; {in_all}"
    )
    return (Warned("folds_lowered", text, float(folds)),)


def not_respected(plan: SplitPlan, splits: list[Split], dataset: Dataset) -> tuple[Warned, ...]:
    """Words on what the splitter does not respect."""
    found = []
    if dataset.groups is not None and plan.splitter != "group":
        across = sum(
            np.intersect1d(dataset.groups[split.train], dataset.groups[split.test]).size > 0
            for split in splits
        )
        if across:
            text = (
                f"groups stand on both sides of {across} of {len(splits)} folds: "
                f'splitter = "{plan.splitter}" does not keep them together'
            )
            found.append(Warned("groups_across_folds", text, float(across)))
    if dataset.time is not None and plan.splitter in ("stratified", "plain", "group"):
        text = (
            f'splitter = "{plan.splitter}" trains on rows later than those it tests on; '
            f'"time" does not'
        )
        found.append(Warned("time_ignored", text))
    return tuple(found)
