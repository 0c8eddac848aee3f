"""A table grows: the old claim is held against the new rows, and the search goes on with all."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import quintain
from evaluators.data import load
from evaluators.errors import QuintainError
from evaluators.holdout import locked_rows
from evaluators.refit import refit
from evaluators.types import Configuration
from quintain import holdout
from quintain.prepare import prepare
from quintain.sweeps import open_sweep
from search.records import Records
from search.spec import read_spec
from tests.quintain.conftest import table

KEYS = {
    "sweep", "new_rows", "gone_rows", "scored_rows", "locked_rows_added", "metric", "claim",
    "fresh", "verdict", "finalists", "next",
}  # fmt: skip
QUIET = {"runner": "inline", "progress": False}


def spec(source="loans.csv", trials=20, **sections):
    base = {
        "name": "loans", "data": {"source": str(source), "target": "default"},
        "holdout": {"test_size": 0.25, "looks": 4}, "evaluate": {"metric": "roc_auc"},
        "search": {"trials": trials}, "model": [{"estimator": "logistic_regression"}],
    }  # fmt: skip
    return base | sections


def drifted(rows, seed):
    """Rows on which income says the opposite of what it said."""
    return table(rows, seed).assign(income=lambda frame: -frame["income"])


def write(frame, path):
    frame.to_csv(path, index=False)
    return path


def grown(old, new, seed=0):
    """Both in one table, shuffled."""
    return pd.concat([old, new], ignore_index=True).sample(frac=1, random_state=seed)


def refitted(result, rows):
    """The winner of a sweep, fitted on other rows."""
    best, prepared = result.view.best, prepare(read_spec(spec(holdout={"test_size": False})), rows)
    found = Configuration(best.model, best.params)
    return refit(prepared.assignment, prepared.dataset, found)


def test_a_claim_that_holds_and_a_search_that_goes_on(folder, own_records):
    """The file is overwritten by the grown one: its new rows are known, those not locked are
    scored by models of the old ones, looks come back, and the finalists are the first trials.
    """
    old, path = table(800, seed=1), folder / "loans.csv"
    begun = quintain.run(spec(write(old, path)), **QUIET)
    for _ in range(2):
        holdout.look("loans-1", "to use looks up")
    both = grown(old, table(1000, seed=2))
    write(both, path)
    told = quintain.refresh("loans", path, why="a year  later", **QUIET)
    found = told.to_json()
    assert set(found) >= KEYS
    assert (found["new_rows"], found["gone_rows"]) == (1000, 0)
    assert found["scored_rows"] + found["locked_rows_added"] == 1000
    assert (told.verdict, found["next"], found["why"]) == ("held", "loans-2", "a year later")
    assert found["claim"]["score"] == begun.estimate["score"]
    assert found["claim"]["low"] == begun.estimate["low"]

    whole = load(both, "default")
    locked = np.isin(np.arange(1800), locked_rows(whole, 0.25)[1])
    later = np.isin(both.index, np.arange(800, 1800))
    fitted = refitted(begun, both[~later & ~locked])
    fresh = both[later & ~locked]
    by_hand = roc_auc_score(fresh["default"], fitted.predict_proba(fresh)[:, 1])
    assert found["scored_rows"] == len(fresh)
    assert found["fresh"]["score"] == pytest.approx(by_hand, abs=1e-6)
    assert "DeLong" in found["fresh"]["method"]
    assert found["finalists"][0]["score"] == found["fresh"]["score"]
    winner = max(found["finalists"], key=lambda each: each["score"])
    assert (found["still_best"]["verdict"] == "yes") == winner["won"]

    result = told.result
    assert (result.sweep, result.state) == ("loans-2", "completed")
    assert result.view.header["refreshed_from"] == "loans-1"
    assert result.view.header["rows_locked"] == locked.sum()
    first = result.view.trials[: len(found["finalists"])]
    assert [each.origin for each in first] == ["refresh"] * len(first)
    assert [each.params for each in first] == [each["params"] for each in found["finalists"]]
    assert len(first) > 1
    assert {each.origin for each in result.view.trials[len(first) :]} == {"tpe"}
    assert len({str(each.params) for each in result.view.trials}) == 20
    assert result.estimate["tried"] == 40
    assert "continues loans-1" in result.report()

    share = 2 * begun.view.header["rows_locked"] / locked.sum()
    look = holdout.look("loans-2", "rows that nobody has seen")
    assert look["look"] == math.ceil(share) + 1 == 2  # the third one, of rows that did not grow
    assert look["remaining"] == 2


def test_a_claim_that_does_not_hold(quintain_cli, folder):
    """Rows that say the opposite bring the claim down, by command and without a search; what was
    told is in the record of the old sweep, and costs it no time.
    """
    old = table(600, seed=1)
    begun = quintain.run(spec(write(old, folder / "loans.csv"), trials=6), **QUIET)
    write(grown(old.iloc[5:], drifted(300, seed=2)), folder / "newer.csv")
    found = quintain_cli.json("refresh", "loans", "--data", "newer.csv", "--no-search")
    assert (found["new_rows"], found["gone_rows"], found["next"]) == (300, 5, None)
    assert found["verdict"] == "did not hold"
    assert found["fresh"]["high"] < 0.5 < found["claim"]["low"]
    assert found["change"] == pytest.approx(found["fresh"]["score"] - found["claim"]["score"])
    assert [(each["code"], each["figure"]) for each in found["warnings"]] == [("gone_rows", 5)]
    after = open_sweep("loans-1")
    assert "on new rows" in after.report()
    assert "the claim did not hold" in after.report()
    kept = after.to_json()
    assert [each["verdict"] for each in kept["refreshed"]] == ["did not hold"]
    assert kept["wall_s"] == begun.to_json()["wall_s"]
    with Records.open(None, create=False) as store:
        assert [each.id for each in store.sweeps()] == ["loans-1"]
        assert len(store.holdouts(begun.view.header["source_columns"])) == 1


@pytest.mark.parametrize(
    ("newer", "said"),
    [
        (lambda old: old, "has no row that loans-1 did not have"),
        (lambda old: old.iloc[10:], "has no row that loans-1 did not have"),
        (lambda old: table(300, seed=9), "has none of the 300 rows"),
        (
            lambda old: grown(old, table(50)).rename(columns={"age": "years", "debt": "owed"}),
            "lacks 'age', 'debt' and has 'owed', 'years'",
        ),
        (lambda old: old.rename(columns={"default": "paid"}), "no target column 'default'"),
        (
            lambda old: grown(old, table(50).assign(default=lambda new: 2 * new["default"])),
            "has the labels 0, 1, 2, and the table of loans-1 had 0, 1",
        ),
    ],
)
def test_what_is_no_newer_table_is_told(own_records, newer, said):
    """One line says what is wrong, and nothing is written."""
    old = table(300, seed=1)
    quintain.run(spec(trials=1, holdout={"test_size": False}), old, **QUIET)
    with pytest.raises(QuintainError, match=said) as refused:
        quintain.refresh("loans", newer(old), **QUIET)
    assert "\n" not in str(refused.value)
    with Records.open(own_records, create=False) as store:
        assert [each.id for each in store.sweeps()] == ["loans-1"]
        assert "refreshed" not in [each.kind for each in store.entries("loans-1")]


def test_few_new_rows_cannot_tell(own_records):
    """Copies of old rows are rows, and said to be; nine of a class are too few to judge by."""
    old = table(300, seed=1)
    begun = quintain.run(spec(trials=2, holdout={"test_size": False}), old, **QUIET)
    again = pd.concat([old[old["default"] == 1][:9], old[old["default"] == 0][:20]])
    found = quintain.refresh("loans", grown(old, again), go_on=False, **QUIET).to_json()
    assert (found["new_rows"], found["scored_rows"], found["locked_rows_added"]) == (29, 29, 0)
    assert found["verdict"] == "cannot tell"
    assert "only 9 new rows of class '1'" in found["reason"]
    assert [(each["code"], each["figure"]) for each in found["warnings"]] == [
        ("new_rows_repeat", 29)
    ]
    assert begun.view.positive == "1"


def test_no_row_that_was_searched_is_locked(own_records):
    """A table too small for a hold-out that grows gets one of new rows alone; the sweep that goes
    on can be opened and looked at, and a second refresh starts from it.
    """
    asked = spec(trials=1, holdout={})
    old, later = table(900, seed=1), grown(table(900, seed=1), table(2000, seed=2))
    begun = quintain.run(asked, old, **QUIET)
    assert begun.view.header["rows_locked"] == 0
    result = quintain.refresh("loans", later, **QUIET).result
    locked = result._prepared.division.locked
    known = load(old, "default").identity
    assert locked.rows == result.view.header["rows_locked"] > 300
    assert not np.isin(locked.identity, known).any()
    assert np.isin(result._prepared.dataset.identity, known).sum() == 900
    again = open_sweep("loans-2", later, records=own_records)
    again.fit()
    np.testing.assert_array_equal(again._prepared.division.locked.identity, locked.identity)
    assert holdout.look("loans-2", "to see", later)["rows"] == locked.rows
    third = quintain.refresh("loans", grown(later, table(500, seed=3)), **QUIET)
    assert (third.told["sweep"], third.told["new_rows"]) == ("loans-2", 500)
    more = third.result._prepared.division.locked
    assert np.isin(locked.identity, more.identity).all()
    assert not np.isin(more.identity, known).any()


def test_a_part_of_the_rows_is_searched(own_records):
    """Where ``data.rows`` is set all new rows are scored, by models of as many old ones as were
    searched, and a class that has become the frequent one stays the positive one.
    """
    old = table(800, seed=1)
    data = {"source": "loans.csv", "target": "default", "rows": 300}
    asked = spec(trials=1, data=data, holdout={"test_size": False})
    begun = quintain.run(asked, old.assign(default=old["default"].map({0: "paid", 1: "lost"})))
    assert begun.view.positive == "lost"
    new = table(2000, seed=2)
    new = pd.concat([new[new["default"] == 1], new[new["default"] == 0][:50]])
    both = grown(old, new)
    both["default"] = both["default"].map({0: "paid", 1: "lost"})
    told = quintain.refresh("loans", both, **QUIET)
    assert told.to_json()["scored_rows"] == told.to_json()["new_rows"] == len(new)
    assert told.result.view.positive == "lost"
    assert told.result.view.header["rows_searched"] == 300
