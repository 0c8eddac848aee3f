"""What a table contains, as numbers."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.data import load
from evaluators.fingerprint import fingerprint, keyed, row_hashes, uniform
from evaluators.types import Column, Dataset

KNOWN = Dataset(
    values=np.array([[1.5, 0.0], [np.nan, 1.0], [-0.0, np.nan], [0.1, 1.0]]),
    target=np.array([0, 1, 0, 1], np.int32),
    columns=(Column("age"), Column("town", ("Aachen", "Ulm"))),
    classes=("no", "yes"),
)
KNOWN_ROWS = [
    4462384580819324861,
    3230605433813006320,
    8026978407530965429,
    12783799697274561439,
]
KNOWN_DIGEST = "7d27ca90357cc3626aaaaac627197624"


def test_known_digests():
    """Hashes on disk stay true: these figures never change, in any version."""
    assert [int(value) for value in row_hashes(KNOWN)] == KNOWN_ROWS
    assert fingerprint(KNOWN) == KNOWN_DIGEST


def test_stable_over_processes():
    """Another process, with another hash seed of Python's, finds the same digest."""
    code = (
        "from evaluators.fingerprint import *\n"
        "from evaluators.types import *\n"
        "import numpy as np\n"
        "print(fingerprint(Dataset(np.array([[1.5]]), np.array([0]), (Column('a'),), ('x', 'y'))))"
    )
    run = [sys.executable, "-c", code]
    found = {
        subprocess.run(
            run, env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


cells = st.one_of(
    st.none(),
    st.integers(-(2**24), 2**24).map(float),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
rows_of_cells = st.lists(
    st.tuples(cells, st.sampled_from(["x", "y y", "z"]), cells, st.booleans()),
    min_size=4, max_size=30,
)  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(rows=rows_of_cells, data=st.data())
def test_order_and_width_do_not_count(rows, data):
    """Rows and columns in any order, and numbers of any width, hash the same, row by row."""
    frame = pd.DataFrame(rows, columns=["a", "b", "c", "d"]).astype({"a": float, "c": float})
    labels = np.arange(len(rows)) % 2
    whole = load((frame, labels))
    order = data.draw(st.permutations(range(len(rows))))
    columns = data.draw(st.permutations(["a", "b", "c", "d"]))
    moved = load((frame.iloc[order][list(columns)], labels[order]))
    narrow = load((frame.astype({"a": np.float32, "c": np.float32}), labels.astype(np.int8)))
    np.testing.assert_array_equal(row_hashes(whole)[order], row_hashes(moved))
    np.testing.assert_array_equal(row_hashes(whole), row_hashes(narrow))
    assert whole.fingerprint == moved.fingerprint == narrow.fingerprint


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        min_size=4, max_size=20,
    )
)  # fmt: skip
def test_a_csv_of_narrow_numbers_is_the_same_content(numbers):
    """0.1 stored as float32, and written as text and read as float64, are one content."""
    narrow = pd.DataFrame({"a": np.array(numbers, np.float32)})
    written = pd.DataFrame({"a": [float(str(number)) for number in narrow["a"]]})
    labels = np.arange(len(numbers)) % 2
    normal = np.abs(narrow["a"]) >= np.finfo(np.float32).tiny
    one, other = row_hashes(load((narrow, labels))), row_hashes(load((written, labels)))
    keep = (normal | (narrow["a"] == 0)).to_numpy()
    np.testing.assert_array_equal(one[keep], other[keep])


def base() -> Dataset:
    return replace(KNOWN, fingerprint="")


def test_everything_that_moves_a_score_counts():
    """A changed cell, name, label, kind, group, time, weight or row gives another fingerprint."""
    first = base()
    cell = first.values.copy()
    cell[0, 0] = 1.5001
    kind = (Column("age", ("0", "1")), first.columns[1])
    others = [
        replace(first, values=cell),
        replace(first, values=first.values[:, ::-1].copy()),
        replace(first, target=np.array([0, 1, 1, 1])),
        replace(first, columns=(Column("Age"), first.columns[1])),
        replace(first, columns=(first.columns[0], Column("town", ("Aachen", "Bonn")))),
        replace(first, classes=("no", "maybe")),
        replace(first, groups=np.array([1, 1, 2, 2])),
        replace(first, groups=np.array([1, 2, 1, 2])),
        replace(first, time=np.arange(4.0)),
        replace(first, weight=np.arange(4.0)),
        first.take(np.array([0, 1, 2])),
        first.take(np.array([0, 1, 2, 3, 3])),
        replace(first, values=np.array([[1.0, 0], [0, 1]]).repeat(2, 0), columns=kind),
        replace(first, values=np.array([[1.0, 0], [0, 1]]).repeat(2, 0)),
    ]
    digests = [fingerprint(dataset) for dataset in [first, *others]]
    assert len(set(digests)) == len(digests)


def test_which_class_is_positive_does_not_count():
    """The content is the same whichever label the user is after."""
    swapped = replace(KNOWN, classes=("yes", "no"), target=1 - KNOWN.target)
    np.testing.assert_array_equal(row_hashes(KNOWN), row_hashes(swapped))
    assert fingerprint(KNOWN) == fingerprint(swapped)


def test_numbers_as_text_are_the_same_rows():
    """A number stored as text hashes as the number (the row's hash, not the fingerprint)."""
    numbers = replace(KNOWN, values=np.array([[7.0], [12.5]]), target=np.array([0, 1]),
                      columns=(Column("a"),))  # fmt: skip
    text = replace(numbers, values=np.array([[0.0], [1.0]]), columns=(Column("a", ("7", "12.5")),))
    np.testing.assert_array_equal(row_hashes(numbers), row_hashes(text))
    assert fingerprint(numbers) != fingerprint(text)


def test_swapped_cells_are_told_apart():
    """A value counts together with its column: (1, 2) is not (2, 1)."""
    dataset = Dataset(
        np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros(2, np.int32), (Column("a"), Column("b")),
        ("x", "y"),
    )  # fmt: skip
    assert len(set(row_hashes(dataset))) == 2


def test_hashes_are_spread_evenly():
    """Hashes of near values, under any key, fill [0, 1) evenly and independently of other keys."""
    count = 20_000
    dataset = Dataset(
        np.arange(count, dtype=np.float64).reshape(-1, 1), np.zeros(count, np.int32),
        (Column("a"),), ("x", "y"),
    )  # fmt: skip
    hashes = row_hashes(dataset)
    assert len(set(hashes)) == count
    one, other = (uniform(keyed(hashes, purpose)) for purpose in ("holdout", "sample"))
    for numbers in (one, other):
        assert numbers.min() >= 0
        assert numbers.max() < 1
        filled = np.histogram(numbers, 20, (0, 1))[0]
        assert abs(filled - count / 20).max() < 5 * np.sqrt(count / 20)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.03


def test_blocks_do_not_show(monkeypatch):
    """A table hashed in many blocks has the hashes of one hashed at once."""
    generator = np.random.default_rng(0)
    dataset = load((generator.normal(size=(500, 3)), generator.integers(0, 2, 500)))
    whole = row_hashes(dataset)
    monkeypatch.setattr("evaluators.fingerprint._CELLS_AT_ONCE", 32)
    np.testing.assert_array_equal(row_hashes(dataset), whole)
