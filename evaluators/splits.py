"""The folds of a sweep: made once, checked before the first fit.

Laws:

- One plan on one dataset gives the same folds every time.
- ``stratified`` is scikit-learn's RepeatedStratifiedKFold(random_state=seed), so that its first
  repeat is StratifiedKFold(shuffle=True, random_state=seed), where no two rows are alike;
  ``group`` is StratifiedGroupKFold repeated in the same way. ``plain`` is RepeatedKFold likewise,
  and a target of numbers makes ``group`` a GroupKFold that shuffles.
- Rows with the same features share a fold of ``stratified`` and ``plain``, unless most rows have
  twins with other labels or a fold would lack a class; a warning says so then
  (``evaluators.duplicates``).
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

from evaluators.duplicates import alike, dealt, too_coarse, twins
from evaluators.errors import SplitError
from evaluators.split_checks import (
    fewest_rows,
    lowered_folds,
    missing_class,
    not_respected,
    thin_folds,
)
from evaluators.split_plan import DEFAULT_FOLDS, ENOUGH_ROWS, SplitPlan, check, natural_splitter
from evaluators.types import Dataset, Ints, Split, Warned
from evaluators.user_splitters import users_folds
from evaluators.windows import windows

__all__ = ["SplitPlan", "make_splits", "natural_splitter"]

Made = tuple[list[Split], tuple[Warned, ...]]


def make_splits(plan: SplitPlan, dataset: Dataset) -> Made:
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
        splits, warned = _together(plan, dataset)
    return splits, (*warned, *not_respected(plan, splits, dataset))


def _together(plan: SplitPlan, dataset: Dataset) -> Made:
    """The folds of one of our own splitters; copies are kept together if they can be."""
    code = alike(dataset) if plan.splitter in ("stratified", "plain") else None
    if code is None:
        return _built(plan, dataset, None)
    if too_coarse(dataset, code):
        reason = f"their {dataset.answer}s differ, so they are different cases rather than copies"
    else:
        try:
            return _built(plan, dataset, code)
        except SplitError:
            reason = "with copies kept together a fold would lack a class"
    splits, warned = _built(plan, dataset, None)
    share = twins(code)
    text = (
        f"{share:.0%} of the rows have the same features as another row, and stand on both sides "
        f"of folds: {reason}; if they are copies, drop them, or scores flatter"
    )
    return splits, (*warned, Warned("duplicates_across_folds", text, share))


def _built(plan: SplitPlan, dataset: Dataset, copies: Ints | None) -> Made:
    """As many folds as were asked for, or as there is room for; ``copies`` share one by code."""
    most, reason = _room(plan, dataset, copies)
    if plan.folds is not None:
        if plan.folds > most:
            raise SplitError(
                f"evaluate.folds = {plan.folds}: {reason}, so at most {most}; lower it, or "
                f"leave it out"
            )
        splits, problem = _tried(plan, plan.folds, dataset, copies)
        if problem:
            raise SplitError(f"evaluate.folds = {plan.folds}: {problem}; lower it, or leave it out")
        return splits, thin_folds(splits, dataset)
    best: list[Split] = []
    problem = f"{reason}, and two folds are the least"
    for folds in range(min(DEFAULT_FOLDS, most), 1, -1):
        splits, problem = _tried(plan, folds, dataset, copies)
        if problem:
            continue
        best = splits
        if fewest_rows(splits, dataset)[1] >= ENOUGH_ROWS:
            break
    if not best:
        raise SplitError(f"no folds can be made: {problem}")
    return best, (*lowered_folds(best, plan, dataset), *thin_folds(best, dataset))


def _room(plan: SplitPlan, dataset: Dataset, copies: Ints | None) -> tuple[int, str]:
    """The most folds that could give every fold every class, and what limits them."""
    classes = range(len(dataset.classes))
    together = dataset.groups if plan.splitter == "group" else copies
    if plan.splitter == "time":
        assert dataset.time is not None
        moments = len(np.unique(dataset.time))
        return max(1, moments - 1), f"there are {moments} moments in time"
    word = "groups" if plan.splitter == "group" else "rows" if together is None else "distinct rows"
    if dataset.regression:
        number = dataset.rows if together is None else len(np.unique(together))
        return number, f"there are {number} {word}"
    if together is None:
        units = [int(np.count_nonzero(dataset.target == code)) for code in classes]
    else:
        units = [len(np.unique(together[dataset.target == code])) for code in classes]
    rarest = int(np.argmin(units))
    return units[rarest], f"class {dataset.classes[rarest]!r} has {units[rarest]} {word}"


def _tried(
    plan: SplitPlan, folds: int, dataset: Dataset, copies: Ints | None
) -> tuple[list[Split], str]:
    """So many folds, and why they will not do; empty where they do."""
    try:
        splits = _cut(plan, folds, dataset, copies)
    except SplitError as error:
        return [], str(error)
    return splits, missing_class(splits, dataset, plan)


def _cut(plan: SplitPlan, folds: int, dataset: Dataset, copies: Ints | None) -> list[Split]:
    if plan.splitter == "time":
        return windows(plan, folds, dataset)
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    generator = np.random.RandomState(plan.seed % 2**32)  # one for all repeats, as scikit-learn's
    if copies is not None:
        return [
            Split(np.flatnonzero(fold != place), np.flatnonzero(fold == place), repeat)
            for repeat in range(plan.repeats)
            for fold in (dealt(dataset, copies, folds, generator),)
            for place in range(folds)
        ]
    kind = {
        "stratified": StratifiedKFold,
        "plain": KFold,
        "group": GroupKFold if dataset.regression else StratifiedGroupKFold,
    }[plan.splitter]
    rows = np.zeros(dataset.rows)  # only its length counts
    return [
        Split(train, test, repeat)
        for repeat in range(plan.repeats)
        for train, test in kind(folds, shuffle=True, random_state=generator).split(
            rows, dataset.target, dataset.groups if plan.splitter == "group" else None
        )
    ]
