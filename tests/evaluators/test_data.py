"""Reading and encoding the user's table."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from evaluators.data import load, nested_sample
from evaluators.errors import DataError
from evaluators.fingerprint import keyed, row_hashes


def table(rows: int = 40) -> pd.DataFrame:
    """Numbers with a hole, a text with a hole, and a yes/no target with a quarter of yes."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": generator.integers(18, 90, rows),
            "income": generator.normal(size=rows).round(3),
            "town": [["Ulm", "Aachen", None][place % 3] for place in range(rows)],
            "bought": ["yes" if place % 4 == 0 else "no" for place in range(rows)],
        }
    )
    frame.loc[3, "income"] = np.nan
    return frame


def codes(warned) -> list[str]:
    return [warning.code for warning in warned]


def refused(text: str, *words: str) -> None:
    assert "\n" not in text
    for word in words:
        assert word in text


def test_a_pair_needs_no_target_name():
    """(X, y) works without a target; a Series of another index is matched by position."""
    X = table()[["age", "town"]]
    y = pd.Series(table()["bought"].to_numpy(), index=range(100, 140), name="sold")
    dataset = load((X, y))
    assert dataset.classes == ("no", "yes")
    np.testing.assert_array_equal(dataset.target, (y == "yes").to_numpy())
    with pytest.raises(DataError, match="X has 40 rows and y has 39"):
        load((X, y.iloc[1:]))
    with pytest.raises(DataError, match="X has a column 'age' too"):
        load((X, y), "age")


def test_kinds_of_columns():
    """Numbers, booleans, decimals and dates are numbers; text and categories are codes."""
    frame = pd.DataFrame(
        {
            "flag": [True, False, True, False],
            "holes": pd.array([True, None, False, True], "boolean"),
            "objects": pd.Series([True, None, False, True], dtype=object),
            "price": [Decimal("1.50"), None, Decimal(2), Decimal(3)],
            "day": pd.to_datetime(["1970-01-02", None, "1970-01-01", "1969-12-31"]),
            "zoned": pd.to_datetime(["1970-01-01T01:00+01:00"] * 3 + [None], utc=True),
            "text_day": ["1970-01-01 00:00:10", "1970-01-02", None, "1970-01-01T00:00:00Z"],
            "span": pd.to_timedelta([1, 2, None, 3], unit="min"),
            "mixed": pd.Series([1, "b", None, "a"], dtype=object),
            "declared": pd.Categorical([3, 1, None, 3], categories=[1, 2, 3]),
            "blank": ["b", " ", "", "a"],
            "empty": [None] * 4,
            "y": [0, 1, 0, 1],
        }
    )
    dataset = load(frame, "y")
    values = {c.name: list(dataset.values[:, i]) for i, c in enumerate(dataset.columns)}
    levels = {c.name: c.levels for c in dataset.columns if c.levels is not None}
    nan = np.nan
    expected = {
        "flag": [1, 0, 1, 0],
        "holes": [1, nan, 0, 1],
        "objects": [1, nan, 0, 1],
        "price": [1.5, nan, 2, 3],
        "day": [86400, nan, 0, -86400],
        "zoned": [0, 0, 0, nan],
        "text_day": [10, 86400, nan, 0],
        "span": [60, 120, nan, 180],
        "mixed": [0, 2, nan, 1],
        "declared": [1, 0, nan, 1],
        "blank": [1, nan, nan, 0],
        "empty": [nan] * 4,
    }
    for name, numbers in expected.items():
        np.testing.assert_array_equal(values[name], numbers, err_msg=name)
    assert levels == {"mixed": ("1", "a", "b"), "declared": ("1", "3"), "blank": ("a", "b")}


def test_float32_only_where_exact():
    """The matrix is float32 where that changes no value, else float64; always in C order."""
    y = [0, 1, 0, 1]
    narrow = pd.DataFrame({"a": [0.5, np.nan, -1e6, 3], "b": [1, 2, 3, 2**24], "y": y})
    assert load(narrow, "y").values.dtype == np.float32
    assert load(narrow.astype({"a": np.float32}), "y").values.dtype == np.float32
    for wide in (0.1, 2**24 + 1, 1e300):
        dataset = load(narrow.assign(b=[1, 2, 3, wide]), "y")
        assert dataset.values.dtype == np.float64
        assert dataset.values.flags.c_contiguous
        assert dataset.values[3, 1] == wide


@pytest.mark.parametrize(
    ("labels", "positive", "classes"),
    [
        ([1, 1, 1, 0, 0], None, ("0", "1")),
        ([1.0, 1.0, 1.0, 0.0, 0.0], None, ("0", "1")),
        ([True, True, True, False, False], None, ("False", "True")),
        (["Yes", "Yes", "Yes", "NO", "NO"], None, ("NO", "Yes")),
        ([1, 1, 1, -1, -1], None, ("-1", "1")),
        (["b", "b", "a", "a", "a"], None, ("a", "b")),
        (["a", "a", "b", "b", "b"], None, ("b", "a")),
        ([2, 2, 2, 1, 1], None, ("2", "1")),
        (["a", "a", "b", "b"], None, ("a", "b")),
        ([1, 1, 1, 0, 0], 0, ("1", "0")),
        ([1, 1, 1, 0, 0], True, ("0", "1")),
        ([True, True, False, False], 1, ("False", "True")),
        (["a", "a", "b", "b", "b"], "b", ("a", "b")),
        ([10, 10, 9, 9, 2, 2], None, ("2", "9", "10")),
        (["10", "10", "9", "9", "x", "x"], None, ("10", "9", "x")),
    ],
)
def test_the_positive_class(labels, positive, classes):
    """1, True or yes of such a pair is positive, else the rarer label, unless the user says."""
    X = np.arange(len(labels)).reshape(-1, 1)
    dataset = load((X, pd.Series(labels)), positive=positive)
    assert dataset.classes == classes
    assert dataset.target.dtype == np.int32
    shown = [classes[code] for code in dataset.target]
    assert shown == [str(int(x)) if isinstance(x, float) else str(x) for x in labels]


def test_roles_leave_the_features():
    """Group, time and weight columns are kept apart from the features."""
    frame = table().assign(
        shop=[f"s{place // 4}" for place in range(40)],
        day=pd.date_range("2026-01-01", periods=40).astype(str),
        weight=np.linspace(1, 2, 40),
    )
    dataset = load(
        frame, "bought", group_column="shop", time_column="day", weight_column="weight",
        drop=["town", "shop"],
    )  # fmt: skip
    assert [column.name for column in dataset.columns] == ["age", "income"]
    assert dataset.groups is not None
    assert dataset.groups.dtype == np.int64
    assert len(np.unique(dataset.groups)) == 10
    assert dataset.time is not None
    assert set(np.diff(dataset.time)) == {86400.0}
    assert dataset.weight is not None
    assert dataset.weight[-1] == 2.0


def test_group_codes_depend_on_the_group_alone():
    """A group keeps its code when rows of other groups are added."""
    frame = table().assign(shop=["m"] * 20 + ["z"] * 20)
    more = pd.concat([frame, table().assign(shop="a")])
    before = load(frame, "bought", group_column="shop").groups
    after = load(more, "bought", group_column="shop").groups
    np.testing.assert_array_equal(before, after[:40])


BAD = {
    "misspelled target": ({"target": "bougt"}, ["'bougt'", "did you mean 'bought'", "age, income"]),
    "no target": ({"target": None}, ["name the target", "age, income, town, bought"]),
    "misspelled drop": ({"drop": ["aeg"]}, ["drop", "'aeg'", "did you mean 'age'"]),
    "target dropped": ({"drop": ["bought"]}, ["'bought' is the target, so it cannot be drop too"]),
    "no feature left": ({"drop": ["age", "income", "town"]}, ["no column is left"]),
    "unknown group": ({"group_column": "twon"}, ["group_column", "did you mean 'town'"]),
    "missing group": ({"group_column": "town"}, ["'town' is missing in 13 of 40 rows"]),
    "text as time": ({"time_column": "town"}, ["time column 'town' holds text", "2026-01-31"]),
    "missing weight": ({"weight_column": "income"}, ["weight column 'income'", "of 40 rows"]),
    "text as weight": ({"weight_column": "town"}, ["weight column 'town' holds no numbers"]),
    "positive no label": ({"positive": "Yes!"}, ["'Yes!'", "'no' (30 rows), 'yes' (10 rows)"]),
    "number with classes": (
        {"target": "income", "positive": 1},
        ["no positive class", "data.task"],
    ),
    "text as number": ({"task": "regression"}, ["text such as 'no'", "needs numbers"]),
    "too few rows": ({"rows": 3}, ["rows = 3 is too few; at least 4"]),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_requests_get_one_clear_line(case):
    """Each mistake gets one line with what, where and what is allowed."""
    options, words = BAD[case]
    frame = table()
    if options.get("target") == "income":
        frame = frame.dropna()
    with pytest.raises(DataError) as caught:
        load(frame, **{"target": "bought", **options})
    refused(str(caught.value), *words)


def bad_frames() -> dict[str, tuple[pd.DataFrame, list[str]]]:
    frame = table()
    no_label = frame.assign(bought=frame["bought"].where(frame.index > 1))
    return {
        "infinite": (frame.assign(age=[np.inf, -np.inf] + [1.0] * 38), ["'age' (2 rows)", "empty"]),
        "missing label": (no_label, ["'bought' is missing in 2 of 40 rows"]),
        "one class": (frame.assign(bought="no"), ["only the label 'no'", "two classes"]),
        "single row": (frame.assign(bought=["x"] + ["a", "b", "c"] * 13), ["'x' of 4 labels"]),
        "infinite label": (frame.assign(bought=[np.inf, 1.0] * 20), ["holds infinite values"]),
        "dates": (frame.assign(bought=pd.date_range("2026", periods=40)), ["holds dates"]),
        "gap": (frame.assign(bought=[np.nan, *range(39)]), ["missing in 1 of 40", "finite number"]),
        "infinite amount": (frame.assign(bought=[np.inf, *range(39)]), ["infinite in 1 of 40"]),
        "complex": (frame.assign(age=1j), ["'age' holds complex numbers"]),
        "nested": (frame.assign(age=[[1]] * 40), ["'age' holds list values", "data.drop"]),
        "no rows": (frame.iloc[:0], ["the table is empty"]),
        "twins": (frame.set_axis(["a", "a", "b", "bought"], axis=1), ["stand twice: a;"]),
    }


@pytest.mark.parametrize("case", bad_frames())
def test_bad_tables_get_one_clear_line(case):
    """Each table that cannot be searched on says why in one line."""
    frame, words = bad_frames()[case]
    with pytest.raises(DataError) as caught:
        load(frame, "bought")
    refused(str(caught.value), "the DataFrame", *words)


def test_positive_is_for_two_classes():
    """A positive class among three is refused with the labels."""
    with pytest.raises(DataError, match="is for two classes, and there are 3: 'a', 'b', 'c'"):
        load(table().assign(bought=["a", "b", "c", "a"] * 10), "bought", positive="a")


def test_oddities_are_said_not_mended():
    """Constant, identifying, number-like and repeated content is kept, with a warning each."""
    rows = 4000
    frame = pd.DataFrame(
        {
            "same": 1.0,
            "nothing": None,
            "serial": np.arange(rows),
            "key": [f"k{place}" for place in range(rows)],
            "amount": [str(place % 50) for place in range(rows - 1)] + ["unknown"],
            "value": np.random.default_rng(0).normal(size=rows),
            "label": ["0", "1"] * (rows // 2 - 1) + ["N", "N"],
        }
    )
    found = {warning.code: warning for warning in load(frame, "label").warnings}
    assert set(found) == {"constant_column", "identifier_column", "text_numbers", "junk_label"}
    assert found["constant_column"].figure == 2
    assert 'data.drop = ["serial", "key"]' in found["identifier_column"].message
    assert "'N' in 2 of 4000 rows beside '0' and '1'" in found["junk_label"].message
    assert found["junk_label"].figure == 2 / rows


def test_repeated_rows_are_counted():
    """The share of rows that repeat an earlier one is said."""
    frame = pd.concat([table(), table().iloc[:10]])
    (warning,) = load(frame, "bought").warnings
    assert warning.code == "duplicate_rows"
    assert warning.figure == 0.2


def test_a_plain_table_has_no_warnings():
    """Nothing is said where nothing is odd."""
    assert load(table(), "bought").warnings == ()


def test_a_part_is_nested_and_keeps_shares():
    """Fewer rows lie inside more; shares hold; the fingerprint is the whole's."""
    rows = 5000
    generator = np.random.default_rng(1)
    X, y = generator.normal(size=(rows, 2)), generator.random(rows) < 0.3
    whole = load((X, y))
    parts = [load((X, y), rows=size) for size in (4, 500, 2000)]
    assert [part.rows for part in parts] == [4, 500, 2000]
    assert all(part.fingerprint == whole.fingerprint for part in parts)
    hashes = [set(row_hashes(part)) for part in parts]
    assert hashes[0] < hashes[1] < hashes[2]
    assert abs(parts[2].target.mean() - whole.target.mean()) < 0.001
    assert load((X, y), rows=rows + 1).rows == rows
    other = load((X, y), rows=500, seed=1)
    assert set(row_hashes(other)) != hashes[1]


def test_a_part_does_not_depend_on_row_order():
    """The same content is drawn from a shuffled table."""
    hashes = keyed(np.arange(900, dtype=np.uint64), "test")
    target = (np.arange(900) % 9 == 0).astype(np.int32)
    order = np.random.default_rng(0).permutation(900)
    drawn = hashes[nested_sample(hashes, target, 300)]
    again = hashes[order][nested_sample(hashes[order], target[order], 300)]
    assert set(drawn) == set(again)


def test_a_part_keeps_enough_of_a_rare_class():
    """50 rows of a rare class stay, and the changed share is said."""
    rows = 10_000
    X = np.random.default_rng(0).normal(size=(rows, 2))
    y = (np.arange(rows) < 100).astype(int)
    part = load((X, y), rows=1000)
    assert part.target.sum() == 50
    assert codes(part.warnings) == ["minority_floor"]
    assert part.warnings[0].figure == 0.05


def test_the_users_table_is_left_alone():
    """Loading changes nothing in the DataFrame given."""
    frame = table()
    load(frame, "bought", drop=["age"])
    pd.testing.assert_frame_equal(frame, table())
