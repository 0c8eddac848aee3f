"""Trials as a table for pandas: a row each, every parameter and every fold in a column of its own.

Columns, in this order: ``sweep``, ``trial``, ``state``, ``cause``, ``reason``, ``model``,
``origin``; ``params`` (all of them as JSON, which keeps a null apart from a parameter that is not
there) and ``params.NAME``; ``score`` (in the sweep's metric), ``scores.METRIC`` and
``folds.METRIC.FOLD``, folds counted from 0; then what `quintain trials --json` has of cost and the
rest, under its names and in its units, ``confusion``, ``tuned_confusion`` and ``warnings`` as JSON.
"""

import json
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from search.bodies import plain
from search.view import SweepView
from search.view_rows import ROW, TrialView

if TYPE_CHECKING:
    import pandas as pd

_FIRST = ("trial", "state", "cause", "reason", "model", "origin")
_JSON = ("confusion", "tuned_confusion", "warnings")
_SPREAD = ("params", "scores", "folds")
_REST = tuple(name for name in ROW if name not in (*_FIRST, *_SPREAD, *_JSON))


def frame(views: Iterable[SweepView]) -> "pd.DataFrame":
    """One row a trial, of one sweep after another.

    What has no value is missing: NaN, NA or None by the column's type. Whole numbers and truth
    values keep their type beside missing ones; a column of several types holds objects.
    """
    import pandas as pd

    rows = [_row(view.id, trial) for view in views for trial in view.trials]
    names = sorted(dict.fromkeys(name for row in rows for name in row), key=_place)
    names = names or ["sweep", *_FIRST, "params", "score", *_REST, *_JSON]
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})


def _row(sweep: str, trial: TrialView) -> dict[str, Any]:
    row: dict[str, Any] = {"sweep": sweep}
    row |= {name: getattr(trial, name) for name in _FIRST}
    row["params"] = json.dumps(plain(trial.params), sort_keys=True)
    row |= {f"params.{name}": value for name, value in trial.params.items()}
    row["score"] = trial.score
    row |= {f"scores.{name}": value for name, value in trial.scores.items()}
    for name, scores in trial.folds.items():
        row |= {f"folds.{name}.{fold}": value for fold, value in enumerate(scores)}
    row |= {name: getattr(trial, name) for name in _REST}
    for name in _JSON:
        value = getattr(trial, name)
        row[name] = json.dumps(plain(value)) if value else None
    return row


def _place(name: str) -> tuple[int, int, str, int]:
    """Where a column stands: its group, then by name, a metric's folds in their order."""
    groups = ("sweep", *_FIRST, "params", "score", "scores", "folds", *_REST, *_JSON)
    group, _, rest = name.partition(".")
    fold = 0
    if group == "folds":
        rest, _, number = rest.rpartition(".")
        fold = int(number)
    return groups.index(group), bool(rest), rest, fold


def _column(values: Sequence[Any]) -> "pd.Series[Any]":
    """A column in the one type that holds all its values as they are."""
    import pandas as pd

    known = [value for value in values if value is not None]
    types = {type(value) for value in known}
    if types == {bool}:
        return pd.Series(values, dtype="boolean" if len(known) < len(values) else "bool")
    if types == {int} and all(abs(value) < 2**63 for value in known):
        return pd.Series(values, dtype="Int64" if len(known) < len(values) else "int64")
    if types == {float}:
        return pd.Series(
            [math.nan if value is None else value for value in values], dtype="float64"
        )
    if types == {str}:
        return pd.Series(values, dtype="str")
    return pd.Series(list(values), dtype="object")
