"""Registered models: each fits any data, by its threads and seed, from training rows alone."""

import pickle
import time
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from evaluators.errors import ModelError
from evaluators.model_table import TABLE
from evaluators.models import ModelRecipe, build, default_params, make_recipe, registered
from evaluators.types import Column

COLUMNS = (
    Column("age"), Column("job", ("a", "b", "c")), Column("pay"), Column("town", tuple("uvwxyz")),
    Column("id", tuple(str(i) for i in range(300))),
)  # fmt: skip

#: Quick settings: what is tested here does not need many trees.
QUICK = {
    "random_forest": {"n_estimators": 20},
    "extra_trees": {"n_estimators": 20},
    "xgboost": {"n_estimators": 20},
    "lightgbm": {"n_estimators": 20},
    "hist_gradient_boosting": {"max_iter": 20},
    "gaussian_nb": {"var_smoothing": 0.1},
}
# the evaluator keeps it as a warning of the trial; nothing else may be raised
pytestmark = pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")


def labelled(classes, rows=400, seed=0, dtype=np.float32):
    """Read-only rows with categories and gaps, and codes that depend on them."""
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [
            rng.normal(40, 10, rows),
            rng.integers(0, 3, rows),
            rng.lognormal(3, 1, rows),
            rng.integers(0, 6, rows),
            rng.integers(0, 300, rows),
        ]
    ).astype(dtype)
    signal = (values[:, 0] - 40) / 10 + (values[:, 1] == 1) * 2 + rng.normal(0, 0.3, rows)
    target = np.digitize(signal, np.quantile(signal, [0.6, 0.85][: classes - 1])).astype(np.int32)
    values[rng.random(rows) < 0.1, 2] = np.nan
    values[rng.random(rows) < 0.1, 3] = np.nan
    values.flags.writeable = False
    return values, target


def made(estimator, params, target, *, classes=2, threads=1, seed=0):
    recipe = make_recipe("m", estimator, QUICK.get(estimator, {}), None, Path())
    names = tuple("abcdefgh"[:classes])
    return build(recipe, params, COLUMNS, names, target, threads=threads, seed=seed)


def answers(model, values):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(values)
    return model.decision_function(values)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("estimator", registered())
def test_fits_and_predicts(estimator, classes):
    """Every model takes categories, gaps and read-only rows, and ranks rows better than chance."""
    values, target = labelled(classes)
    model = made(estimator, {}, target, classes=classes).fit(values, target)
    test, expected = labelled(classes, seed=1)
    shown = answers(model, test)
    assert np.isfinite(shown).all()
    if hasattr(model, "predict_proba"):
        assert shown.shape == (400, classes)
        np.testing.assert_allclose(shown.sum(axis=1), 1, atol=1e-5)
        found = shown.argmax(axis=1)
    else:
        assert shown.shape == ((400,) if classes == 2 else (400, classes))
        found = (shown > 0).astype(int) if classes == 2 else shown.argmax(axis=1)
    if estimator != "dummy":
        assert (found == expected).mean() > (expected == 0).mean() + 0.02


@pytest.mark.parametrize("estimator", registered())
def test_levels_and_gaps_first_met_in_scoring(estimator):
    """A level or a gap that training did not have is no error."""
    values, target = labelled(2)
    train = np.nan_to_num(values, nan=1.0)
    train[:, 4] %= 100
    model = made(estimator, {}, target).fit(train, target)
    test = values.copy()
    test[:, 0] = np.nan
    assert np.isfinite(answers(model, test)).all()


@pytest.mark.parametrize("estimator", registered())
def test_memory_mapped_rows(estimator, tmp_path):
    """A memory-mapped matrix gives the answers of one in memory."""
    values, target = labelled(2, rows=150, dtype=np.float64)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    model = made(estimator, {}, target).fit(values, target)
    again = made(estimator, {}, target).fit(mapped, target)
    np.testing.assert_array_equal(answers(model, values), answers(again, mapped))


@pytest.mark.parametrize("estimator", registered())
def test_fitted_model_pickles(estimator):
    """A fitted model gives the same answers after pickle."""
    values, target = labelled(2, rows=150)
    model = made(estimator, {}, target).fit(values, target)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(answers(model, values), answers(again, values))


@pytest.mark.parametrize("estimator", registered())
def test_a_class_missing_from_training_keeps_its_place(estimator):
    """With class 1 of 3 absent, probabilities have 0 in its place, decisions their lowest."""
    values, target = labelled(3)
    kept = target != 1
    model = made(estimator, {}, target[kept], classes=3).fit(values[kept], target[kept])
    shown = answers(model, values)
    assert shown.shape == (400, 3)
    if hasattr(model, "predict_proba"):
        assert (shown[:, 1] == 0).all()
    else:
        assert (shown.argmin(axis=1) == 1).all()
    if estimator != "dummy":
        assert (shown.argmax(axis=1)[kept] == target[kept]).mean() > 0.6


def test_one_class_is_refused():
    """Training rows of a single class are refused in one line."""
    with pytest.raises(ModelError, match="400 training rows hold fewer than two classes"):
        made("xgboost", {}, np.zeros(400, dtype=np.int32))


@pytest.mark.parametrize("estimator", ["logistic_regression", "knn", "gaussian_nb", "xgboost"])
def test_scoring_rows_do_not_leak(estimator):
    """A row's answer depends on the training rows and on itself: wild neighbours change nothing."""
    values, target = labelled(2)
    model = made(estimator, {}, target[:300]).fit(values[:300], target[:300])
    before = answers(model, values[300:350])
    wild = values[300:] * 1e6
    wild[:, [1, 3, 4]] = np.nan
    wild[:50] = values[300:350]
    np.testing.assert_allclose(answers(model, wild)[:50], before, atol=1e-6)
    np.testing.assert_allclose(answers(model, values[300:350]), before, atol=1e-6)


@pytest.mark.parametrize("estimator", registered())
def test_same_seed_same_answers(estimator):
    """The seed decides: two fits with one seed agree to the last bit."""
    values, target = labelled(2, rows=200)
    one = answers(made(estimator, {}, target, seed=3).fit(values, target), values)
    two = answers(made(estimator, {}, target, seed=3).fit(values, target), values)
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("estimator", registered())
def test_threads_and_seed_reach_the_model(estimator):
    """Threads and seed are set on the model; what the user writes for them wins."""
    _, target = labelled(2)
    entry = TABLE[estimator]
    params = made(estimator, {}, target, threads=2, seed=7).model.get_params()
    if entry.threads:
        assert params[entry.threads] == 2
        assert made(estimator, {entry.threads: 5}, target).model.get_params()[entry.threads] == 5
    if entry.seed:
        assert params[entry.seed] == 7
    for name, value in default_params(estimator).items():
        if name not in QUICK.get(estimator, {}):
            assert params[name] == value


def test_another_name_for_threads_replaces_ours():
    """A user's nthread or seed keeps our n_jobs or random_state away."""
    _, target = labelled(2)
    params = made("xgboost", {"nthread": 3, "seed": 9}, target).model.get_params()
    assert (params["n_jobs"], params["random_state"]) == (None, None)
    assert (params["nthread"], params["seed"]) == (3, 9)


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "knn", "xgboost", "lightgbm"])
def test_one_thread_uses_one_core(estimator):
    """With threads=1 a fit takes no more CPU than wall seconds, whatever was set before."""
    values, target = labelled(2, rows=3000)
    with threadpool_limits(2):
        model = made(estimator, {}, target)
        model.fit(values, target)
        wall, cpu = time.perf_counter(), time.process_time()
        model.fit(values, target)
        answers(model, values)
        assert time.process_time() - cpu <= 1.1 * (time.perf_counter() - wall) + 0.05


class Watching:
    """Notes how many threads the pools may use while it fits."""

    def __init__(self, n_jobs=None, random_state=None):
        self.n_jobs, self.random_state = n_jobs, random_state

    def fit(self, X, y):
        self.pools = [pool["num_threads"] for pool in threadpool_info()]
        return self

    def predict(self, X):
        return np.zeros(len(X))

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


def test_pools_are_held_to_the_threads():
    """BLAS and OpenMP pools are limited inside fit and as before after it."""
    values, target = labelled(2)
    with threadpool_limits(2):
        before = [pool["num_threads"] for pool in threadpool_info()]
        recipe = ModelRecipe("w", "here:Watching", target=Watching)
        model = build(recipe, {}, COLUMNS, ("a", "b"), target, threads=1, seed=4)
        model.fit(values, target)
        assert [pool["num_threads"] for pool in threadpool_info()] == before
    assert model.model.pools == [1] * len(before)
    assert (model.model.n_jobs, model.model.random_state) == (1, 4)


def test_other_categories_of_hist_gradient_boosting():
    """A column of more than 255 levels, or than max_bins, is taken as a number."""
    _, target = labelled(2)
    mask = made("hist_gradient_boosting", {}, target).model.categorical_features
    assert mask == [False, True, False, True, False]
    mask = made("hist_gradient_boosting", {"max_bins": 4}, target).model.categorical_features
    assert mask == [False, True, False, False, False]
