"""Laws of a raced trial in its worker: where it is looked at, what ends it, what it tells."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.assignment import Assignment
from evaluators.crossval import Evaluator
from evaluators.metrics import resolve
from evaluators.models import make_recipe
from evaluators.oof import decode
from evaluators.race import Bar, raced_metric
from evaluators.types import Column, Configuration, Dataset, Outcome, Split

ROWS, FOLDS = 600, 3
NO_BAR = math.nan


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, 4)).astype(np.float32)
    target = (values[:, 0] + rng.normal(size=ROWS) > 1).astype(np.int32)
    return Dataset(values, target, tuple(Column(f"c{i}") for i in range(4)), ("no", "yes"))


def scored(data, bar=None, race="average_precision", estimator="xgboost", **params):
    """The folds that were told, and the outcome."""
    objective = resolve("average_precision", binary=True)
    rows = np.arange(ROWS)
    splits = [Split(rows[rows % FOLDS != k], rows[rows % FOLDS == k]) for k in range(FOLDS)]
    recipe = make_recipe("m", estimator, {}, None, Path("."))
    assignment = Assignment({"m": recipe}, (objective,))
    if race:
        assignment = replace(assignment, race=resolve(race, binary=True))
    *folds, outcome = Evaluator(assignment, data, [splits]).evaluate(
        Configuration("m", params), bar=bar
    )
    assert isinstance(outcome, Outcome)
    assert outcome.failure is None
    return folds, outcome


boosters = pytest.mark.parametrize("booster", ["xgboost", "lightgbm", "hist_gradient_boosting"])


def rounds(booster, count=45, part=True):
    """Parameters of so many rounds; ``part``: of which each sees a part of rows or columns."""
    if booster == "hist_gradient_boosting":
        return {"estimator": booster, "max_iter": count, "max_features": 0.5 if part else 1.0}
    share = {"subsample": 0.7, "colsample_bytree": 0.5} if part else {}
    return {"estimator": booster, "n_estimators": count} | share


@boosters
def test_a_trial_that_goes_on_scores_what_it_scores_without_a_race(data, booster):
    bar, params = Bar((0.0, 0.0, 0.0), "maximize"), rounds(booster)
    (_, plain), (_, raced) = scored(data, race=None, **params), scored(data, bar, **params)
    assert raced.scores == plain.scores
    assert raced.oof == plain.oof
    assert raced.given_up is None
    assert plain.path == ()


@boosters
def test_the_path_is_what_the_rungs_score(data, booster):
    folds, outcome = scored(data, **rounds(booster))
    assert len(outcome.path) == FOLDS
    assert all(math.isfinite(each) for each in outcome.path)
    assert outcome.path[1] == pytest.approx(folds[0].scores["average_precision"])
    # a ninth of the rounds, grown by themselves without sampling, are the same trees
    _, few_rounds = scored(data, **rounds(booster, 5, part=False))
    _, all_rounds = scored(data, **rounds(booster, 45, part=False))
    assert few_rounds.path[1] == pytest.approx(all_rounds.path[0], abs=1e-6)
    assert math.isnan(few_rounds.path[0])


@boosters
def test_below_the_bar_after_few_rounds_nothing_more_is_fitted(data, booster):
    bar = Bar((1.1, NO_BAR, NO_BAR), "maximize")
    folds, outcome = scored(data, bar, **rounds(booster))
    assert folds == []
    assert outcome.given_up == 0
    assert outcome.scores == {}
    assert outcome.folds == {"average_precision": []}
    assert math.isfinite(outcome.path[0])
    assert math.isnan(outcome.path[1])
    assert len(decode(outcome.oof)[0]) == ROWS // FOLDS


def test_below_the_bar_after_two_folds_both_are_told(data):
    bar = Bar((NO_BAR, NO_BAR, 1.1), "maximize")
    folds, outcome = scored(data, bar, estimator="logistic_regression")
    assert [fold.fold for fold in folds] == [0, 1]
    assert outcome.given_up == 2
    assert outcome.folds["average_precision"] == [f.scores["average_precision"] for f in folds]
    assert outcome.resources.wall_s > 0
    assert math.isnan(outcome.path[0])


def test_where_less_is_better_the_bar_is_an_upper_one(data):
    _, ends = scored(data, Bar((NO_BAR, 0.001), "minimize"), race="log_loss")
    _, goes_on = scored(data, Bar((NO_BAR, 9.9), "minimize"), race="log_loss")
    assert ends.given_up == 1
    assert goes_on.given_up is None


def test_labels_race_by_what_they_are_cut_from():
    f1, auc = resolve("f1", binary=True), resolve("roc_auc", binary=True)
    assert raced_metric(f1, tuned=True, binary=True).name == "average_precision"
    assert raced_metric(f1, tuned=False, binary=True).name == "average_precision"
    assert raced_metric(resolve("f1", binary=False), tuned=False, binary=False).name == "log_loss"
    assert raced_metric(auc, tuned=False, binary=True) is auc


def test_rounds_that_are_not_known_before_have_no_rung_0(data):
    """Histogram boosting that stops early is as it is without a race."""
    params = {"estimator": "hist_gradient_boosting", "max_iter": 45, "early_stopping": True}
    (_, plain), (_, raced) = scored(data, race=None, **params), scored(data, **params)
    assert raced.scores == plain.scores
    assert math.isnan(raced.path[0])
