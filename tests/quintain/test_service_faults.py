"""The service as a process, with accidents: SIGKILL of drivers and of the service itself."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import psutil
import pytest

from drills.ray_cluster import until
from drills.served import Served
from drills.work import spec, user_folder
from search.entries import BUDGETED
from search.records import Records


@pytest.fixture
def laptop(tmp_path):
    """A folder with a table, and a model whose fits take the time that they are told."""
    return user_folder(tmp_path / "laptop")


@pytest.fixture
def served_with(tmp_path, own_records):
    """Starts `quintain serve` with these options on the test's own store."""
    with contextlib.ExitStack() as stack:

        def start(*options):
            made = Served(tmp_path, own_records, options=options)
            stack.callback(made.close)
            made.start()
            return made

        yield start


def ended(served, sweep, at_least):
    """Entries of trials that ended, once there are so many."""
    until(lambda: served.ended(sweep) >= at_least, 120, f"{at_least} of {sweep}: {served.said()}")
    found = served.entries(sweep)
    return [e for e in found if e.kind == "ended" and e.body["state"] in BUDGETED]


def reaches(served, sweep, state, seconds=120):
    until(lambda: served.state(sweep) == state, seconds, f"{sweep} is {state}: {served.said()}")


def drivers(served, sweep):
    """Processes that were started to drive it and still run."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "quintain.service.drive" in line and sweep in line:
            with contextlib.suppress(psutil.NoSuchProcess):
                mine = process.environ().get("QUINTAIN_RECORDS") == served.records
                if mine and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
    return found


def test_no_accident_loses_a_trial_or_starts_a_sweep_twice(served_with, laptop):
    """SIGKILL of the driver, then of the service: the sweep goes on, each trial ends once."""
    served = served_with("--max-sweeps", "1")
    long, following = served.submit(spec("long", 900, 0.02), laptop), served.submit(
        spec("next", 5), laptop
    )  # fmt: skip
    before = ended(served, long, at_least=3)
    first = served.driver(long)[1]
    os.kill(first, signal.SIGKILL)
    so_far = len(ended(served, long, at_least=3))
    ended(served, long, at_least=so_far + 2)
    second = served.driver(long)[1]
    assert second != first
    assert served.state(following) == "queued"

    served.kill()
    so_far = served.ended(long)
    ended(served, long, at_least=so_far + 2)  # it goes on without the service
    served.start()
    time.sleep(1.0)  # some looks of the new keeper
    assert drivers(served, long) == [second]
    assert (served.state(long), served.state(following)) == ("running", "queued")
    assert served.http.post(f"/v1/sweeps/{following}/stop").json()["state"] == "stopped"

    budget = served.ended(long) + 60  # more than end until the driver hears of it
    assert served.http.patch(f"/v1/sweeps/{long}", json={"trials": budget}).status_code == 200
    reaches(served, long, "completed")
    found = ended(served, long, at_least=budget)
    assert len(found) == budget
    assert set(Counter(entry.trial for entry in found).values()) == {1}
    assert [(e.trial, e.body) for e in found[: len(before)]] == [(e.trial, e.body) for e in before]
    assert served.view(long)["estimate"]["score"] > 0.5
    until(lambda: not drivers(served, long), 30, "its driver has ended")


def test_submitted_by_command_and_seen_the_same(served_with, quintain_cli):
    """Submit --follow to the end; then show, trials and report say what the store's own say."""
    served = served_with("--max-sweeps", "2")
    (quintain_cli.folder / "deadly.py").write_text(
        "import os, signal\ndef load(): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    deadly = {
        "name": "deadly", "data": {"source": "deadly.py:load", "target": "y"},
        "model": [{"estimator": "logistic_regression"}],
    }  # fmt: skip
    asked = {"spec": deadly, "folder": str(quintain_cli.folder)}
    assert served.http.post("/v1/sweeps", json=asked).status_code == 201

    done = quintain_cli.process("submit", "loans.toml", "--service", served.url, "--follow")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["loans-1 is queued"]
    assert "positive class: 1" in done.stderr
    assert done.stderr.splitlines()[-1] == "loans-1 is completed"
    for command in ("show", "trials", "report"):
        here = quintain_cli.json(command, "loans")
        assert quintain_cli.json(command, "loans", "--service", served.url) == here
        text = quintain_cli(command, "loans-1", "--service", served.url)
        assert text.stdout == quintain_cli(command, "loans-1").stdout
    assert len(quintain_cli.json("trials", "loans")) == 6
    rows = quintain_cli.json("list", "--service", served.url)
    assert {row["sweep"]: row["user"] for row in rows} == {"loans-1": "local", "deadly-1": "local"}
    missing = quintain_cli("show", "lawns", "--service", served.url)
    assert (missing.returncode, "did you mean loans-1" in missing.stderr) == (2, True)

    # a driver that dies again and again is given up, and the reason says where to look
    reaches(served, "deadly-1", "failed")
    with Records.open(served.records, create=False) as store:
        reason = store.sweep("deadly-1").last["reason"]
    assert "SIGKILL, 3 times" in reason
    assert "quintain logs deadly-1" in reason


def test_a_running_sweep_is_stopped_cleanly_and_resumed(served_with, laptop, quintain_cli):
    """Stop --service: no fold is thrown away, no trial fails; resume goes on to the budget."""
    served = served_with("--max-sweeps", "1")
    sweep = served.submit(spec("long", 900, 0.05), laptop)
    ended(served, sweep, at_least=1)
    told = quintain_cli.json("stop", "long", "--service", served.url, "--reason", "enough")
    assert told == {"sweep": sweep, "state": "stopping"}
    reaches(served, sweep, "stopped", 15)
    shown = quintain_cli.json("show", sweep)
    assert shown["trial_counts"]["failed"] == 0
    with Records.open(served.records, create=False) as store:
        entries = store.entries(sweep)
        assert store.sweep(sweep).last["reason"] == "enough"
    under_way = {e.trial for e in entries if e.kind == "started"}
    cancelled = {e.trial for e in entries if e.kind == "ended" and e.body["state"] == "cancelled"}
    assert not under_way & cancelled
    until(lambda: not drivers(served, sweep), 30, "its driver has ended")
    before = shown["trial_counts"]["completed"] + shown["trial_counts"]["pruned"]
    told = quintain_cli.json(
        "extend", sweep, "--trials", before + 3, "--service", served.url
    )  # fmt: skip
    assert told["state"] == "stopped"
    resumed = quintain_cli.json("resume", sweep, "--service", served.url)
    assert resumed["state"] == "queued"
    reaches(served, sweep, "completed")
    counts = quintain_cli.json("show", sweep)["trial_counts"]
    assert counts["completed"] + counts["pruned"] == before + 3


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


def test_a_second_service_on_the_port_says_so(quintain_cli):
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
