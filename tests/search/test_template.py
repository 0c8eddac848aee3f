"""The spec that ``quintain init`` writes."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.spec import Spec, read_spec
from search.template import write_spec

COLUMNS = ["age", "job", "y", *(f"c{index}" for index in range(20))]


def lines(text):
    return [line for line in text.split("\n") if line.strip() and not line.startswith("#")]


def test_eight_lines_are_a_valid_spec():
    """Without its comments the text has eight lines and searches two models."""
    text = write_spec("bank.csv", "y", COLUMNS, "bank.toml")
    assert len(lines(text)) == 8
    spec = read_spec(tomllib.loads(text))
    assert (spec.name, spec.data.source, spec.data.target) == ("bank", "bank.csv", "y")
    assert [model.name for model in spec.model] == ["xgboost", "logistic_regression"]


def test_the_comments_are_keys_of_the_spec():
    """With every # taken away the text is a valid spec still, and shows most of the keys."""
    text = write_spec("bank.csv", "y", COLUMNS, "bank.toml")
    everything = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.M)
    tree = tomllib.loads(everything)
    assert set(tree) == set(Spec.model_fields)
    assert read_spec(tree).search == read_spec(tomllib.loads(text)).search.model_copy(
        update={"timeout": 1800.0, "trial_timeout": 300.0}
    )


def test_the_columns_are_named_without_the_target():
    """A dozen columns stand in a comment, the rest are counted."""
    [line] = [each for each in write_spec("a", "y", COLUMNS, "a.toml").splitlines() if "c3" in each]
    assert line.startswith('# columns: "age", "job", "c0"')
    assert line.endswith("and 10 more")
    assert '"y"' not in line


@pytest.mark.parametrize(
    ("source", "path", "written"),
    [
        ("data/bank.csv", "bank.toml", "data/bank.csv"),
        ("data/bank.csv", "data/bank.toml", "bank.csv"),
        ("bank.csv", "specs/bank.toml", "../bank.csv"),
        ("s3://bucket/bank.csv", "specs/bank.toml", "s3://bucket/bank.csv"),
        ("mine.py:load", "specs/bank.toml", "mine.py:load"),
    ],
)
def test_the_source_is_seen_from_the_spec(source, path, written):
    """A relative path is rewritten for the spec's folder; URLs and code stay."""
    assert tomllib.loads(write_spec(source, "y", [], path))["data"]["source"] == written


def test_an_absolute_source_stays(tmp_path):
    """An absolute path is written as it is."""
    source = str(tmp_path / "bank.csv")
    assert tomllib.loads(write_spec(source, "y", [], "a/b.toml"))["data"]["source"] == source


@pytest.mark.parametrize(
    ("file", "name"),
    [("My data (1).toml", "My-data-1"), ("bank.csv.toml", "bank.csv"), ("??.toml", "sweep")],
)
def test_the_name_is_made_of_the_files(file, name):
    """What is no letter, digit, dash, underscore or dot becomes a dash."""
    assert tomllib.loads(write_spec("a.csv", "y", [], file))["name"] == name


@given(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.lists(st.text(st.characters(codec="utf-8"))),
)
@settings(deadline=None, max_examples=50)
def test_any_column_name_can_be_written(target, columns):
    """Quotes, newlines and control characters in names survive TOML."""
    text = write_spec("a.csv", target, columns, Path("a.toml"))
    assert tomllib.loads(text)["data"]["target"] == target
    assert len(lines(text)) == 8


def test_a_numeric_target_gets_its_own_lines():
    """Eight lines with a regressor, no line on classes, and every default still a valid key."""
    text = write_spec("homes.csv", "price", ["area", "price"], "homes.toml", regression=True)
    assert len(lines(text)) == 8
    assert [model.name for model in read_spec(tomllib.loads(text)).model] == ["xgboost", "ridge"]
    assert not re.search("positive|class_weight|resample|stratified|roc_auc|logistic", text)
    everything = tomllib.loads(re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.M))
    spec = read_spec(everything | {"data": everything["data"] | {"task": "regression"}})
    assert set(everything) == set(Spec.model_fields)
    assert (spec.evaluate.metric, spec.evaluate.metrics) == ("r2", ("rmse",))
    assert spec.splitter == "plain"
