"""Who may run beside whom: memory classes, and never more than the nodes hold."""

import random
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.packing import PEAK_MARGIN, Peaks
from search.room import Node, Room


def test_the_base_class_is_an_even_share():
    """Trials that take no more than their share of a node have one class, and every core a slot."""
    room = Room([Node(8, 8192)], 1, 8)
    assert room.base == 1024
    assert [room.take(mb) for mb in (0, 200, 1024, *[300] * 6)] == [1024] * 8 + [None]


def test_each_class_is_twice_the_one_below():
    """A trial gets the smallest class that holds it; the largest is a whole node."""
    room = Room([Node(8, 8192)], 1, 8)
    assert [room.class_of(mb) for mb in (1025, 2048, 2049, 5000, 8192, 99_999)] == [
        2048, 2048, 4096, 8192, 8192, 8192
    ]  # fmt: skip
    assert [room.next_class(mb) for mb in (1024, 4096, 8192)] == [2048, 8192, None]


def test_a_larger_class_has_fewer_neighbours():
    """Of 8 GB, 4 GB workers leave place for one more of their kind, or four of 1 GB."""
    room = Room([Node(8, 8192)], 1, 8)
    assert room.take(4000) == 4096
    assert [room.take(100) for _ in range(5)] == [1024] * 4 + [None]
    assert room.held_by_memory


def test_what_is_foreseen_sets_the_base():
    """Where a plan foresees 3 GB on three cores and 8 GB, two run at a time, not one."""
    assert Room([Node(3, 8000)], 1, 3).concurrency(3000) == 1
    assert Room([Node(3, 8000)], 1, 3, foreseen_mb=3000).concurrency(3000) == 2


def test_the_users_own_limit_is_the_only_class():
    """With memory_per_trial every pack asks for exactly that, and as many run as fit."""
    room = Room([Node(8, 8192)], 1, 8, fixed_mb=3000)
    assert [room.take(mb) for mb in (0, 9000, 1)] == [3000, 3000, None]
    assert room.next_class(3000) is None


def test_without_nodes_memory_is_not_reckoned_with():
    """Slots alone count, and no class is above another."""
    room = Room([], 1, 2)
    assert [room.take(10**9) for _ in range(3)] == [inf, inf, None]
    assert room.next_class(inf) is None


def test_threads_and_nodes_bound_the_slots():
    """A node with fewer cores than a fit has threads offers nothing."""
    room = Room([Node(4, 8192), Node(3, 8192), Node(1, 8192)], 2, 100)
    assert room.most == 3


def test_idle_workers_make_room():
    """A trial of the whole node waits for its neighbours, and runs once they have ended."""
    room = Room([Node(2, 4096)], 1, 2)
    assert [room.take(0), room.take(0), room.take(4000)] == [2048, 2048, None]
    room.leave(2048)
    assert room.take(4000) is None
    room.leave(2048)
    assert room.take(4000) == 4096
    assert room.started == 3


class Played:
    """A room under random trials: what runs, and what the nodes hold."""

    def __init__(self, nodes, threads, most):
        self.nodes, self.room, self.running = nodes, Room(nodes, threads, most), []

    def step(self, random):
        if self.running and random.random() < 0.5:
            size = self.running.pop(random.randrange(len(self.running)))
            self.room.leave(size, died=random.random() < 0.1)
        wanted = random.choice([0, 0, 600, 1500, 3000, 7000, 20_000])
        size = self.room.take(wanted)
        if size is not None:
            self.running.append(size)


@given(
    st.lists(st.tuples(st.integers(1, 8), st.integers(600, 20_000)), min_size=1, max_size=3),
    st.integers(1, 2), st.integers(1, 20), st.integers(0, 10**6),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_never_more_than_the_nodes_hold(shapes, threads, most, seed):
    """Memory, cores, slots and the bound on workers started hold, whatever is asked and ends."""
    rng = random.Random(seed)
    nodes = [Node(cores + threads - 1, memory) for cores, memory in shapes]
    played = Played(nodes, threads, most)
    classes = set()
    for _ in range(200):
        played.step(rng)
        classes.update(played.running)
        assert sum(played.running) <= sum(node.memory_mb for node in nodes)
        assert len(played.running) <= played.room.most <= most
        assert max(played.running, default=0) <= played.room.largest
    room = played.room
    assert room.started <= room.most * len(classes) + room.deaths


def test_no_trial_waits_for_ever():
    """Once all has ended a trial of any size gets a worker."""
    rng = random.Random(0)
    for _ in range(50):
        played = Played([Node(4, 8000), Node(2, 3000)], 1, 6)
        for _ in range(100):
            played.step(rng)
        for size in played.running:
            played.room.leave(size)
        assert played.room.take(rng.choice([0, 900, 5000, 9000])) is not None


def test_peaks_follow_what_was_measured():
    """Nine in ten of the latest peaks with a margin; before that, what the plan foresees."""
    peaks = Peaks({"foreseen": 700.0})
    assert peaks.predict("foreseen") == 700
    assert peaks.predict("unknown") == 0
    for megabytes in [*[100.0] * 19, 5000.0]:
        peaks.learn("foreseen", megabytes)
    assert peaks.predict("foreseen") == pytest.approx(100 * PEAK_MARGIN)
