"""Who watches a sweep: each is told each entry once, and many cost the service what one does."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from search.entries import Entry
from search.records import Records

WATCHERS = 30


@pytest.fixture
def running(records):
    """A sweep that runs: a driver's hand, which writes so many entries."""
    records.submissions.submit("loans", {"spec": {"name": "loans"}, "metric": "f1"}, "local")
    with records.acquire("loans-1") as lease:

        def write(count, state=None):
            new = [Entry("warning", 1.0, {"code": "c", "message": "m"}) for _ in range(count)]
            if state is not None:
                new.append(Entry("state", 1.0, {"state": state}))
            records.append("loans-1", new, lease)

        write(3, "running")
        yield write


def watch(client, begun, **query):
    """Numbers of the entries that one watcher is told, and the last event."""
    numbers, kind = [], ""
    path = f"{client.base_url}/v1/sweeps/loans-1/events"
    with httpx.stream("GET", path, params=query, timeout=60) as answer:
        begun.release()
        for line in answer.iter_lines():
            if line.startswith("id: "):
                numbers.append(int(line[4:]))
            elif line.startswith("event: "):
                kind = line[7:]
    return numbers, kind


def test_whenever_a_watcher_comes_it_is_told_each_entry_once(client, records, running):
    """From the first, from one in the middle, from one that was never given; early and late."""
    begun = threading.Semaphore(0)
    with ThreadPoolExecutor(8) as pool:
        early = [pool.submit(watch, client, begun, after=after) for after in (2**62, 0, 2, 0)]
        for _ in early:
            begun.acquire()
        for _ in range(6):
            running(5)
            time.sleep(0.4)
        late = [pool.submit(watch, client, begun, after=after) for after in (0, 7, 2**62)]
        for _ in late:
            begun.acquire()
        running(4, "stopped")
        told = [each.result(30) for each in (*early, *late)]
    every = [seq for seq, _ in records.entries_after("loans-1", 0)]
    for after, (numbers, kind) in zip((2**62, 0, 2, 0, 0, 7, 2**62), told, strict=True):
        assert numbers == [seq for seq in every if seq > after]
        assert kind == "end"


def test_many_watchers_read_the_store_as_one_does(client, records, running, monkeypatch):
    """Thirty of them for three seconds: the store is read some four times, not ninety."""
    reads, read = [], Records.entries_after
    monkeypatch.setattr(
        Records, "entries_after", lambda self, *which: reads.append(which) or read(self, *which)
    )
    begun = threading.Semaphore(0)
    with ThreadPoolExecutor(WATCHERS) as pool:
        watching = [pool.submit(watch, client, begun, after=4) for _ in range(WATCHERS)]
        for _ in watching:
            begun.acquire()
        for _ in range(3):
            running(10)
            time.sleep(1.0)
        running(0, "stopped")
        told = [each.result(30) for each in watching]
    assert all(len(numbers) == 31 and kind == "end" for numbers, kind in told)
    assert len(reads) < WATCHERS


def test_a_watched_sweep_that_is_deleted_is_gone(client, records, running):
    """Its watchers are told so, and who comes later is refused."""
    begun = threading.Semaphore(0)
    with ThreadPoolExecutor(2) as pool:
        watching = [pool.submit(watch, client, begun, after=0) for _ in range(2)]
        for _ in watching:
            begun.acquire()
        time.sleep(1.5)
        with records.statements.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM leases")
        records.submissions.delete("loans-1", "local", "interrupted")
        assert [each.result(30)[1] for each in watching] == ["gone", "gone"]
    assert client.get("/v1/sweeps/loans-1/events").status_code == 404
