"""Scikit-learn scorers and users' metric functions, run on outputs that are already there.

A scorer wants to call an estimator. It gets a stand-in that answers with the stored outputs, so
that nothing is predicted twice and a user's scorer needs no change.
"""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any, Literal, Protocol

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer, get_scorer_names

from evaluators.errors import MetricError
from evaluators.scored_rows import ScoredRows
from evaluators.types import Floats, Ints, ScoreKind

Needs = Literal["label", "score", "proba", "number"]


class Scorer(Protocol):
    """What of ``make_scorer``'s result is used; its three attributes have no public name."""

    _score_func: Callable[..., Any]
    _response_method: str | Sequence[str]
    _kwargs: Mapping[str, Any]

    def __call__(self, estimator: object, X: object, y_true: object) -> object:
        """The score of an estimator."""


class StoredLabels(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """A fitted classifier that knows only what was stored; the matrix asked about is ignored."""

    def __init__(self, rows: ScoredRows) -> None:
        self.rows = rows
        self.classes_ = np.arange(rows.classes)

    def predict(self, _matrix: object) -> Ints:
        """The stored labels."""
        return self.rows.labels


class StoredNumbers(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # sklearn has no types
    """A fitted regressor that knows only what was stored."""

    def __init__(self, rows: ScoredRows) -> None:
        self.rows = rows
        self.is_fitted_ = True

    def predict(self, _matrix: object) -> Floats:
        """The stored numbers."""
        return self.rows.output


class StoredProbabilities(StoredLabels):
    """Its outputs are probabilities."""

    def predict_proba(self, _matrix: object) -> Floats:
        """(rows, classes), two columns for binary data too."""
        output = self.rows.output
        return np.column_stack((1 - output, output)) if output.ndim == 1 else output


class StoredDecisions(StoredLabels):
    """Its outputs are decision values."""

    def decision_function(self, _matrix: object) -> Floats:
        """(rows,) if binary, else (rows, classes)."""
        return self.rows.output


_STAND_INS: dict[ScoreKind, type[Any]] = {
    "proba": StoredProbabilities, "decision": StoredDecisions, "value": StoredNumbers
}  # fmt: skip


def is_scorer(found: object) -> bool:
    """Whether ``found`` came from ``sklearn.metrics.make_scorer``."""
    return hasattr(found, "_score_func") and hasattr(found, "_response_method")


def scorer_names() -> list[str]:
    """The scorer strings this scikit-learn knows."""
    return list(get_scorer_names())


def scorer_named(name: str) -> Scorer:
    """The scorer of a string out of ``scorer_names()``."""
    scorer: Scorer = get_scorer(name)
    return scorer


def needs_of(scorer: Scorer) -> Needs:
    """What a scorer reads, by the method it would call on an estimator."""
    method = scorer._response_method
    if method == "predict":
        return "label"
    return "proba" if method == "predict_proba" else "score"


def of_numbers(scorer: Scorer) -> bool:
    """Whether a scorer of scikit-learn's own is for regression: its function's home tells."""
    return scorer._score_func.__module__ == "sklearn.metrics._regression"


def apply_scorer(rows: ScoredRows, scorer: Scorer) -> float:
    """A scorer's own value, larger is better; NaN where these rows or outputs cannot define it.

    scikit-learn's own functions drop a class that is missing from the rows, or raise. Here they
    are told of all classes where they can be, and are NaN otherwise.
    """
    if needs_of(scorer) == "proba" and rows.corrected is not None:
        rows = replace(rows, output=rows.corrected, corrected=None)
    model = _STAND_INS[rows.kind](rows)
    methods = scorer._response_method
    if not any(hasattr(model, m) for m in ([methods] if isinstance(methods, str) else methods)):
        return np.nan
    if not scorer._score_func.__module__.startswith("sklearn."):
        try:
            return _number(scorer(model, None, rows.target), repr(scorer))
        except MetricError:
            raise
        except Exception as error:
            raise MetricError(f"{scorer!r} raised {type(error).__name__}: {error}") from error
    informed = _told_of_classes(scorer, rows.classes)
    if rows.lacks_a_class and "labels" not in informed._kwargs:
        return np.nan
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _number(informed(model, None, rows.target), repr(scorer))
    except ValueError:  # as of the logarithm of a negative prediction
        if rows.lacks_a_class or rows.kind == "value":
            return np.nan
        raise


def apply_function(
    rows: ScoredRows, function: Callable[[Any, Any], Any], name: str, needs: Needs
) -> float:
    """A user's ``f(y_true, y_pred)``: class codes (1 = positive) or numbers, then what it reads."""
    predicted = {"label": rows.labels, "score": rows.output}.get(needs, rows.proba)
    try:
        return _number(function(rows.target, predicted), name)
    except MetricError:
        raise
    except Exception as error:
        raise MetricError(f"metric {name!r} raised {type(error).__name__}: {error}") from error


def _told_of_classes(scorer: Scorer, classes: int) -> Scorer:
    """The scorer with ``labels=`` filled in where its function, of scores, takes them."""
    if needs_of(scorer) == "label" or "labels" in scorer._kwargs:
        return scorer
    if "labels" not in signature(scorer._score_func).parameters:
        return scorer
    informed = copy.copy(scorer)
    informed._kwargs = {**scorer._kwargs, "labels": np.arange(classes)}
    return informed


def _number(value: object, name: str) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # what cannot be one raises TypeError
    except (TypeError, ValueError):
        raise MetricError(
            f"metric {name!r} returned {type(value).__name__}: a metric returns one number"
        ) from None
