"""The queue of the service in its store, on SQLite and on PostgreSQL."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from search.entries import Entry
from search.errors import LeaseError, RecordsError, UnknownSweepError
from search.submissions import KeyUsedError


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request):
    return request.getfixturevalue(request.param)


def submit(records, user="ada", **more):
    return records.submissions.submit("adult", {"budget": 3}, user, **more)


def test_a_key_stands_for_one_sweep(records):
    """The same request under one key is queued once, sent five times at the same time."""
    with ThreadPoolExecutor(5) as pool:
        sent = list(pool.map(lambda _: submit(records, key="k", digest="d"), range(5)))
    assert {sweep for sweep, _ in sent} == {"adult-1"}
    assert sorted(new for _, new in sent) == [False, False, False, False, True]
    with pytest.raises(KeyUsedError, match="another spec"):
        submit(records, key="k", digest="other")
    assert submit(records, user="bo", key="k", digest="other") == ("adult-2", True)
    assert len(records.sweeps()) == 2


def test_one_launch_takes_the_sweep(records):
    """Of two launches only one moves it, and a driver of an older launch is refused."""
    sweep, _ = submit(records)
    with ThreadPoolExecutor(2) as pool:
        took = list(pool.map(lambda n: records.submissions.launch(sweep, n), ("one", "two")))
    assert sorted(took) == [False, True]
    winner = ("one", "two")[took.index(True)]
    assert records.submissions.back(sweep, 1, 0, "its driver is gone")
    assert records.submissions.launch(sweep, "three")
    with pytest.raises(LeaseError, match="no longer"):
        records.acquire(sweep, winner)
    with records.acquire(sweep, "three"):
        with pytest.raises(LeaseError):
            records.submissions.end(sweep, "launched", ("failed", "thought dead"))
        found = records.submissions.get(sweep)
        assert (found.state, found.launch, found.deaths) == ("launched", "three", 1)
    assert records.state(sweep) == "queued"


def test_state_and_record_change_together(records):
    """A stop of what waits ends it and says so, in one transaction; a resume queues it again."""
    sweep, _ = submit(records)
    assert records.submissions.end(sweep, "waiting", ("stopped", "enough"))
    assert not records.submissions.end(sweep, "waiting", ("stopped", "twice"))
    assert (records.state(sweep), records.submissions.get(sweep).state) == ("stopped", "ended")
    assert len(records.entries(sweep)) == 1
    records.submissions.again(sweep, "bo")
    found = records.submissions.get(sweep)
    assert (records.state(sweep), found.state, found.user) == ("queued", "waiting", "ada")
    assert [change.kind for change in records.changes.of(sweep)] == ["submit", "resume"]


def test_a_serial_is_never_given_twice(records):
    """What is deleted leaves its changes and its number, and no entry."""
    sweep, _ = submit(records)
    records.append(sweep, [Entry("state", 1.0, {"state": "completed"})])
    records.changes.add("bo", sweep, "note", {"text": "keep this"})
    with records.acquire(sweep), pytest.raises(LeaseError):
        records.submissions.delete(sweep, "ada", "completed")
    records.submissions.delete(sweep, "ada", "completed")
    with pytest.raises(UnknownSweepError):
        records.entries(sweep)
    assert submit(records)[0] == "adult-2"
    kinds = [change.kind for change in records.changes.of(sweep)]
    assert kinds == ["submit", "note", "delete"]


def test_a_token_is_shown_once(records, url):
    """The store keeps a digest: whoever reads it cannot ask as anybody."""
    token = records.users.add("ada", "admin", "root")
    assert records.users.known_by(token).name == "ada"
    assert records.users.known_by(token + "x") is None
    if "://" not in url:
        with sqlite3.connect(url) as raw:
            assert token not in str(raw.execute("SELECT * FROM service_users").fetchall())
        raw.close()
    second = records.users.add("ada", "read", "root")
    assert records.users.known_by(token) is None
    assert records.users.known_by(second).role == "read"
    records.users.revoke("ada", "root")
    assert records.users.known_by(second) is None
    with pytest.raises(RecordsError, match="no user"):
        records.users.revoke("ada", "root")
    with pytest.raises(RecordsError, match="no role"):
        records.users.add("bo", "root", "root")
