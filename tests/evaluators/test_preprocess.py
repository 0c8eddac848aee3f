"""What models see of the matrix, learnt from training rows only."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from evaluators.preprocess import MAX_CATEGORIES, AsItIs, Encoded, Table
from evaluators.types import Column

COLUMNS = (
    Column("age"), Column("job", ("a", "b", "c")), Column("pay"), Column("town", tuple("uvwxyz")),
)  # fmt: skip


def matrix(rows, seed, gaps=0.2, dtype=np.float64, columns=COLUMNS):
    """Random rows with gaps in the second number and in the last category."""
    rng = np.random.default_rng(seed)
    parts = [
        rng.normal(50, 20, rows)
        if column.levels is None
        else rng.integers(0, len(column.levels), rows)
        for column in columns
    ]
    values = np.column_stack(parts).astype(dtype)
    for position in (2, 3):
        values[rng.random(rows) < gaps, position] = np.nan
    return values


def by_scikit_learn(train, test, columns, *, scale):
    """The same encoding made of scikit-learn's transformers, dense."""
    numbers = [i for i, column in enumerate(columns) if column.levels is None]
    levels = [i for i, column in enumerate(columns) if column.levels is not None]
    gappy = [i for i in numbers if np.isnan(train[:, i]).any()]
    blocks = []
    for rows in (train, test):
        imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(train[:, numbers])
        part = imputer.transform(rows[:, numbers])
        if scale:
            part = StandardScaler().fit(imputer.transform(train[:, numbers])).transform(part)
        joined = [part]
        if gappy:
            seen = MissingIndicator(features="all").fit(train[:, gappy])
            joined.append(seen.transform(rows[:, gappy]).astype(part.dtype))
        if levels:
            encoder = OneHotEncoder(
                handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES,
                sparse_output=False,
            ).fit(train[:, levels])  # fmt: skip
            joined.append(encoder.transform(rows[:, levels]))
        blocks.append(np.hstack(joined))
    return blocks


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 60), gaps=st.sampled_from([0.0, 0.3, 1.0])
)
@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
def test_equals_scikit_learn(seed, rows, gaps):
    """Imputing, indicators, scaling and one-hot columns are those of scikit-learn."""
    train, test = matrix(rows, seed, gaps), matrix(30, seed + 1, gaps)
    if not np.isnan(
        train[:, 2]
    ).any():  # a gap first met in scoring becomes the mean, not the median
        test[:, 2] = np.nan_to_num(test[:, 2], nan=1.0)
    for scale in (False, True):
        encoder = Encoded(COLUMNS, impute=True, scale=scale)
        expected = by_scikit_learn(train, test, COLUMNS, scale=scale)
        np.testing.assert_allclose(encoder.fit_transform(train), expected[0], atol=1e-9)
        np.testing.assert_allclose(encoder.transform(test), expected[1], atol=1e-9)


@pytest.mark.filterwarnings("ignore:Found unknown categories:UserWarning")
def test_many_levels_share_the_last_column():
    """Of more than 50 levels the rarest share one column, as in scikit-learn."""
    columns = (Column("n"), Column("zip", tuple(str(i) for i in range(200))))
    rng = np.random.default_rng(0)
    codes = np.minimum(rng.geometric(0.03, 3000), 199)
    train = np.column_stack([rng.normal(size=3000), codes]).astype(float)
    test = np.column_stack([np.zeros(200), np.arange(200)]).astype(float)
    encoder = Encoded(columns, impute=True)
    expected = by_scikit_learn(train, test, columns, scale=False)
    np.testing.assert_array_equal(encoder.fit_transform(train), expected[0])
    np.testing.assert_array_equal(encoder.transform(test), expected[1])


def test_learns_from_training_rows_only():
    """Rows shown to transform, however wild, change nothing that was learnt."""
    train, probe = matrix(80, 1), matrix(20, 2)
    encoder = Encoded(COLUMNS, impute=True, scale=True)
    encoder.fit_transform(train)
    before = encoder.transform(probe)
    encoder.transform(np.full((500, 4), 1e9))
    np.testing.assert_array_equal(encoder.transform(probe), before)
    mean = train[:, 0].mean()
    assert encoder.transform(np.array([[mean, 0, 1.0, 0]]))[0, 0] == pytest.approx(0, abs=1e-12)


def test_gap_first_met_in_scoring_is_the_training_mean():
    """A missing number in a column without training gaps becomes the mean, with no indicator."""
    columns = (Column("a"), Column("b"))
    train = np.array([[1.0, 0.0], [2.0, 0.0], [9.0, 3.0]])
    encoder = Encoded(columns, impute=True)
    assert encoder.fit_transform(train).shape == (3, 2)
    np.testing.assert_array_equal(encoder.transform(np.array([[np.nan, 5.0]])), [[4.0, 5.0]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_and_dense_hold_the_same(dtype):
    """A sparse result equals the dense one and both keep the float type."""
    columns = (*COLUMNS, Column("zip", tuple(str(i) for i in range(40))))
    train, test = (
        matrix(300, 3, dtype=dtype, columns=columns),
        matrix(50, 4, dtype=dtype, columns=columns),
    )
    train[train[:, 4] == 7, 4] = 8  # a level without a column
    test[0, 4] = 7
    dense = Encoded(columns, impute=True, scale=True)
    sparse = Encoded(columns, impute=True, scale=True, sparse=True)
    for method, rows in (("fit_transform", train), ("transform", test)):
        one, other = getattr(dense, method)(rows), getattr(sparse, method)(rows)
        assert one.dtype == other.dtype == dtype
        np.testing.assert_array_equal(one, other.toarray())
    assert sparse.transform(test).nnz < dense.transform(test).size * 0.3


def test_sparse_only_if_it_pays():
    """A matrix of numbers stays dense even for a model that would take it sparse."""
    columns = (Column("a"), Column("b"))
    shown = Encoded(columns, impute=True, sparse=True).fit_transform(np.ones((4, 2)))
    assert isinstance(shown, np.ndarray)


def test_constant_columns_become_zero():
    """A constant column is not blown up by what rounding leaves of its deviation."""
    columns = tuple(Column(str(i)) for i in range(3))
    for dtype in (np.float32, np.float64):
        values = np.tile(np.array([0.1, 1e9 / 3, 0], dtype=dtype), (1001, 1))
        shown = Encoded(columns, impute=True, scale=True).fit_transform(values)
        assert np.abs(shown).max() < 1e-3


def test_column_without_any_value_becomes_zero():
    """A column that is missing in every training row is 0, and its indicator is 1."""
    values = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    shown = Encoded((Column("a"), Column("b")), impute=True, scale=True).fit_transform(values)
    np.testing.assert_allclose(shown, [[0, -1, 1], [0, 1, 1]])


def test_without_imputing_gaps_stay():
    """A model that reads NaN gets the numbers as they are."""
    values = matrix(30, 5)
    shown = Encoded(COLUMNS, impute=False).fit_transform(values)
    np.testing.assert_array_equal(shown[:, :2], values[:, [0, 2]])


def test_input_is_not_written_to(tmp_path):
    """Read-only and memory-mapped arrays are taken, and left as they were."""
    values = matrix(60, 6, dtype=np.float32)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    for view in (Encoded(COLUMNS, impute=True, scale=True), Table(COLUMNS), AsItIs()):
        view.fit_transform(mapped)
        view.transform(mapped)
    np.testing.assert_array_equal(mapped, values)


def test_table_is_as_the_user_gave_it():
    """A pipeline's table has the names, categories as category, and missing values missing."""
    values = np.array([[1.5, 2, np.nan, np.nan], [2.5, 0, 3.0, 5]])
    table = Table(COLUMNS).transform(values)
    assert list(table.columns) == ["age", "job", "pay", "town"]
    assert isinstance(table["job"].dtype, pd.CategoricalDtype)
    assert list(table["job"]) == ["c", "a"]
    assert table.isna().to_numpy().tolist() == [[False, False, True, True], [False] * 4]
