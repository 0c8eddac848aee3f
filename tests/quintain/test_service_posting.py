"""A driver that has no database: it posts to the service with a token worth its sweep alone."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter

import httpx
import pytest
import uvicorn

import quintain
from quintain import sweeps
from quintain.service.app import create_app
from quintain.service.drive import ANOTHERS, OVER
from quintain.service.ground import Here
from quintain.service.intake import admitted
from quintain.service.posting import posted_records
from quintain.service.settings import Settings
from search.entries import BUDGETED
from search.records import Records
from search.users import digest, new_token
from search.view import read_view

SPEC = {
    "name": "loans", "data": {"source": "loans.csv", "target": "default"},
    "search": {"trials": 20, "sampler": "random"}, "model": [{"estimator": "logistic_regression"}],
}  # fmt: skip


class Front:
    """The service's REST on one port, taken away and brought back; its queue does not move."""

    def __init__(self, records):
        self._records = records
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        app = create_app(Settings(port=self.port), self._records)
        config = uvicorn.Config(app, port=self.port, lifespan="off", log_level="critical")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self):
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def records(own_records):
    with Records.open(own_records) as opened:
        yield opened


@pytest.fixture
def front(records):
    made = Front(records)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def launched(records, folder):
    """A sweep, launched under the name "one", and its driver's token."""
    spec, header = admitted(SPEC, str(folder), Here(()))
    sweep, _ = records.submissions.submit(spec.name, header, "ada")
    token = new_token()
    assert records.submissions.launch(sweep, "one", digest(token))
    return sweep, token


def driver(front, sweep, token, launch="one"):
    environment = {k: v for k, v in os.environ.items() if k != "QUINTAIN_RECORDS"}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "quintain.service.drive", sweep, launch, "1"],
        env={**environment, "QUINTAIN_DRIVER_SERVICE": front.url, "QUINTAIN_DRIVER_TOKEN": token,
             "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_a_sweep_over_the_network_to_its_end(front, records, launched):
    """With the service away for a while in its midst: each trial ends once, the record is whole."""
    sweep, token = launched
    process = driver(front, sweep, token)
    try:
        while sum(entry.kind == "ended" for entry in records.entries(sweep)) < 2:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        front.stop()
        time.sleep(2)
        so_far = len(records.entries(sweep))
        front.start()
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == OVER, out
    entries = records.entries(sweep)
    assert len(entries) > so_far
    ended = [e.trial for e in entries if e.kind == "ended" and e.body["state"] in BUDGETED]
    assert Counter(ended) == Counter(range(20))
    assert records.state(sweep) == "completed"
    assert records.sweep(sweep).last["summary"]["estimate"] > 0.5
    assert records.sweep(sweep).driver is None
    late = driver(front, sweep, token, launch="older")
    out, _ = late.communicate(timeout=60)
    assert (late.returncode, "no longer" in out) == (ANOTHERS, True)


def test_a_token_is_worth_one_sweep(front, records, launched):
    """Not another's sweep, not a user's routes, not a call outside the table, not after its end."""
    sweep, token = launched
    other, _ = records.submissions.submit("other", {}, "bo")
    with httpx.Client(base_url=front.url, headers={"Authorization": f"Bearer {token}"}) as http:

        def call(method, *args):
            answer = http.post(f"/v1/driver/{method}", json={"args": args})
            return answer.status_code, answer.json()

        assert call("select_entries", sweep) == (200, {"answer": []})
        for method, *args in (
            ("select_entries", other), ("take", other, None, None), ("settle", other, "t", "{}"),
            ("post", 1, other, [], "t"), ("orders", other, 0), ("insert_sweep", "mine", "{}"),
        ):  # fmt: skip
            status, told = call(method, *args)
            assert (status, told["error"]["code"]) == (403, "not_this_sweep"), method
        assert call("migrate")[0] == 404
        assert call("take")[0] == 422
        assert call("select_entries", {"$bytes": "!"})[0] == 422
        records.users.add("ada", "admin", "test")
        deadline = time.monotonic() + 5
        while (status := http.get("/v1/sweeps").status_code) != 401:
            assert (status, time.monotonic() < deadline) == (200, True)
            time.sleep(0.1)
        assert records.submissions.end(sweep, "launched")
        assert call("select_entries", sweep)[0] == 401
    raw = json.dumps([str(found) for found in records.submissions.all().values()])
    assert token not in raw


def test_a_batch_counts_once(records, launched):
    """A batch that is sent again because its answer was lost changes nothing."""
    sweep, _ = launched
    row = {"time": 1.0, "kind": "node", "trial": -1, "attempt": -1, "rung": -1, "fold": -1,
           "body": "{}"}  # fmt: skip
    with records.acquire(sweep, "one") as lease:
        for number in (1, 1, 2, 1, 2):
            records.submissions.post(sweep, number, sweep, [row], lease.token)
    assert len(records.entries(sweep)) == 2


def test_a_driver_on_a_cluster_knows_what_the_store_knows(records, front, launched, folder):
    """It reads other sweeps' ends through the service; files beside the store it does not have."""
    sweep, token = launched
    told = {**SPEC, "data": {**SPEC["data"], "source": str(folder / "loans.csv")}}
    first = quintain.run(told, runner="inline", records=records.url, progress=False, plan=False)
    store, lease, heard = posted_records(front.url, token, sweep, "one")
    with store, lease:
        sweeps.drive(
            store, lease, runner="inline", address=None, slots=None, heard=heard, watcher=None
        )
    assert records.header(sweep)["replays"] == first.sweep
    view = read_view(records, sweep)
    assert view.state == "completed"
    assert view.counts["cached"] == 20
    assert view.finals.estimate.score == first.view.finals.estimate.score
