"""What held a sweep up, by the figures of its record."""

import math

import pytest

from search.bottleneck import Use, bottleneck
from search.entries import Entry
from search.report import report_text
from search.view import SweepView

BUSY = {
    "idle_share": 0.1, "load_share": 0.05, "start_s": 0.0, "cores": 4, "cores_used": 3.5,
    "cores_busy": 3.75, "slots": 4, "slots_by_cores": 4, "slots_asked": None, "memory_share": 0.5,
}  # fmt: skip
SPEC = {"resources": {"cpus_per_trial": 2}, "search": {"max_concurrent": "auto"}}


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        ({}, "cores", "at work for 90% of the time, on 3.5 of 4 cores"),
        ({"cores_used": 1.5}, "cores", "on 1.5 of 4 cores; other work had 2.2"),
        ({"slots": 2}, "memory", "2 trials at a time where the cores allow 4"),
        ({"slots": 2, "slots_asked": 2}, "cores", "max_concurrent = 2 allows no more"),
        ({"slots": 2, "slots_asked": 3}, "memory", "2 trials at a time"),
        ({"idle_share": 0.25, "start_s": 3.0}, "scheduler", "25% of the time, 3.0 s of it start"),
        ({"idle_share": 0.24}, "cores", "76%"),
        ({"idle_share": 0.4, "memory_share": 0.93}, "memory", "93% of its memory"),
        ({"memory_share": 0.93}, "cores", "90%"),
        ({"load_share": 0.25}, "data", "25% of the trials' time"),
        ({"load_share": math.nan, "cores": None, "slots_by_cores": None}, "cores", "90%"),
    ],
)
def test_each_bottleneck_has_its_figures(change, name, words):
    """Memory before the scheduler before the data; a limit of the user's is not memory's."""
    found = bottleneck(Use(**BUSY | change))
    assert found.name == name
    assert words in found.why
    assert found.to_json()["idle_share"] == (BUSY | change)["idle_share"]


def test_before_any_trial_nothing_is_said():
    """Nothing is known of a sweep that has not begun."""
    assert bottleneck(Use(**BUSY | {"idle_share": math.nan})) is None


def sweep(*entries, cores=4, slots=2, wall_s=10.0, **cost):
    told = {"wall_s": 8.0, "load_s": 0.5, "cpu_s": 12.0, "peak_mb": 100.0, "measuring_s": 0.06}
    body = {"state": "completed", "scores": {"m": 0.5}, "resources": told | cost, "start_s": 1.5}
    running = {"state": "running", "max_concurrent": slots, "cores": cores}
    story = [
        Entry("state", 0.0, running),
        *(Entry("ended", wall_s, body, trial, 0) for trial in range(2)),
        *entries,
        Entry("state", wall_s, {"state": "completed", "reason": ""}),
    ]
    return SweepView.build("a-1", {"metric": "m", "spec": SPEC, "classes": []}, story)


def test_the_busy_share_is_of_the_slots_time():
    """Trials' seconds over slots x wall time, beside the cost of measuring."""
    told = sweep().to_json()["resources"]
    assert told["busy_share"] == 0.8
    assert told["measuring_s"] == pytest.approx(0.12)
    assert told["bottleneck"] == {
        "name": "cores", "why": "slots were at work for 80% of the time, on 2.4 of 4 cores",
        "idle_share": pytest.approx(0.2), "load_share": 0.0625, "start_s": 3.0, "cores": 4,
        "cores_used": 2.4, "cores_busy": None, "slots": 2, "slots_by_cores": 2,
        "memory_share": None,
        "held_by_memory": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "cores"), ({"slots": 1, "wall_s": 16.0}, "memory"),
        ({"wall_s": 12.0}, "scheduler"), ({"load_s": 4.0}, "data"),
    ],
)  # fmt: skip
def test_the_record_alone_names_the_bottleneck(changes, name):
    """Slots, cores and the spec are in it."""
    assert sweep(**changes).resources.bottleneck.name == name


def test_nodes_too_small_for_two_trials_are_not_short_of_memory():
    """Two nodes of three cores hold a trial of two threads each, though six cores sound like 3."""
    node = {"seconds": 5.0, "cores": 3, "cores_busy": 2.0, "memory_mb": 1.0, "memory_total_mb": 9.0}
    entries = [Entry("node", 9.0, node | {"host": host}) for host in "ab"]
    assert sweep(*entries, cores=6).resources.bottleneck.name == "cores"
    assert sweep(cores=6).resources.bottleneck.name == "memory"


def test_an_older_record_has_no_false_bottleneck():
    """Without the cores for trials in it, slots are not called few."""
    assert sweep(cores=None, slots=1, wall_s=16.0).resources.bottleneck.name == "cores"


def test_the_report_says_it_in_two_lines():
    """What was short, and how full the node was."""
    node = {
        "host": "n1", "seconds": 5.0, "cores": 4, "cores_busy": 2.25, "memory_mb": 1234.0,
        "memory_total_mb": 8000.0,
    }  # fmt: skip
    text = report_text(sweep(Entry("node", 9.0, node)), width=100)
    assert "  bottleneck: cores: slots were at work for 80% of the time" in text
    assert "  node n1: 2.2 of 4 cores busy, memory up to 1,234 of 8,000 MB" in text
    assert "  measuring took 0.12 s of CPU beside them, 0.5%" in text
    several = report_text(sweep(*(Entry("node", 9.0, node | {"host": h}) for h in "ab")))
    assert "2 nodes: 4.5 of 8 cores busy" in several
    assert "bottleneck" not in report_text(SweepView.build("a-1", {"metric": "m"}, []))
