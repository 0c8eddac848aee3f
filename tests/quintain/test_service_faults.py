"""The service as a process, with accidents: SIGKILL of drivers and of the service itself."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import psutil
import pytest

from search.entries import BUDGETED
from search.records import Records


class Service:
    """`quintain serve` on a port and a store of its own, started and killed at will."""

    def __init__(self, quintain_cli, url):
        self._cli = quintain_cli
        self._records = url
        self._process = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def start(self, *options):
        self._process = self._cli.start("serve", "--port", self.port, *options)
        self.until(self._answers)

    def _answers(self):
        assert self._process.poll() is None, self._process.communicate()
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/ready").status_code == 200

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def until(self, true, seconds=120):
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)
        return found

    def logs(self):
        folder = Path(self._records).with_name(f"{Path(self._records).stem}-files")
        return {str(log): log.read_text()[-2000:] for log in folder.glob("*/driver.log")}

    def submit(self, sweep_id, **search):
        """A sweep of the folder's table."""
        spec = {
            "name": sweep_id.rpartition("-")[0],
            "data": {"source": "loans.csv", "target": "default"},
            "search": {"sampler": "random", **search},
            "model": [{"estimator": "logistic_regression"}],
        }
        asked = {"spec": spec, "folder": str(self._cli.folder)}
        told = self.http.post("/v1/sweeps", json=asked).json()
        assert told["sweep"] == sweep_id
        return told

    def state(self, sweep):
        return self.http.get(f"/v1/sweeps/{sweep}").json()["state"]

    def ended(self, sweep, at_least):
        """Entries of trials that ended, once there are so many."""

        def enough():
            with Records.open(self._records, create=False) as store:
                found = [e for e in store.entries(sweep) if e.kind == "ended"]
            done = [e for e in found if e.body["state"] in BUDGETED]
            return done if len(done) >= at_least else None

        return self.until(enough)

    def driver(self, sweep):
        """The process that drives, once there is one."""

        def pid():
            with Records.open(self._records, create=False) as store:
                holder = store.sweep(sweep).driver
            return holder and holder.pid

        return self.until(pid)

    def drivers(self, sweep):
        """Processes that were started to drive it and still run."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if "quintain.service.drive" in line and sweep in line:
                with contextlib.suppress(psutil.NoSuchProcess):
                    mine = process.environ().get("QUINTAIN_RECORDS") == self._records
                    if mine and process.status() != psutil.STATUS_ZOMBIE:
                        found.append(process.pid)
        return found

    def close(self):
        if self._process is not None and self._process.poll() is None:
            self.kill()
        with Records.open(self._records, create=False) as store:
            sweeps = [found.id for found in store.sweeps()]
        for pid in {pid for sweep in sweeps for pid in self.drivers(sweep)}:
            os.kill(pid, signal.SIGKILL)
        self.http.close()


@pytest.fixture
def service(quintain_cli, own_records):
    made = Service(quintain_cli, own_records)
    yield made
    made.close()


def test_no_accident_loses_a_trial_or_starts_a_sweep_twice(service):
    """SIGKILL of the driver, then of the service: the sweep goes on, each trial ends once."""
    service.start("--max-sweeps", "1")
    service.submit("long-1", trials=5000)
    service.submit("next-1", trials=5)
    before = service.ended("long-1", at_least=3)
    first = service.driver("long-1")
    os.kill(first, signal.SIGKILL)
    service.ended("long-1", at_least=len(before) + 5)
    second = service.driver("long-1")
    assert second != first
    assert service.state("next-1") == "queued"

    service.kill()
    so_far = len(service.ended("long-1", at_least=1))
    service.ended("long-1", at_least=so_far + 5)  # it goes on without the service
    service.start("--max-sweeps", "1")
    time.sleep(1.5)  # some looks of the new keeper
    assert service.drivers("long-1") == [second]
    assert (service.state("long-1"), service.state("next-1")) == ("running", "queued")
    assert service.http.post("/v1/sweeps/next-1/stop").json()["state"] == "stopped"

    # far more than end until the driver hears of it
    budget = len(service.ended("long-1", at_least=1)) + 500
    changed = service.http.patch("/v1/sweeps/long-1", json={"trials": budget})
    assert changed.status_code == 200
    service.until(lambda: service.state("long-1") == "completed")
    ended = service.ended("long-1", at_least=budget)
    assert len(ended) == budget
    assert set(Counter(entry.trial for entry in ended).values()) == {1}
    assert [(e.trial, e.body) for e in ended[: len(before)]] == [(e.trial, e.body) for e in before]
    view = service.http.get("/v1/sweeps/long-1").json()
    assert view["estimate"]["score"] > 0.5
    service.until(lambda: not service.drivers("long-1"))


def test_submitted_by_command_and_seen_the_same(service, quintain_cli):
    """Submit --follow to the end; then show, trials and report say what the store's own say."""
    service.start("--max-sweeps", "2")
    (quintain_cli.folder / "deadly.py").write_text(
        "import os, signal\ndef load(): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    deadly = {
        "name": "deadly", "data": {"source": "deadly.py:load", "target": "y"},
        "model": [{"estimator": "logistic_regression"}],
    }  # fmt: skip
    asked = {"spec": deadly, "folder": str(quintain_cli.folder)}
    assert service.http.post("/v1/sweeps", json=asked).status_code == 201

    done = quintain_cli.process("submit", "loans.toml", "--service", service.url, "--follow")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["loans-1 is queued"]
    assert "positive class: 1" in done.stderr
    assert done.stderr.splitlines()[-1] == "loans-1 is completed"
    for command in ("show", "trials", "report"):
        here = quintain_cli.json(command, "loans")
        assert quintain_cli.json(command, "loans", "--service", service.url) == here
        text = quintain_cli(command, "loans-1", "--service", service.url)
        assert text.stdout == quintain_cli(command, "loans-1").stdout
    assert len(quintain_cli.json("trials", "loans")) == 6
    rows = quintain_cli.json("list", "--service", service.url)
    assert {row["sweep"]: row["user"] for row in rows} == {"loans-1": "local", "deadly-1": "local"}
    missing = quintain_cli("show", "lawns", "--service", service.url)
    assert (missing.returncode, "did you mean loans-1" in missing.stderr) == (2, True)

    # a driver that dies again and again is given up, and the reason says where to look
    service.until(lambda: service.state("deadly-1") == "failed")
    with Records.open(service._records, create=False) as store:
        reason = store.sweep("deadly-1").last["reason"]
    assert "SIGKILL, 3 times" in reason
    assert "quintain logs deadly-1" in reason


def test_a_running_sweep_is_stopped_cleanly_and_resumed(service, quintain_cli):
    """Stop --service: no fold is thrown away, no trial fails; resume goes on to the budget."""
    service.start("--max-sweeps", "1")
    service.submit("long-1", trials=5000)
    service.ended("long-1", at_least=2)
    told = quintain_cli.json("stop", "long", "--service", service.url, "--reason", "enough")
    assert told == {"sweep": "long-1", "state": "stopping"}
    began = time.monotonic()
    service.until(lambda: service.state("long-1") == "stopped")
    assert time.monotonic() - began < 15
    shown = quintain_cli.json("show", "long-1")
    assert shown["trial_counts"]["failed"] == 0
    with Records.open(service._records, create=False) as store:
        entries = store.entries("long-1")
        assert store.sweep("long-1").last["reason"] == "enough"
    under_way = {e.trial for e in entries if e.kind == "started"}
    cancelled = {e.trial for e in entries if e.kind == "ended" and e.body["state"] == "cancelled"}
    assert not under_way & cancelled
    service.until(lambda: not service.drivers("long-1"))
    before = shown["trial_counts"]["completed"] + shown["trial_counts"]["pruned"]
    resumed = quintain_cli.json("resume", "long-1", "--service", service.url)
    assert resumed["state"] == "queued"
    service.http.patch("/v1/sweeps/long-1", json={"trials": before + 5})
    service.until(lambda: service.state("long-1") == "completed")
    counts = quintain_cli.json("show", "long-1")["trial_counts"]
    assert counts["completed"] + counts["pruned"] == before + 5


def test_a_sweep_run_by_hand_is_stopped_from_elsewhere(quintain_cli):
    """`quintain stop` reaches the driver of a `quintain run` in another terminal."""
    spec = quintain_cli.folder / "loans.toml"
    spec.write_text(spec.read_text().replace("trials = 6", "trials = 5000"))
    process = quintain_cli.start("run", "loans.toml", "--runner", "local", "--json")
    try:
        while quintain_cli.trials_ended("loans-1") < 2:
            assert process.poll() is None, process.communicate()
        assert quintain_cli.json("stop", "loans-1")["state"] == "stopping"
        out, err = process.communicate(timeout=100)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 130, err
    assert '"state": "stopped"' in out
    assert quintain_cli.json("stop", "loans-1")["state"] == "stopped"


def test_a_second_service_on_the_port_says_so(service, quintain_cli):
    """The port is taken: one line with the way out, exit code 2."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = quintain_cli.process("serve", "--port", taken.getsockname()[1])
    assert done.returncode == 2
    assert "--port names another" in done.stderr.splitlines()[-1]


def test_what_is_no_service_is_named(quintain_cli):
    """Nobody there, another program there, no URL: one line each, exit code 2."""
    nobody = quintain_cli("list", "--service", "http://127.0.0.1:9")
    assert (nobody.returncode, "no service answers" in nobody.stderr) == (2, True)
    clear = quintain_cli("list", "--service", "ftp://example.org")
    assert (clear.returncode, "no http://" in clear.stderr) == (2, True)
    command = [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"]
    other = subprocess.Popen(
        [*command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=quintain_cli.folder,
    )  # fmt: skip
    try:
        port = other.stdout.readline().split("port ")[1].split(" ")[0]
        told = quintain_cli("show", "a-1", "--service", f"http://127.0.0.1:{port}")
        assert (told.returncode, "no service of ours" in told.stderr) == (2, True)
    finally:
        other.kill()
        other.communicate()


def test_tls_and_tokens_by_command(quintain_cli, tmp_path, monkeypatch):
    """A service that others can reach: no start without TLS; with it, only with a token."""
    token = quintain_cli("users", "--add", "ada", "--role", "admin").stdout.strip()
    refused = quintain_cli("serve", "--host", "0.0.0.0")
    assert (refused.returncode, "--tls-cert" in refused.stderr) == (2, True)
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
         certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    process = quintain_cli.start(
        "serve", "--host", "0.0.0.0", "--port", port, "--tls-cert", certificate, "--tls-key", key
    )
    try:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setenv("QUINTAIN_SERVICE", url)
        deadline = time.monotonic() + 60
        while (done := quintain_cli("list", "--json")).returncode != 2 or (
            "wants a token" not in done.stderr
        ):
            assert time.monotonic() < deadline, done
            time.sleep(0.1)
        monkeypatch.setenv("QUINTAIN_TOKEN", token)
        sent = quintain_cli.json("submit", "loans.toml")
        assert sent == {"sweep": "loans-1", "state": "queued"}
        assert quintain_cli.json("list")[0]["user"] == "ada"
        clear = quintain_cli("list", "--service", "http://example.org:8700")
        assert (clear.returncode, "in the clear" in clear.stderr) == (2, True)
    finally:
        drivers = psutil.Process(process.pid).children()
        process.kill()
        process.communicate()
        for driver in drivers:
            driver.kill()
