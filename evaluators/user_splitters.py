"""Folds of a scikit-learn splitter that the user names."""

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from evaluators.errors import QuintainError, SplitError
from evaluators.split_plan import SplitPlan
from evaluators.types import Dataset, Ints, Split

Pair = tuple[Ints, Ints]


def users_folds(plan: SplitPlan, dataset: Dataset) -> list[Split]:
    """The folds of the splitter that ``plan`` names, their sides checked.

    Raises:
        SplitError: it is no splitter, does not take what the plan asks for, raised, or gave folds
            that overlap or lie outside the table.
        CodeError: it cannot be loaded.
    """
    return _numbered(_given(plan, dataset), dataset)


def _given(plan: SplitPlan, dataset: Dataset) -> Iterator[Pair]:
    """The folds as the splitter gives them."""
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
    if plan.fresh and "random_state" not in taken:
        raise SplitError(
            f"{plan.splitter}: takes no random_state, so it has no fresh partitions; name its "
            f"class, or a function of random_state that makes it"
        )
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
