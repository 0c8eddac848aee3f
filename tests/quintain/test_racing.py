"""A raced sweep, whole: who was pruned, what is kept of them, and that nobody ranks them."""

import math

import numpy as np
import pandas as pd
import pytest

import quintain
from search.bodies import number
from search.finals_plan import Plan, plan_of
from search.policy import FINALS_SHARE
from search.records import Records
from search.trials import Trials


def table():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(900, 6)), columns=list("abcdef"))
    frame["y"] = (frame.a + frame.b * frame.c + rng.normal(size=900) > 0.5).astype(int)
    return frame


def spec(**search):
    """Some learn next to nothing, so that they can be told apart early."""
    space = {
        "n_estimators": 60,
        "max_depth": {"int": [1, 5]},
        "learning_rate": {"float": [0.0001, 0.3], "log": True},
    }
    return {
        "name": "raced",
        "data": {"source": "(in memory)", "target": "y"},
        "holdout": {"test_size": False},
        "search": {"trials": 24, "sampler": "random", "pruner": "racing"} | search,
        "model": [{"estimator": "xgboost", "space": space}],
    }


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    store = f"{tmp_path_factory.mktemp('raced')}/r.db"
    result = quintain.run(
        spec(), table(), runner="local", records=store, progress=False, plan=False
    )
    return result, store


def test_pruned_trials_count_and_are_no_finalists(raced):
    told = raced[0].to_json()
    counts = told["trial_counts"]
    assert counts["pruned"] >= 4
    assert counts["pruned"] + counts["completed"] == 24
    trials = raced[0].trials.set_index("trial")
    assert trials.state[told["best"]["trial"]] == "completed"
    finalists = [
        each["trial"] for each in told["estimate"]["finalists"] if each["trial"] is not None
    ]
    assert set(trials.state[finalists]) == {"completed"}


def test_what_a_pruned_trial_scored_and_cost_is_kept(raced):
    result, store = raced
    with Records.open(store, create=False) as records:
        entries = records.entries("raced-1")
    ended = {e.trial: e for e in entries if e.kind == "ended"}
    pruned = [e for e in ended.values() if e.body["state"] == "pruned"]
    for entry in pruned:
        assert entry.body["scores"] == {}
        assert entry.body["resources"]["cpu_s"] > 0
        assert entry.body["oof"]
        there = [number(each.body["path"][entry.rung]) for each in ended.values()]
        assert number(entry.body["path"][entry.rung]) < np.nanmax(there)
        assert len(entry.body["folds"]["roc_auc"]) == entry.rung
    whole = [e for e in ended.values() if e.body["state"] == "completed"]
    assert {e.rung for e in whole} == {5}
    again = Trials.from_entries(entries, "roc_auc")  # as a resumed driver has them
    assert all(again[e.trial].given_up == e.rung for e in pruned)
    assert all(again[e.trial].path[1:] == tuple(e.body["path"][1:]) for e in whole)
    shown = result.trials.set_index("trial")
    assert all(shown.rung[e.trial] == e.rung for e in pruned)


def test_the_choice_is_repeated_among_those_that_went_to_their_end(raced):
    result, store = raced
    with Records.open(store, create=False) as records:
        repeated = [e.body for e in records.entries("raced-1") if e.kind == "optimism"]
    assert [each["trials"] for each in repeated] == [result.to_json()["trial_counts"]["completed"]]
    assert result.to_json()["estimate"]["bbc"] is not None


def test_racing_takes_nothing_from_the_finalists(raced):
    """Their share is of all folds of all trials, else intervals would be wider than without."""
    with Records.open(raced[1], create=False) as records:
        plan = next(e.body["plan"] for e in records.entries("raced-1") if e.kind == "finalists")
    assert Plan(**plan) == plan_of(int(FINALS_SHARE * 24), 1)


def test_under_deterministic_the_same_trials_are_pruned_again(tmp_path):
    """Two workers or one: bars change where a generation has ended, and nowhere else."""

    def one(slots):
        asked = spec(deterministic=True, max_concurrent=slots, trials=20, sampler="tpe")
        found = quintain.run(
            asked, table(), runner="local", records=f"{tmp_path}/{slots}.db", progress=False,
            plan=False,
        )  # fmt: skip
        rows = found.trials
        return [(r.state, r.rung, r.params) for r in rows.itertuples()]

    first = one(1)
    assert first == one(2)
    assert any(state == "pruned" for state, *_ in first)
    assert not any(isinstance(rung, float) and math.isnan(rung) for _, rung, _ in first)


def test_the_report_names_who_ended_where_and_what_that_spared(raced):
    told = raced[0].to_json()
    race = told["race"]
    assert race["metric"] == "roc_auc"
    assert sum(race["pruned"].values()) == told["trial_counts"]["pruned"]
    assert 0.2 < race["fitted_share"] < 0.9
    (ranks,) = race["ranks"].values()
    assert ranks[3] > 0.9
    assert f"racing ended {told['trial_counts']['pruned']} trials early" in raced[0].report()
