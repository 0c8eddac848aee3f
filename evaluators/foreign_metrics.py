"""Metrics that are not ours: scikit-learn's scorer strings, and code of the user's."""

import inspect
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.errors import MetricError
from evaluators.metrics import DIRECTIONS, NEEDS, Direction, Metric, Needs
from evaluators.scored_rows import ScoredRows, labels_of
from evaluators.scorers import (
    Scorer,
    apply_function,
    apply_scorer,
    is_scorer,
    needs_of,
    of_numbers,
    scorer_named,
)

_ANYTHING = (-math.inf, math.inf)


def from_scorer_string(name: str, binary: bool, regression: bool = False) -> Metric:
    """A scorer string, tried on a few rows first so that a misfit shows before a sweep starts."""
    scorer = scorer_named(name)
    what = "numbers" if regression else "two classes" if binary else "more than two classes"
    if of_numbers(scorer) != regression:
        other = "classes" if regression else "a target of numbers"
        raise MetricError(f"metric {name!r} cannot score {what}: it is for {other}")
    try:
        apply_scorer(_few_numbers() if regression else _few_rows(binary), scorer)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise MetricError(f"metric {name!r} cannot score {what}: {reason}") from error
    return _of_scorer(name, scorer, f"scikit-learn's scorer {name!r}")


def from_code(
    reference: str, direction: Direction | None, folder: Path, regression: bool = False
) -> Metric:
    """A scorer object or a plain function out of a file or module of the user's.

    Raises:
        MetricError: it cannot be called as a metric, or nothing says which way is better.
    """
    from evaluators.code import load_object

    found = load_object(reference, folder)
    if not callable(found):
        raise MetricError(
            f"metric {reference!r} is of type {type(found).__name__}: "
            f"name a function f(y_true, y_pred) or a scorer made by make_scorer"
        )
    if is_scorer(found):
        _refuse_old_keywords(reference, found)
        _refuse_scores_of_numbers(reference, needs_of(found), regression)
        return _of_scorer(reference, found, f"the scorer {reference}")
    needs, towards = _read_function(reference, found, direction)
    _refuse_scores_of_numbers(reference, needs, regression)
    meaning = (inspect.getdoc(found) or f"the function {reference}").split("\n")[0]
    function = partial(apply_function, function=found, name=reference, needs=needs)
    return Metric(reference, towards, _ANYTHING, needs, "mean", meaning, "rows", function)


def _of_scorer(name: str, scorer: Scorer, meaning: str) -> Metric:
    """Scorers are maximized by convention: those of losses turn the sign themselves."""
    function = partial(apply_scorer, scorer=scorer)
    return Metric(name, "maximize", _ANYTHING, needs_of(scorer), "mean", meaning, "rows", function)


def _few_rows(binary: bool) -> ScoredRows:
    """Rows of every class with ordinary probabilities."""
    target = np.tile(np.arange(2 if binary else 3), 4)
    output = np.linspace(0.1, 0.8, len(target))
    if not binary:
        output = np.column_stack((output, (1 - output) / 3, 2 * (1 - output) / 3))
    return ScoredRows(target, output, "proba", labels_of(output, "proba"))


def _few_numbers() -> ScoredRows:
    """Positive numbers, as some metrics need them, and predictions near them."""
    target = np.linspace(1.0, 2.0, 12)
    return ScoredRows(target, target + 0.1, "value", target + 0.1)


def _refuse_scores_of_numbers(reference: str, needs: Needs, regression: bool) -> None:
    if regression and needs != "label":
        what = "probabilities" if needs == "proba" else "scores"
        raise MetricError(
            f"metric {reference!r} reads {what} of classes, and the target is a number: a metric "
            f"of numbers reads what predict gives"
        )


def _refuse_old_keywords(reference: str, scorer: Scorer) -> None:
    """``make_scorer(needs_proba=True)`` is now taken for an argument of the function: say so."""
    for old, method in {
        "needs_proba": '"predict_proba"',
        "needs_threshold": '("decision_function", "predict_proba")',
    }.items():
        if old in scorer._kwargs:
            raise MetricError(
                f"metric {reference!r}: make_scorer no longer knows {old}, "
                f"write response_method={method}"
            )


def _read_function(
    reference: str, function: Callable[..., Any], direction: Direction | None
) -> tuple[Needs, Direction]:
    """What a plain function reads and which way is better: from the spec or its attributes."""
    short = reference.rpartition(":")[2]
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        raise MetricError(
            f"metric {reference!r} takes {inspect.signature(function)}: "
            f"a metric is called as {short}(y_true, y_pred)"
        ) from None
    needs = getattr(function, "needs", "label")
    if needs not in NEEDS:
        raise MetricError(
            f"metric {reference!r}: {short}.needs is {needs!r}, allowed are {', '.join(NEEDS)}"
        )
    towards = direction or getattr(function, "direction", None)
    if towards not in DIRECTIONS:
        raise MetricError(
            f'metric {reference!r}: say which way is better, with direction = "maximize" or '
            f'"minimize" under [evaluate], or {short}.direction = "maximize" below the function'
        )
    return needs, towards
