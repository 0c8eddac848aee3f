"""Which worker gets which pack on Ray. No actor runs, but ray is imported only once it may start:
before that its import would leave the process without a token.
"""

from types import SimpleNamespace

import pytest

from evaluators.types import Configuration
from search.events import Cancel, Dispatch, Item, Pack, PackStarted, Report, SlotFreed


class Told:
    """A driver that answers each free slot with the next of its packs."""

    def __init__(self, *packs):
        self.packs = list(packs)
        self.heard = []
        self.finished = False
        self.cancel = None
        self.places = 0

    def clock(self):
        return 0.0

    def feed(self, event):
        self.heard.append(event)
        if isinstance(event, SlotFreed) and self.packs:
            return [Dispatch(self.packs.pop(0))]
        return []

    def poll(self):
        return [] if self.cancel is None else [Cancel(self.cancel)]


class Session:
    """Nodes of which some are to go."""

    drained = frozenset()


class Actor:
    """Keeps what it was asked to do."""

    def __init__(self):
        self.asked = []
        self._actor_id = SimpleNamespace(hex=lambda: "a")
        self.take = SimpleNamespace(remote=lambda parcel: self.asked.append(parcel.pack.number))
        self.rest = SimpleNamespace(remote=lambda seconds: self.asked.append("rest"))


def pack(number, memory_mb=1000.0):
    return Pack(number, (Item(number, 0, Configuration("m", {})),), None, memory_mb)


@pytest.fixture
def flow_of(ray_here, monkeypatch):
    import ray

    from cluster.flow import Flow

    found = {"Pid": 7, "Address": {"NodeID": "n", "IPAddress": "1.2.3.4"}}
    monkeypatch.setattr(ray._private.state, "actors", lambda actor: found)
    monkeypatch.setattr(ray, "kill", lambda actor: actor.asked.append("killed"))
    return lambda slots, *packs: Flow(Told(*packs), Session(), slots, "run")


def seated(flow, tune_id):
    """A worker that has started with its first pack, and has reported its end."""
    assert flow.seat_for(tune_id) is not None
    actor = Actor()
    flow.seated(tune_id, actor)
    flow.seats[tune_id].pack = None
    return flow.seats[tune_id], actor


def test_a_worker_goes_on_with_the_next_pack(flow_of):
    """Its Tune trial goes on; the record hears which worker has the pack."""
    flow = flow_of(1, pack(0), pack(1))
    seat, actor = seated(flow, "one")
    flow.go_on(seat)
    assert actor.asked == [1]
    begun = [event for event in flow.driver.heard if isinstance(event, PackStarted)]
    assert [(event.pack, event.worker) for event in begun] == [(0, "1.2.3.4:7"), (1, "1.2.3.4:7")]


def test_a_quick_worker_leaves_a_starting_one_its_pack(flow_of):
    """However quick it is, it gets new packs, and never the one another worker starts with."""
    flow = flow_of(2, pack(0), pack(1), pack(2), pack(3))
    seat, actor = seated(flow, "quick")
    assert flow.seat_for("starting").number == 1
    for _ in range(2):
        flow.go_on(seat)
        seat.pack = None
    assert actor.asked == [2, 3]
    assert flow.seats["starting"].pack == 1


def test_a_pack_of_another_memory_class_gets_another_worker(flow_of):
    """It is kept for the next Tune trial, and the present one ends."""
    flow = flow_of(1, pack(0), pack(1, memory_mb=2000.0))
    seat, actor = seated(flow, "small")
    flow.go_on(seat)
    assert actor.asked == []
    assert flow.seat_for("large").number == 1
    assert flow.seats["large"].limit_mb == 2000.0


def test_a_parcel_that_has_arrived_is_empty(flow_of):
    """Tune keeps every parcel until it ends; a pack may hold the outputs of folds."""
    from cluster.trainable import Parcel
    from cluster.tune_runner import SweepCallback

    flow = flow_of(1, pack(0))
    parcel = Parcel(flow.seat_for("one"))
    place = SimpleNamespace(ray_actor=Actor())
    trial = SimpleNamespace(trial_id="one", temporary_state=place, config={"parcel": parcel})
    SweepCallback(flow).on_trial_start(0, [trial], trial)
    assert (parcel.pack.number, parcel.pack.items) == (0, ())
    assert flow.seats["one"].pack == 0


def test_a_worker_sends_no_parcel_back(ray_here, monkeypatch):
    """Tune sends a Trainable's configuration along with every report."""
    from cluster import trainable

    worker = SimpleNamespace(work=lambda pack: iter([Report(last=True)]))
    assignment = SimpleNamespace(evaluator=lambda dataset, partitions: None)
    workload = SimpleNamespace(assignment=assignment, dataset=None, partitions=[])
    monkeypatch.setattr(trainable, "leave_note_on_fault", lambda run: None)
    monkeypatch.setattr(trainable, "fetched", lambda stored: workload)
    monkeypatch.setattr(trainable, "Worker", lambda evaluator, start_s: worker)
    made = trainable.make_trainable("run", None)({"parcel": trainable.Parcel(pack(0))})
    told = made.train()
    assert told["report"].last
    assert told["config"] == {}
    made.config = {"parcel": trainable.Parcel(pack(1))}  # as Trainable.reset has it
    assert made.reset_config(made.config)
    assert made.config == {}


def test_a_worker_without_a_pack_rests_for_so_long_and_no_longer(flow_of):
    """Then its Tune trial ends, and what it holds is free for others."""
    from cluster.flow import RESTS_S

    flow = flow_of(1, pack(0))
    seat, actor = seated(flow, "idle")
    for _ in range(50):
        flow.go_on(seat)
    assert 2 <= len(actor.asked) < 10
    assert RESTS_S <= seat.rested_s <= 2 * RESTS_S


def test_nobody_rests_while_another_waits_for_a_place(flow_of):
    """The idle one may be what keeps it from starting."""
    flow = flow_of(2, pack(0), pack(1))
    seat, actor = seated(flow, "idle")
    assert flow.seat_for("starting") is not None
    flow.go_on(seat)
    assert actor.asked == []


def test_slots_are_kept(flow_of):
    """No more packs are asked for than may run at a time."""
    flow = flow_of(1, pack(0), pack(1))
    assert flow.seat_for("one") is not None
    assert flow.seat_for("two") is None


def test_nodes_that_joined_are_used(flow_of):
    """More packs than slots, once the sweep has room for them."""
    flow = flow_of(1, pack(0), pack(1))
    flow.driver.places = 2
    assert flow.seat_for("one") is not None
    assert flow.seat_for("two") is not None


def test_a_worker_on_a_drained_node_gets_nothing_more(flow_of, monkeypatch):
    """It is ended between two packs, before its node ends it within one."""
    flow = flow_of(1, pack(0), pack(1))
    seat, actor = seated(flow, "one")
    monkeypatch.setattr(Session, "drained", frozenset({"n"}))
    flow.go_on(seat)
    assert actor.asked == ["killed"]
    assert len(flow.driver.packs) == 1


def test_a_cancelled_pack_ends_its_worker(flow_of):
    """Whether the worker has it, or is still starting for it."""
    flow = flow_of(2, pack(0), pack(1))
    assert flow.seat_for("has it") is not None
    first = Actor()
    flow.seated("has it", first)
    flow.driver.cancel = 0
    flow.poll()
    assert first.asked == ["killed"]
    assert flow.seat_for("starts") is not None
    flow.driver.cancel = 1
    flow.poll()
    second = Actor()
    flow.seated("starts", second)
    assert second.asked == ["killed"]


def test_a_memory_kill_while_a_worker_starts_is_an_actors_error(ray_here):
    """Tune keeps no other error of a worker's start, so that nobody could tell why it failed."""
    from ray.air.execution._internal.actor_manager import RayActorManager
    from ray.exceptions import OutOfMemoryError

    from cluster.memory_kill import TrialOutOfMemory, survive_memory_kills

    survive_memory_kills()
    heard = []
    manager = SimpleNamespace(_failed_actor_ids=set(), _cleanup_actor=lambda tracked_actor: None)
    tracked = SimpleNamespace(actor_id=1, _on_error=lambda of, error: heard.append(error))
    killed = OutOfMemoryError("95% of the node")
    RayActorManager._actor_start_failed(manager, tracked_actor=tracked, exception=killed)
    assert isinstance(heard[0], TrialOutOfMemory)
    assert "95% of the node" in str(heard[0])
