"""Resampling: inside a training fold, by the ratio asked for, and without a trace in the rows."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE, SMOTENC

from evaluators.assignment import Assignment
from evaluators.crossval import Evaluator
from evaluators.errors import ModelError, ResamplingError
from evaluators.metrics import resolve
from evaluators.models import build, make_recipe
from evaluators.resampling import METHODS, Resampler, Resampling
from evaluators.splits import SplitPlan, make_splits
from evaluators.types import Column, Configuration, Dataset, Outcome

ROOT = Path(__file__).parents[2]
NUMBERS = tuple(Column(name) for name in "abcd")
MIXED = (Column("a"), Column("b"), Column("kind", tuple("uvw")), Column("c"))


def rows(*counts, columns=NUMBERS, seed=0):
    """So many rows of each class, numbers of deviation 1 in each class, categories at random."""
    random = np.random.default_rng(seed)
    target = np.repeat(np.arange(len(counts)), counts).astype(np.int32)
    values = random.normal(size=(len(target), len(columns)))
    for place, column in enumerate(columns):
        if column.levels is not None:
            values[:, place] = random.integers(len(column.levels), size=len(target))
            continue
        for code in range(len(counts)):  # then all rows together have mean 0 and deviation 1 too
            own = target == code
            values[own, place] -= values[own, place].mean()
            values[own, place] /= values[own, place].std() or 1.0
    return values, target


def resampled(method, ratio, values, target, weight=None, columns=NUMBERS, seed=0):
    sampler = Resampler(method, ratio, columns, "pqrs", seed)
    return sampler.resample(values, target, weight)


@settings(deadline=None, max_examples=40)
@given(
    method=st.sampled_from(["random_over", "random_under", "smote"]),
    ratio=st.floats(0.02, 1.0),
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=4),
)
def test_ratio_is_that_of_each_class_to_the_largest(method, ratio, counts):
    """Afterwards no class is below the ratio, none was moved further than to it, none is lost."""
    values, target = rows(*counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing to do is told, another test's matter
        _, codes, _ = resampled(method, ratio, values, target)
    before, after = np.array(counts), np.bincount(codes, minlength=len(counts))
    if method == "random_under":
        np.testing.assert_array_equal(after, np.minimum(before, round(min(counts) / ratio)))
    else:
        np.testing.assert_array_equal(after, np.maximum(before, round(ratio * max(counts))))


@pytest.mark.parametrize("method", ["random_over", "random_under"])
def test_drawn_rows_keep_cells_and_weights(method):
    """Drawn rows are rows of the table, gaps and weights with them, the same for the same seed."""
    values, target = rows(90, 20)
    values[::7, 1] = np.nan
    weight = np.arange(1.0, 111.0)
    drawn, codes, weights = resampled(method, 0.5, values, target, weight)
    origin = weights.astype(int) - 1
    np.testing.assert_array_equal(drawn, values[origin])
    np.testing.assert_array_equal(codes, target[origin])
    again, other = (resampled(method, 0.5, values, target, weight, seed=s)[2] for s in (0, 1))
    np.testing.assert_array_equal(again, weights)
    assert not np.array_equal(other, weights)


def test_made_rows_are_those_of_imbalanced_learn():
    """Numbers are to the bit those of SMOTE, mixed data's numbers those of SMOTENC."""
    values, target = rows(80, 12, 30)
    made, codes, _ = resampled("smote", 1.0, values, target)
    expected, expected_codes = SMOTE(random_state=0).fit_resample(values, target)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(codes, expected_codes)
    values, target = rows(80, 12, columns=MIXED)
    made, _, _ = resampled("smote", 1.0, values, target, columns=MIXED)
    expected, _ = SMOTENC([2], random_state=0).fit_resample(values, target)
    np.testing.assert_allclose(made[:, [0, 1, 3]], expected[:, [0, 1, 3]], rtol=0, atol=1e-12)
    agree = made[92:, 2] == expected[92:, 2]  # ties among five neighbours are broken by lot
    assert agree.mean() > 0.7


def test_neighbours_do_not_depend_on_units():
    """A column in thousands makes the same rows: distances are between standardised numbers."""
    values, target = rows(60, 10)
    made = resampled("smote", 1.0, values, target)[0]
    scaled = resampled("smote", 1.0, values * [1.0, 1024.0, 1.0, 1.0], target)[0]
    np.testing.assert_array_equal(scaled / [1.0, 1024.0, 1.0, 1.0], made)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_made_rows_cannot_be_told_from_real_ones(dtype):
    """A value that a class shares stays to the bit; gaps stay gaps as often; types are kept."""
    random = np.random.default_rng(0)
    values, target = rows(400, 100, columns=MIXED)
    values[:, 0] = 0.1
    gaps = random.random(500) < 0.3
    values[gaps, 1] = np.nan
    values[random.random(500) < 0.3, 2] = np.nan
    values[target == 1, 3] = 1e6 / 3
    values = values.astype(dtype)
    made, _, _ = resampled("smote", 1.0, values, target, columns=MIXED)
    new = made[500:]
    assert new.dtype == dtype
    np.testing.assert_array_equal(made[:500], values)
    assert set(new[:, 0]) == {dtype(0.1)}
    assert set(new[:, 3]) == {dtype(1e6 / 3)}
    assert set(new[~np.isnan(new[:, 2]), 2]) <= {0, 1, 2}
    for place in (1, 2):
        shares = [np.isnan(part[:, place]).mean() for part in (values[400:], new)]
        assert abs(shares[0] - shares[1]) < 0.1
    inside = new[~np.isnan(new[:, 1]), 1]
    own = values[400:, 1]
    assert inside.min() >= np.nanmin(own)
    assert inside.max() <= np.nanmax(own)


def test_categories_alone_can_be_grown():
    """Without a number made rows still hold categories that rows of the class have."""
    columns = (Column("x", tuple("uvw")), Column("y", tuple("st")))
    values, target = rows(60, 10, columns=columns)
    values[target == 1, 1] = 1
    made, codes, _ = resampled("smote", 0.5, values, target, columns=columns)
    assert np.bincount(codes).tolist() == [60, 30]
    assert set(made[70:, 1]) == {1}


def test_cleaning_leaves_out_rows_among_another_class():
    """smote_enn drops rows in the other class's midst, real ones too, and keeps the rest."""
    values, target = rows(60, 30)
    values[target == 1] += 20
    values[0] = 20.0  # of class 0, among class 1
    kept, codes, _ = resampled("smote_enn", 1.0, values, target)
    assert len(kept) < 120
    assert not (kept[codes == 0] == 20.0).all(axis=1).any()
    assert np.bincount(codes).min() > 50


def test_too_few_rows_say_so():
    """With four rows SMOTE joins what there is, with one it fails as a bad parameter would."""
    values, target = rows(50, 4)
    assert np.bincount(resampled("smote", 1.0, values, target)[1]).tolist() == [50, 50]
    values, target = rows(50, 1)
    with pytest.raises(ResamplingError, match="class 'q' has 1 training row"):
        resampled("smote", 1.0, values, target)
    assert np.bincount(resampled("random_over", 1.0, values, target)[1]).tolist() == [50, 50]


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_ratio_that_the_rows_have_changes_nothing(method):
    """Below the ratio at hand rows stay as they are, and one warning says so."""
    values, target = rows(40, 20)
    with pytest.warns(UserWarning, match=r"resample_ratio = 0\.3 is not above") as told:
        kept, codes, _ = resampled(method, 0.3, values, target)
    assert len(told) == 1
    np.testing.assert_array_equal(kept, values)
    np.testing.assert_array_equal(codes, target)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("smoet", None), "no resampling 'smoet'; did you mean 'smote'"),
        (("smote", 0.0), "resample_ratio is 0.0; allowed: above 0, at most 1"),
        (("smote", 1.5), "resample_ratio is 1.5"),
        (("smote", float("nan")), "resample_ratio is nan"),
    ],
)
def test_what_cannot_be_asked_for(asked, said):
    """A method or ratio without a meaning is refused where a recipe or a configuration says it."""
    with pytest.raises(ModelError, match=said):
        Resampling(*asked)
    with pytest.raises(ModelError, match=said):
        Resampling().settled(*asked)


def a_dataset(*counts, columns=NUMBERS, seed=0, weight=None):
    values, target = rows(*counts, columns=columns, seed=seed)
    mixed = np.random.default_rng(seed).permutation(len(target))
    values = values[mixed].astype(np.float32)
    return Dataset(values, target[mixed], columns, tuple("pqrs"[: len(counts)]), weight=weight)


def trial(dataset, estimator, params, folder=ROOT, folds=3, metric="roc_auc", recipe_of=None):
    """The outcome of one configuration in cross-validation."""
    recipe = make_recipe("m", estimator, {}, None, folder, recipe_of or Resampling(None))
    binary = len(dataset.classes) == 2
    metrics = (resolve(metric, binary=binary),)
    splits, _ = make_splits(SplitPlan(folds=folds), dataset)
    evaluator = Evaluator(Assignment({"m": recipe}, metrics), dataset, [splits])
    *_, outcome = evaluator.evaluate(Configuration("m", params))
    assert isinstance(outcome, Outcome)
    return outcome


def test_noise_stays_noise():
    """SMOTE of random labels scores as chance; before the folds are cut it would score near 1."""
    columns = tuple(Column(name) for name in "abcdefghijklmnop")
    dataset = a_dataset(540, 60, columns=columns)
    forest = {"n_estimators": 20}
    inside = trial(dataset, "extra_trees", forest | {"resample": "smote"})
    assert abs(inside.scores["roc_auc"] - 0.5) < 0.1
    values, target, _ = resampled("smote", 1.0, dataset.values, dataset.target, columns=columns)
    leaked = Dataset(values, target, columns, dataset.classes)
    assert trial(leaked, "extra_trees", forest).scores["roc_auc"] > 0.95


def test_a_configuration_says_how():
    """Method and ratio of a configuration are taken, reach the fit, and give one score each."""
    dataset = a_dataset(200, 40)
    dataset.values[dataset.target == 1, 0] += 1.5
    found = {}
    for method in METHODS:
        params = {"resample": method} | ({} if method == "none" else {"resample_ratio": 0.8})
        first, second = (
            trial(dataset, "logistic_regression", params, metric="neg_log_loss") for _ in range(2)
        )
        assert first.failure is None
        assert first.scores == second.scores
        found[method] = first.scores["neg_log_loss"]
    assert len(set(found.values())) == len(METHODS)


def test_a_recipe_says_how():
    """What is fixed in the recipe does what the same configuration does."""
    dataset = a_dataset(200, 40)
    tree = "sklearn.tree:DecisionTreeClassifier"
    fixed = trial(dataset, tree, {}, recipe_of=Resampling("random_under", 0.5))
    said = trial(dataset, tree, {"resample": "random_under", "resample_ratio": 0.5})
    assert fixed.scores == said.scores != trial(dataset, tree, {}).scores


def test_the_shares_that_were_learnt_are_known():
    """A fitted model says what shares the rows had, and which it learnt from."""
    values, target = rows(300, 100)
    recipe = make_recipe("m", "logistic_regression", {}, {"q": 2.0}, ROOT)

    def shares(params, weight=None):
        model = build(recipe, params, NUMBERS, "pq", target, threads=1, seed=0)
        model.fit(values, target, weight)
        return [list(np.round(each, 6)) for each in (model.true_share, model.learnt_share)]

    assert shares({}) == [[0.75, 0.25], [0.6, 0.4]]
    under = {"resample": "random_under", "resample_ratio": 0.5}
    assert shares(under) == [[0.75, 0.25], [0.5, 0.5]]
    assert shares(under, np.where(target, 3.0, 1.0)) == [[0.5, 0.5], [0.25, 0.75]]


def test_a_trial_tells_its_trouble_once():
    """Nothing to resample is one warning of a trial, one row of a class a bad parameter."""
    dataset = a_dataset(60, 30)
    told = trial(dataset, "gaussian_nb", {"resample": "smote", "resample_ratio": 0.1})
    assert len([line for line in told.warnings if "resample_ratio" in line]) == 1
    thin = a_dataset(60, 2)
    for estimator in ("gaussian_nb", "sklearn.tree:DecisionTreeClassifier"):
        failed = trial(thin, estimator, {"resample": "smote"}, folds=2).failure
        assert failed.cause == "bad_parameters"
        assert "class 'q' has 1 training row" in failed.reason


def test_rows_without_a_weight_are_not_made():
    """SMOTE of weighted rows is refused, drawing them is not."""
    dataset = a_dataset(60, 30, weight=np.ones(90))
    assert trial(dataset, "gaussian_nb", {"resample": "random_over"}).failure is None
    failed = trial(dataset, "gaussian_nb", {"resample": "smote"}).failure
    assert failed.cause == "bad_parameters"
    assert "which have no weight" in failed.reason


def test_the_library_is_imported_late():
    """Nobody who does not resample pays for imbalanced-learn."""
    program = "import sys, evaluators.crossval; sys.exit('imblearn' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


ENSEMBLES = """
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

def piped(C=1.0):
    split = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]), (SimpleImputer(), ["a", "b", "c"])
    )
    steps = [("split", split), ("more", RandomOverSampler()), ("last", LogisticRegression(C=C))]
    return Pipeline(steps)
"""


@pytest.mark.parametrize("counts", [(90, 30), (90, 30, 45)])
@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        ("imblearn.ensemble:BalancedRandomForestClassifier", {"n_estimators": 10}),
        ("imblearn.ensemble:EasyEnsembleClassifier", {"n_estimators": 2}),
        ("mine.py:piped", {"C": 0.5}),
    ],
)
def test_imbalanced_learns_own_models(estimator, params, counts, tmp_path):
    """Its ensembles and pipelines are models as any other, for two classes and for three."""
    (tmp_path / "mine.py").write_text(ENSEMBLES)
    dataset = a_dataset(*counts, columns=MIXED)
    dataset.values[dataset.target == 1, 0] += 3
    dataset.values[::9, 1] = np.nan
    metric = "roc_auc" if len(counts) == 2 else "balanced_accuracy"
    for more in ({}, {"resample": "smote", "resample_ratio": 0.7}):
        outcome = trial(dataset, estimator, params | more, folder=tmp_path, folds=2, metric=metric)
        assert outcome.failure is None
        assert outcome.scores[metric] > (0.85 if len(counts) == 2 else 0.45)
        assert outcome.warnings == ()
