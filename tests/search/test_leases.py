"""One driver per sweep: the laws of the lease, on SQLite and on PostgreSQL."""

import os
import signal
import socket
import threading
import time

import pytest
import sqlalchemy as sa

from search.entries import Entry
from search.errors import LeaseError, RecordsError
from search.tables import leases

RUNNING = Entry("state", 1.0, {"state": "running"})
DONE = Entry("state", 2.0, {"state": "completed"})

HOLD = """
import sys
from search.records import Records
records = Records.open(sys.argv[1])
lease = records.acquire(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def change_lease(records, **values):
    with records._store._database.writing() as connection:
        connection.execute(sa.update(leases).values(**values))


def heartbeat(records):
    with records._store._database.reading() as connection:
        return connection.execute(sa.select(leases.c.heartbeat)).scalar()


class LeaseContract:
    """What every store has to hold. A subclass says where: the fixture ``url``."""

    def test_a_living_driver_is_not_doubled(self, records, sweep):
        """Who holds it, since when and what to do is said; another sweep is free."""
        records.acquire(sweep)
        with pytest.raises(LeaseError) as refused:
            records.acquire(sweep)
        said = str(refused.value)
        assert socket.gethostname() in said
        assert f"process {os.getpid()} (seen 0 s ago)" in said
        assert "\n" not in said
        records.acquire(records.create("other", {}))

    def test_a_driver_killed_is_dead_at_once(self, url, records, sweep, start):
        """SIGKILL frees the sweep with no wait, even while its parent has not noticed."""
        driver = start(HOLD, url, sweep)
        assert driver.stdout.readline() == "held\n"
        records.append(sweep, [RUNNING])
        assert records.state(sweep) == "running"
        with pytest.raises(LeaseError, match=f"process {driver.pid}"):
            records.acquire(sweep)
        os.kill(driver.pid, signal.SIGKILL)
        os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie still
        assert records.state(sweep) == "interrupted"
        records.acquire(sweep)

    def test_a_silent_driver_lapses_and_is_fenced(self, records, sweep):
        """After 30 s without a beat another may take over; the first then changes nothing."""
        old = records.acquire(sweep)
        change_lease(records, heartbeat=time.time() - 29)
        with pytest.raises(LeaseError):
            records.acquire(sweep)
        change_lease(records, heartbeat=time.time() - 31)
        new = records.acquire(sweep)
        for call in (old.renew, lambda: records.append(sweep, [RUNNING], old)):
            with pytest.raises(LeaseError, match="taken over"):
                call()
        old.release()
        records.append(sweep, [DONE], new)
        assert records.entries(sweep) == [DONE]

    def test_a_pid_that_went_to_another_process_is_dead(self, records, sweep):
        """The start time tells a process from a later one of the same number."""
        records.acquire(sweep)
        change_lease(records, pid_started=1.0)
        records.acquire(sweep)

    def test_another_machine_is_judged_by_its_heartbeat_alone(self, records, sweep):
        """Its process numbers mean nothing here."""
        records.acquire(sweep)
        change_lease(records, machine="there", pid=2**22 + 1)
        with pytest.raises(LeaseError):
            records.acquire(sweep)
        change_lease(records, heartbeat=time.time() - 31)
        records.acquire(sweep)

    def test_a_clock_set_back_does_not_hold_a_sweep_for_ever(self, records, sweep):
        """A heartbeat far in the future is no sign of life."""
        records.acquire(sweep)
        change_lease(records, heartbeat=time.time() + 3600)
        records.acquire(sweep)

    def test_a_released_lease_writes_no_more(self, records, sweep):
        """Released twice is no error; renewed or written under, it is one."""
        lease = records.acquire(sweep)
        lease.release()
        lease.release()
        with pytest.raises(LeaseError, match="released"):
            records.append(sweep, [RUNNING], lease)
        assert records.entries(sweep) == []

    def test_a_lease_beats_while_its_block_runs(self, records, sweep):
        """From a thread that ends with the block, which then gives the sweep up."""
        lease = records.acquire(sweep)
        lease._every = 0.02
        with lease:
            seen = {heartbeat(records)}
            while len(seen) < 3:
                seen.add(heartbeat(records))
        assert heartbeat(records) is None
        assert not [t for t in threading.enumerate() if t.name.startswith("lease of")]

    def test_a_lost_lease_is_heard_of_at_the_next_append(self, records, sweep):
        """The thread that beats cannot stop the driver; its append does."""
        lease = records.acquire(sweep)
        lease._every = 0.02
        with lease:
            change_lease(records, token="another's")
            while lease.trouble is None:
                time.sleep(0.01)
            with pytest.raises(LeaseError, match="taken over"):
                records.append(sweep, [RUNNING], lease)
        assert records.entries(sweep) == []

    @pytest.mark.parametrize("error", [RecordsError("no answer"), ZeroDivisionError("a bug")])
    def test_a_beat_that_fails_is_mended_or_raised(self, records, sweep, error):
        """A store that was away is well when an append went through; a bug is not swallowed."""
        lease = records.acquire(sweep)
        lease.trouble = error
        if isinstance(error, RecordsError):
            records.append(sweep, [RUNNING], lease)
            assert lease.trouble is None
        else:
            with pytest.raises(ZeroDivisionError):
                records.append(sweep, [RUNNING], lease)

    def test_the_stores_clock_is_asked(self, records, sweep):
        """Drivers on several hosts compare heartbeats by one clock."""
        records.acquire(sweep)
        assert abs(heartbeat(records) - time.time()) < 60


class TestSQLite(LeaseContract):
    """The laws on the default store."""

    @pytest.fixture
    def url(self, sqlite_url):
        return sqlite_url


class TestPostgreSQL(LeaseContract):
    """The same laws on a real server."""

    @pytest.fixture
    def url(self, postgresql_url):
        return postgresql_url
