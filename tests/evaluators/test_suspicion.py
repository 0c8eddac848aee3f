"""What looks wrong before a sweep: checks speak on their planted case and not on clean tables."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.guard_alarms import JUDGED, LIMIT, clean_table, planted, rates, said_before
from evaluators.data import load
from evaluators.metrics import resolve
from evaluators.separation import separations
from evaluators.suspicion import suspicions


def frame(rows=600, seed=0, **columns):
    generator = np.random.default_rng(seed)
    made = pd.DataFrame(generator.normal(size=(rows, 3)), columns=list("abc"))
    made["label"] = (made["a"] + generator.normal(size=rows) > 1).astype(int)
    return made.assign(**columns)


def words(table, code, **roles):
    """The message with that code, or nothing."""
    return next((w.message for w in said_before(table, **roles) if w.code == code), "")


def test_each_code_speaks_on_its_planted_case():
    """Leaks by number, by a missing value and by a category; time and groups in many spellings."""
    rows = planted()
    assert {row["code"] for row in rows} >= {*JUDGED} - {"text_numbers"}
    assert [row["code"] for row in rows if not row["fired"]] == []


def test_clean_tables_are_met_with_silence():
    """No judgement falls on more than 5% of tables with signal and nothing wrong."""
    generator = np.random.default_rng(5)
    count, found = rates((str(n), clean_table(generator)) for n in range(40))
    assert count == 40
    assert {code: names for code, names in found.items() if len(names) > LIMIT * count} == {}


def test_separation_is_the_auc_of_the_feature():
    """A number's is scikit-learn's AUC in the better direction, ties counted half."""
    table = frame()
    table["c"] = -(2 * table["a"]).round()
    dataset = load(table, "label")
    known = [roc_auc_score(dataset.target, dataset.values[:, place]) for place in range(3)]
    # What is no slope may add a little by its bins.
    np.testing.assert_allclose(
        separations(dataset), np.maximum(known, 1 - np.array(known)), atol=0.04
    )
    assert separations(dataset)[2] >= 1 - known[2]


def test_many_levels_separate_nothing():
    """A category with two rows a level learns one by heart and fails on the other."""
    generator = np.random.default_rng(3)
    town = [f"town {n}" for n in generator.integers(0, 300, 600)]
    dataset = load(frame(town=town), "label")
    assert separations(dataset)[3] < 0.6


def test_a_middle_and_a_class_of_three_are_seen():
    """What separates without a slope is found: the middle of a number, a copy of three labels."""
    generator = np.random.default_rng(4)
    value = generator.normal(size=900)
    middle = pd.DataFrame({
        "a": value, "b": generator.normal(size=900), "label": (abs(value) < 0.6).astype(int)
    })  # fmt: skip
    assert "'a' (AUC 0.99" in words(middle, "leaky_feature")
    three = middle.assign(label=generator.integers(0, 3, 900))
    three["copy"] = (three["label"] + 1) % 3
    assert "'copy' (AUC 1.000)" in words(three, "leaky_feature")


def test_an_easy_table_is_no_leak():
    """Where another feature is nearly as good, none is called a leak; two leaks are both named."""
    table = frame()
    label, generator = table["label"], np.random.default_rng(1)
    sure = {"d": label + generator.normal(0, 0.2, 600), "e": label + generator.normal(0, 0.22, 600)}
    assert words(table.assign(**sure), "leaky_feature").startswith("each of 'd' (AUC ")
    fair = label + generator.normal(0, 0.3, 600)
    assert roc_auc_score(label, fair) < 0.995
    assert words(table.assign(**sure, f=fair), "leaky_feature") == ""


def test_what_to_do_can_be_typed():
    """Following the advice silences the warning."""
    days = pd.date_range("2025-01-01", periods=600, freq="h")
    table = frame(made=days)
    assert 'data.drop = ["made"]' in words(table, "time_column_ignored")
    assert words(table, "time_column_ignored", drop=["made"]) == ""
    assert words(table, "time_column_ignored", time_column="made") == ""
    generator = np.random.default_rng(2)
    house = np.repeat(np.arange(100), 6)
    whole = frame(house_id=house, label=(generator.random(100) < 0.4).astype(int)[house])
    assert 'data.group_column = "house_id"' in words(whole, "group_column_ignored")
    assert words(whole, "group_column_ignored", group_column="house_id") == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [("accuracy", True), ("recall", True), ("f1", False), ("roc_auc", False), ("brier", False)],
)
def test_a_constant_that_pleases_the_objective(name, told):
    """Objectives that one answer for all rows satisfies are named, with what it scores."""
    generator = np.random.default_rng(0)
    table = frame(label=(generator.random(600) < 0.06).astype(int))
    assert ("accuracy_on_skewed" in [w.code for w in said_before(table, name)]) == told
    dataset = load(table, "label")
    objective = resolve("accuracy", binary=True)
    assert suspicions(dataset, objective, float("nan")) == ()
    assert suspicions(replace(dataset, warnings=()), objective, 0.79) == ()
