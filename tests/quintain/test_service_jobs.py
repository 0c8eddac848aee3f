"""Cluster mode against a stand-in for Ray's jobs REST, which really runs each entrypoint.

It answers as the dashboard of Ray 2.60 does in its source; what Ray itself does with a job
(placement, packages, a head that restarts) is not shown here.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

import httpx
import pytest

from search.entries import BUDGETED
from search.records import Records


class Dashboard:
    """The part of a Ray head that the service asks."""

    def __init__(self):
        self.jobs = {}
        self.asked = []
        self.pending = False  # no node has room
        self.ray = version("ray")
        self.token = None
        dashboard = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                dashboard.answer(self, "GET", {})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                dashboard.answer(self, "POST", json.loads(body or b"{}"))

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        for process in self.jobs.values():
            if process is not None:
                process.kill()
                process.wait()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request, method, body):
        status, told = self._told(request, method, request.path.strip("/").split("/"), body)
        text = told.encode() if isinstance(told, str) else json.dumps(told).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def _told(self, request, method, path, body):
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return 401, "Unauthorized"
        match method, path:
            case "GET", ["api", "version"]:
                return 200, {"version": "4", "ray_version": self.ray, "ray_commit": "x"}
            case "GET", ["api", "v0", "nodes"]:
                nodes = [
                    {"state": state, "resources_total": {"CPU": cores}}
                    for state, cores in (("ALIVE", 4.0), ("DEAD", 64.0))
                ]
                return 200, {"result": True, "msg": "", "data": {"result": {"result": nodes}}}
            case "POST", ["api", "jobs"]:
                if body["submission_id"] in self.jobs:
                    return 500, "Traceback\nValueError: Job already exists"
                if "quintain.service.scout" not in body["entrypoint"]:
                    self.asked.append(body)
                self.jobs[body["submission_id"]] = None if self.pending else self._run(body)
                return 200, {"submission_id": body["submission_id"]}
        job = path[2] if len(path) > 2 else None
        if job not in self.jobs:
            return 404, "Job does not exist"
        if path[3:] == ["stop"]:
            if self.jobs[job] is not None:
                self.jobs[job].send_signal(signal.SIGINT)
            return 200, {"stopped": True}
        if path[3:] == ["logs"]:
            return 200, {"logs": f"log of {job}\n"}
        return 200, {"status": self._status(self.jobs[job]), "message": "as it is"}

    def _run(self, body):
        words = shlex.split(body["entrypoint"])
        environment = {k: v for k, v in os.environ.items() if k != "QUINTAIN_RECORDS"}
        return subprocess.Popen(
            [sys.executable, *words[1:]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**environment, **body["runtime_env"]["env_vars"], "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def _status(self, process):
        if process is None:
            return "PENDING"
        code = process.poll()
        return "RUNNING" if code is None else "FAILED" if code else "SUCCEEDED"


@pytest.fixture
def dashboard():
    made = Dashboard()
    yield made
    made.close()


@pytest.fixture
def service(quintain_cli, dashboard):
    """`quintain serve --cluster`, and a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = quintain_cli.start("serve", "--port", port, "--cluster", dashboard.url)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
        until(lambda: answers(http, process))
        yield http
    process.kill()
    process.communicate()


def answers(http, process):
    assert process.poll() is None, process.communicate()
    try:
        return http.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


def until(true, seconds=90):
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def submit(service, folder, trials=30, **more):
    spec = {
        "name": "loans", "data": {"source": "loans.csv", "target": "default"},
        "search": {"trials": trials, "sampler": "random"},
        "model": [{"estimator": "logistic_regression"}], **more,
    }  # fmt: skip
    sent = service.post("/v1/sweeps", json={"spec": spec, "folder": str(folder)})
    return sent.json()["sweep"]


def test_a_job_drives_without_a_database_and_is_followed_by_another(
    service, dashboard, folder, own_records
):
    """The job knows the service and a token alone; killed, another goes on; each trial once."""
    sweep = submit(service, folder, trials=400)

    def ended():
        with Records.open(own_records, create=False) as store:
            found = [e for e in store.entries(sweep) if e.kind == "ended"]
        return [e.trial for e in found if e.body["state"] in BUDGETED]

    until(lambda: len(ended()) >= 3)
    asked = dashboard.asked[0]
    assert asked["entrypoint_num_cpus"] > 0
    assert own_records not in json.dumps(asked)
    assert set(asked["runtime_env"]["env_vars"]) == {
        "QUINTAIN_DRIVER_SERVICE", "QUINTAIN_DRIVER_TOKEN", "RAY_JOB_STOP_SIGNAL",
        "RAY_JOB_STOP_WAIT_TIME_S",
    }  # fmt: skip
    dashboard.jobs[asked["submission_id"]].kill()
    until(lambda: len(dashboard.asked) == 2)
    so_far = len(ended())
    until(lambda: len(ended()) > so_far)
    service.patch(f"/v1/sweeps/{sweep}", json={"trials": len(ended()) + 10})
    until(lambda: service.get(f"/v1/sweeps/{sweep}").json()["state"] == "completed")
    trials = ended()
    assert len(trials) == len(set(trials))
    assert len(dashboard.asked) == 2
    until(lambda: f"log of {asked['submission_id']}" in service.get(f"/v1/sweeps/{sweep}/log").text)


def test_what_no_node_can_hold_and_what_is_pending(service, dashboard, folder):
    """A trial of 64 cores fails with the reason; a job that waits for a node is stopped at once."""
    large = submit(service, folder, resources={"cpus_per_trial": 64})
    until(lambda: service.get(f"/v1/sweeps/{large}").json()["state"] == "failed")
    told = service.get(f"/v1/sweeps/{large}/record").json()["entries"][-1]["body"]["reason"]
    assert "no node of the cluster has more than 4" in told
    assert dashboard.asked == []
    dashboard.pending = True
    waiting = submit(service, folder)
    until(lambda: dashboard.asked)
    service.post(f"/v1/sweeps/{waiting}/stop")
    until(lambda: service.get(f"/v1/sweeps/{waiting}").json()["state"] == "stopped", 5)


def test_what_the_cluster_lacks_is_told_before_anything_is_queued(service, folder):
    """A table and a package that are not there, as the scout sees it on the cluster: 422."""
    until(lambda: service.get("/v1/capacity").json()["scout"])
    spec = {
        "name": "loans", "data": {"source": "lawns.csv", "target": "default"},
        "model": [{"estimator": "nowhere_installed.models:Mine", "space": {}}],
    }  # fmt: skip
    began = time.monotonic()
    sent = service.post("/v1/sweeps", json={"spec": spec, "folder": str(folder)})
    assert time.monotonic() - began < 2
    assert sent.status_code == 422
    data, module = sent.json()["error"]["problems"]
    assert data == f"$.data.source: there is no file {folder}/lawns.csv on the cluster"
    assert module.startswith(
        "$.model[0].estimator: the module 'nowhere_installed' is not installed"
    )
    assert service.get("/v1/sweeps").json()["sweeps"] == []


def test_a_cluster_that_does_not_fit_is_refused(quintain_cli, dashboard):
    """Nobody there, another Ray, a token that is wrong, a way back that is none: one line each."""
    gone = quintain_cli("serve", "--cluster", "http://127.0.0.1:9")
    assert (gone.returncode, "no Ray cluster answers" in gone.stderr) == (2, True)
    dashboard.ray = "2.9.3"
    other = quintain_cli("serve", "--cluster", dashboard.url)
    assert (other.returncode, "runs Ray 2.9.3" in other.stderr) == (2, True)
    dashboard.token = "secret"
    shut = quintain_cli("serve", "--cluster", dashboard.url)
    assert (shut.returncode, "RAY_AUTH_TOKEN" in shut.stderr) == (2, True)
    far = quintain_cli("serve", "--cluster", "http://head.example:8265")
    assert (far.returncode, "--public-url" in far.stderr) == (2, True)
