"""A target of numbers: rows, folds, hold-out, models, suspicions."""

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.model_selection import RepeatedKFold

from evaluators.assignment import Assignment
from evaluators.crossval import Evaluator
from evaluators.data import load
from evaluators.errors import DataError, ModelError, SplitError
from evaluators.fingerprint import row_hashes
from evaluators.holdout import locked_rows
from evaluators.metrics import resolve
from evaluators.models import build, make_recipe, registered
from evaluators.refit import refit
from evaluators.splits import SplitPlan, make_splits, natural_splitter
from evaluators.suspicion import suspicions
from evaluators.types import Configuration, Outcome

HERE = Path()


def of(name):
    return resolve(name, binary=False, regression=True)


def prices(rows=400, seed=0):
    """Two numbers and a category that bear on the price, gaps, a group, noise."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(rows, 4)), columns=list("abcd"))
    frame["kind"] = generator.choice(["x", "y", "z"], rows)
    frame["place"] = generator.integers(0, rows // 10, rows)
    signal = 3 * frame["a"] + frame["b"] ** 2 + 4 * (frame["kind"] == "x")
    frame["price"] = 100 + 10 * (signal + generator.normal(size=rows))
    frame.loc[generator.choice(rows, rows // 20, replace=False), "c"] = np.nan
    return frame


@pytest.fixture(scope="module")
def dataset():
    return load(prices(), "price", drop=["place"])


# --- rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "regression"),
    [
        (np.linspace(0, 1, 40), True),
        (np.arange(400) % 21, True),
        (np.arange(400) % 20, False),
        ([Decimal(number) / 4 for number in range(40)], True),
        (np.arange(1000) % 40, False),  # 40 whole numbers are not more than one in twenty rows
        (np.arange(400) % 10 / 4, False),
        (np.arange(400) % 2 == 0, False),
        (np.arange(400).astype(str), False),
    ],
)
def test_a_target_is_a_number_where_it_looks_like_an_amount(target, regression):
    """Many distinct numbers are amounts; few, true and false, and text are classes."""
    frame = pd.DataFrame({"a": np.arange(len(target)) % 7, "y": target})
    if not regression and len(set(target)) == len(target):
        with pytest.raises(DataError, match="labels have each one row"):
            load(frame, "y")
        return
    assert load(frame, "y").regression is regression


def test_the_user_decides_where_it_is_doubtful():
    """A rating of 1 to 5 is classes, or a number on request; numbers stay as they are."""
    frame = pd.DataFrame({"a": np.arange(100) % 7, "stars": np.arange(100) % 5 + 1})
    assert load(frame, "stars").classes == ("1", "2", "3", "4", "5")
    asked = load(frame, "stars", task="regression")
    assert (asked.classes, asked.binary, asked.target.dtype) == ((), False, np.float64)
    assert asked.target.tolist() == frame["stars"].tolist()
    frame["many"] = np.arange(100) % 30
    assert load(frame, "many").regression
    assert len(load(frame, "many", task="classification").classes) == 30


@pytest.mark.parametrize(
    ("target", "options", "words"),
    [
        (["x", "y"] * 20, {"task": "regression"}, ["text such as 'x'", "needs numbers"]),
        ([True, False] * 20, {"task": "regression"}, ["true and false"]),
        (pd.date_range("2026", periods=40), {"task": "regression"}, ["holds dates"]),
        ([math.nan, *np.arange(39.0)], {}, ["missing in 1 of 40"]),
        ([math.inf, *np.arange(39.0)], {}, ["infinite in 1 of 40"]),
        ([5.0] * 40, {"task": "regression"}, ["5 in every row"]),
        (np.arange(40.0), {"positive": 1}, ["no positive class"]),
        (np.arange(40.0), {"rows": 1}, ["rows = 1 is too few; at least 2"]),
    ],
)
def test_a_target_that_is_none_is_refused_in_one_line(target, options, words):
    """Each says what is wrong with it."""
    with pytest.raises(DataError) as caught:
        load(pd.DataFrame({"a": np.arange(40) % 7, "y": target}), "y", **options)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in words), caught.value


def test_hashes_know_the_number_and_not_the_order():
    """Another order is the same table, another price is another one; a part is nested."""
    frame = prices(200)
    whole = load(frame, "price")
    turned = load(frame.iloc[::-1], "price")
    assert turned.fingerprint == whole.fingerprint
    assert (row_hashes(turned)[::-1] == row_hashes(whole)).all()
    frame.loc[3, "price"] += 0.5
    assert (np.flatnonzero(row_hashes(load(frame, "price")) != row_hashes(whole)) == [3]).all()
    parts = [set(load(prices(200), "price", rows=rows).identity.tolist()) for rows in (60, 120)]
    assert len(parts[0]) == 60
    assert parts[0] < parts[1]


# --- folds and hold-out --------------------------------------------------------------------------


def test_plain_folds_are_those_of_scikit_learn(dataset):
    """RepeatedKFold with the same seed, row for row."""
    splits, warned = make_splits(SplitPlan(natural_splitter(dataset), 5, 2, 7), dataset)
    expected = RepeatedKFold(n_splits=5, n_repeats=2, random_state=7).split(dataset.values)
    for split, (train, test) in zip(splits, expected, strict=True):
        assert (split.train == train).all()
        assert (split.test == test).all()
    assert warned == ()


def test_groups_stay_whole_and_are_dealt_anew(dataset):
    """No place stands on both sides of a fold, and another seed deals other folds."""
    grouped = load(prices(), "price", group_column="place")
    assert natural_splitter(grouped) == "group"
    first, again, other = (make_splits(SplitPlan("group", 5, 1, s), grouped)[0] for s in (1, 1, 2))
    for split in first:
        assert not np.isin(grouped.groups[split.test], grouped.groups[split.train]).any()
    assert all((a.test == b.test).all() for a, b in zip(first, again, strict=True))
    assert any(set(a.test) != set(b.test) for a, b in zip(first, other, strict=True))


def test_copies_share_a_fold_unless_they_are_different_cases():
    """A row pasted twice is tested where neither copy was learnt; coarse columns are not copies."""
    frame = prices(200)
    twice = load(pd.concat([frame, frame.iloc[:60]]), "price")
    splits, _ = make_splits(SplitPlan("plain", 5), twice)
    for split in splits:
        assert not np.isin(twice.identity[split.test], twice.identity[split.train]).any()
    coarse = load(frame[["kind", "price"]], "price")
    warned = make_splits(SplitPlan("plain", 5), coarse)[1]
    assert [each.code for each in warned] == ["duplicates_across_folds"]


def test_folds_that_cannot_be_are_refused_or_lowered(dataset):
    """Stratified needs classes; more folds than rows are refused; 12 rows get 2 folds of 6."""
    with pytest.raises(SplitError, match='"stratified" needs classes'):
        make_splits(SplitPlan("stratified"), dataset)
    few = dataset.take(np.arange(12))
    with pytest.raises(SplitError, match="there are 12 rows, so at most 12"):
        make_splits(SplitPlan("plain", 13), few)
    splits, warned = make_splits(SplitPlan("plain"), few)
    assert len(splits) == 2
    assert [each.code for each in warned] == ["folds_lowered"]


def test_the_holdout_counts_rows():
    """A fifth is locked where a hundred rows land in it, the same rows in any order; else none."""
    large, small = load(prices(700), "price"), load(prices(200), "price")
    development, locked, warned = locked_rows(large, "auto")
    assert 100 <= len(locked) < 180
    assert len(development) + len(locked) == 700
    assert warned == ()
    turned = load(prices(700).iloc[::-1], "price")
    again = turned.identity[locked_rows(turned, "auto")[1]]
    assert set(again) == set(large.identity[locked])
    assert [each.code for each in locked_rows(small, "auto")[2]] == ["no_holdout"]


# --- models --------------------------------------------------------------------------------------

QUICK = {
    "random_forest": {"n_estimators": 15},
    "extra_trees": {"n_estimators": 15},
    "hist_gradient_boosting": {"max_iter": 30},
    "xgboost": {"n_estimators": 30},
    "lightgbm": {"n_estimators": 30},
}


@pytest.mark.parametrize("name", registered(regression=True))
@pytest.mark.parametrize("weighted", [False, True])
def test_every_registered_regressor_learns_categories_and_gaps(dataset, name, weighted):
    """Under cross-validation each explains most of the price; the dummy nothing."""
    recipe = make_recipe("m", name, QUICK.get(name, {}), None, HERE, regression=True)
    data = dataset
    if weighted:
        if name == "knn":
            return
        data = replace(dataset, weight=np.ones(dataset.rows))
    splits, _ = make_splits(SplitPlan("plain", 2), data)
    metrics = tuple(map(of, ("r2", "rmse")))
    *folds, outcome = Evaluator(Assignment({"m": recipe}, metrics), data, [splits]).evaluate(
        Configuration("m", {}), interval=True
    )
    assert isinstance(outcome, Outcome)
    assert outcome.failure is None
    assert (outcome.kind, outcome.confusion, outcome.threshold) == ("value", (), None)
    assert (outcome.scores["r2"] > 0.6) == (name != "dummy"), outcome.scores
    assert outcome.interval.low < outcome.scores["r2"] < outcome.interval.high
    assert all(math.isfinite(fold.scores["rmse"]) for fold in folds)


def test_a_refitted_regressor_answers_with_numbers(dataset):
    """On a new table, in any order of its columns; it has no probabilities."""
    recipe = make_recipe("m", "ridge", {}, None, HERE, regression=True)
    fitted = refit(Assignment({"m": recipe}, (of("r2"),)), dataset, Configuration("m", {}))
    new = prices(50, seed=1)
    found = fitted.predict(new[["kind", *"dcba"]])
    assert found.dtype == np.float64
    assert sk.r2_score(new["price"], found) > 0.7
    with pytest.raises(ModelError, match="gives numbers and no probabilities"):
        fitted.predict_proba(new)


def test_models_of_the_other_task_are_refused(tmp_path):
    """By the nearest word; a user's classifier gives no numbers, a regressor no labels."""
    for name, regression, words in (
        ("logistic_regression", True, "did you mean 'ridge'"),
        ("linear_svm", True, "did you mean 'ridge'"),
        ("ridge", False, "did you mean 'logistic_regression'"),
        ("rigde", True, "did you mean 'ridge'"),
        ("sklearn.linear_model:LogisticRegression", True, "is a classifier"),
        ("sklearn.linear_model:ElasticNet", False, "neither predict_proba"),
    ):
        with pytest.raises(ModelError, match=words):
            make_recipe("m", name, {}, None, tmp_path, regression=regression)


def test_a_users_regressor_needs_predict_only(dataset, tmp_path):
    """It gets numbers without gaps; its answer of one column is one number a row."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "class Mean:\n"
        "    def __init__(self, shift=0.0):\n        self.shift = shift\n"
        "    def fit(self, X, y):\n"
        "        assert not np.isnan(X).any()\n        self.mean = y.mean()\n"
        "    def predict(self, X):\n        return np.full((len(X), 1), self.mean + self.shift)\n"
        "class Wide(Mean):\n"
        "    def predict(self, X):\n        return np.zeros((len(X), 2))\n"
    )
    for name, words in (("Mean", None), ("Wide", "predict gave shape")):
        recipe = make_recipe("m", f"mine.py:{name}", {}, None, tmp_path, regression=True)
        model = build(
            recipe, {"shift": 1.0}, dataset.columns, (), dataset.target, threads=1, seed=0
        )
        model.fit(dataset.values, dataset.target)
        if words is None:
            assert model.predict(dataset.values) == pytest.approx(dataset.target.mean() + 1)
        else:
            with pytest.raises(ModelError, match=words):
                model.predict(dataset.values)


# --- suspicions ----------------------------------------------------------------------------------


def test_a_leak_of_the_number_is_told_and_a_clean_table_is_not():
    """The price in another currency stands out; ten clean tables stay silent."""
    frame = prices()
    frame["paid"] = np.log(frame["price"] + 1000) + np.random.default_rng(0).normal(0, 1e-4, 400)
    [told] = suspicions(load(frame, "price"), of("r2"), 0.0)
    assert told.code == "leaky_feature"
    assert "'paid' (rank correlation 1.000) alone tells the target" in told.message
    assert 'data.drop = ["paid"]' in told.message
    for seed in range(10):
        clean = prices(seed=seed)
        assert suspicions(load(clean, "price"), of("r2"), 0.0) == ()


def test_an_id_that_shares_its_numbers_is_told():
    """Rows of one customer have prices alike; shuffled, they have not."""
    generator = np.random.default_rng(0)
    frame = prices().drop(columns="place")
    frame["customer_id"] = generator.integers(0, 40, 400) * 3
    assert suspicions(load(frame, "price"), of("r2"), 0.0) == ()
    frame["price"] += frame["customer_id"].map(dict(enumerate(generator.normal(0, 60, 120))))
    [told] = suspicions(load(frame, "price"), of("r2"), 0.0)
    assert (told.code, "share their numbers" in told.message) == ("group_column_ignored", True)
