"""The folds of a sweep: made once, checked before the first fit.

Laws:

- One plan on one dataset gives the same folds every time.
- ``stratified`` is scikit-learn's RepeatedStratifiedKFold(random_state=seed), so that its first
  repeat is StratifiedKFold(shuffle=True, random_state=seed); ``group`` is StratifiedGroupKFold
  repeated in the same way.
- ``time`` is expanding windows: every training row is earlier than every test row of its fold,
  strictly, so rows of one moment are never cut apart. Fresh windows are the same with all cuts
  moved by one offset, drawn from the seed, at every repeat another.
- No fold lacks a class: neither in training (a model could not know it) nor in the test rows
  (most scores would be undefined; only a test window in time of three or more classes may lack
  some, if it has two).
- Folds the user did not ask for are lowered from 5 until every test fold has 5 rows of every
  class (SCIENCE 1.3), and a warning says so; folds the user asked for are made or refused.
"""

import numpy as np

from evaluators.errors import SplitError
from evaluators.split_checks import (
    fewest_rows,
    lowered_folds,
    missing_class,
    not_respected,
    thin_folds,
)
from evaluators.split_plan import DEFAULT_FOLDS, ENOUGH_ROWS, SplitPlan, check, natural_splitter
from evaluators.types import Dataset, Split, Warned
from evaluators.user_splitters import users_folds
from evaluators.windows import windows

__all__ = ["SplitPlan", "make_splits", "natural_splitter"]


def make_splits(plan: SplitPlan, dataset: Dataset) -> tuple[list[Split], tuple[Warned, ...]]:
    """The folds of all repeats, in order, and warnings.

    Raises:
        SplitError: the plan is unknown or cannot be carried out on these rows, in one line.
        CodeError: the user's splitter cannot be loaded.
    """
    check(plan, dataset)
    if ":" in plan.splitter:
        splits = users_folds(plan, dataset)
        problem = missing_class(splits, dataset, plan)
        if problem:
            raise SplitError(f"{plan.splitter}: {problem}")
        warned = thin_folds(splits, dataset)
    else:
        splits, warned = _built(plan, dataset)
    return splits, (*warned, *not_respected(plan, splits, dataset))


def _built(plan: SplitPlan, dataset: Dataset) -> tuple[list[Split], tuple[Warned, ...]]:
    """The folds of one of our own splitters."""
    most, reason = _room(plan, dataset)
    if plan.folds is not None:
        if plan.folds > most:
            raise SplitError(
                f"evaluate.folds = {plan.folds}: {reason}, so at most {most}; lower it, or "
                f"leave it out"
            )
        splits, problem = _tried(plan, plan.folds, dataset)
        if problem:
            raise SplitError(f"evaluate.folds = {plan.folds}: {problem}; lower it, or leave it out")
        return splits, thin_folds(splits, dataset)
    best: list[Split] = []
    problem = f"{reason}, and two folds are the least"
    for folds in range(min(DEFAULT_FOLDS, most), 1, -1):
        splits, problem = _tried(plan, folds, dataset)
        if problem:
            continue
        best = splits
        if fewest_rows(splits, dataset)[1] >= ENOUGH_ROWS:
            break
    if not best:
        raise SplitError(f"no folds can be made: {problem}")
    return best, (*lowered_folds(best, plan, dataset), *thin_folds(best, dataset))


def _room(plan: SplitPlan, dataset: Dataset) -> tuple[int, str]:
    """The most folds that could give every fold every class, and what limits them."""
    classes = range(len(dataset.classes))
    if plan.splitter == "group":
        assert dataset.groups is not None
        units = [len(np.unique(dataset.groups[dataset.target == code])) for code in classes]
        word = "groups"
    elif plan.splitter == "time":
        assert dataset.time is not None
        moments = len(np.unique(dataset.time))
        return max(1, moments - 1), f"there are {moments} moments in time"
    else:
        units = [int((dataset.target == code).sum()) for code in classes]
        word = "rows"
    rarest = int(np.argmin(units))
    return units[rarest], f"class {dataset.classes[rarest]!r} has {units[rarest]} {word}"


def _tried(plan: SplitPlan, folds: int, dataset: Dataset) -> tuple[list[Split], str]:
    """So many folds, and why they will not do; empty where they do."""
    try:
        splits = _cut(plan, folds, dataset)
    except SplitError as error:
        return [], str(error)
    return splits, missing_class(splits, dataset, plan)


def _cut(plan: SplitPlan, folds: int, dataset: Dataset) -> list[Split]:
    if plan.splitter == "time":
        return windows(plan, folds, dataset)
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    kind = StratifiedGroupKFold if plan.splitter == "group" else StratifiedKFold
    generator = np.random.RandomState(plan.seed % 2**32)  # one for all repeats, as scikit-learn's
    rows = np.zeros(dataset.rows)  # only its length counts
    return [
        Split(train, test, repeat)
        for repeat in range(plan.repeats)
        for train, test in kind(folds, shuffle=True, random_state=generator).split(
            rows, dataset.target, dataset.groups if plan.splitter == "group" else None
        )
    ]
