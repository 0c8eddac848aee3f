"""Scores of numbers: metrics, baseline, recorded outputs, resamples, the ladder."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_predict

from evaluators.baseline import baseline
from evaluators.bootstrap import bootstrap, bootstrap_difference
from evaluators.data import load
from evaluators.errors import MetricError
from evaluators.ladder import climb, one_test_set
from evaluators.metrics import OF_NUMBERS, resolve
from evaluators.oof import encode
from evaluators.out_of_fold import from_file, out_of_fold
from evaluators.scored_rows import ScoredRows
from evaluators.scoring import TrialRows, score_trial, value_of
from evaluators.splits import SplitPlan, make_splits
from evaluators.types import FoldResult, Resources
from evaluators.weighing import weigher

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
    scores, by_fold, confusion = score_trial([of(name)], TrialRows(dataset.target, splits, folds))
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
