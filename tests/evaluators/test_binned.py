"""Binned matrices of xgboost: fed part by part, kept over trials, and nothing else than before."""

from pathlib import Path

import numpy as np
import pytest
import xgboost
from sklearn.metrics import roc_auc_score

from evaluators import rows as rows_module
from evaluators.assignment import Assignment
from evaluators.binned_xgboost import XGBClassifier, XGBRegressor
from evaluators.crossval import Evaluator
from evaluators.kept import Kept
from evaluators.metrics import resolve
from evaluators.models import make_recipe
from evaluators.resampling import Resampling
from evaluators.rows import Rows
from evaluators.splits import SplitPlan, make_splits
from evaluators.types import Column, Configuration, Dataset, Outcome, Split

PARAMS = {"n_estimators": 20, "n_jobs": 1, "random_state": 0, "tree_method": "hist"}


@pytest.fixture(scope="module")
def table():
    """(6000, 8) with gaps and a column of codes, labels, row weights."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, 8)).astype(np.float32)
    X[rng.random(X.shape) < 0.05] = np.nan
    X[:, 3] = rng.integers(0, 9, len(X))
    y = (np.nansum(X[:, :3], axis=1) + rng.standard_normal(len(X)) > 1).astype(np.int32)
    return X, y, rng.random(len(X))


def kept(most=6, megabytes=1000.0):
    store = Kept(most)
    store.begin(megabytes)
    return store


@pytest.mark.parametrize("weighed", [False, True])
def test_one_part_learns_what_xgboost_learns(table, weighed):
    """Rows by reference, categories, gaps and weights included, give the very same answers."""
    X, y, weight = table
    index = np.random.default_rng(1).permutation(len(X))[:4000]
    given = {"sample_weight": weight[index]} if weighed else {}
    params = {**PARAMS, "enable_categorical": True, "feature_types": ["q"] * 3 + ["c"] + ["q"] * 4}
    plain = xgboost.XGBClassifier(**params).fit(X[index], y[index], **given)
    ours = XGBClassifier(**params).fit(Rows(X, index, kept()), y[index], **given)
    np.testing.assert_array_equal(plain.predict_proba(X), ours.predict_proba(X))
    assert plain.get_params() == ours.get_params()


def test_many_parts_learn_as_much(table, monkeypatch):
    """Sketched part by part the cuts may differ minutely: the ranking does not suffer."""
    X, y, weight = table
    index = np.arange(0, 6000, 2)
    plain = xgboost.XGBClassifier(**PARAMS).fit(X[index], y[index], sample_weight=weight[index])
    monkeypatch.setattr(rows_module, "PART_BYTES", 500 * X[:1].nbytes)
    rows = Rows(X, index, kept())
    assert rows.count == 6
    assert np.array_equal(
        np.concatenate([rows.part(where) for where in rows.slices()]), X[index], equal_nan=True
    )
    ours = XGBClassifier(**PARAMS).fit(rows, y[index], sample_weight=weight[index])
    others = np.arange(1, 6000, 2)
    scores = [roc_auc_score(y[others], m.predict_proba(X[others])[:, 1]) for m in (plain, ours)]
    assert scores[0] == pytest.approx(scores[1], abs=0.005)


@pytest.mark.parametrize("params", [{"booster": "gblinear"}, {"tree_method": "exact"}])
def test_what_does_not_learn_from_bins_takes_rows_too(table, params, monkeypatch):
    """Linear boosters and exact trees see the rows whole, as XGBoost gives them."""
    X, y, _ = table
    X = np.nan_to_num(X)
    monkeypatch.setattr(rows_module, "PART_BYTES", 500 * X[:1].nbytes)
    params = {"n_jobs": 1, "n_estimators": 3, "random_state": 0, **params}
    index = np.arange(3000)
    ours = XGBRegressor(**params).fit(Rows(X, index, kept()), y[index])
    plain = xgboost.XGBRegressor(**params).fit(X[index], y[index])
    np.testing.assert_allclose(ours.predict(X), plain.predict(X), atol=1e-6)


def test_a_matrix_serves_configurations_that_bin_alike(table):
    """Depth and rounds use the same one; another number of bins, or other weights, do not."""
    X, y, weight = table
    store, index = kept(), np.arange(3000)

    def fit(sample_weight=None, **params):
        rows = Rows(X, index, store)
        XGBClassifier(**{**PARAMS, **params}).fit(rows, y[index], sample_weight=sample_weight)
        return store.made, store.hits

    assert fit() == (1, 0)
    assert fit(max_depth=2, n_estimators=3) == (1, 1)
    assert fit(max_bin=64) == (2, 1)
    assert fit(sample_weight=weight[index]) == (3, 1)
    assert fit(sample_weight=weight[index]) == (3, 2)


def evaluator(table, resampling=None):
    X, y, _ = table
    dataset = Dataset(X, y, tuple(Column(f"c{n}") for n in range(8)), ("n", "y"))
    splits, _ = make_splits(SplitPlan(folds=3), dataset)
    more = () if resampling is None else (resampling,)
    recipe = make_recipe("xgboost", "xgboost", {"n_estimators": 5}, None, Path(), *more)
    metrics = (resolve("roc_auc", binary=True),)
    return Evaluator(Assignment({"xgboost": recipe}, metrics), dataset, [splits])


def scored(evaluator, memory_mb=None, partition=0, **params):
    asked = Configuration("xgboost", params)
    for result in evaluator.evaluate(asked, partition, memory_mb=memory_mb):
        if isinstance(result, Outcome):
            assert result.failure is None
            return result.scores["roc_auc"]
    raise AssertionError("no outcome")


def test_trials_use_each_others_matrices_and_score_the_same(table):
    """The second trial bins nothing; what it scores is what a fresh worker says."""
    warm = evaluator(table)
    scored(warm, max_depth=2)
    assert (warm.kept.made, warm.kept.hits) == (3, 0)
    assert scored(warm, max_depth=6) == scored(evaluator(table), max_depth=6)
    assert (warm.kept.made, warm.kept.hits) == (3, 3)


def test_a_small_limit_of_memory_keeps_nothing(table):
    """What is kept counts as the trial's: no more of it than a share of what that may take."""
    tight = evaluator(table)
    for depth in (2, 3):
        tight.kept.begin(0.1)
        rows = Rows(tight.dataset.values, tight.partitions[0][0].train, tight.kept)
        XGBClassifier(**PARAMS, max_depth=depth).fit(rows, tight.dataset.target[rows.index])
    assert (tight.kept.made, tight.kept.hits, tight.kept.megabytes) == (2, 0, 0.0)


def test_resampled_rows_are_nobody_elses(table):
    """What is drawn anew for every fit is not kept."""
    drawn = evaluator(table, Resampling("random_under", 1.0))
    scored(drawn)
    assert drawn.kept.made == 0


def test_only_what_is_out_of_use_makes_way():
    """Asked for in the same order again and again, the first stay rather than none."""
    store, owners = Kept(2), [object() for _ in range(3)]

    def trial(*numbers):
        store.begin(100.0)
        for number in numbers:
            store.get(owners[number], "key", object, lambda _: 10.0)

    trial(0, 1, 2)
    trial(0, 1, 2)
    assert (store.made, store.hits) == (4, 2)
    trial(2)
    trial(2)  # the others have not been used by the trial before: there is room
    assert (store.made, store.hits) == (6, 2)
    trial(2)
    trial(2)
    assert (store.made, store.hits) == (6, 4)
    assert store.megabytes == 20.0


def test_parts_of_trials_push_nothing_out_either():
    """A worker that has one fold of each trial in turn keeps those for which there is room."""
    store, owners = Kept(2), [object() for _ in range(3)]
    for _ in range(6):
        for number in range(3):
            store.begin(100.0, part=1 / 3)
            store.get(owners[number], "key", object, lambda _: 10.0)
    assert (store.made, store.hits) == (8, 10)


def test_bytes_are_bounded_as_well():
    """A quarter of what a trial may take; a smaller limit later drops what is over, once unused."""
    store, owners = Kept(9), [object() for _ in range(3)]
    store.begin(100.0)
    for owner in owners:
        store.get(owner, "key", object, lambda _: 10.0)
    assert store.megabytes == 20.0
    store.begin(100.0)
    store.begin(40.0)
    store.begin(40.0)
    assert store.megabytes == 10.0


def test_another_partition_has_the_memory_to_itself(table):
    """Finalists come after the search: what was made of its folds is let go before theirs."""
    found = evaluator(table)
    both = Evaluator(found.assignment, found.dataset, [*found.partitions, found.partitions[0]])
    scored(both)
    held = both.kept.megabytes
    scored(both, partition=1)
    assert (both.kept.made, both.kept.hits, both.kept.megabytes) == (6, 0, held)


def cutting(table, *, shared, coarse):
    """With names in a column, one of which hardly a row has; ``coarse``: few values in the others,
    each in every tenth of the rows, so that all cuts are exact.
    """
    X, y, _ = table
    values = np.nan_to_num(X)
    if coarse:
        values = np.clip(np.floor(4 * values), -5, 4)
    values[11, 3] = 40  # in no tenth of the rows
    names = tuple(map(str, range(41)))
    columns = tuple(Column(f"c{n}", names if n == 3 else None) for n in range(8))
    values[:, 3] = np.where(values[:, 3] == 40, 40, np.random.default_rng(2).integers(0, 9, len(X)))
    dataset = Dataset(values, y, columns, ("n", "y"))
    splits, _ = make_splits(SplitPlan(folds=3), dataset)
    recipe = make_recipe("xgboost", "xgboost", {"n_estimators": 5}, None, Path())
    metrics = (resolve("roc_auc", binary=True),)
    task = Assignment({"xgboost": recipe}, metrics, shared_cuts=shared)
    return Evaluator(task, dataset, [splits, splits])


def test_cuts_come_from_a_tenth_of_the_rows_and_each_columns_last_name(table, monkeypatch):
    """At random among all rows that some fold has, the same every time, and of no other rows."""
    monkeypatch.setattr(rows_module, "FEWEST_FOR_CUTS", 500)
    found = cutting(table, shared=True, coarse=True)
    cuts = rows_module.cuts_of(found.partitions[0], found.dataset)
    assert 600 <= len(cuts) <= 601
    assert 11 in cuts
    assert len(set(cuts % 10)) == 10, "no pattern of the rows is lost"
    np.testing.assert_array_equal(rows_module.cuts_of(found.partitions[0], found.dataset), cuts)
    half = [Split(s.train[s.train < 3000], s.test[s.test < 3000]) for s in found.partitions[0]]
    assert max(rows_module.cuts_of(half, found.dataset)) < 3000
    monkeypatch.setattr(rows_module, "FEWEST_FOR_CUTS", 50_000)
    assert len(rows_module.cuts_of(found.partitions[0], found.dataset)) == 6000


def test_shared_cuts_are_found_once_and_change_nothing_where_they_are_the_same(table, monkeypatch):
    """One sketch for three folds, names included; with few values a column the scores are equal."""
    monkeypatch.setattr(rows_module, "FEWEST_FOR_CUTS", 500)
    shared = cutting(table, shared=True, coarse=True)
    own = cutting(table, shared=False, coarse=True)
    assert scored(shared, max_depth=4) == scored(own, max_depth=4)
    assert (shared.kept.made, shared.kept.hits) == (4, 2)
    scored(shared, max_depth=6)
    assert (shared.kept.made, shared.kept.hits) == (4, 5)


def test_only_the_folds_that_are_searched_on_share_cuts(table, monkeypatch):
    """The same folds as another partition have their own: nothing of the shared ones is used."""
    monkeypatch.setattr(rows_module, "FEWEST_FOR_CUTS", 500)
    shared = cutting(table, shared=True, coarse=False)
    own = scored(cutting(table, shared=False, coarse=False))
    assert scored(shared) == pytest.approx(own, abs=0.01)
    assert scored(shared) != own
    assert scored(shared, partition=1) == own
    assert (shared.kept.made, shared.kept.hits) == (7, 5)
