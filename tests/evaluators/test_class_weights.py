"""One meaning of class_weight for all models."""

import math
from pathlib import Path

import numpy as np
import pytest

from evaluators.errors import ModelError
from evaluators.model_table import TABLE
from evaluators.models import build, make_recipe
from evaluators.types import Column

COLUMNS = (Column("a"), Column("b"), Column("kind", ("x", "y", "z")))
WEIGHED = [name for name, entry in TABLE.items() if entry.weighs_classes]

#: So many rounds at so quick a rate that boosting arrives where features say nothing.
QUICK = {
    "random_forest": {"n_estimators": 50},
    "extra_trees": {"n_estimators": 20},
    "xgboost": {"n_estimators": 20, "learning_rate": 0.3},
    "lightgbm": {"n_estimators": 20, "learning_rate": 0.3},
    "hist_gradient_boosting": {"max_iter": 20, "learning_rate": 0.3},
    "gaussian_nb": {"var_smoothing": 0.1},
}


def labelled(classes):
    """Rows whose numbers say something of their class."""
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(size=(400, 2)), rng.integers(0, 3, 400)]).astype(
        np.float32
    )
    signal = values[:, 0] + (values[:, 2] == 1) + rng.normal(0, 0.3, 400)
    target = np.digitize(signal, np.quantile(signal, [0.6, 0.85][: classes - 1])).astype(np.int32)
    return values, target


def made(estimator, params, target, *, class_weight=None, classes=2):
    recipe = make_recipe("m", estimator, QUICK.get(estimator, {}), class_weight, Path())
    names = ("a", "b", "c")[:classes]
    return build(recipe, params, COLUMNS, names, target, threads=1, seed=0)


def answers(model, values):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(values)
    return model.decision_function(values)


@pytest.mark.parametrize("weight", [3, 0.25, "balanced", {"b": 3}, {"a": 2, "b": 6}])
@pytest.mark.parametrize("estimator", [name for name in WEIGHED if name != "linear_svm"])
def test_class_weight_moves_every_model_alike(estimator, weight):
    """Where features say nothing, the probability is the weighted share of the class."""
    rng = np.random.default_rng(0)
    values = np.zeros((4000, 3), dtype=np.float32)
    values[:, 0] = rng.integers(0, 2, 4000)
    target = np.tile([0, 0, 0, 1], 1000).astype(np.int32)
    model = made(estimator, {}, target, class_weight=weight).fit(values, target)
    odds = 1.0 if weight == "balanced" else (weight if isinstance(weight, int | float) else 3) / 3
    found = answers(model, values)[:, 1].mean()
    assert found == pytest.approx(odds / (1 + odds), abs=0.02)


def test_class_weight_is_scikit_learn_s_and_xgboost_s():
    """A number is class_weight={1: w} of scikit-learn and weight w of each row of XGBoost."""
    values, target = labelled(2)
    for estimator in ("logistic_regression", "linear_svm"):
        ours = made(estimator, {}, target, class_weight=4).fit(values, target)
        theirs = made(estimator, {}, target)
        theirs.model.set_params(class_weight={1: 4})
        theirs.fit(values, target)
        np.testing.assert_allclose(ours.model.coef_, theirs.model.coef_, rtol=1e-3, atol=1e-4)
    ours = made("xgboost", {}, target, class_weight=4).fit(values, target)
    rows = np.where(target == 1, 4.0, 1.0)
    theirs = made("xgboost", {}, target).fit(values, target, sample_weight=rows)
    np.testing.assert_array_equal(answers(ours, values), answers(theirs, values))


def test_class_weight_equals_repeated_rows():
    """Weight 3 is what three copies of each positive row are; row weights multiply with it."""
    values, target = labelled(2)
    rows = np.concatenate([np.arange(400), *[np.flatnonzero(target == 1)] * 2])
    copied = made("gaussian_nb", {}, target).fit(values[rows], target[rows])
    copied.view.transform = None  # its scaling saw the copies: compare the priors only
    weighed = made("gaussian_nb", {}, target, class_weight=3).fit(values, target)
    np.testing.assert_allclose(copied.model.class_prior_, weighed.model.class_prior_)
    twice = made("gaussian_nb", {}, target, class_weight=1.5)
    twice.fit(values, target, sample_weight=np.where(target == 1, 2.0, 1.0))
    np.testing.assert_allclose(twice.model.class_prior_, weighed.model.class_prior_)


def test_balanced_counts_the_weights_of_rows():
    """Balanced gives every class the same sum of row weight times class weight."""
    values, target = labelled(3)
    rows = np.random.default_rng(0).random(400) + 0.1
    model = made("gaussian_nb", {}, target, class_weight="balanced", classes=3)
    model.fit(values, target, sample_weight=rows)
    np.testing.assert_allclose(model.model.class_prior_, 1 / 3, rtol=1e-5)


def test_class_weight_from_the_space():
    """A class weight among the configuration's parameters counts; a fixed one wins over it."""
    values, target = labelled(2)
    searched = made("gaussian_nb", {"class_weight": "balanced"}, target).fit(values, target)
    np.testing.assert_allclose(searched.model.class_prior_, 0.5)
    fixed = made("gaussian_nb", {"class_weight": "balanced"}, target, class_weight={"a": 1})
    assert fixed.fit(values, target).model.class_prior_[1] == pytest.approx(target.mean())


@pytest.mark.parametrize(
    ("estimator", "weight", "params", "classes", "said"),
    [
        ("knn", "balanced", {}, 2, "knn cannot weigh classes; these can: logistic_regression"),
        ("dummy", 3, {}, 2, "dummy cannot weigh classes"),
        ("xgboost", "balance", {}, 2, "class_weight is 'balance'; allowed"),
        ("xgboost", -1, {}, 2, "class_weight is -1; allowed"),
        ("xgboost", math.nan, {}, 2, "class_weight is nan; allowed"),
        ("xgboost", {"b": 0}, {}, 2, "class_weight of 'b' is 0; allowed"),
        ("xgboost", {"bb": 2}, {}, 2, "no label 'bb'; did you mean 'b'?"),
        ("xgboost", 3, {}, 3, "there are 3 classes"),
        ("xgboost", 3, {"scale_pos_weight": 2}, 2, "class_weight and scale_pos_weight"),
    ],
)
def test_class_weight_that_cannot_be(estimator, weight, params, classes, said):
    """A class weight without a meaning is refused in one line."""
    _, target = labelled(classes)
    with pytest.raises(ModelError) as caught:
        made(estimator, params, target, class_weight=weight, classes=classes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_row_weights_that_cannot_be():
    """A model that cannot weigh rows says so instead of leaving the weights out."""
    values, target = labelled(2)
    with pytest.raises(ModelError, match="knn cannot weigh rows"):
        made("knn", {}, target).fit(values, target, sample_weight=np.ones(400))
