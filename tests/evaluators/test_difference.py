"""Differences of two trials: alike ones are not told apart, rows are found again by content."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from evaluators.alignment import on_common_rows, places_in
from evaluators.bootstrap import bootstrap_difference
from evaluators.difference import difference
from evaluators.errors import DataError
from evaluators.metrics import resolve
from evaluators.out_of_fold import OutOfFold
from evaluators.types import Dataset

FOLDS = 5
ROWS = 300


def searched(X, y, seed):
    """Out-of-fold outputs of one model under the folds of a seed."""
    rows, fold, output = [], [], []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, y)
    for number, (train, test) in enumerate(folds):
        rows.append(test)
        fold.append(np.full(len(test), number))
        output.append(GaussianNB().fit(X[train], y[train]).predict_proba(X[test])[:, 1])
    index, found = np.concatenate(rows), np.concatenate(output)
    nothing = np.zeros(len(index), dtype=int)
    labels = (found > 0.5).astype(int)
    return OutOfFold(index, np.concatenate(fold), nothing, y[index], found, "proba", labels)


def a_table(seed):
    """Ten columns of which two tell something, 30% positives."""
    rng = np.random.default_rng(seed)
    y = (np.arange(ROWS) % 10 < 3).astype(int)
    X = rng.normal(size=(ROWS, 10))
    X[:, :2] += 0.7 * y[:, None]
    return X, y


def test_a_configuration_is_not_different_from_itself_under_other_folds():
    """40 tables, two metrics: wrong in at most a twentieth, where the bootstrap alone errs more."""
    told = {"draws": 200, "level": 0.95}
    wrong, alone = 0, 0
    for seed in range(40):
        one, other = (searched(*a_table(seed), fold_seed) for fold_seed in (1, 2))
        for name in ("average_precision", "brier"):
            metric = resolve(name, binary=True)
            _, found = difference(metric, one, other, same_folds=False, test_share=0.25, **told)
            of_rows = bootstrap_difference(metric, one, other, **told)
            wrong += not found.low <= 0 <= found.high
            alone += not of_rows.low <= 0 <= of_rows.high
    assert wrong <= 80 / 20
    assert alone > wrong


def test_what_tells_something_is_found_under_the_same_folds():
    """The interval of the difference leaves 0 out, and turns with the sides."""
    X, y = a_table(0)
    metric = resolve("roc_auc", binary=True)
    whole, part = searched(X, y, 1), searched(X[:, 2:], y, 1)
    told = {"same_folds": True, "test_share": 1 / (FOLDS - 1)}
    gain, found = difference(metric, whole, part, **told)
    loss, turned = difference(metric, part, whole, **told)
    assert gain == -loss == whole.score(metric) - part.score(metric)
    assert 0 < found.low < gain < found.high
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=0.01)


def dataset(identity):
    rows = len(identity)
    ids = np.array(identity, dtype=np.uint64)
    return Dataset(np.zeros((rows, 1)), np.zeros(rows, dtype=int), (), ("0", "1"), identity=ids)


def test_rows_are_found_by_what_stands_in_them():
    """In another order, with some gone, equal rows one for one."""
    one, other = dataset([5, 7, 7, 9, 3]), dataset([7, 3, 7, 7, 11, 5])
    np.testing.assert_array_equal(places_in(one, other), [1, 4, 2, -1, -1, 0])
    np.testing.assert_array_equal(places_in(one, one), np.arange(5))


def test_only_rows_that_both_have_are_compared():
    """Renumbered as the first one's; what only one has is left out, and said so."""
    X, y = a_table(0)
    one = searched(X, y, 1)
    order = np.random.default_rng(0).permutation(ROWS)
    # the other table has the rows in another order, and knows the first 50 of them no more
    places = np.where(order < 50, -1, order)
    moved = replace(one, rows=np.argsort(order)[one.rows])
    first, second, cut = on_common_rows(one, moved, places)
    assert cut
    assert set(first.rows) == set(second.rows) == set(range(50, ROWS))
    np.testing.assert_array_equal(first.output, second.output)
    with pytest.raises(DataError, match="targets differ"):
        on_common_rows(one, replace(one, target=1 - one.target), np.arange(ROWS))
    with pytest.raises(DataError, match="any row in common"):
        on_common_rows(one, moved, np.full(ROWS, -1))
