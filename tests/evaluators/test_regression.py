"""A target of numbers, floor by floor: rows, folds, scores, models, intervals, suspicions."""

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import RepeatedKFold, cross_val_predict

from evaluators.baseline import baseline
from evaluators.bootstrap import bootstrap, bootstrap_difference
from evaluators.crossval import Assignment, Evaluator
from evaluators.data import load
from evaluators.errors import DataError, MetricError, ModelError, SplitError
from evaluators.fingerprint import row_hashes
from evaluators.holdout import locked_rows
from evaluators.ladder import climb, one_test_set
from evaluators.metrics import OF_NUMBERS, resolve
from evaluators.models import build, make_recipe, registered
from evaluators.oof import encode
from evaluators.out_of_fold import from_file, out_of_fold
from evaluators.refit import refit
from evaluators.scored_rows import ScoredRows
from evaluators.scoring import score_trial, value_of
from evaluators.splits import SplitPlan, make_splits, natural_splitter
from evaluators.suspicion import suspicions
from evaluators.types import Configuration, FoldResult, Outcome, Resources
from evaluators.weighing import weigher

HERE = Path()
NAMES = [metric.name for metric in OF_NUMBERS]


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


def folds_of(dataset, splits, predict):
    """Fold results of ``predict(split)``, without scores."""
    return [
        FoldResult(number, {}, (), Resources(), predict(split), "value")
        for number, split in enumerate(splits)
    ]


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


# --- scores --------------------------------------------------------------------------------------

THEIRS = {
    "r2": sk.r2_score,
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "median_absolute_error": sk.median_absolute_error,
}


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_those_of_scikit_learn(name):
    """On rows of any scale, to the last digits."""
    generator = np.random.default_rng(1)
    for scale in (1e-6, 1.0, 1e9):
        target = scale * generator.normal(5, 1, 300)
        output = target + scale * generator.normal(size=300)
        rows = ScoredRows(target, output, "value", output)
        expected = THEIRS[name](target, output)
        assert value_of(of(name), rows) == pytest.approx(expected, rel=1e-12)
    assert of(name).bounds[0] in (0, -math.inf)


def test_r2_is_nan_where_the_rows_do_not_vary():
    """No share of nothing; the errors have values there."""
    rows = ScoredRows(np.ones(3), np.arange(3.0), "value", np.arange(3.0))
    assert math.isnan(value_of(of("r2"), rows))
    assert value_of(of("mae"), rows) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "name",
    ["neg_root_mean_squared_error", "neg_mean_absolute_error", "explained_variance",
     "neg_max_error", "neg_mean_absolute_percentage_error", "d2_absolute_error_score"],
)  # fmt: skip
def test_a_scorer_string_gives_what_the_fitted_model_gives(name):
    """From stored outputs, with scikit-learn's own sign."""
    generator = np.random.default_rng(2)
    matrix = generator.normal(size=(100, 3))
    target = 10 + matrix @ [1, 2, 3] + generator.normal(size=100)
    model = LinearRegression().fit(matrix, target)
    output = model.predict(matrix)
    found = value_of(of(name), ScoredRows(target, output, "value", output))
    assert found == pytest.approx(sk.get_scorer(name)(model, matrix, target), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "regression", "words"),
    [
        ("roc_auc", True, "for classes, and the target is a number"),
        ("f1", True, "take r2, rmse, mae"),
        ("f1_macro", True, "it is for classes"),
        ("rand_score", True, "it is for classes"),
        ("rmse", False, "for a target of numbers"),
        ("neg_mean_squared_error", False, "it is for a target of numbers"),
        ("mean_absolute_error", True, "did you mean 'mae'"),
    ],
)
def test_metrics_of_the_other_task_are_refused(name, regression, words):
    """In one line that says what to take."""
    with pytest.raises(MetricError, match=words):
        resolve(name, binary=not regression, regression=regression)


def test_a_scorer_that_predictions_leave_undefined_is_nan():
    """The logarithm of a negative prediction is no failure of the trial's other scores."""
    output = np.array([-2.0, 1.0])
    rows = ScoredRows(np.array([1.0, 2.0]), output, "value", output)
    assert math.isnan(value_of(of("neg_mean_squared_log_error"), rows))


def test_users_metrics_get_numbers(tmp_path):
    """A function sees target and predictions; one that wants probabilities is refused."""
    (tmp_path / "mine.py").write_text(
        "def worst(y, p):\n    return abs(y - p).max()\n"
        "worst.direction = 'minimize'\n"
        "def odd(y, p):\n    return 0.0\n"
        "odd.direction, odd.needs = 'minimize', 'proba'\n"
    )
    metric = resolve("mine.py:worst", binary=False, regression=True, folder=tmp_path)
    output = np.array([1.0, 5.0])
    assert value_of(metric, ScoredRows(np.array([2.0, 2.0]), output, "value", output)) == 3.0
    with pytest.raises(MetricError, match="reads probabilities of classes"):
        resolve("mine.py:odd", binary=False, regression=True, folder=tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_pooled_over_the_rows_of_a_repeat(dataset, name):
    """As scikit-learn's metric on cross_val_predict; the mean over repeats."""
    splits, _ = make_splits(SplitPlan("plain", 5, 2, 3), dataset)
    generator = np.random.default_rng(0)
    folds = folds_of(
        dataset, splits, lambda s: dataset.target[s.test] + generator.normal(0, 9, len(s.test))
    )
    scores, by_fold, confusion = score_trial([of(name)], dataset.target, splits, folds)
    expected = []
    for repeat in (folds[:5], folds[5:]):
        rows = np.concatenate([splits[fold.fold].test for fold in repeat])
        output = np.concatenate([fold.output for fold in repeat])
        expected.append(THEIRS[name](dataset.target[rows], output))
    assert scores[name] == pytest.approx(np.mean(expected), rel=1e-12)
    assert len(by_fold[name]) == 10
    assert confusion == ()
    assert out_of_fold(dataset.target, splits, folds).score(of(name)) == scores[name]


@pytest.mark.parametrize(
    ("name", "strategy"), [("rmse", "mean"), ("r2", "mean"), ("mae", "median")]
)
def test_the_baseline_is_the_better_constant_of_each_fold(name, strategy):
    """What DummyRegressor scores out of fold, on a skewed target where mean and median differ."""
    frame = prices()
    frame["price"] = np.exp(frame["price"] / 50)
    skewed = load(frame, "price")
    splits, _ = make_splits(SplitPlan("plain", 5), skewed)
    found = baseline([of(name)], skewed, splits)
    pairs = [(split.train, split.test) for split in splits]
    dummy = DummyRegressor(strategy=strategy)
    output = cross_val_predict(dummy, skewed.values, skewed.target, cv=pairs)
    assert found.kind == strategy
    assert found.scores[name] == pytest.approx(THEIRS[name](skewed.target, output), rel=1e-12)


# --- outputs, resamples, intervals ---------------------------------------------------------------


@pytest.mark.parametrize(("rows", "noise"), [(2_000, 1.0), (60_000, 1e-3)])
def test_recorded_outputs_score_as_the_outputs_did(rows, noise):
    """Also where a model is nearly right on more rows than get the fine scale elsewhere."""
    generator = np.random.default_rng(0)
    target = 1e6 + generator.standard_t(3, rows)
    data = replace(load(prices(20), "price", drop=["place"]), target=target, values=target[:, None])
    splits, _ = make_splits(SplitPlan("plain", 3), replace(data, columns=data.columns[:1]))
    folds = folds_of(
        data, splits, lambda s: target[s.test] + noise * generator.normal(size=len(s.test))
    )
    fresh, kept = (
        out_of_fold(target, splits, folds),
        from_file(encode(splits, folds), target, splits),
    )
    assert kept.kind == "value"
    for name in NAMES:
        assert kept.score(of(name)) == pytest.approx(fresh.score(of(name)), rel=5e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("repeats", [1, 2])
def test_a_weighted_score_is_the_score_of_the_rows_written_out(dataset, name, repeats):
    """Each draw is what the metric says of rows that stand as often as they were drawn."""
    generator = np.random.default_rng(5)
    splits, _ = make_splits(SplitPlan("plain", 5, repeats), dataset)
    folds = folds_of(
        dataset, splits, lambda s: dataset.target[s.test] + generator.normal(0, 9, len(s.test))
    )
    scored = out_of_fold(dataset.target, splits, folds)
    weights = generator.multinomial(dataset.rows, [1 / dataset.rows] * dataset.rows, 3).T
    found = weigher(of(name), scored, np.arange(dataset.rows))(weights.astype(np.int32))
    for draw in range(3):
        parts = [
            np.repeat(index, weights[scored.rows[index], draw]) for index in scored.parts(of(name))
        ]
        expected = np.mean([value_of(of(name), scored.part(part)) for part in parts])
        assert found[draw] == pytest.approx(expected, rel=1e-9)


def test_the_bootstrap_of_an_error_has_the_width_of_theory():
    """A mean absolute error varies as a mean does; rows are drawn from all rows alike."""
    generator = np.random.default_rng(3)
    target = generator.normal(size=2_000)
    scored = one_test_set(np.arange(2_000), target, np.zeros(2_000), "value", np.zeros(2_000))
    interval = bootstrap(of("mae"), scored, draws=2_000)
    expected = 2 * 1.96 * np.abs(target).std() / math.sqrt(2_000)
    assert interval.width == pytest.approx(expected, rel=0.08)
    worse = replace(scored, output=np.full(2_000, 1.0), labels=np.full(2_000, 1.0))
    assert bootstrap_difference(of("rmse"), scored, worse).high < 0
    groups = np.arange(2_000) // 10
    assert "groups" in bootstrap(of("r2"), worse, groups=groups).method


def test_the_ladder_rounds_in_the_targets_own_unit():
    """Dollars or millions of them: the same looks are answered alike, and a gain is told."""
    generator = np.random.default_rng(4)
    target, noises = generator.normal(50, 3, 400), generator.normal(size=(3, 400))
    answers = {}
    for unit in (1.0, 1e-7, 1e7):
        rung = None
        for look, (size, noise) in enumerate(zip((3.0, 2.0, 2.0), noises, strict=True), start=1):
            output = unit * (target + size * noise)
            new = one_test_set(np.arange(400), unit * target, output, "value", output)
            rung, told = climb(of("rmse"), rung, new, look)
            answers.setdefault(unit, []).append((rung.score / unit, told))
    for unit in (1e-7, 1e7):
        assert [told for _, told in answers[unit]] == [True, True, False]
        for (one, _), (other, _) in zip(answers[unit], answers[1.0], strict=True):
            assert one == pytest.approx(other, rel=1e-9)


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
