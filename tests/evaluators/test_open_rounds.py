"""Rounds that were left open: found on rows that are held out of the training rows."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from evaluators import open_rounds
from evaluators.assignment import Assignment
from evaluators.binned_xgboost import XGBClassifier
from evaluators.crossval import Evaluator
from evaluators.kept import Kept
from evaluators.metrics import resolve
from evaluators.models import _factory, make_recipe
from evaluators.open_rounds import ROUNDS, held_out
from evaluators.rows import Rows
from evaluators.types import Column, Configuration, Dataset, Outcome, Split
from quintain.prepare import prepare
from search.errors import SpecError
from search.spec import read_spec

ROWS, FOLDS = 900, 3
MODULES = {
    "xgboost": "binned_xgboost", "lightgbm": "staged_lightgbm",
    "hist_gradient_boosting": "staged_hist",
}  # fmt: skip
boosters = pytest.mark.parametrize("booster", list(ROUNDS))


@pytest.fixture(scope="module")
def table():
    """(900, 4), classes of which one is rare, numbers."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(ROWS, 4)).astype(np.float32)
    number = X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=ROWS)
    return X, (number > 1.5).astype(np.int32), number


def fitted(table, booster, *, regression=False, race=False, weighed=False, **params):
    """The models of all folds, and the outcome."""
    X, label, number = table
    rows = np.arange(ROWS)
    splits = [Split(rows[rows % FOLDS != k], rows[rows % FOLDS == k]) for k in range(FOLDS)]
    metric = resolve("rmse" if regression else "log_loss", binary=True, regression=regression)
    recipe = make_recipe(
        "m", booster, {ROUNDS[booster]: "auto"}, None, Path("."), regression=regression
    )
    weight = np.linspace(0.5, 2.0, ROWS) if weighed else None
    data = Dataset(
        X, number if regression else label, tuple(Column(f"c{i}") for i in range(4)),
        () if regression else ("no", "yes"), weight=weight,
    )  # fmt: skip
    models = []

    class Watched(Evaluator):
        def _fit(self, model, index, run):
            super()._fit(model, index, run)
            models.append(model.model)

    task = Assignment({"m": recipe}, (metric,), race=metric if race else None)
    *_, outcome = Watched(task, data, [splits]).evaluate(Configuration("m", params))
    assert isinstance(outcome, Outcome)
    assert outcome.failure is None
    return models, outcome


@boosters
@pytest.mark.parametrize("regression", [False, True])
def test_rounds_are_found_and_more_would_be_worse(table, booster, regression):
    """Few where each learns much; what was found is the fitted model's parameter."""
    params = {"learning_rate": 0.3}
    models, outcome = fitted(table, booster, regression=regression, **params)
    found = [model.get_params()[ROUNDS[booster]] for model in models]
    assert all(1 <= each < 200 for each in found)
    more = {ROUNDS[booster]: 600, **params}
    _, many = fitted(table, booster, regression=regression, **more)
    [name] = outcome.scores
    assert outcome.scores[name] < many.scores[name]  # both are errors


@boosters
def test_slower_learning_takes_more_rounds(table, booster):
    quick, slow = (
        sum(model.get_params()[ROUNDS[booster]] for model in fitted(table, booster, **params)[0])
        for params in ({"learning_rate": 0.3}, {"learning_rate": 0.03})
    )
    assert slow > 2 * quick


@boosters
def test_weighed_rows_weigh_where_they_are_held_out_too(table, booster, monkeypatch):
    """Where those held out are of the other kind of weight, other rounds are found."""
    X, label, _ = table
    weight = np.where(np.arange(ROWS) % 2, 1.0, 1e-3)
    flipped = np.where(np.arange(ROWS) % 2, label, 1 - label)  # what weighs nothing misleads
    params = {ROUNDS[booster]: "auto", "learning_rate": 0.1, "random_state": 0}
    own = sys.modules[f"evaluators.{MODULES[booster]}"]
    whole = own.held_out

    def found():
        recipe = make_recipe("m", booster, {}, None, Path("."))
        model = _factory(recipe)(**params).fit(X, flipped, sample_weight=weight)
        return model.get_params()[ROUNDS[booster]]

    weighed = found()
    monkeypatch.setattr(own, "held_out", lambda *asked: _weightless(*whole(*asked)))
    assert weighed != found()


def _weightless(learnt, held):
    return learnt, held._replace(weight=None)


@pytest.mark.parametrize("booster", list(ROUNDS))
def test_it_goes_back_to_the_best_round(table, booster):
    """What did not help is not in the answers: as many rounds asked for outright answer alike."""
    X, label, _ = table
    recipe = make_recipe("m", booster, {}, None, Path("."))
    params = {"learning_rate": 0.3, "random_state": 0, **recipe.params}
    auto = _factory(recipe)(**params, **{ROUNDS[booster]: "auto"}).fit(X, label)
    learnt, _ = held_out(X, label, None, {"random_state": 0})
    found = auto.get_params()[ROUNDS[booster]]
    plain = _factory(recipe)(**params, **{ROUNDS[booster]: found}).fit(learnt.X, learnt.y)
    np.testing.assert_allclose(auto.predict_proba(X), plain.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("booster", list(ROUNDS))
def test_a_class_of_one_row_is_learnt_from(table, booster):
    X, label, _ = table
    label = np.where(np.arange(ROWS) == 7, 2, label)
    recipe = make_recipe("m", booster, {}, None, Path("."))
    model = _factory(recipe)(**{ROUNDS[booster]: "auto"}, random_state=0).fit(X, label)
    assert model.predict_proba(X).shape == (ROWS, 3)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"estimator": "xgboost", "resample": "smote"}, "resampling would put copies"),
        ({"estimator": "xgboost", "resample": ["none", "random_over"]}, "copies of them among"),
        (
            {"estimator": "xgboost", "params": {"n_estimators": "auto", "scale_pos_weight": 9}},
            "scale_pos_weight does not count among the rows",
        ),
        ({"estimator": "random_forest"}, r'n_estimators = "auto" is for boosters'),
    ],
)
def test_what_would_spoil_the_rows_held_out_is_refused(table, block, said):
    X, label, _ = table
    spec = {
        "name": "open", "data": {"source": "(in memory)", "target": "target"},
        "model": [{"params": {"n_estimators": "auto"}} | block],
    }  # fmt: skip
    with pytest.raises(SpecError, match=rf"\$\.model\[0\]\.params: .*{said}"):
        prepare(read_spec(spec), (X, label))


@boosters
def test_there_is_no_rung_0_where_rounds_are_not_known(table, booster):
    (_, plain), (_, raced) = (fitted(table, booster, race=race) for race in (False, True))
    assert raced.scores == plain.scores
    assert math.isnan(raced.path[0])


def test_what_is_held_out_is_a_tenth_of_each_class_and_never_all_of_one(table):
    X, label, _ = table
    label = np.where(np.arange(ROWS) == 7, 2, label)  # one row of a third class
    learnt, held = held_out(X, label, None, {"random_state": None, "seed": 3})
    assert len(learnt.y) + len(held.y) == ROWS
    assert set(learnt.y) == {0, 1, 2}
    for code in (0, 1):
        assert np.mean(held.y == code) == pytest.approx(np.mean(label == code), abs=0.02)
    both = np.concatenate([learnt.X, held.X])
    np.testing.assert_array_equal(np.sort(both, axis=0), np.sort(X, axis=0))
    again, _ = held_out(X, label, None, {"random_state": 3})
    np.testing.assert_array_equal(again.y, learnt.y)


def test_rows_by_reference_are_divided_once_and_their_matrix_is_kept(table):
    """Another configuration learns from the same rows and bins nothing, in two ways of weighing."""
    X, label, _ = table
    store, index = Kept(3), np.arange(300, ROWS)
    params = {"n_estimators": "auto", "random_state": 0, "tree_method": "hist", "n_jobs": 1}
    made = []
    for depth, weight in ((2, None), (2, label + 1.0), (4, None), (4, label + 1.0)):
        store.begin(1000.0)
        own = None if weight is None else weight[index]
        rows = Rows(X, index, store)
        XGBClassifier(**params, max_depth=depth).fit(rows, label[index], sample_weight=own)
        made.append(store.made)
    assert made == [2, 3, 3, 3]  # the division and a matrix, one more, nothing


def test_rounds_end_at_the_most_there_may_be(table, monkeypatch):
    from evaluators import binned_xgboost

    assert open_rounds.MOST_ROUNDS == binned_xgboost.MOST_ROUNDS
    monkeypatch.setattr(binned_xgboost, "MOST_ROUNDS", 7)
    models, _ = fitted(table, "xgboost", learning_rate=0.001)
    assert [model.n_estimators for model in models] == [7, 7, 7]
