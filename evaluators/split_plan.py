"""How folds are asked for, and what can be refused before any is cut."""

from dataclasses import dataclass
from pathlib import Path

from evaluators.errors import SplitError
from evaluators.types import Dataset

DEFAULT_FOLDS = 5
#: Rows of the rarest class that every test fold should have (SCIENCE 1.3).
ENOUGH_ROWS = 5
_KNOWN = ("stratified", "plain", "group", "time")


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How to cut.

    Attributes:
        splitter: "stratified", "plain", "group", "time", or a scikit-learn splitter of the user's
            as "module:Class" or "file.py:Class".
        folds: how many; None is 5, or fewer where the rarest class cannot fill them.
        repeats: how often to cut anew.
        seed: any integer; its lowest 32 bits count.
        folder: what the path of a splitter's file is relative to.
        fresh: cut as no plan that is not fresh does. Where the seed already does that nothing
            changes; windows in time move their cuts, at every repeat anew.
    """

    splitter: str = "stratified"
    folds: int | None = None
    repeats: int = 1
    seed: int = 0
    folder: Path = Path(".")
    fresh: bool = False


def natural_splitter(dataset: Dataset) -> str:
    """The splitter that the columns given call for."""
    if dataset.time is not None:
        return "time"
    if dataset.groups is not None:
        return "group"
    return "plain" if dataset.regression else "stratified"


def check(plan: SplitPlan, dataset: Dataset) -> None:
    """Refuse a plan that these columns or these numbers cannot carry.

    Raises:
        SplitError: with what is allowed, in one line.
    """
    if plan.splitter not in _KNOWN and ":" not in plan.splitter:
        from evaluators.reading import nearest

        raise SplitError(
            f"evaluate.splitter = {plan.splitter!r} is unknown{nearest(plan.splitter, _KNOWN)}; "
            f'allowed: {", ".join(_KNOWN)}, "module:Class", "file.py:Class"'
        )
    if plan.folds is not None and plan.folds < 2:
        raise SplitError(f"evaluate.folds = {plan.folds}: at least 2 are needed")
    if plan.repeats < 1:
        raise SplitError(f"evaluate.repeats = {plan.repeats}: at least 1 is needed")
    if plan.splitter == "stratified" and dataset.regression:
        raise SplitError(
            'evaluate.splitter = "stratified" needs classes, and the target is a number; allowed: '
            '"plain", "group", "time", "module:Class", "file.py:Class"'
        )
    if plan.splitter == "group" and dataset.groups is None:
        raise SplitError('evaluate.splitter = "group" needs data.group_column')
    if plan.splitter == "time":
        if dataset.time is None:
            raise SplitError('evaluate.splitter = "time" needs data.time_column')
        if plan.repeats > 1 and not plan.fresh:
            raise SplitError(
                f"evaluate.repeats = {plan.repeats}: windows in time are the same at every "
                f"repeat; only 1 is allowed"
            )
