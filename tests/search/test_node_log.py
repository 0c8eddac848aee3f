"""Nodes over time: what workers tell, joined into few entries, and folded into the view."""

import pytest

from evaluators.types import NodeUse, Outcome
from search.driver import Driver
from search.entries import Entry
from search.events import (
    Dispatch,
    ItemEnded,
    PackReported,
    PackStarted,
    Report,
    SlotFreed,
    Ticked,
)
from search.node_log import NodeLog
from search.policy import Policy
from search.records import Records
from search.space import Float, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view import SweepView

HOUR = 3600.0


def use(seconds=1.0, busy=1.0, memory=100.0, host="a"):
    return NodeUse(host, seconds, 4, busy, memory, 1000.0)


def told(time, *args, **kwargs):
    return PackReported(time, 0, Report(node=use(*args, **kwargs)))


def test_reports_of_one_node_become_one_entry():
    """Cores as the mean over the seconds each worker looked, the highest memory, once in 5 s."""
    log = NodeLog()
    assert log.heard(told(101.0, 1.0, 4.0, 300.0)) == []
    assert log.heard(PackReported(102.0, 0, Report())) == []
    assert log.heard(Ticked(200.0)) == []
    (entry,) = log.heard(told(105.0, 3.0, 2.0, 200.0))
    assert entry == Entry("node", 105.0, {
        "host": "a", "seconds": 5.0, "cores": 4, "cores_busy": 2.5, "memory_mb": 300.0,
        "memory_total_mb": 1000.0,
    })  # fmt: skip
    assert log.heard(told(106.0)) == []
    (last,) = log.rest(107.0)
    assert (last.body["seconds"], last.body["memory_mb"]) == (2.0, 100.0)
    assert log.rest(108.0) == []


def test_nodes_are_told_apart():
    """Each has spans of its own."""
    log = NodeLog()
    log.heard(told(1.0, host="a"))
    log.heard(told(2.0, host="b"))
    hosts = [e.body["host"] for now in (5.5, 6.5) for e in log.heard(told(now, host="b"))]
    assert hosts == ["b"]
    assert [e.body["host"] for e in log.rest(7.0)] == ["a"]


@pytest.mark.parametrize(("hours", "most"), [(0.05, 50), (12, 400), (7 * 24, 600)])
def test_a_long_sweep_has_some_hundreds_of_entries(hours, most):
    """Spans grow with their number; together they are all of the time."""
    log, entries = NodeLog(), []
    for second in range(1, int(hours * HOUR) + 1):
        entries += log.heard(told(float(second)))
    entries += log.rest(hours * HOUR)
    assert most / 2 < len(entries) <= most
    assert sum(e.body["seconds"] for e in entries) == pytest.approx(hours * HOUR)


def test_what_workers_tell_of_nodes_reaches_the_view():
    """Recorded by the driver, the rest at the end; points in seconds since the sweep began."""
    space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
    policy = Policy(budget=2, objective="score", direction="maximize")
    random = make_strategy("random", space, direction="maximize", trials=2, seed=0)
    with Records.open() as store:
        name = store.create("noded", {"metric": "score"})
        with store.acquire(name) as lease:
            store.append(name, [Entry("state", 50.0, {"state": "running"})], lease)
            driver = Driver(Sweep(policy, random, started_at=50.0), store, name, lease)
            for now, busy, memory in ((60.0, 2.0, 250.0), (63.0, 1.0, 500.0)):
                (task,) = driver.feed(SlotFreed(now))
                assert isinstance(task, Dispatch)
                number, (item,) = task.pack.number, task.pack.items
                driver.feed(PackStarted(now, number, "w"))
                ended = [
                    ItemEnded(item.trial, item.attempt, Outcome({"score": 0.5}, {"score": [0.5]}))
                ]
                report = Report(ended=ended, last=True, node=use(8.0, busy, memory))
                driver.feed(PackReported(now, number, report))
        entries = store.entries(name)
    assert [e.kind for e in entries][-2:] == ["node", "state"]
    found = SweepView.build(name, {"metric": "score"}, entries).to_json()["resources"]["nodes"]
    assert found == {
        "a": {
            "cores": 4, "memory_total_mb": 1000.0, "memory_mb": 500.0,
            "cores_busy": pytest.approx((2.0 * 8 + 1.0 * 3) / 11),
            "use": [
                {"t": 10.0, "cores_busy": 2.0, "memory_mb": 250.0},
                {"t": 13.0, "cores_busy": 1.0, "memory_mb": 500.0},
            ],
        }
    }  # fmt: skip


def test_a_sweep_resumed_many_times_tells_a_few_hundred_points():
    """Neighbouring spans are joined: the means and the highest memory stay."""
    body = {"host": "a", "seconds": 5.0, "cores": 4, "memory_total_mb": 1000.0}
    entries = [
        Entry("node", 5.0 * n, body | {"cores_busy": float(n % 2), "memory_mb": float(n)})
        for n in range(1, 1601)
    ]
    found = SweepView.build("a-1", {"metric": "m"}, entries).to_json()["resources"]["nodes"]["a"]
    assert len(found["use"]) == 400
    assert (found["cores_busy"], found["memory_mb"]) == (0.5, 1600.0)
    assert {each["cores_busy"] for each in found["use"]} == {0.5}
    assert found["use"][-1]["t"] == 5.0 * 1599
