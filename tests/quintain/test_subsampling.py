"""``quintain subsample`` on files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from evaluators.data import load
from evaluators.errors import QuintainError
from quintain.cli import cli
from quintain.subsampling import subsample
from tests.quintain.conftest import table


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(3000).to_csv("loans.csv", index=False)


def test_the_answer_as_json():
    """One object with rows, tests and a verdict; the rows a spec would search, in a file."""
    asked = "subsample loans.csv --target default --rows 900 --output part.parquet --json"
    done = CliRunner().invoke(cli, asked.split(), catch_exceptions=False)
    told = json.loads(done.stdout)
    assert (told["rows"], told["of"], told["verdict"]) == (900, 3000, "representative")
    assert {"label", "numbers", "told apart"} <= {test["name"] for test in told["tests"]}
    assert all(test["passed"] for test in told["tests"])
    assert told["output"] == "part.parquet"
    assert told["weights"] is None
    searched = load("loans.csv", "default", rows=900, seed=told["seed"])
    np.testing.assert_array_equal(load("part.parquet", "default").identity, searched.identity)
    assert [*pd.read_parquet("part.parquet")] == [*pd.read_csv("loans.csv")]


@pytest.mark.parametrize("name", ["part.csv", "part.tsv.gz"])
def test_what_is_written_reads_the_same(name):
    """A part as text has the columns and contents of the source."""
    found = subsample("loans.csv", "default", 1000, output=Path(name))
    whole, part = load("loans.csv", "default"), load(name, "default")
    np.testing.assert_array_equal(part.identity, whole.identity[found.part.rows])


def test_too_few_rows_are_drawn_anew_and_a_size_that_works_is_named():
    """Twenty rows stand for nothing: five redraws, what fails, and a larger part that passes."""
    found = subsample("loans.csv", "default", 20)
    assert (found.redraws, found.seed, found.representative) == (5, 0, False)
    assert "NOT representative in" in found.text()
    assert f"--rows {found.enough} passes" in found.text()
    assert subsample("loans.csv", "default", found.enough).representative


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (0, "--rows 0 is too few: --rows 4 is the least, two for each of 2 classes"),
        (3, "--rows 4 is the least"),
        (3001, "--rows 3001 is more than the table has: at most --rows 3000, at least 4"),
    ],
)
def test_a_size_that_cannot_be(rows, words):
    """Too few or too many rows: one line with a number that works."""
    with pytest.raises(QuintainError) as caught:
        subsample("loans.csv", "default", rows)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_overwritten(tmp_path):
    """A file that is there stays; a format nobody knows is refused before anything is read."""
    for name, words in {"loans.csv": "exists", "part.xlsx": "unknown format"}.items():
        with pytest.raises(QuintainError, match=words):
            subsample("nothing.csv", "default", 10, output=tmp_path / name)
