"""What a node did, against seconds that were burnt and memory that was taken on it."""

import time

import numpy as np
import psutil
import pytest

from evaluators import node_use
from evaluators.limits import usable_cores, usable_memory_mb
from evaluators.node_use import NodeMeter

pytestmark = pytest.mark.measures


def test_a_busy_core_and_taken_memory_are_seen():
    """A second of work keeps one core at least busy; what is taken is in use."""
    meter = NodeMeter()
    began, burnt = time.monotonic(), time.process_time()
    kept = np.ones(300 << 17)
    while time.monotonic() - began < 1.2:
        kept[0] += 1.0
    burnt = time.process_time() - burnt
    use = meter.look()
    assert use.seconds == pytest.approx(1.2, abs=0.3)
    assert burnt / use.seconds - 0.1 < use.cores_busy < usable_cores() + 0.1
    assert (use.cores, use.memory_total_mb) == (usable_cores(), usable_memory_mb())
    more, held = [], [kept]  # what is given back lies with a core for a while and counts as used
    for _ in range(3):  # others free some meanwhile, but not every time
        quiet = psutil.virtual_memory()
        held.append(np.ones(300 << 17))
        time.sleep(1.1)
        used = meter.look()
        assert used is not None
        more.append(used.memory_mb - (quiet.total - quiet.available) / 2**20)
    assert max(more) > 300 - 150


def test_a_look_that_comes_too_soon_tells_nothing(monkeypatch):
    """Its time belongs to the next one: ticks of the kernel are too coarse for less."""
    meter = NodeMeter()
    assert meter.look() is None
    monkeypatch.setattr(node_use, "LOOK_EVERY_S", 0.0)
    time.sleep(0.3)
    assert meter.look().seconds >= 0.3
    assert meter.look().seconds < 0.3


def test_a_look_costs_little():
    """Well under a millisecond, at most once a second."""
    meter = NodeMeter()
    meter._looked_at -= 5.0
    began = time.thread_time()
    assert meter.look() is not None
    assert time.thread_time() - began < 0.01
