"""The user's own test rows in the terms of the training rows."""

import numpy as np
import pandas as pd
import pytest

from evaluators.alike import alike
from evaluators.data import load
from evaluators.errors import DataError

TRAIN = pd.DataFrame(
    {
        "size": [1.5, 2.0, None, 4.0] * 3,
        "town": ["Ulm", "Bonn", "7", "Aue"] * 3,
        "key": range(12),
        "bought": ["no", "yes", "no", "no"] * 3,
    }
)
TEST = pd.DataFrame(
    {
        "bought": ["yes", "yes", "no", "yes", "no"],
        "town": ["Bonn", "Rom", "7", None, "Ulm"],
        "size": [9, 8, 7, 6, 5],
        "key": range(100, 105),
    }
)


def both(test: pd.DataFrame = TEST, train: pd.DataFrame = TRAIN):
    training = load(train, "bought", drop=("key",))
    return alike(load(test, "bought", drop=("key",)), training, "test.csv"), training


def test_codes_are_those_of_training():
    """Columns in training's order, levels and classes by its codes; an unknown level is missing."""
    found, training = both()
    assert (found.columns, found.classes) == (training.columns, ("no", "yes"))
    towns = training.columns[1].levels
    codes = [towns.index("Bonn"), np.nan, towns.index("7"), np.nan, towns.index("Ulm")]
    np.testing.assert_array_equal(found.values, np.column_stack([[9, 8, 7, 6, 5], codes]))
    assert found.target.tolist() == [1, 1, 0, 1, 0]


def test_numbers_may_be_levels_of_training():
    """A column that holds only numbers here is read as the text it is in training."""
    found, training = both(TEST.assign(town=[7, 8, 7, None, 7]))
    seven = training.columns[1].levels.index("7")
    np.testing.assert_array_equal(found.values[:, 1], [seven, np.nan, seven, np.nan, seven])


def test_a_row_is_the_same_row_in_both():
    """Rows that stand in the training table are known by their identity."""
    found, training = both(pd.concat([TEST, TRAIN.iloc[[2, 5]]]))
    assert np.isin(found.identity, training.identity).tolist() == [False] * 5 + [True] * 2


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (TEST.rename(columns={"size": "seize"}), "lacks 'size' and has 'seize', unlike"),
        (TEST.assign(more=1), "has 'more', unlike the training table"),
        (TEST.assign(size=["a", "b", "c", "d", "e"]), "'size' holds text such as 'a'"),
        (TEST.assign(bought=["yes", "maybe", "no", "maybe", "yes"]), "the label 'maybe'"),
    ],
)
def test_what_does_not_fit_is_told(test, said):
    """Other columns, kinds or labels are refused in one line."""
    test = pd.concat([test, test])  # every label twice
    with pytest.raises(DataError, match=said) as refused:
        both(test)
    assert "\n" not in str(refused.value)


def test_dropped_columns_have_to_match_too():
    """Else no row would be found that stands in both tables."""
    training = load(TRAIN, "bought", drop=("key",))
    with pytest.raises(DataError, match="that are dropped"):
        alike(load(TEST.drop(columns="key"), "bought"), training, "test.csv")
