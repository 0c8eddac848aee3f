"""Hosts go and come while a sweep runs: no trial waits for a node that is gone for good."""

from evaluators.types import Outcome, Resources
from search.events import (
    Cancel,
    Dispatch,
    Finish,
    ItemEnded,
    NodesChanged,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    Report,
    SlotFreed,
    Ticked,
)
from search.finals_plan import ESTIMATE
from search.policy import NODES_AWAITED_S, FinalRules, Policy
from search.room import Node, Room, Share
from search.space import Choice, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep

SMALL, LARGE = Node(1, 2048), Node(1, 8192)


def sweep_of(*nodes, slots=2, values=(1, 2, 3, 4), finals=None):
    space = Space({"m": (Parameter("n", Choice(values)),)})
    policy = Policy(len(values), "score", "maximize", slots=slots, nodes=nodes, finals=finals)
    strategy = make_strategy("grid", space, direction="maximize", trials=len(values), seed=0)
    return Sweep(policy, strategy)


def dispatched(instructions):
    return [each.pack for each in instructions if isinstance(each, Dispatch)]


def test_idle_workers_go_with_their_node():
    """A class that no node holds any more is nobody's: what asks for it gets the largest left."""
    room = Room([SMALL, LARGE], 1, 2)
    assert room.base == 2048
    assert room.take(8000) == 8192
    room.leave(8192)
    room.move([SMALL])
    assert (room.largest, room.most, room.nowhere) == (2048, 1, False)
    assert room.class_of(8000) == 2048
    assert room.take(8000) == 2048
    assert room.take(100) is None


def test_a_node_that_joins_is_used():
    """Up to the slots that were asked for."""
    room = Room([SMALL, SMALL], 1, 2)
    room.move([SMALL])
    assert room.take(100) == 2048
    assert room.take(100) is None
    room.move([SMALL, LARGE])
    assert room.take(5000) == 8192


def test_a_pack_that_waits_for_a_node_that_is_gone_is_taken_back():
    """Its trial runs where there is room, without blame, under a new attempt."""
    sweep = sweep_of(SMALL, LARGE, values=(1,))
    sweep.learning.peaks.learn("m", 6000.0)
    (pack,) = dispatched(sweep.handle(SlotFreed(1.0)))
    assert pack.memory_mb == 8192
    out = sweep.handle(NodesChanged(2.0, (SMALL,)))
    assert [each.pack for each in out if isinstance(each, Cancel)] == [pack.number]
    (lost,) = [each.entry for each in out if isinstance(each, Record)]
    assert (lost.kind, lost.body["guilty"]) == ("lost", False)
    assert "8192 MB" in lost.body["reason"]
    (again,) = dispatched(sweep.handle(SlotFreed(3.0)))
    assert (again.memory_mb, again.items[0].attempt) == (2048, 1)


def test_a_finalist_that_waits_for_a_node_that_is_gone_is_taken_back():
    """Else the estimate would wait for it as long as there is a driver."""
    sweep = sweep_of(SMALL, LARGE, values=(1,), finals=FinalRules(5, 1, 0.25))
    (pack,) = dispatched(sweep.handle(SlotFreed(1.0)))
    sweep.handle(PackStarted(1.0, pack.number, "here:1"))
    used = Resources(wall_s=1.0, peak_mb=6000.0)
    ended = [ItemEnded(0, 0, Outcome({"score": 0.5}, {"score": [0.5]}, resources=used))]
    sweep.handle(PackReported(2.0, pack.number, Report(ended=ended, last=True)))
    sweep.handle(Ticked(2.5))
    (pack,) = dispatched(sweep.handle(SlotFreed(3.0)))
    assert (pack.items[0].partition, pack.memory_mb) == (ESTIMATE, 8192)
    out = sweep.handle(NodesChanged(4.0, (SMALL,)))
    assert [each.pack for each in out if isinstance(each, Cancel)] == [pack.number]
    (again,) = dispatched(sweep.handle(SlotFreed(5.0)))
    assert (again.items[0].partition, again.memory_mb) == (ESTIMATE, 2048)
    assert again.items[0].attempt == 1


def test_a_running_pack_stays_until_its_own_end_is_told():
    """What runs on the lost node is told by the loss of its worker, not by the list of nodes."""
    sweep = sweep_of(SMALL, LARGE, values=(1,))
    sweep.learning.peaks.learn("m", 6000.0)
    (pack,) = dispatched(sweep.handle(SlotFreed(1.0)))
    sweep.handle(PackStarted(1.5, pack.number, "far:1"))
    assert not sweep.handle(NodesChanged(2.0, (SMALL,)))
    sweep.handle(PackLost(2.1, pack.number, "node"))
    (again,) = dispatched(sweep.handle(SlotFreed(3.0)))
    assert again.memory_mb == 2048


def test_no_node_at_all_is_waited_for_and_then_said():
    """A replacement may come within minutes; a sweep does not wait for ever."""
    sweep = sweep_of(SMALL, values=(1, 2))
    sweep.handle(NodesChanged(10.0, ()))
    assert not dispatched(sweep.handle(SlotFreed(11.0)))
    assert not sweep.handle(Ticked(10.0 + NODES_AWAITED_S - 1))
    sweep.handle(NodesChanged(100.0, (SMALL,)))
    sweep.handle(Ticked(10.0 + NODES_AWAITED_S + 1))
    assert not sweep.finished
    sweep.handle(NodesChanged(1000.0, ()))
    out = sweep.handle(Ticked(1000.0 + NODES_AWAITED_S))
    (end,) = [each for each in out if isinstance(each, Finish)]
    assert end.state == "failed"
    assert "no node has had room for a trial for 300 s" in end.reason


def test_the_sweep_ends_on_what_is_left():
    """All trials end on the one node that stays."""
    sweep = sweep_of(SMALL, LARGE)
    now = 1.0
    first = dispatched(sweep.handle(SlotFreed(now)))[0]
    sweep.handle(PackStarted(now, first.number, "far:1"))
    sweep.handle(NodesChanged(2.0, (SMALL,)))
    sweep.handle(PackLost(2.0, first.number, "preempted"))
    while not sweep.finished:
        now += 1.0
        for pack in dispatched(sweep.handle(SlotFreed(now))):
            sweep.handle(PackStarted(now, pack.number, "here:1"))
            used = Resources(wall_s=1.0, peak_mb=100.0)
            outcome = Outcome({"score": 0.5}, {"score": [0.5]}, resources=used)
            ended = [ItemEnded(item.trial, item.attempt, outcome) for item in pack.items]
            sweep.handle(PackReported(now + 0.5, pack.number, Report(ended=ended, last=True)))
        assert now < 100
    assert sweep.trials.count("completed") == 4


def test_to_be_preempted_costs_no_attempt():
    """Ten times in a row: the trial waits each time, nobody is blamed, and it ends well."""
    sweep = sweep_of(SMALL, values=(1,))
    for turn in range(10):
        (pack,) = dispatched(sweep.handle(SlotFreed(turn)))
        sweep.handle(PackStarted(turn, pack.number, "spot:1"))
        out = sweep.handle(PackLost(turn + 0.5, pack.number, "preempted", "preempted: taken away"))
        (lost,) = [each.entry for each in out if isinstance(each, Record)]
        assert (lost.kind, lost.body["guilty"], lost.attempt) == ("lost", False, turn)
    assert sweep.trials[0].state == "waiting"
    assert sweep.trials[0].deaths == 0


def test_trials_of_a_lost_node_may_share_a_pack_again():
    """Nobody in a pack is suspected where it was the host that went."""
    sweep = sweep_of(SMALL, values=tuple(range(100)))
    sweep.learning.pace.learn("m", 0.001)
    (pack,) = dispatched(sweep.handle(SlotFreed(1.0)))
    assert len(pack.items) > 1
    sweep.handle(PackStarted(1.0, pack.number, "far:1"))
    sweep.handle(PackLost(2.0, pack.number, "node", "gone"))
    assert not any(trial.alone for trial in sweep.trials)
    assert len(dispatched(sweep.handle(SlotFreed(3.0)))[0].items) > 1


def test_a_search_grows_with_its_cluster():
    """Nodes that join give it more trials at a time, up to its part of them and what was asked."""
    space = Space({"m": (Parameter("n", Choice(tuple(range(40)))),)})
    strategy = make_strategy("grid", space, direction="maximize", trials=40, seed=0)
    share = Share(most=5, sharers=2, reserved=0.5)
    four = Node(4, 8192)
    sweep = Sweep(Policy(40, "score", "maximize", slots=1, nodes=(four,), share=share), strategy)
    assert len(dispatched(sweep.handle(SlotFreed(1.0)))) == 1
    assert not dispatched(sweep.handle(SlotFreed(1.0)))
    sweep.handle(NodesChanged(2.0, (four, four)))
    begun = [pack for _ in range(9) for pack in dispatched(sweep.handle(SlotFreed(3.0)))]
    assert len(begun) == 2  # int((8 - 2 * 0.5) / 2) in all
    sweep.handle(NodesChanged(4.0, (four,) * 9))
    begun += [pack for _ in range(9) for pack in dispatched(sweep.handle(SlotFreed(5.0)))]
    assert len(begun) == 4  # as was asked for, with the first


def test_a_small_cluster_gives_each_search_a_place():
    """One core for two searches and their drivers: still one trial, and none without a node."""
    share = Share(sharers=2, reserved=0.5)
    assert share.places([Node(1)], 1) == 1
    assert share.places([], 1) == 0
    assert share.places([Node(1)], 2) == 0
