"""What was foreseen stands beside what it took, in the report and in its JSON."""

import pytest

from search.entries import Entry
from search.outlook import Foresight, ModelForesight
from search.report import report, summary
from search.report_tables import plan_table

from .test_report import ended, text, view

PLAN = Foresight(
    p50_s=80.0, p90_s=120.0, max_concurrent=2, finals_trials=3.0, planning_s=9.5,
    models={
        "boosted": ModelForesight(10.0, 0.4, 400.0), "never_asked": ModelForesight(1.0, 0.4, 150.0)
    },
    trials=3,
)  # fmt: skip
PLANNED = Entry("plan", 0.0, PLAN.to_json())


def took(trial, wall_s, peak_mb, **body):
    cost = {"wall_s": wall_s, "cpu_s": wall_s, "peak_mb": peak_mb}
    return ended(trial, 0.5 + trial / 100, resources=cost, **body)


@pytest.fixture
def planned():
    """Three trials of one of two models, as many as were planned."""
    return view(PLANNED, took(0, 8.0, 310.0), took(1, 12.0, 390.0), took(2, 16.0, 350.0))


def test_the_json_has_both_sides(planned):
    """The mean of what trials took, the most memory they reached; null where none ended."""
    told = planned.to_json()["plan"]
    assert {key: told[key] for key in told if key != "per_model"} == {
        "p50_s": 80.0, "p90_s": 120.0, "took_s": 100.0, "max_concurrent": 2, "planning_s": 9.5,
    }  # fmt: skip
    assert told["per_model"] == {
        "boosted": {
            "trials": 3, "trial_s": 10.0, "took_s": 12.0, "peak_mb": 400.0, "reached_mb": 390.0,
        },
        "never_asked": {
            "trials": 0, "trial_s": 1.0, "took_s": None, "peak_mb": 150.0, "reached_mb": None,
        },
    }  # fmt: skip


def test_the_report_prints_both_sides(planned):
    """A row for each model and the seconds of the sweep, in 80 columns."""
    told = text(report(planned))
    assert "Plan and what became of it" in told
    rows = [line.split() for line in told.splitlines()]
    assert ["boosted", "3", "10.0", "12.0", "400", "390"] in rows
    flat = " ".join(told.split())
    assert "the sweep: 80.0 s foreseen, 120 s nine times in ten; took 100 s." in flat
    assert "Plan and" not in text(summary(planned))


def test_a_sweep_that_ended_early_is_not_held_against_the_whole_plan():
    """It says for how many of the trials that were foreseen it took so long."""
    early = view(PLANNED, took(0, 8.0, 310.0), took(1, 12.0, 390.0), state="stopped")
    assert "took 100 s for 2 of 3 trials" in " ".join(text(plan_table(early)).split())


def test_a_space_smaller_than_the_budget_is_not_an_early_end(planned):
    """The budget is 40 trials, the space has 3 and the plan knew: all of them ended."""
    assert planned.header["budget"] == 40
    assert "trials." not in text(plan_table(planned)).replace("\n", " ")


def test_memory_that_a_failed_trial_reached_is_told():
    """A trial that ran out of memory is what the plan has missed; its seconds count for nothing."""
    out = took(2, 90.0, 900.0, state="failed", cause="out_of_memory", reason="reached 900 MB")
    other = took(3, 90.0, 950.0, state="failed", cause="timeout", reason="still fitting")
    [model, _] = view(PLANNED, took(0, 8.0, 310.0), out, other).plan.models
    assert (model.trials, model.took_s, model.reached_mb) == (1, 8.0, 900.0)


def test_a_record_without_a_plan_shows_none():
    """Older records, short sweeps and --no-plan: no table, and null in the JSON."""
    bare = view(took(0, 8.0, 310.0))
    assert plan_table(bare) is None
    assert bare.to_json()["plan"] is None
    assert "Plan and what became of it" not in text(report(bare))


def test_an_older_plan_is_printed():
    """A plan that does not say for how many trials it was is shown as if it were for all."""
    older = {key: told for key, told in PLAN.to_json().items() if key != "trials"}
    shown = text(plan_table(view(Entry("plan", 0.0, older), took(0, 8.0, 310.0))))
    assert "took 100 s. A trial" in " ".join(shown.split())
