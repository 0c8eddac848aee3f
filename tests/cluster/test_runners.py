"""Every runner keeps the same promises, under the real faults."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from cluster.inline import InlineRunner
from cluster.local import LocalRunner
from cluster.runner import Workload
from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.assignment import Assignment
from evaluators.metrics import resolve
from evaluators.models import make_recipe
from evaluators.splits import SplitPlan, make_splits
from evaluators.types import Column, Configuration, Dataset, Failure, Outcome, Resources
from search.driver import Driver
from search.events import Cancel, Dispatch, Item, Pack, PackReported, SlotFreed
from search.policy import Policy, StopRules
from search.records import Records
from search.space import Choice, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep

HERE = Path(__file__).parent
LIMIT_S = 2.0
#: What each behaviour of tests/cluster/faulty.py must be recorded as.
CAUSES = {
    "fine": None,
    "error": "user_code",
    "nan": "numeric",
    "memory_error": "out_of_memory",
    "sleep": "timeout",
    "hold_gil": "timeout",
    "segfault": "crashed",
    "kill": "worker_lost",
    "kill_once": None,
}
#: Those that an own process cannot survive.
DEADLY = ("sleep", "hold_gil", "segfault", "kill", "kill_once")


def simulate(item):
    """The same behaviours, planned."""
    behaviour = item.configuration.params["behaviour"]
    fine = Outcome({"roc_auc": 0.9}, {"roc_auc": [0.9]}, resources=Resources(wall_s=0.01))
    match behaviour:
        case "fine":
            return Happening(0.01, fine)
        case "kill_once":
            return Happening(0.01, fine if item.attempt else "killed")
        case "kill":
            return Happening(0.01, "killed")
        case "segfault":
            return Happening(0.01, "segfault")
        case "sleep":
            late = Outcome(failure=Failure("timeout", "still fitting"))
            return Happening(LIMIT_S, late, spent=True)
        case "hold_gil":
            return Happening(LIMIT_S + 1, "killed")
    return Happening(0.01, Outcome(failure=Failure(CAUSES[behaviour], behaviour)))


def make_runner(name):
    if name == "inline":
        return InlineRunner()
    if name == "local":
        return LocalRunner(2)
    if name == "simulated":
        return SimulatedRunner(simulate, 2, VirtualClock())
    from cluster.tune_runner import RayRunner

    return RayRunner()


@pytest.fixture(params=["inline", "local", "simulated", "ray"])
def runner(request):
    if request.param == "ray":
        request.getfixturevalue("ray_here")
    made = make_runner(request.param)
    made.prepare()
    yield made
    made.close()


@pytest.fixture(scope="module")
def workload():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 2))
    target = (values[:, 0] + rng.normal(size=300) > 0).astype(np.int32)
    dataset = Dataset(values, target, (Column("a"), Column("b")), ("no", "yes"))
    splits, _ = make_splits(SplitPlan(folds=3), dataset)
    recipe = make_recipe("faulty", "faulty.py:Faulty", {}, None, HERE)
    metrics = (resolve("roc_auc", binary=True), resolve("f1", binary=True))
    assignment = Assignment({"faulty": recipe}, metrics, fit_seconds=LIMIT_S)
    return Workload(assignment, dataset, [splits])


def run_grid(runner, workload, space, *, pace_s=None, slots=2, budget=100, **more):
    clock = getattr(runner, "clock", None)
    timing = {} if clock is None else {"clock": clock}
    policy = Policy(
        budget=budget, objective="roc_auc", direction="maximize", slots=slots,
        trial_timeout_s=workload.assignment.fit_seconds, stop=StopRules(failed=1000), **more,
    )  # fmt: skip
    strategy = make_strategy("grid", space, direction="maximize", trials=budget, seed=0)
    sweep = Sweep(policy, strategy, started_at=0.0 if clock else time.time())
    if pace_s is not None:
        sweep.learning.pace.learn("faulty", pace_s)
    with Records.open() as store:
        sweep_id = store.create("runner", {"metric": "roc_auc"})
        with store.acquire(sweep_id) as lease:
            driver = Driver(sweep, store, sweep_id, lease, **timing)
            runner.run(driver, workload, slots)
        return sweep, store.entries(sweep_id)


def test_every_fault_has_its_label_and_the_sweep_goes_on(runner, workload, tmp_path):
    """Each behaviour ends as CAUSES says, with a reason, and everything else completes."""
    inline = runner.name == "inline"
    behaviours = [b for b in CAUSES if not (inline and b in DEADLY)]
    space = Space({
        "faulty": (
            Parameter("behaviour", Choice(tuple(behaviours))),
            Parameter("marks", Choice((str(tmp_path / "mark"),))),
        )
    })  # fmt: skip
    sweep, entries = run_grid(runner, workload, space)
    assert sweep.state == "completed"
    ended = {e.trial: e.body for e in entries if e.kind == "ended"}
    found = {
        trial.configuration.params["behaviour"]: ended[trial.number].get("cause")
        for trial in sweep.trials
    }
    assert found == {behaviour: CAUSES[behaviour] for behaviour in behaviours}
    assert all(body["reason"] for body in ended.values() if body["state"] == "failed")


@pytest.mark.parametrize("fault", ["segfault", "sleep", "error", "kill"])
def test_item_seven_of_a_pack_costs_the_others_nothing(runner, workload, fault, tmp_path):
    """In a pack of 16 the seventh fails with its own label; the other 15 complete."""
    if runner.name == "inline" and fault in DEADLY:
        pytest.skip("inline is excused from kills")
    options = [f"fine{n}" for n in range(16)]
    options[6] = fault
    recipe = make_recipe("faulty", "faulty.py:Faulty", {}, None, HERE)
    work = replace(workload, assignment=replace(workload.assignment, recipes={"faulty": recipe}))
    if isinstance(runner, SimulatedRunner):
        plain = runner.simulate

        def tolerant(item):
            name = item.configuration.params["behaviour"]
            fine = type(item.configuration)("faulty", {"behaviour": "fine"})
            known = item if name in CAUSES else type(item)(item.trial, item.attempt, fine)
            return plain(known)

        runner.simulate = tolerant
    space = Space({"faulty": (Parameter("behaviour", Choice(tuple(options))),)})
    _, entries = run_grid(runner, work, space, pace_s=0.001, slots=1, budget=16)
    packs = {e.time for e in entries if e.kind == "started" and e.attempt == 0}
    assert len(packs) == 1, "all sixteen travelled together"
    ended = {e.trial: e.body for e in entries if e.kind == "ended"}
    assert {t: b["cause"] for t, b in ended.items() if b["state"] == "failed"} == {6: CAUSES[fault]}
    assert sum(b["state"] == "completed" for b in ended.values()) == 15


def test_a_trial_carries_its_scores_and_its_cost(runner, workload):
    """A completed trial has scores, folds, confusion, seconds and memory, whoever ran it."""
    if runner.name == "simulated":
        pytest.skip("its outcomes are planned")
    space = Space({"faulty": (Parameter("x", Choice((1.0, 2.0))),)})
    _, entries = run_grid(runner, workload, space)
    for body in [e.body for e in entries if e.kind == "ended"]:
        assert body["scores"]["roc_auc"] > 0.6
        assert len(body["folds"]["f1"]) == 3
        assert sum(map(sum, body["confusion"])) == 300
        cost = body["resources"]
        assert cost["wall_s"] > 0
        assert 10 < cost["peak_mb"] < 2000
        assert body["overhead_s"] >= 0
        assert body["queue_s"] >= 0
        assert 0 <= cost["measuring_s"] < 0.1
        assert cost["bytes_read"] is None or cost["bytes_read"] >= 0
        assert body["oof"]


def test_a_workers_start_is_borne_by_its_first_trial(runner, workload):
    """Of all trials that one worker ran exactly one has its start: seconds, where it is a process.

    Elsewhere the rest have none.
    """
    if runner.name == "simulated":
        pytest.skip("nothing starts")
    space = Space({"faulty": (Parameter("x", Choice(tuple(map(float, range(6))))),)})
    _, entries = run_grid(runner, workload, space)
    starts = {}
    for body in [e.body for e in entries if e.kind == "ended"]:
        starts.setdefault(body["worker"], []).append(body["start_s"])
    assert sum(map(len, starts.values())) == 6
    for told in starts.values():
        assert [each > 0 for each in told].count(True) == 1
        assert runner.name == "inline" or 0.2 < max(told) < 60


def test_a_machine_that_looks_full_is_planned_for_as_a_whole(monkeypatch):
    """With next to nothing free a limit of next to nothing would end every trial."""
    monkeypatch.setattr("cluster.local.free_memory_mb", lambda: 0.0)
    monkeypatch.setattr("cluster.local.usable_memory_mb", lambda: 4000.0)
    runner = LocalRunner(1)
    try:
        assert runner.prepare().memory_mb == pytest.approx(3600.0)
    finally:
        runner.close()


@pytest.mark.parametrize("runner", ["ray"], indirect=True)
def test_a_busy_worker_does_not_keep_another_from_starting(runner, workload):
    """One alone would take 12 s for these trials: long before that the other has its share."""
    options = Choice(tuple(map(float, range(80))))
    space = Space({"faulty": (Parameter("behaviour", Choice(("pause",))), Parameter("x", options))})
    _, entries = run_grid(runner, workload, space, pace_s=0.001)
    workers = {entry.body["worker"] for entry in entries if entry.kind == "started"}
    assert len(workers) == 2
    assert not [entry for entry in entries if entry.kind == "lost"]


@pytest.mark.parametrize("runner", ["local", "ray"], indirect=True)
@pytest.mark.parametrize("behaviour", ["fine", "kill_once", "error"])
def test_a_trial_that_workers_share_ends_as_one_workers(runner, workload, behaviour, tmp_path):
    """The last trial's folds go out one by one; its record is that of a trial all the same."""
    space = Space({
        "faulty": (
            Parameter("behaviour", Choice((behaviour,))),
            Parameter("marks", Choice((str(tmp_path / "mark"),))),
        )
    })  # fmt: skip
    shared = {"folds": 3, "fold_outputs": 100.0}
    _, entries = run_grid(runner, workload, space, pace_s=10.0, budget=1, **shared)
    [told] = [entry for entry in entries if entry.kind == "ended"]
    if behaviour == "error":
        assert told.body["cause"] == "user_code"
        return
    inline = make_runner("inline")
    inline.prepare()
    _, alone = run_grid(inline, workload, space, budget=1)
    [whole] = [entry for entry in alone if entry.kind == "ended"]
    for same in ("scores", "folds", "confusion"):
        assert told.body[same] == whole.body[same]
    if behaviour == "fine":
        assert len(told.body["parts"]) == 3
    else:
        assert told.attempt == 1
    assert told.body["oof"]


@pytest.mark.parametrize("runner", ["local", "ray"], indirect=True)
def test_a_trial_goes_on_from_the_folds_that_its_dead_worker_had_done(runner, workload, tmp_path):
    """Two folds of three were done: one is fitted anew, and the record is that of a whole trial."""
    marks = tmp_path / "marks"
    marks.mkdir()
    space = Space({
        "faulty": (
            Parameter("behaviour", Choice(("kill_third",))),
            Parameter("marks", Choice((str(marks),))),
        )
    })  # fmt: skip
    patient = replace(workload, assignment=replace(workload.assignment, fit_seconds=None))
    _, entries = run_grid(runner, patient, space, slots=1, budget=1, folds=3, fold_outputs=100.0)
    [told] = [entry for entry in entries if entry.kind == "ended"]
    assert told.body["state"] == "completed"
    assert len(list(marks.iterdir())) == 4, "three folds, and the one that was under way"
    kept = [entry.body.get("kept") for entry in entries if entry.kind == "started"]
    assert kept == [None, [0, 1]]
    assert len(told.body["folds"]["roc_auc"]) == 3
    assert told.body["resources"]["wall_s"] >= 3.0, "folds of the first attempt count"


class Scripted:
    """A driver that hands packs out, and does not want the first one any more once one is done."""

    clock = staticmethod(time.monotonic)

    def __init__(self, *packs):
        self.packs, self.workers, self.cancelled = list(packs), [], False
        self.late = self.clock() + 40

    @property
    def finished(self):
        return self.clock() > self.late or len(set(self.workers)) == 3

    def poll(self):
        return []

    def feed(self, event):
        if isinstance(event, SlotFreed):
            self.workers.append(event.worker)
            return [Dispatch(self.packs.pop(0))] if self.packs else []
        if isinstance(event, PackReported) and event.pack and event.report.last:
            self.cancelled = True
            return [Cancel(0)]
        return []


class AtItsEnd(Scripted):
    """A driver whose search is over just as it hands the first pack out."""

    @property
    def finished(self):
        return self.clock() > self.late or self.cancelled

    def feed(self, event):
        if isinstance(event, SlotFreed) and not self.workers:
            pack = self.packs.pop(0)
            self.workers.append(event.worker)
            return [Dispatch(pack), Cancel(pack.number)]
        return super().feed(event)


def driven(kind, workload, workers):
    """A scripted driver, run with a pack that would sleep for ever and one that is fine."""
    behaviours = enumerate(("sleep", "fine"))
    configurations = [(n, Configuration("faulty", {"behaviour": each})) for n, each in behaviours]
    driver = kind(*(Pack(n, (Item(n, 0, each),)) for n, each in configurations))
    patient = replace(workload, assignment=replace(workload.assignment, fit_seconds=None))
    runner = LocalRunner(workers)
    runner.prepare()
    try:
        runner.run(driver, patient, workers)
    finally:
        runner.close()
    return driver


def test_a_pack_that_is_cancelled_as_it_is_handed_out_is_not_begun(workload):
    """Finalists would have no worker until its fits are over."""
    driver = driven(AtItsEnd, workload, 1)
    assert driver.cancelled  # the second pack was done
    assert len(set(driver.workers)) == 1


def test_a_pack_that_is_cancelled_by_whatever_event_ends_its_worker(workload):
    driver = driven(Scripted, workload, 2)
    first, second, third = dict.fromkeys(driver.workers)
    assert driver.cancelled
    assert not psutil.pid_exists(int(first.split(":")[1]))
    assert third not in (first, second)
