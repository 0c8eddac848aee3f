"""The folds of a sweep: made once, checked before the first fit.

Laws:

- One plan on one dataset gives the same folds every time.
- ``stratified`` is scikit-learn's RepeatedStratifiedKFold(random_state=seed), so that its first
  repeat is StratifiedKFold(shuffle=True, random_state=seed); ``group`` is StratifiedGroupKFold
  repeated in the same way.
- ``time`` is expanding windows: every training row is earlier than every test row of its fold,
  strictly, so rows of one moment are never cut apart.
- No fold lacks a class: neither in training (a model could not know it) nor in the test rows
  (most scores would be undefined; only a test window in time of three or more classes may lack
  some, if it has two).
- Folds the user did not ask for are lowered from 5 until every test fold has 5 rows of every
  class (SCIENCE 1.3), and a warning says so; folds the user asked for are made or refused.
"""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.errors import QuintainError, SplitError
from evaluators.types import Dataset, Ints, Split, Warned

DEFAULT_FOLDS = 5
#: Rows of the rarest class that every test fold should have (SCIENCE 1.3).
ENOUGH_ROWS = 5

Pair = tuple[Ints, Ints]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How to cut.

    Attributes:
        splitter: "stratified", "group", "time", or a scikit-learn splitter of the user's as
            "module:Class" or "file.py:Class".
        folds: how many; None is 5, or fewer where the rarest class cannot fill them.
        repeats: how often to cut anew.
        seed: any integer; its lowest 32 bits count.
        folder: what the path of a splitter's file is relative to.
    """

    splitter: str = "stratified"
    folds: int | None = None
    repeats: int = 1
    seed: int = 0
    folder: Path = Path(".")


def natural_splitter(dataset: Dataset) -> str:
    """The splitter that the columns given call for."""
    if dataset.time is not None:
        return "time"
    return "stratified" if dataset.groups is None else "group"


def make_splits(plan: SplitPlan, dataset: Dataset) -> tuple[list[Split], tuple[Warned, ...]]:
    """The folds of all repeats, in order, and warnings.

    Raises:
        SplitError: the plan is unknown or cannot be carried out on these rows, in one line.
        CodeError: the user's splitter cannot be loaded.
    """
    _check(plan, dataset)
    if ":" in plan.splitter:
        splits = _numbered(_custom(plan, dataset), dataset)
        problem = _problem(splits, dataset, plan)
        if problem:
            raise SplitError(f"{plan.splitter}: {problem}")
        warned = _thin(splits, dataset)
    else:
        splits, warned = _built(plan, dataset)
    return splits, (*warned, *_ignored(plan, splits, dataset))


def _check(plan: SplitPlan, dataset: Dataset) -> None:
    known = ("stratified", "group", "time")
    if plan.splitter not in known and ":" not in plan.splitter:
        from evaluators.reading import nearest

        raise SplitError(
            f"evaluate.splitter = {plan.splitter!r} is unknown{nearest(plan.splitter, known)}; "
            f'allowed: {", ".join(known)}, "module:Class", "file.py:Class"'
        )
    if plan.folds is not None and plan.folds < 2:
        raise SplitError(f"evaluate.folds = {plan.folds}: at least 2 are needed")
    if plan.repeats < 1:
        raise SplitError(f"evaluate.repeats = {plan.repeats}: at least 1 is needed")
    if plan.splitter == "group" and dataset.groups is None:
        raise SplitError('evaluate.splitter = "group" needs data.group_column')
    if plan.splitter == "time":
        if dataset.time is None:
            raise SplitError('evaluate.splitter = "time" needs data.time_column')
        if plan.repeats > 1:
            raise SplitError(
                f"evaluate.repeats = {plan.repeats}: windows in time are the same at every "
                f"repeat; only 1 is allowed"
            )


def _built(plan: SplitPlan, dataset: Dataset) -> tuple[list[Split], tuple[Warned, ...]]:
    """The folds of one of our own splitters."""
    most, reason = _room(plan, dataset)
    if plan.folds is not None:
        if plan.folds > most:
            raise SplitError(
                f"evaluate.folds = {plan.folds}: {reason}, so at most {most}; lower it, or "
                f"leave it out"
            )
        splits = _cut(plan, plan.folds, dataset)
        problem = _problem(splits, dataset, plan)
        if problem:
            raise SplitError(f"evaluate.folds = {plan.folds}: {problem}; lower it, or leave it out")
        return splits, _thin(splits, dataset)
    best: list[Split] = []
    problem = f"{reason}, and two folds are the least"
    for folds in range(min(DEFAULT_FOLDS, most), 1, -1):
        splits = _cut(plan, folds, dataset)
        problem = _problem(splits, dataset, plan)
        if problem:
            continue
        best = splits
        if _fewest(splits, dataset)[1] >= ENOUGH_ROWS:
            break
    if not best:
        raise SplitError(f"no folds can be made: {problem}")
    return best, (*_lowered(best, plan, dataset), *_thin(best, dataset))


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


def _cut(plan: SplitPlan, folds: int, dataset: Dataset) -> list[Split]:
    if plan.splitter == "time":
        return _windows(folds, dataset)
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


def _windows(folds: int, dataset: Dataset) -> list[Split]:
    """Expanding windows: scikit-learn's TimeSeriesSplit, its cuts moved back to a change of time.

    Folds in which nothing is left to train or to test on come out empty.
    """
    assert dataset.time is not None
    order = np.argsort(dataset.time, kind="stable")
    moments = dataset.time[order]
    size = dataset.rows // (folds + 1)
    places = dataset.rows - size * np.arange(folds, -1, -1)
    cuts = np.append(np.searchsorted(moments, moments[places[:-1]]), dataset.rows)
    return [
        Split(np.sort(order[:start]), np.sort(order[start:end])) for start, end in pairwise(cuts)
    ]


def _custom(plan: SplitPlan, dataset: Dataset) -> Iterator[Pair]:
    """The folds of the user's splitter, as it gives them."""
    from evaluators.code import load_object

    made = load_object(plan.splitter, plan.folder)
    for repeat in range(plan.repeats):
        splitter = _instance(made, plan, repeat)
        try:
            yield from splitter.split(dataset.values, dataset.target, dataset.groups)
        except QuintainError:
            raise
        except Exception as error:
            text = " ".join(str(error).split())
            raise SplitError(f"{plan.splitter}: raised {type(error).__name__}: {text}") from error


def _instance(made: Any, plan: SplitPlan, repeat: int) -> Any:  # the user's own type
    """A splitter from what the user named: a class or function is called with what it takes."""
    if not inspect.isclass(made) and hasattr(made, "split"):
        taken: dict[str, Any] = {}
    else:
        offered = {
            "n_splits": plan.folds,
            "shuffle": True,
            "random_state": (plan.seed + repeat) % 2**32,
        }
        try:
            names = inspect.signature(made).parameters
            taken = {k: v for k, v in offered.items() if k in names and v is not None}
            made = made(**taken)
        except (TypeError, ValueError) as error:
            raise SplitError(f"{plan.splitter}: cannot be made: {error}") from error
    if not hasattr(made, "split"):
        raise SplitError(
            f"{plan.splitter}: a {type(made).__name__} has no split(X, y, groups); "
            f"a scikit-learn splitter is needed"
        )
    if plan.folds is not None and "n_splits" not in taken:
        raise SplitError(f"{plan.splitter}: takes no n_splits; leave out evaluate.folds")
    if plan.repeats > 1 and "random_state" not in taken:
        raise SplitError(f"{plan.splitter}: takes no random_state; leave out evaluate.repeats")
    return made


def _numbered(pairs: Iterable[Pair], dataset: Dataset) -> list[Split]:
    """Checked folds; a new repeat begins where a row would be tested again in the same one."""
    splits: list[Split] = []
    repeat = 0
    tested = np.zeros(dataset.rows, bool)
    for fold, (train, test) in enumerate(pairs):
        sides = [_positions(side, fold, dataset) for side in (train, test)]
        if np.intersect1d(sides[0], sides[1]).size:
            raise SplitError(f"fold {fold + 1} of the splitter trains on rows that it tests on")
        if tested[sides[1]].any():
            repeat += 1
            tested[:] = False
        tested[sides[1]] = True
        splits.append(Split(sides[0], sides[1], repeat))
    if not splits:
        raise SplitError("the splitter gives no fold")
    return splits


def _positions(side: object, fold: int, dataset: Dataset) -> Ints:
    """One side of a fold as positions, whether given as such or as a mask."""
    rows = np.asarray(side)
    if rows.dtype == bool and rows.shape == (dataset.rows,):
        rows = np.flatnonzero(rows)
    if rows.ndim != 1 or (len(rows) and rows.dtype.kind not in "iu"):
        raise SplitError(f"fold {fold + 1} of the splitter is no pair of row positions")
    if len(rows) and (rows.min() < 0 or rows.max() >= dataset.rows):
        raise SplitError(
            f"fold {fold + 1} of the splitter names rows outside 0..{dataset.rows - 1}"
        )
    return rows.astype(np.int64)


def _counts(rows: Ints, dataset: Dataset) -> Ints:
    return np.bincount(dataset.target[rows], minlength=len(dataset.classes))


def _problem(splits: list[Split], dataset: Dataset, plan: SplitPlan) -> str:
    """Which fold lacks which class; empty where none does."""
    classes = len(dataset.classes)
    for fold, split in enumerate(splits):
        for side, rows in (("training", split.train), ("test", split.test)):
            counts = _counts(rows, dataset)
            some = side == "test" and plan.splitter == "time" and classes > 2
            if counts.all() or (some and np.count_nonzero(counts) >= 2):
                continue
            label = dataset.classes[int(np.argmin(counts))]
            return (
                f"fold {fold + 1} of {len(splits)} has no row of class {label!r} among its "
                f"{len(rows)} {side} rows"
            )
    return ""


def _fewest(splits: list[Split], dataset: Dataset) -> tuple[str, int]:
    """The class with the fewest rows in any test fold, and how many."""
    counts = np.array([_counts(split.test, dataset) for split in splits]).min(axis=0)
    code = int(np.argmin(counts))
    return dataset.classes[code], int(counts[code])


def _thin(splits: list[Split], dataset: Dataset) -> tuple[Warned, ...]:
    label, fewest = _fewest(splits, dataset)
    if fewest >= ENOUGH_ROWS:
        return ()
    text = (
        f"a fold has only {fewest} test rows of class {label!r}; below {ENOUGH_ROWS} scores "
        f"vary wildly between folds: fewer folds, more repeats or more rows help"
    )
    return (Warned("thin_folds", text, float(fewest)),)


def _lowered(splits: list[Split], plan: SplitPlan, dataset: Dataset) -> tuple[Warned, ...]:
    folds = len(splits) // plan.repeats
    if folds == DEFAULT_FOLDS:
        return ()
    counts = np.bincount(dataset.target)
    rarest = int(np.argmin(counts))
    text = (
        f"{folds} folds in place of {DEFAULT_FOLDS}: with more, a fold would have fewer than "
        f"{ENOUGH_ROWS} rows of a class; the rarest, {dataset.classes[rarest]!r}, has "
        f"{counts[rarest]} in all"
    )
    return (Warned("folds_lowered", text, float(folds)),)


def _ignored(plan: SplitPlan, splits: list[Split], dataset: Dataset) -> tuple[Warned, ...]:
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
    if dataset.time is not None and plan.splitter in ("stratified", "group"):
        text = (
            f'splitter = "{plan.splitter}" trains on rows later than those it tests on; '
            f'"time" does not'
        )
        found.append(Warned("time_ignored", text))
    return tuple(found)
