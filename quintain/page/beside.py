"""Trials, or winners of sweeps, put beside each other as the record has them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quintain.page.table import interval_of
from quintain.service.errors import RefusedError
from quintain.service.state import State
from search.view import SweepView
from search.view_rows import TrialView


@dataclass(frozen=True, slots=True)
class Side:
    """One column.

    Attributes:
        name: as ``quintain compare`` takes it: "SWEEP" for its winner, or "SWEEP:TRIAL".
        seq: number of the sweep's last entry.
        trial: None where the sweep has no winner yet.
    """

    name: str
    view: SweepView
    seq: int
    trial: TrialView | None
    winner: bool

    @property
    def folds(self) -> tuple[float, ...]:
        """Scores in the sweep's metric."""
        return () if self.trial is None else tuple(self.trial.folds.get(self.view.metric, ()))

    @property
    def interval(self) -> tuple[float, float]:
        """Of the mean of its folds."""
        return (math.nan, math.nan) if self.trial is None else interval_of(self.trial, self.view)


@dataclass(frozen=True, slots=True)
class Beside:
    """What the columns have in common.

    Attributes:
        params: each parameter with its value in each column, None where it has none; those that
            differ first.
        paired: by fold the first's score less the second's, where both had the same folds.
        low, high: of its mean.
    """

    params: Sequence[tuple[str, Sequence[Any], bool]]
    paired: Sequence[float]
    mean: float
    low: float
    high: float
    same_metric: bool


def side(service: State, text: str) -> Side:
    """What stands in an address: SWEEP or SWEEP:TRIAL.

    Raises:
        RefusedError: there is no such trial.
    """
    named, colon, number = text.partition(":")
    sweep = service.records.resolve(named)
    view, seq = service.shown.seen(sweep)
    if not colon:
        return Side(sweep, view, seq, view.best, True)
    found = [each for each in view.trials if str(each.trial) == number]
    if not found:
        raise RefusedError(404, "no_trial", f"{sweep} has no trial {number!r}")
    return Side(f"{sweep}:{number}", view, seq, found[0], False)


def beside(sides: Sequence[Side]) -> Beside:
    """Parameters of all; the paired difference of two that had the same folds."""
    told = [{} if each.trial is None else {"model": each.trial.model, **each.trial.params}
            for each in sides]  # fmt: skip
    names = dict.fromkeys(name for each in told for name in each)
    rows = [(name, [each.get(name) for each in told]) for name in names]
    params = [(name, values, len(set(map(repr, values))) > 1) for name, values in rows]
    params.sort(key=lambda row: not row[2])
    same = len({each.view.metric for each in sides}) == 1
    return Beside(params, *_paired(sides), same)


def _paired(sides: Sequence[Side]) -> tuple[Sequence[float], float, float, float]:
    """Only of two trials of one sweep, which had the same folds for sure."""
    nothing = (), math.nan, math.nan, math.nan
    if len(sides) != 2 or sides[0].view.id != sides[1].view.id:
        return nothing
    one, other = (each.folds for each in sides)
    number = sides[0].view.header.get("folds")
    if not number or number < 2 or len(one) != len(other) or len(one) < 2:
        return nothing
    from evaluators.intervals import corrected_t

    differences = [a - b for a, b in zip(one, other, strict=True)]
    found = corrected_t(differences, 1 / (number - 1))
    return differences, math.fsum(differences) / len(differences), found.low, found.high
