"""Laws of rung 0 of models not fitted in rounds: which rows, what it ends, what it costs."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.assignment import Assignment
from evaluators.crossval import Evaluator
from evaluators.few_rows import FEW_ROWS, FEWEST_OF_A_CLASS, FEWEST_ROWS, LARGEST_SHARE, few_of
from evaluators.metrics import resolve
from evaluators.models import make_recipe
from evaluators.race import Bar
from evaluators.types import Column, Configuration, Dataset, Outcome, Split

ROWS, FOLDS = 27_000, 3


@pytest.mark.parametrize("rarest", [0.5, 0.1, 0.02])
def test_each_class_has_its_share_and_the_rarest_its_floor(rarest):
    rng = np.random.default_rng(0)
    target = (rng.random(60_000) < rarest).astype(np.int32)
    train = np.sort(rng.choice(60_000, 40_000, replace=False))
    few = few_of(train, target, 2)
    assert np.all(np.diff(few) > 0)
    assert np.isin(few, train).all()
    counts, all_of = np.bincount(target[few]), np.bincount(target[train])
    assert counts.min() >= FEWEST_OF_A_CLASS
    share = max(FEW_ROWS, FEWEST_OF_A_CLASS / all_of.min())
    assert counts == pytest.approx(share * all_of, abs=1.0)
    halves = [np.mean(few < 30_000), np.mean(train < 30_000)]
    assert halves[0] == pytest.approx(halves[1], abs=0.02), "early and late rows as in the whole"


def test_numbers_are_taken_over_all_of_their_range():
    rng = np.random.default_rng(1)
    target = rng.exponential(size=50_000)
    few = few_of(np.arange(50_000), target, 0)
    assert len(few) == math.ceil(FEW_ROWS * 50_000)
    for level in (0.05, 0.5, 0.95):
        found = np.quantile(target[few], level)
        assert found == pytest.approx(np.quantile(target, level), rel=0.02)


@pytest.mark.parametrize(("rows", "rare"), [
    (math.floor(FEWEST_ROWS / LARGEST_SHARE) - 1, 0.5),
    (100_000, 0.8 * FEWEST_OF_A_CLASS / LARGEST_SHARE / 100_000),
])  # fmt: skip
def test_where_rows_are_few_there_is_no_rung(rows, rare):
    target = (np.arange(rows) < rare * rows).astype(np.int32)
    assert few_of(np.arange(rows), target, 2) is None


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, 4)).astype(np.float32)
    target = (values[:, 0] + rng.normal(size=ROWS) > 1).astype(np.int32)
    return Dataset(values, target, tuple(Column(f"c{i}") for i in range(4)), ("no", "yes"))


def splits():
    rows = np.arange(ROWS)
    return [Split(rows[rows % FOLDS != k], rows[rows % FOLDS == k]) for k in range(FOLDS)]


def scored(data, estimator, bar=None, race=True, **params):
    objective = resolve("average_precision", binary=True)
    recipe = make_recipe("m", estimator, {}, None, Path("."))
    assignment = Assignment({"m": recipe}, (objective,))
    if race:
        assignment = replace(assignment, race=objective)
    *folds, outcome = Evaluator(assignment, data, [splits()]).evaluate(
        Configuration("m", params), bar=bar
    )
    assert isinstance(outcome, Outcome)
    assert outcome.failure is None
    return folds, outcome


def test_what_goes_on_scores_what_it_scores_without_a_race(data):
    for estimator in ("logistic_regression", "hist_gradient_boosting"):
        (_, plain), (_, raced) = (scored(data, estimator, race=race) for race in (False, True))
        assert raced.scores == plain.scores
        assert raced.oof == plain.oof
        assert all(math.isfinite(each) for each in raced.path)


def test_the_rung_is_what_a_fit_on_the_few_rows_scores(data):
    [first, *_] = splits()
    few = few_of(first.train, data.target, 2)
    recipe = make_recipe("m", "logistic_regression", {}, None, Path("."))
    own = Evaluator(
        Assignment({"m": recipe}, (resolve("average_precision", binary=True),)), data,
        [[Split(few, first.test)]],
    )  # fmt: skip
    *_, alone = own.evaluate(Configuration("m", {}))
    _, raced = scored(data, "logistic_regression")
    assert raced.path[0] == alone.scores["average_precision"]


def test_below_the_bar_nothing_more_is_fitted_and_above_it_all_is(data):
    for least, ends in ((1.1, True), (0.0, False)):
        folds, outcome = scored(data, "logistic_regression", Bar((least,), "maximize"))
        assert (outcome.given_up == 0) == ends
        assert len(folds) == (0 if ends else FOLDS)
    _, paused = scored(data, "logistic_regression", Bar.pausing("maximize"))
    assert paused.given_up is None, "it waits for nobody: its ranks have not been seen yet"
    assert math.isfinite(paused.path[0])


def test_a_rung_that_is_given_up_costs_nothing_more(data):
    bar = Bar((math.nan,) * FOLDS, "maximize", few_rows=False)
    _, outcome = scored(data, "logistic_regression", bar)
    assert math.isnan(outcome.path[0])
    assert math.isfinite(outcome.path[1])


def test_what_fails_on_few_rows_only_has_no_rung(data, tmp_path):
    """On all rows it is a model like another."""
    (tmp_path / "choosy.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n\n\n"
        "class Choosy(GaussianNB):\n"
        "    def fit(self, X, y, sample_weight=None):\n"
        f"        if len(X) <= {math.ceil(FEW_ROWS * ROWS)}:\n"
        "            raise ValueError('too few rows')\n"
        "        return super().fit(X, y, sample_weight)\n"
    )
    _, outcome = scored(data, f"{tmp_path}/choosy.py:Choosy", Bar.pausing("maximize"))
    assert math.isnan(outcome.path[0])
    assert outcome.given_up is None
    assert [said for said in outcome.warnings if said.startswith("no rung 0 on ")]
