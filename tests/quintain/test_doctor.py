"""`quintain doctor` says what a sweep stands on, and what to mend."""

import json
import socket
import time
from collections import namedtuple

from quintain import doctor
from search.records import Records


def by_name(quintain_cli, *options, code=0):
    done = quintain_cli("doctor", "--json", *options)
    assert done.returncode == code, done.stdout
    return {each["name"]: each for each in json.loads(done.stdout)}


def test_a_sound_machine_has_nothing_to_mend(quintain_cli, own_records):
    """Packages in range, cores and memory as they are, the records and how much is in them."""
    with Records.open(own_records) as store:
        store.create("a", {})
    found = by_name(quintain_cli)
    assert found["packages"]["state"] == "ok"
    assert found["records"]["said"].startswith("1 sweeps")
    assert not any(each["state"] == "fail" for each in found.values())


def test_what_is_wrong_is_said_with_what_to_mend(quintain_cli, own_records, monkeypatch):
    """A full disk, a network file system, a small /dev/shm, a clock apart, Redis that is gone."""
    Records.open(own_records).close()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(64 * 2**20, 0, 10**6))
    monkeypatch.setattr(doctor, "_file_system", lambda _: "nfs4")
    there = time.time() + 60
    monkeypatch.setattr("search.store.now", lambda _: there)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_REDIS_ADDRESS", f"redis://127.0.0.1:{taken.getsockname()[1]}")
        found = by_name(quintain_cli, code=2)
    assert "--shm-size" in found["shared memory"]["mend"]
    assert "TMPDIR" in found["temporary files"]["mend"]
    assert "local disk" in found["disk"]["mend"]
    assert "NTP" in found["clock"]["mend"]
    assert "RAY_REDIS_ADDRESS" in found["redis"]["mend"]


def test_who_does_not_answer_is_named(quintain_cli):
    """A cluster and a service that are not there: a finding each, and exit code 2."""
    nobody = "http://127.0.0.1:9"
    found = by_name(quintain_cli, "--cluster", nobody, "--service", nobody, code=2)
    assert "no Ray cluster answers" in found["cluster"]["said"]
    assert "no service answers" in found["service"]["said"]
