"""Running out of memory is a result: tried once more with more room, then failed and avoided."""

import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Outcome, Resources
from search.driver import Driver
from search.entries import Entry
from search.policy import FinalRules, Policy, StopRules
from search.records import Records
from search.room import Node
from search.space import Choice, Float, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view import SweepView

NODES = (Node(4, 4096),)


@pytest.fixture
def store():
    with Records.open() as opened:
        yield opened


class Worker:
    """Trials that take ``needs(params)`` MB, and what each was given, try by try."""

    def __init__(self, needs):
        self.needs, self.given = needs, {}

    def needs_mb(self, item):
        return self.needs(item.configuration.params)

    def __call__(self, item):
        used = Resources(wall_s=1.0, peak_mb=self.needs_mb(item))
        return Happening(1.0, Outcome({"score": 0.5}, {"score": [0.5]}, resources=used))


class Watched(SimulatedRunner):
    """Notes what packs are given."""

    def _happening(self, item, memory_mb):
        self.simulate.given.setdefault(item.trial, []).append(memory_mb)
        return super()._happening(item, memory_mb)


def search(store, needs, space, *, budget=20, sampler="grid", kills=False, **rules):
    clock, worker = VirtualClock(), Worker(needs)
    rules = {"slots": 4, "nodes": NODES, "stop": StopRules(failed=1000)} | rules
    policy = Policy(budget, "score", "maximize", **rules)
    strategy = make_strategy(sampler, space, direction="maximize", trials=budget, seed=0)
    sweep = Sweep(policy, strategy)
    name = store.create("memory", {"metric": "score"})
    with store.acquire(name) as lease:
        driver = Driver(sweep, store, name, lease, clock=clock)
        runner = Watched(worker, 4, clock, needs_mb=worker.needs_mb, killed=kills)
        runner.run(driver, None, 4)
    return sweep, store.entries(name), worker


def megabytes(*options):
    return Space({"m": (Parameter("mb", Choice(options)),)})


@pytest.mark.parametrize("kills", [False, True])
def test_more_memory_is_given_once(store, kills):
    """A trial that runs out gets the next class alone; with that it completes, or has failed."""
    sweep, entries, worker = search(
        store, lambda p: p["mb"], megabytes(300.0, 1500.0, 3000.0), budget=3, kills=kills
    )
    ended = {e.trial: e.body for e in entries if e.kind == "ended"}
    by_need = {t.configuration.params["mb"]: t for t in sweep.trials}
    assert {mb: (t.state, t.cause) for mb, t in by_need.items()} == {
        300.0: ("completed", None),
        1500.0: ("completed", None),
        3000.0: ("failed", "out_of_memory"),
    }
    assert worker.given[by_need[3000.0].number][-2:] == [1024, 2048]
    assert worker.given[by_need[1500.0].number][-1] == 2048
    assert "MB" in ended[by_need[3000.0].number]["reason"] or kills


def test_no_class_is_above_a_whole_node(store):
    """What fails with all the memory there is has failed at once: nothing larger could help."""
    sweep, _, worker = search(
        store, lambda p: p["mb"], megabytes(5000.0), budget=1, slots=1, nodes=(Node(1, 4096),)
    )
    assert [(t.state, t.cause) for t in sweep.trials] == [("failed", "out_of_memory")]
    assert worker.given == {0: [4096]}


def test_the_users_own_limit_is_not_raised(store):
    """memory_per_trial is a promise to the user: a trial that passes it has failed."""
    sweep, _, worker = search(
        store, lambda p: p["mb"], megabytes(600.0, 300.0), budget=2, memory_mb=512.0
    )
    assert sorted(t.state for t in sweep.trials) == ["completed", "failed"]
    assert all(given == [512] for given in worker.given.values())


def test_what_a_trial_is_given_survives_the_driver(store):
    """A resumed sweep gives a trial that ran out the larger class that it was promised."""
    _, entries, _ = search(store, lambda p: p["mb"], megabytes(3000.0), budget=1)
    until = next(n for n, e in enumerate(entries) if e.kind == "lost") + 1
    policy = Policy(1, "score", "maximize", slots=4, nodes=NODES)
    strategy = make_strategy("grid", megabytes(3000.0), direction="maximize", trials=1, seed=0)
    resumed = Sweep(policy, strategy, list(entries)[:until])
    assert resumed.trials[0].memory_mb == 2048


def test_measured_peaks_decide_who_runs_beside_whom(store):
    """Once trials of a model have been seen to take more than their share, fewer run at a time."""
    space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
    _, entries, worker = search(store, lambda p: 1000.0, space, budget=40, sampler="random")
    given = [worker.given[trial][-1] for trial in sorted(worker.given)]
    assert given[0] == 1024
    assert given[-1] == 2048, "1000 MB and a margin"
    assert not [e for e in entries if e.kind == "lost"]


def test_the_sampler_keeps_away(store):
    """Half of the space runs out of memory: TPE goes there less and less."""
    space = Space({"m": (Parameter("x", Float(0.0, 1.0)), Parameter("y", Float(0.0, 1.0)))})
    sweep, _, _ = search(
        store, lambda p: 200.0 if p["x"] < 0.5 else 9000.0, space, budget=120, sampler="tpe"
    )
    failed = [t.state == "failed" for t in sweep.trials]
    first, last = sum(failed[:30]) / 30, sum(failed[-60:]) / 60
    assert all(t.cause == "out_of_memory" for t in sweep.trials if t.state == "failed")
    assert first > 0.3
    assert last < first / 2


def test_a_large_trial_is_not_passed_for_ever(store):
    """Small trials may pass one that waits for room, but only so often."""
    space = Space({
        "small": (Parameter("x", Float(0.0, 1.0)),), "large": (Parameter("y", Float(0.0, 1.0)),),
    })  # fmt: skip
    sweep, entries, _ = search(
        store, lambda p: 100.0 if "x" in p else 4000.0, space, budget=60, sampler="random",
        foreseen_mb={"large": 4000.0, "small": 100.0},
    )  # fmt: skip
    assert sweep.trials.count("completed") == 60
    started = {e.trial: n for n, e in enumerate(entries) if e.kind == "started"}
    asked = {e.trial: n for n, e in enumerate(entries) if e.kind == "asked"}
    assert max(started[trial] - asked[trial] for trial in started) < 120


def test_the_record_says_that_trials_waited_for_memory(store):
    """A sweep whose slots stood idle for want of memory names it as its bottleneck."""
    space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
    _, entries, _ = search(
        store, lambda p: 3000.0, space, budget=12, sampler="random", foreseen_mb={"m": 3000.0},
        slots=4,
    )  # fmt: skip
    running = Entry("state", 0.0, {"state": "running", "max_concurrent": 4, "cores": 4})
    view = SweepView.build("m-1", {"metric": "score"}, [running, *entries])
    assert view.resources.busy_share < 0.3
    assert view.resources.bottleneck.name == "memory"
    assert "waited for memory" in view.resources.bottleneck.why


def test_finalists_run_out_of_memory_too(store):
    """A finalist that needs more on the fresh folds is tried again with more."""
    asked = []

    def needs(params):
        asked.append(params)
        return 700.0 if len(asked) <= 16 else 1500.0

    space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
    _, entries, worker = search(
        store, needs, space, budget=8, sampler="random", finals=FinalRules(5, 1, 0.25),
        stop=StopRules(failed=1000),
    )  # fmt: skip
    rescored = [e.body for e in entries if e.kind == "rescored"]
    assert [body["state"] for body in rescored] == ["completed"]
    assert any(2048 in given for given in worker.given.values())


def test_a_model_that_always_needs_much_is_given_it(store):
    """The first that fail for want of memory teach what to give to all that come after."""
    space = Space({"m": (Parameter("mb", Float(2500.0, 2600.0)),)})
    sweep, entries, _ = search(store, lambda p: p["mb"], space, budget=12, sampler="random")
    states = [t.state for t in sweep.trials]
    assert "failed" in states[:4]
    assert states[4:] == ["completed"] * 8
    resumed = Sweep(sweep.policy, make_strategy(
        "random", space, direction="maximize", trials=12, seed=0
    ), [e for e in entries if e.kind != "ended" or e.body["state"] == "failed"])  # fmt: skip
    assert resumed.learning.peaks.predict("m") > 2048.0
