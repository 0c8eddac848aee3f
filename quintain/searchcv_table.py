"""From the record of a search to the tables and warnings that scikit-learn's own would give."""

import builtins
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sklearn.exceptions

from evaluators.fold_choice import bounds_of, estimate_of_choice
from evaluators.foreign import ALIASED, FIT_FAILED, FIT_TIME, ON_TRAIN, PLAIN, SCORE_TIME
from evaluators.types import Interval, Split
from quintain.searchcv_asked import Asked
from search.view_rows import TrialView

_TOLD = (FIT_TIME, SCORE_TIME, FIT_FAILED, ALIASED)


def folds_told(asked: Asked, rows: Sequence[TrialView], n_splits: int) -> list[dict[str, Any]]:
    """What scikit-learn's searches have of each fit, candidate by candidate, fold by fold.

    A trial that died with its worker has ``error_score`` on every fold.
    """
    several = hasattr(asked.scorer, "_scorers")
    names = asked.names
    if names == (PLAIN,):  # what a function of the user's has told
        known = [_metrics(row, asked.objective) for row in rows if row.state == "completed"]
        names = known[0] if known else names
        several = names != (PLAIN,)
    return [
        _fold_told(asked, row, fold, names, several) for row in rows for fold in range(n_splits)
    ]


def _metrics(row: TrialView, objective: str) -> tuple[str, ...]:
    """The names that a trial's scorer gave."""
    others = (*_TOLD, objective) if ALIASED in row.folds else _TOLD
    return tuple(name for name in row.folds if name not in others and not name.startswith(ON_TRAIN))


def _fold_told(
    asked: Asked, row: TrialView, fold: int, names: Sequence[str], several: bool
) -> dict[str, Any]:
    """One fit."""

    def of(name: str, otherwise: Any) -> float:
        told = row.folds.get(name, ())
        return float(told[fold] if fold < len(told) else otherwise)

    def scores(before: str) -> Any:
        found = {name: of(f"{before}{name}", asked.error_score) for name in names}
        return found if several else found[names[0]]

    failed = of(FIT_FAILED, 1.0) == 1.0
    told = {
        "fit_error": (row.traceback or row.reason or "") if failed else None,
        "test_scores": scores(""),
        "fit_time": of(FIT_TIME, math.nan),
        "score_time": of(SCORE_TIME, math.nan),
    }
    return told | ({"train_scores": scores(ON_TRAIN)} if asked.return_train_score else {})


def resources(rows: Sequence[TrialView]) -> dict[str, Any]:
    """Columns of ours, after scikit-learn's."""
    return {
        "cpu_s": np.array([row.cpu_s for row in rows], dtype=np.float64),
        "peak_mb": np.array([row.peak_mb for row in rows], dtype=np.float64),
        "state": np.array([row.state for row in rows], dtype=object),
    }


def estimate(
    results: Mapping[str, Any], metric: str, splits: Sequence[Split], scorer: str | None
) -> tuple[float, Interval] | None:
    """Of the choice among all candidates by ``metric``; None where it is undefined.

    ``scorer``: the metric's name in scikit-learn, None where it has none.
    """
    scores = np.column_stack([results[f"split{fold}_test_{metric}"] for fold in range(len(splits))])
    score, interval = estimate_of_choice(scores, splits, bounds_of(scorer))
    return None if math.isnan(score) else (score, interval)


def warn_again(rows: Sequence[TrialView]) -> None:
    """What fits warned of, each once, under its own category where that is known here."""
    said: dict[str, int] = {}
    for row in rows:
        for text in row.warnings:
            if not text.startswith("FitFailedWarning: "):  # scikit-learn's own tells it
                said[text] = said.get(text, 0) + 1
    for text, times in said.items():
        name, _, message = text.partition(": ")
        found = getattr(sklearn.exceptions, name, getattr(builtins, name, UserWarning))
        category = found if isinstance(found, type) and issubclass(found, Warning) else UserWarning
        told = f"{message} (in {times} of {len(rows)} candidates)"
        warnings.warn(told, category, stacklevel=4)
