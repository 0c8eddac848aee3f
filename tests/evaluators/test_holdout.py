"""Which rows are locked away."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.data import load
from evaluators.errors import SplitError
from evaluators.fingerprint import row_hashes
from evaluators.holdout import locked_rows
from evaluators.types import Column, Dataset


def dataset(rows: int, share: float = 0.3, seed: int = 0) -> Dataset:
    """Two numbers of noise, and a share of positives."""
    generator = np.random.default_rng(seed)
    return Dataset(
        generator.normal(size=(rows, 2)), (generator.random(rows) < share).astype(np.int32),
        (Column("a"), Column("b")), ("no", "yes"),
    )  # fmt: skip


def contents(whole: Dataset, index) -> set[int]:
    return set(row_hashes(whole)[index])


def test_every_row_is_on_one_side():
    """Development and locked rows are a partition, both ascending, at about the size asked."""
    development, locked, warned = locked_rows(dataset(5000), 0.2)
    np.testing.assert_array_equal(np.sort(np.concatenate([development, locked])), np.arange(5000))
    assert (np.diff(development) > 0).all()
    assert (np.diff(locked) > 0).all()
    assert abs(len(locked) / 5000 - 0.2) < 0.02
    assert warned == ()


def test_both_classes_give_their_share():
    """The share of positives is the same on both sides, within chance."""
    whole = dataset(20_000, share=0.05)
    development, locked, _ = locked_rows(whole, "auto")
    assert abs(whole.target[locked].mean() - whole.target[development].mean()) < 0.012


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 99), size=st.floats(0.15, 0.5), smaller=st.floats(0.5, 1))
def test_order_part_and_size(seed, size, smaller):
    """A row is locked by what it holds: whatever the order, among any other rows, at any size."""
    whole = dataset(600, seed=seed)
    locked = contents(whole, locked_rows(whole, size)[1])
    order = np.random.default_rng(seed).permutation(600)
    moved = whole.take(order)
    assert contents(moved, locked_rows(moved, size)[1]) == locked
    part = whole.take(order[:400])
    assert contents(part, locked_rows(part, size)[1]) == locked & contents(part, slice(None))
    assert contents(whole, locked_rows(whole, size * smaller)[1]) <= locked


def test_identical_rows_stay_together():
    """Copies of a row are locked together."""
    once = dataset(300)
    thrice = once.take(np.repeat(np.arange(300), 3))
    locked = locked_rows(thrice, 0.3)[1]
    assert (np.bincount(locked // 3, minlength=300) % 3 == 0).all()


def test_a_dropped_column_moves_no_row(tmp_path):
    """The same rows are locked whichever columns are features, and whatever weighs or is target."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(900, 3)).round(4), columns=["a", "b", "w"])
    frame["w"] = frame["w"].abs() + 0.1
    frame["y"] = np.arange(900) % 2
    frame["z"] = np.arange(900) % 3
    frame.sample(frac=1, random_state=1).to_csv(tmp_path / "moved.csv", index=False)
    wholes = [
        load(frame, "y"),
        load(frame, "y", drop=("a", "z")),
        load(frame, "z", weight_column="w", drop=("b",)),
        load(tmp_path / "moved.csv", "y", drop=("w",)),
    ]
    locked = [set(whole.identity[locked_rows(whole, 0.25)[1]]) for whole in wholes]
    assert locked[1:] == locked[:1] * 3


def test_rows_alike_on_both_sides_are_counted():
    """Rows that only a dropped column tells apart may stand on both sides, and that is said."""
    frame = pd.DataFrame({"a": np.arange(400) // 2 * 1.5, "y": np.arange(400) // 2 % 2})
    frame["key"] = np.arange(400) * 7.5
    whole = load(frame, "y", drop=("key",))
    development, locked, warned = locked_rows(whole, 0.25)
    hashes = row_hashes(whole)
    alike = len(set(hashes[development]) & set(hashes[locked]))  # each row stands twice
    (said,) = [each for each in warned if each.code == "duplicates_across_holdout"]
    assert said.figure == alike > 0
    told = [each.code for each in locked_rows(load(frame, "y"), 0.25)[2]]
    assert "duplicates_across_holdout" not in told


def test_groups_stay_together():
    """Whole groups are locked, and the same ones when groups are added."""
    whole = replace(dataset(4000), groups=np.arange(4000) // 10)
    development, locked, _ = locked_rows(whole, 0.2)
    assert not set(whole.groups[development]) & set(whole.groups[locked])
    part = whole.take(np.arange(2000))
    kept = locked_rows(part, 0.2)[1]
    np.testing.assert_array_equal(kept, locked[locked < 2000])


@pytest.mark.parametrize("asked", ["auto", 0.2])
def test_one_giant_group_is_said(asked):
    """Where a giant group makes the share far off, "auto" locks nothing, and a number warns."""
    whole = replace(dataset(4000), groups=np.arange(4000) // 10)
    giant = whole.groups[locked_rows(whole, 0.2)[1][0]]
    whole = replace(whole, groups=np.where(np.arange(4000) < 2400, giant, whole.groups))
    _, locked, warned = locked_rows(whole, asked)
    (warning,) = [w for w in warned if w.code in ("no_holdout", "uneven_holdout")]
    assert warning.code == ("no_holdout" if asked == "auto" else "uneven_holdout")
    assert (len(locked) == 0) == (asked == "auto")


def test_time_locks_the_latest():
    """With time, the locked rows are the latest, and rows of one moment stand on one side."""
    time = np.random.default_rng(0).permutation(np.repeat(np.arange(25.0), 40))
    whole = replace(dataset(1000), time=time)
    development, locked, _ = locked_rows(whole, 0.2)
    assert len(locked) == 200
    assert time[development].max() < time[locked].min()
    months = replace(whole, time=np.sort(time) // 10)  # 400, 400 and 200 rows
    sizes = {size: len(locked_rows(months, size)[1]) for size in (0.11, 0.3, 0.39, 0.41)}
    assert sizes == {0.11: 200, 0.3: 200, 0.39: 200, 0.41: 600}
    with pytest.raises(SplitError, match="no row of class"):
        locked_rows(months, 0.05)


def test_time_says_which_groups_it_cuts():
    """Groups with rows on both sides of the cut in time are counted."""
    whole = replace(dataset(1000), time=np.arange(1000.0), groups=np.arange(1000) % 7)
    codes = {warning.code: warning.figure for warning in locked_rows(whole, 0.3)[2]}
    assert codes["groups_across_holdout"] == 7


def test_auto_needs_a_hundred():
    """The size "auto" is a fifth if 100 of the rarest class land in it, else none, and says so."""
    assert len(locked_rows(dataset(4000, share=0.8), "auto")[1]) > 700
    rare = dataset(4000, share=0.05)
    development, locked, (warning,) = locked_rows(rare, "auto")
    assert len(development) == 4000
    assert len(locked) == 0
    assert warning.code == "no_holdout"
    landed = rare.target[locked_rows(rare, 0.2)[1]].sum()
    assert warning.figure == landed < 100
    assert f"only {landed} rows of class 'yes'" in warning.message


def test_a_thin_holdout_is_said():
    """A hold-out asked for with few positives is locked, with a warning."""
    _, locked, (warning,) = locked_rows(dataset(400), 0.2)
    assert len(locked) > 0
    assert warning.code == "thin_holdout"


@pytest.mark.parametrize("size", [None, False])
def test_none_locks_nothing(size):
    """None and false lock nothing, and say nothing."""
    development, locked, warned = locked_rows(dataset(50), size)
    assert (len(development), len(locked), warned) == (50, 0, ())


@pytest.mark.parametrize("size", [0, 0.0, -0.1, 0.51, 1, True, "half", float("nan")])
def test_sizes_out_of_range_are_refused(size):
    """A size outside (0, 0.5] is refused in one line."""
    with pytest.raises(SplitError, match=r"holdout.test_size = .*up to 0.5 is allowed") as caught:
        locked_rows(dataset(50), size)
    assert "\n" not in str(caught.value)


def test_a_class_must_be_on_both_sides():
    """A hold-out that would lack a class is refused, naming it."""
    whole = replace(dataset(200), target=(np.arange(200) < 2).astype(np.int32))
    with pytest.raises(SplitError, match=r"no row of class 'yes' lands in the \d+ locked"):
        locked_rows(whole, 0.1)
