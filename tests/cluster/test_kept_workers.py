"""Local workers serve the next sweep, unless they are busy, dead, or of other threads."""

import os
import signal
import time

import numpy as np
import pytest
from sklearn.svm import SVC

from cluster import kept_workers
from cluster.kept_workers import KeptLocalRunner, crew
from quintain import SearchCV

X, Y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2


@pytest.fixture(autouse=True)
def nobody_is_kept():
    crew().dismiss()
    yield
    crew().dismiss()


def kept():
    return {child.process.pid for child, _ in crew()._idle}


def workers(search):
    return {int(each.rpartition(":")[2]) for each in search.sweep_.trials["worker"]}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def fitted(space=(1, 10, 100, 1000)):
    return SearchCV(SVC(), {"C": list(space)}, n_jobs=2, cv=2).fit(X, Y)


def test_the_next_search_finds_them_and_another_data_set_is_no_trouble():
    """Two searches, the same processes; each scores its own rows."""
    first = fitted()
    pids = kept()
    assert len(pids) == 2
    assert workers(first) <= pids
    other = SearchCV(SVC(), {"C": [1, 2]}, n_jobs=2, cv=2).fit(X[:20], Y[:20] == 0)
    assert workers(other) <= pids == kept()
    assert first.sweep_.trials["start_s"].max() > other.sweep_.trials["start_s"].max()


def test_a_dead_one_is_replaced():
    """Nobody waits for it."""
    fitted()
    gone = kept()
    for pid in gone:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert not workers(fitted()) & gone


def test_those_of_other_threads_are_not_taken_and_all_end_in_time(monkeypatch):
    """Threads are set when a process starts."""
    monkeypatch.setattr(kept_workers, "KEPT_S", 0.5)
    fitted()
    pids = kept()
    assert crew().take(2, 2) == []
    folders = {kept_workers.folder_of(child) for child, _ in crew()._idle}
    time.sleep(1.5)
    assert kept() == set()
    assert not any(alive(pid) for pid in pids)
    assert not any(folder.exists() for folder in folders)


def test_those_that_are_still_starting_are_kept_too():
    """They take the next workload when they are there."""
    runner = KeptLocalRunner(2)
    runner.prepare()
    runner.close()
    pids = kept()
    assert len(pids) == 2
    assert workers(fitted()) <= pids
