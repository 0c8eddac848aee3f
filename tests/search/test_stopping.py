"""A stop with grace, and budgets that are set anew: decided by the sweep, like all else."""

from dataclasses import replace

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Outcome, Resources
from search.driver import Driver
from search.entries import BUDGETED
from search.events import (
    BudgetsSet,
    Dispatch,
    Finish,
    ItemEnded,
    PackReported,
    PackStarted,
    Report,
    SlotFreed,
    StopAsked,
    Ticked,
)  # fmt: skip
from search.policy import Policy, budgeted
from search.records import Records
from search.space import Float, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep

POLICY = Policy(budget=20, objective="score", direction="maximize", slots=2)


def strategy():
    space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
    return make_strategy("random", space, direction="maximize", trials=20, seed=0, resumed=0)


def scored(seconds):
    return Outcome({"score": 0.5}, {"score": [0.5]}, resources=Resources(wall_s=seconds))


def flying():
    """A sweep with one pack under way."""
    sweep = Sweep(POLICY, strategy())
    pack = next(i.pack for i in sweep.handle(SlotFreed(0.0)) if isinstance(i, Dispatch))
    sweep.handle(PackStarted(0.0, pack.number, "w"))
    return sweep, pack


def test_what_runs_may_end_and_nothing_begins():
    """Within the grace a report counts; no pack goes out; then the sweep is stopped."""
    sweep, pack = flying()
    out = sweep.handle(StopAsked(1.0, "by ada", 30.0))
    assert [i.entry.body["state"] for i in out] == ["stopping"]
    assert sweep.handle(SlotFreed(2.0)) == []
    assert sweep.handle(StopAsked(2.0, "by ada", 30.0)) == []
    item = pack.items[0]
    ended = ItemEnded(item.trial, item.attempt, scored(3.0))
    out = sweep.handle(PackReported(5.0, pack.number, Report(ended=[ended], last=True)))
    assert isinstance(out[-1], Finish)
    assert (sweep.state, sweep.trials[item.trial].state) == ("stopped", "completed")


def test_what_is_late_is_cancelled():
    """After the grace running trials are cancelled."""
    sweep, pack = flying()
    sweep.handle(StopAsked(1.0, "by ada", 30.0))
    assert sweep.handle(Ticked(30.9)) == []
    out = sweep.handle(Ticked(31.0))
    assert isinstance(out[-1], Finish)
    assert sweep.trials[pack.items[0].trial].state == "cancelled"


def test_a_ctrl_c_does_not_wait_for_the_grace():
    """Asked once more without grace, the earlier end holds."""
    sweep, _ = flying()
    sweep.handle(StopAsked(1.0, "by ada", 30.0))
    assert isinstance(sweep.handle(StopAsked(2.0, "Ctrl-C"))[-1], Finish)


def test_a_stop_of_an_idle_sweep_is_at_once():
    """With nothing under way there is nothing to wait for."""
    sweep = Sweep(POLICY, strategy())
    assert isinstance(sweep.handle(StopAsked(1.0, "by ada", 30.0))[-1], Finish)


def test_budgets_change_while_it_runs_and_stay_changed():
    """Ordered in mid-sweep, fewer trials end it; the record alone gives the same policy."""
    orders = [BudgetsSet(0.0, 8, None, "ada")]

    def due():
        return [orders.pop()] if orders and sweep.trials.ended >= 3 else []

    with Records.open() as store:
        sweep_id, clock = store.create("simulated", {"metric": "score"}), VirtualClock()
        sweep = Sweep(POLICY, strategy())
        with store.acquire(sweep_id) as lease:
            driver = Driver(sweep, store, sweep_id, lease, clock=clock, orders=due)
            SimulatedRunner(lambda item: Happening(3.0, scored(3.0)), 2, clock).run(driver, None, 2)
        entries = store.entries(sweep_id)
    assert (sweep.state, sweep.trials.count(*BUDGETED)) == ("completed", 8)
    assert budgeted(POLICY, entries) == replace(POLICY, budget=8)
    assert [e.body["user"] for e in entries if e.kind == "budgets"] == ["ada"]
