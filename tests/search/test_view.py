"""A sweep folded from entries made by hand: states, best, counts, time and cost."""

import json
import math
from dataclasses import replace

import pytest

from evaluators.types import Warned
from search.entries import Entry
from search.records import Records
from search.view import SweepView, read_view

HEADER = {
    "metric": "roc_auc", "direction": "maximize", "positive": "yes", "runner": "ray",
    "classes": ["no", "yes"],
}  # fmt: skip
COST = {
    "wall_s": 2.0, "load_s": 0.5, "fit_s": 1.0, "score_s": 0.5, "cpu_s": 3.0, "peak_mb": 100.0,
    "threads": 2, "bytes_read": 4096, "measuring_s": 0.015625,
}  # fmt: skip


def asked(trial, time=0.0, **params):
    return Entry("asked", time, {"model": "m", "params": params, "origin": "tpe"}, trial)


def started(trial, attempt=0, time=0.0):
    return Entry("started", time, {"worker": "here/1", "queue_s": 0.5}, trial, attempt)


def fold(trial, number, score, attempt=0, rung=-1):
    body = {"scores": {"roc_auc": score}, "resources": COST}
    return Entry("fold", 0.0, body, trial, attempt, rung, number)


def ended(trial, score=None, state="completed", time=0.0, attempt=0, **body):
    scores = {} if score is None else {"scores": {"roc_auc": score}}
    body = {"state": state, "resources": COST, **scores, **body}
    return Entry("ended", time, body, trial, attempt)


def state(name, time, **body):
    return Entry("state", time, {"state": name, **body})


def view(*entries, **header):
    return SweepView.build("adult-income-7", {**HEADER, **header}, entries)


def only(*entries):
    """The row of a sweep's only trial."""
    (trial,) = view(*entries).trials
    return trial


# -- trials -----------------------------------------------------------------------------------


def test_a_trial_goes_from_waiting_to_its_end():
    """As its entries say; a lost worker sends it back to waiting."""
    story = [asked(0, x=1), started(0), Entry("lost", 0.0, {"reason": "killed"}, 0, 0),
             started(0, attempt=1), ended(0, 0.5, attempt=1)]  # fmt: skip
    told = [(only(*story[:n]).state, only(*story[:n]).attempt) for n in range(1, 6)]
    assert told == [
        ("waiting", None), ("running", 0), ("waiting", 0), ("running", 1), ("completed", 1),
    ]  # fmt: skip


def test_a_row_has_the_keys_of_the_design_and_is_strict_json():
    """In this order, whatever is known; NaN as null."""
    rows = view(
        asked(0, depth=3),
        started(0),
        ended(
            0, math.nan, folds={"roc_auc": [0.5, None]}, confusion=[[3, 1], [0, 2]],
            queue_s=0.25, start_s=1.5, overhead_s=0.125, worker="here/2",
            warnings=["slow"], traceback="",
            kind="proba", threshold=0.25, tuned_confusion=[[2, 2], [0, 2]],
        ),
        asked(1),
    ).trials_json()  # fmt: skip
    keys = [
        "trial", "state", "cause", "reason", "model", "params", "scores", "folds", "confusion",
        "wall_s", "queue_s", "start_s", "load_s", "fit_s", "score_s", "overhead_s", "cpu_s",
        "cores_used", "peak_mb", "bytes_read", "measuring_s", "rung", "attempt", "worker",
        "cached", "threshold", "tuned_confusion",
        "predict_ms_per_1k", "infeasible", "cached_from", "saved_cpu_s",
    ]  # fmt: skip
    assert [list(row) for row in rows] == [keys, keys]
    assert json.loads(json.dumps(rows[0], allow_nan=False)) == {
        "trial": 0, "state": "completed", "cause": None, "reason": None, "model": "m",
        "params": {"depth": 3}, "scores": {"roc_auc": None},
        "folds": {"roc_auc": [0.5, None]}, "confusion": [[3, 1], [0, 2]],
        "wall_s": 2.0, "queue_s": 0.25, "start_s": 1.5, "load_s": 0.5, "fit_s": 1.0,
        "score_s": 0.5, "overhead_s": 0.125, "cpu_s": 3.0, "cores_used": 1.5, "peak_mb": 100.0,
        "bytes_read": 4096, "measuring_s": 0.015625, "rung": None, "attempt": 0,
        "worker": "here/2", "cached": False, "threshold": 0.25,
        "tuned_confusion": [[2, 2], [0, 2]], "predict_ms_per_1k": None, "infeasible": None,
        "cached_from": None, "saved_cpu_s": 0.0,
    }  # fmt: skip
    assert rows[1]["state"] == "waiting"
    assert rows[1]["confusion"] is rows[1]["threshold"] is rows[1]["tuned_confusion"] is None


def test_a_failed_trial_keeps_its_cause_and_its_traceback():
    """The cause and a short reason in the row, the traceback aside."""
    trial = only(asked(0), ended(0, state="failed", cause="timeout", reason="5 s", traceback="T"))
    assert (trial.state, trial.cause, trial.reason) == ("failed", "timeout", "5 s")
    assert trial.traceback == "T"
    assert "traceback" not in trial.to_json()


def test_an_older_record_does_not_know_what_was_not_measured_then():
    """A start, bytes and the cost of measuring that are in no entry are null, not zero."""
    new = {"bytes_read", "measuring_s"}
    old = {name: value for name, value in COST.items() if name not in new}
    row = only(asked(0), started(0), ended(0, 0.5, resources=old, queue_s=0.5)).to_json()
    assert [row[name] for name in ("start_s", *sorted(new))] == [None, None, None]
    assert (row["queue_s"], row["cores_used"]) == (0.5, 1.5)


def test_folds_stand_in_until_a_trial_ends():
    """In fold order whatever came first; seconds add up, the peak is the highest."""
    trial = only(asked(0), started(0), fold(0, 1, 0.75), fold(0, 0, None))
    assert math.isnan(trial.folds["roc_auc"][0])
    assert trial.folds["roc_auc"][1] == 0.75
    assert (trial.wall_s, trial.cpu_s, trial.peak_mb, trial.threads) == (4.0, 6.0, 100.0, 2)
    assert trial.scores == {}


def test_folds_of_a_trial_whose_worker_died_stay():
    """An end that knows no cost leaves what the folds of its last attempt said."""
    trial = only(
        asked(0), started(0), fold(0, 0, 0.5), fold(0, 1, 0.5), started(0, 1), fold(0, 0, 0.25, 1),
        Entry("ended", 0.0, {"state": "failed", "cause": "worker_lost", "reason": "gone"}, 0, 1),
    )  # fmt: skip
    assert (trial.folds, trial.wall_s) == ({"roc_auc": (0.25,)}, 2.0)


def test_only_the_last_rung_counts():
    """Scores on fewer rows are not mixed with those on more."""
    trial = only(asked(0), started(0), fold(0, 0, 0.5, rung=0), fold(0, 0, 0.75, rung=1))
    assert (trial.rung, trial.folds) == (1, {"roc_auc": (0.75,)})


# -- the best ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("direction", "best"), [("maximize", 2), ("minimize", 1)])
def test_the_best_has_the_best_score_in_the_metrics_direction(direction, best):
    """Only among completed trials with a score that is a number."""
    entries = [ended(0, 0.5), ended(1, 0.25), ended(2, 0.75), ended(3, math.nan), ended(4, None)]
    entries += [ended(5, 0.99, "failed"), ended(6, 0.01, "pruned")]
    found = view(*entries, direction=direction)
    assert found.best.trial == best
    assert len(found.ranked) == 3


def test_of_equal_scores_the_quicker_wins_then_the_earlier():
    """Ties are decided by what can be seen."""
    quick = {**COST, "wall_s": 1.0}
    entries = [ended(0, 0.5), ended(1, 0.5, resources=quick), ended(2, 0.5, resources=quick)]
    assert [trial.trial for trial in view(*entries).ranked] == [1, 2, 0]


def test_without_a_score_there_is_no_best():
    """And nothing to say about the baseline."""
    found = view(ended(0, math.nan), Entry("baseline", 0.0, {"kind": "prior", "scores": {}}))
    assert found.best is None
    assert found.beats_baseline is None
    assert found.to_json()["best"] is None


@pytest.mark.parametrize(
    ("direction", "score", "beats"),
    [("maximize", 0.5, False), ("maximize", 0.51, True), ("minimize", 0.49, True),
     ("minimize", 0.5, False)],
)  # fmt: skip
def test_the_baseline_has_to_be_beaten(direction, score, beats):
    """A score equal to what no features reach is none."""
    baseline = Entry("baseline", 0.0, {"kind": "prior", "scores": {"roc_auc": 0.5}})
    assert view(baseline, ended(0, score), direction=direction).beats_baseline is beats


# -- the sweep --------------------------------------------------------------------------------


def test_counts_add_up_to_the_budget():
    """Cached trials are completed ones, counted once more; waiting and running are apart."""
    entries = [
        ended(0, 0.5), ended(1, 0.5, cached=True), ended(2, state="pruned"),
        ended(3, state="failed", cause="numeric", reason="NaN"), ended(4, state="cancelled"),
        asked(5), asked(6), started(6),
    ]  # fmt: skip
    found = view(*entries)
    assert found.counts == {
        "completed": 2, "cached": 1, "pruned": 1, "failed": 1, "cancelled": 1,
        "infeasible": 0,
        "waiting": 1, "running": 1,
    }  # fmt: skip
    assert found.to_json()["trial_counts"] == {
        "completed": 2, "cached": 1, "pruned": 1, "failed": 1, "cancelled": 1,
        "infeasible": 0,
    }  # fmt: skip


def test_the_wall_time_is_the_time_with_a_driver():
    """Run by run, up to its last entry; neither the pause nor what is written in it counts."""
    found = view(
        state("running", 100.0, max_concurrent=2),
        ended(0, 0.5, time=107.0),  # the driver was killed after this
        state("interrupted", 900.0),
        Entry("warning", 950.0, {"code": "a", "message": "b", "figure": None}),
        state("running", 1000.0, max_concurrent=4),
        ended(1, 0.5, time=1002.0),
        state("completed", 1003.0),
        Entry("warning", 2000.0, {"code": "a", "message": "b", "figure": None}),
    )
    assert found.wall_s == 10.0
    assert found.resources.max_concurrent == 4
    assert found.resources.overhead_s == 7.0 * 2 + 3.0 * 4 - 2 * 2.0


def test_a_run_that_began_again_without_a_word_is_two_runs():
    """A killed driver says nothing: the next "running" closes its run at its last entry."""
    found = view(state("running", 0.0), asked(0, 5.0), state("running", 100.0), asked(1, 101.0))
    assert found.wall_s == 6.0


def test_resources_are_those_of_the_trials_paid_here():
    """CPU adds up, the peak is the highest, cached trials cost nothing, no overhead below 0."""
    found = view(
        state("running", 0.0, max_concurrent=1),
        ended(0, 0.5, time=1.0),
        ended(1, 0.5, resources={**COST, "peak_mb": 250.0}),
        ended(2, 0.5, cached=True, resources={**COST, "peak_mb": 999.0}),
    ).resources
    assert (found.cpu_s, found.peak_mb, found.overhead_s) == (6.0, 250.0, 0.0)


def test_failures_are_grouped_by_cause_and_reason():
    """The most frequent first, each with its trials."""
    failed = [("timeout", "5 s"), ("numeric", "NaN"), ("numeric", "NaN"), ("numeric", "inf")]
    entries = [
        ended(number, state="failed", cause=cause, reason=reason)
        for number, (cause, reason) in enumerate(failed)
    ]
    found = [(each.cause, each.reason, each.trials) for each in view(*entries).failures]
    assert found == [("numeric", "NaN", (1, 2)), ("timeout", "5 s", (0,)), ("numeric", "inf", (3,))]


def test_run_json_has_every_key_of_the_design():
    """Also before anything happened."""
    empty = view().to_json()
    assert empty == {
        "sweep": "adult-income-7", "state": "queued", "runner": "ray", "metric": "roc_auc",
        "direction": "maximize", "positive": "yes", "wall_s": 0.0,
        "trial_counts": dict.fromkeys(
            ("completed", "cached", "pruned", "failed", "cancelled", "infeasible"), 0
        ),
        "best": None, "estimate": None, "baseline": None, "warnings": [],
        "resources": {
            "cpu_s": 0, "finalists_cpu_s": 0, "measuring_s": 0, "peak_mb": 0.0, "overhead_s": 0.0,
            "max_concurrent": None, "busy_share": None, "bottleneck": None, "nodes": {},
        },
        "plan": None, "race": None, "known": None, "failures": [], "failed_roads": [], "front": [],
        "refreshed": [],
        "varied": [],
        "records": "",
    }  # fmt: skip
    full = view(
        state("running", 0.0, runner="local", max_concurrent=2),
        Entry("baseline", 0.0, {"kind": "prior", "scores": {"roc_auc": 0.5}}),
        Entry("warning", 0.0, {"code": "few", "message": "few rows", "figure": 12.0}),
        Entry("warning", 0.0, {"code": "few", "message": "few rows", "figure": 12.0}),
        asked(0, depth=3),
        ended(0, 0.75, folds={"roc_auc": [0.5, 1.0], "f1": [0.0, 0.0]}),
        state("completed", 1.0, reason="all trials"),
    )
    told = full.to_json()
    assert told.keys() == empty.keys()
    assert told["best"] == {
        "trial": 0, "model": "m", "params": {"depth": 3}, "selection_score": 0.75,
        "folds": [0.5, 1.0],
    }  # fmt: skip
    assert told["baseline"] == {"kind": "prior", "score": 0.5}
    assert told["warnings"] == [{"code": "few", "message": "few rows", "figure": 12.0}]
    assert (told["runner"], told["state"]) == ("local", "completed")
    assert full.warnings == (Warned("few", "few rows", 12.0),)
    json.dumps(told, allow_nan=False)


def test_what_a_later_program_writes_is_passed_over():
    """A kind of entry that is not known changes nothing."""
    known = [asked(0), ended(0, 0.5)]
    strange = replace(known[0], kind="estimate", trial=-1, body={})
    assert view(*known, strange, replace(strange, trial=0)) == view(*known)


def test_a_view_read_from_a_store_knows_what_entries_do_not(tmp_path):
    """That nobody drives it, when it was created and where it is kept."""
    with Records.open(str(tmp_path / "a.db")) as records:
        sweep = records.create("adult-income", HEADER)
        records.append(sweep, [state("running", 1.0), asked(0), ended(0, math.nan)])
        found = read_view(records, sweep)
        assert (found.id, found.name, found.state) == (sweep, "adult-income", "interrupted")
        assert (found.records, found.place) == (records.url, records.place)
        assert found.created == records.sweep(sweep).created
        assert math.isnan(found.trials[0].score)
