"""Which rows a sweep may search, given what earlier sweeps of the store locked."""

import numpy as np
import pandas as pd
import pytest

from evaluators.data import load
from evaluators.errors import QuintainError
from quintain.locking import divide, register
from search.records import Records
from search.spec import read_spec

ROWS = 600


def frame(seed=0):
    """Three numbers, of which "key" tells rows apart, and a label."""
    values = np.random.default_rng(seed).normal(size=(ROWS, 3)).round(4)
    made = pd.DataFrame(values, columns=["a", "b", "key"])
    return made.assign(y=np.arange(ROWS) % 2)


def spec(**sections):
    data = {"source": "a.csv", "target": "y", **sections.pop("data", {})}
    return read_spec(
        {"name": "a", "data": data, "model": [{"estimator": "logistic_regression"}], **sections}
    )


def whole(asked, table=None):
    columns = {key: getattr(asked.data, key) for key in ("group_column", "time_column")}
    return load(frame() if table is None else table, "y", drop=tuple(asked.data.drop), **columns)


@pytest.fixture
def store(own_records):
    with Records.open(own_records) as records:
        yield records


def locked(store, sweep, size=0.2, **data):
    """A sweep's rows, registered; the division."""
    asked = spec(holdout={"test_size": size}, data=data)
    division = divide(asked, whole(asked), store)
    register(store, sweep, division)
    return division


def codes(division):
    return {each.code: each.figure for each in division.warnings}


@pytest.mark.parametrize(
    "other",
    [
        {"test_size": False},
        {"test_size": "auto"},
        {"test_size": 0.1},
        {"test_size": 0.4},
        {"test_size": 0.2, "drop": ["key"]},
        {"test_size": 0.2, "time_column": "key"},
        {"test_size": False, "group_column": "b"},
    ],
)
def test_locked_rows_are_never_searched(store, other):
    """Whatever size, roles and columns a later sweep asks for, none of these rows is among its
    development rows; its own hold-out is what it asked for.
    """
    first = locked(store, "a-1")
    asked = spec(holdout={"test_size": other.pop("test_size")}, data=other)
    table = whole(asked)
    later = divide(asked, table, store)
    alone = divide(asked, table)
    assert not np.isin(later.development.identity, first.locked.identity).any()
    assert later.holdout == alone.holdout
    kept = alone.development.identity
    back = int(np.isin(kept, first.locked.identity).sum())
    assert codes(later).get("held_back", 0) == back
    np.testing.assert_array_equal(
        later.development.identity, kept[~np.isin(kept, first.locked.identity)]
    )


def test_a_sweep_that_goes_on_keeps_its_rows(store):
    """Rows that a later sweep locked stay with the earlier one: its folds are what they were."""
    first = locked(store, "a-1", 0.2)
    locked(store, "a-2", 0.4)
    asked = spec(holdout={"test_size": 0.2})
    again = divide(asked, whole(asked), store, first.header)
    np.testing.assert_array_equal(again.development.identity, first.development.identity)
    fresh = divide(asked, whole(asked), store)
    assert fresh.development.rows < first.development.rows
    known = store.holdouts(first.header["source_columns"])
    assert set(fresh.kept_out) == {each.digest for each in known}


def test_a_ledger_starts_once(store):
    """Said where no row of a table with these columns was locked before, and only there."""
    assert "new_ledger" in codes(locked(store, "a-1"))
    assert "new_ledger" not in codes(locked(store, "a-2", 0.3))
    asked = spec(holdout={"test_size": 0.2})
    other = frame().rename(columns={"a": "c"})
    assert "new_ledger" in codes(divide(asked, whole(asked, other), store))
    assert "held_back" not in codes(divide(asked, whole(asked, other), store))
    assert codes(divide(spec(holdout={"test_size": False}), whole(asked, other), store)) == {}


def test_a_table_whose_columns_changed_is_warned_of(store):
    """Its locked rows cannot be told any more, whether this sweep locks rows itself or not."""
    asked = spec(holdout={"test_size": 0.2})
    first = locked(store, "a-1")
    header = {
        **first.header, "spec": asked.to_json(), "folder": str(asked.folder),
        "rows_locked": first.rows_locked,
    }  # fmt: skip
    store.create("a", header)
    other = frame().rename(columns={"a": "c"})
    free = spec(holdout={"test_size": False})
    assert "columns_changed" in codes(divide(free, whole(free, other), store))
    assert "columns_changed" not in codes(divide(free, whole(free), store))


def test_locking_rows_that_were_searched_is_warned_of(store):
    """A first sweep without a hold-out has seen every row; one that locks them too late is told."""
    asked = spec(holdout={"test_size": False})
    table = whole(asked)
    first = divide(asked, table, store)
    register(store, "a-1", first)
    store.create("a", {**first.header, "table": table.table})
    late = divide(spec(holdout={"test_size": 0.2}), table, store)
    assert (
        late.rows_locked
        == {each.code: each.figure for each in late.warnings}["searched_before_locked"]
    )
    register(store, "a-2", late)
    store.create("a", {**late.header, "table": table.table})
    grown = spec(holdout={"test_size": 0.2})
    assert "held_back" not in codes(divide(grown, table, store))


def test_new_rows_are_free(store):
    """Rows added to the table are searched, those locked before are not."""
    first = locked(store, "a-1")
    asked = spec(holdout={"test_size": False})
    grown = whole(asked, pd.concat([frame(), frame(1)], ignore_index=True))
    later = divide(asked, grown, store)
    assert codes(later)["held_back"] == first.rows_locked
    assert later.development.rows == 2 * ROWS - first.rows_locked


def test_nothing_left_is_told(store):
    """A class without a row left to search on is one clear line."""
    first = locked(store, "a-1", 0.4)
    asked = spec(holdout={"test_size": False})
    table = whole(asked)
    ones_only_there = (table.target == 0) | np.isin(table.identity, first.locked.identity)
    with pytest.raises(QuintainError, match="no row of class '1' is left to search on") as told:
        divide(asked, table.take(np.flatnonzero(ones_only_there)), store)
    assert "\n" not in str(told.value)
