"""Which row of the source a row is."""

import numpy as np
import pandas as pd
import pytest

from evaluators.data import load

ROWS = 400


def source(seed: int = 0) -> pd.DataFrame:
    """Numbers, text with gaps, dates, an identifier and a label."""
    generator = np.random.default_rng(seed)
    town = generator.choice(["Ulm", "Bonn", "7", ""], ROWS)
    return pd.DataFrame(
        {
            "age": generator.integers(18, 90, ROWS),
            "income": generator.normal(size=ROWS).round(3),
            "town": town,
            "day": pd.date_range("2026-01-01", periods=ROWS, freq="h").strftime("%Y-%m-%d %H:%M"),
            "key": [f"c-{number}" for number in range(ROWS)],
            "weight": generator.random(ROWS).round(2) + 0.5,
            "bought": generator.choice(["yes", "no"], ROWS),
        }
    )


@pytest.fixture(scope="module")
def frame():
    return source()


@pytest.fixture(scope="module")
def plain(frame):
    return load(frame, "bought")


@pytest.mark.parametrize(
    "how",
    [
        {"drop": ("key", "town")},
        {"drop": ("key",), "weight_column": "weight", "time_column": "day"},
        {"group_column": "town", "drop": ("day",), "positive": "no"},
        {"target": "town"},
    ],
)
def test_what_a_spec_does_with_columns_does_not_count(frame, plain, how):
    """Dropping a column, giving it a role, or another target changes no identity."""
    full = frame.assign(town=frame["town"].replace("", "Kiel"))
    found, whole = load(full, **{"target": "bought", **how}), load(full, "bought")
    np.testing.assert_array_equal(found.identity, whole.identity)
    assert found.table == whole.table
    assert found.fingerprint != whole.fingerprint


def test_every_column_counts(frame, plain):
    """Another value in any column of a row, dropped or not, makes it another row, and only it."""
    for column, value in {"age": 17, "town": "Köln", "key": "c-x", "bought": "maybe"}.items():
        other = frame.copy()
        other.loc[[5, 6], column] = value
        found = load(other, "bought", drop=("key",))
        np.testing.assert_array_equal(
            np.flatnonzero(found.identity != plain.identity), [5, 6], err_msg=column
        )
        assert found.table != plain.table
    renamed = load(frame.rename(columns={"key": "id"}), "bought")
    assert not np.isin(renamed.identity, plain.identity).any()
    assert renamed.names != plain.names


def test_order_format_and_folder_do_not_count(frame, plain, tmp_path):
    """A row is the same from csv, parquet, (X, y), npz-like arrays, in any order of rows."""
    order = np.random.default_rng(1).permutation(ROWS)
    moved = frame.iloc[order][sorted(frame)]
    moved.to_csv(tmp_path / "moved.csv", index=False)
    typed = moved.assign(day=pd.to_datetime(moved["day"]), age=moved["age"].astype(np.int8))
    typed.to_parquet(tmp_path / "moved.parquet")
    pair = (moved.drop(columns="bought"), moved["bought"])
    for other in (str(tmp_path / "moved.csv"), str(tmp_path / "moved.parquet"), pair):
        found = load(other, "bought")
        np.testing.assert_array_equal(found.identity, plain.identity[order])
        assert (found.table, found.names) == (plain.table, plain.names)


def test_labels_apart_go_by_their_own_name(tmp_path):
    """What a spec calls the labels of arrays does not change a row."""
    generator = np.random.default_rng(0)
    values, labels = generator.normal(size=(50, 3)), np.arange(50) % 2
    np.savez(tmp_path / "a.npz", X=values, y=labels)
    named = [load((values, labels), name).identity for name in (None, "income", "y")]
    named.append(load(tmp_path / "a.npz", "y").identity)
    for other in named[1:]:
        np.testing.assert_array_equal(other, named[0])


def test_a_part_keeps_its_identities(frame, plain):
    """Rows of a representative part are known by what they are in the whole table."""
    part = load(frame, "bought", rows=150)
    assert part.rows == 150
    assert np.isin(part.identity, plain.identity).all()
    assert part.table == plain.table


def test_dropped_columns_may_hold_anything(frame):
    """Cells that no feature may hold are told apart all the same."""
    lists = frame.assign(tags=[[number % 3] for number in range(ROWS)], key=1)
    found = load(lists, "bought", drop=("tags",))
    lists.loc[0, "tags"] = "[9]"
    again = load(lists, "bought", drop=("tags",))
    np.testing.assert_array_equal(np.flatnonzero(found.identity != again.identity), [0])


def test_known_identities():
    """Ledgers on disk rest on these figures: they never change, in any version."""
    cells = {"a": [1.5, None, 0.1, 3.0], "b": ["x", "y", "12", None], "c": [0, 1, 0, 1]}
    found = load(pd.DataFrame(cells), "c", drop=("b",))
    assert [int(value) for value in found.identity] == [
        3506758019372522007,
        2834040422022648108,
        13700950921547085077,
        4198706935569515406,
    ]
    assert found.table == "cd5b98af0c93daafa2b8c108dd66113b"
    assert found.names == "88524f596f079bba6f1f9efd4f3d3d6a"
