"""A small imbalanced table on disk, and the command line as a user calls it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quintain.cli import main
from search.records import Records

SPEC = """
name = "loans"
[data]
source = "loans.csv"
target = "default"
[search]
trials = {trials}
[[model]]
estimator = "logistic_regression"
[[model]]
estimator = "hist_gradient_boosting"
params = {{ max_iter = 10 }}
"""


def table(rows=600, seed=0):
    """A quarter of ones, three numbers and a category with missing values."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["income", "age", "debt"]).round(4)
    frame["city"] = rng.choice(["Bern", "Ulm", "Graz"], rows)
    frame.loc[rng.random(rows) < 0.05, "city"] = None
    logit = 1.5 * frame["income"] + (frame["city"] == "Ulm") - 1.8
    frame["default"] = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return frame


@pytest.fixture
def folder(tmp_path):
    """A user's folder with loans.csv and loans.toml (6 trials)."""
    here = tmp_path / "user"
    here.mkdir()
    table().to_csv(here / "loans.csv", index=False)
    (here / "loans.toml").write_text(SPEC.format(trials=6))
    return here


def answered(done):
    """The one JSON value of a command that went well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Quintain:
    """The command line: called, here in this process; by ``process``, in a child as a user has it.

    A child costs two seconds of imports. It is for what takes a process to show: signals, Ray, the
    installed command, and that nothing else writes on its standard output and error.
    """

    def __init__(self, folder, records, monkeypatch, capfd):
        self.folder = folder
        self.environment = {**os.environ, "QUINTAIN_RECORDS": records, "OMP_NUM_THREADS": "1"}
        self._monkeypatch = monkeypatch
        self._capfd = capfd

    def start(self, *arguments, **options):
        command = [str(Path(sys.executable).parent / "quintain"), *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def process(self, *arguments, timeout=240):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def __call__(self, *arguments):
        self._capfd.readouterr()  # what the test itself has printed so far is no answer
        code = 0
        with self._monkeypatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["quintain", *map(str, arguments)])
            try:
                main()
            except SystemExit as ended:
                code = ended.code or 0
        out, err = self._capfd.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    def json(self, *arguments):
        return answered(self(*arguments, "--json"))

    def process_json(self, *arguments):
        return answered(self.process(*arguments, "--json"))

    def trials_ended(self, sweep):
        """Read from the store itself: a command each time would take the cores from the sweep."""
        time.sleep(0.1)
        with Records.open(self.environment["QUINTAIN_RECORDS"], create=False) as store:
            if sweep not in [found.id for found in store.sweeps()]:
                return 0
            entries = store.entries(sweep)
        return sum(e.kind == "ended" and e.body["state"] == "completed" for e in entries)

    def interrupted_in_mid_sweep(self, number, *arguments, ended=2, sweep="loans-1"):
        """Start a sweep, wait until some trials ended, send the signal to that process alone."""
        process = self.start(*arguments)
        try:
            deadline = time.monotonic() + 120
            while self.trials_ended(sweep) < ended:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
            sent = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err), (
            time.monotonic() - sent
        )


@pytest.fixture
def quintain_cli(folder, own_records, monkeypatch, capfd):
    return Quintain(folder, own_records, monkeypatch, capfd)


@pytest.fixture
def records(own_records):
    with Records.open(own_records) as opened:
        yield opened


@pytest.fixture(scope="module")
def served():
    """Starts services on stores for a module's tests; their queues do not move."""
    with contextlib.ExitStack() as stack:
        yield lambda records, **settings: _client_of_a_service(stack, records, settings)


@pytest.fixture
def client_of(records):
    """A client of a service with these settings, whose queue does not move."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: _client_of_a_service(stack, records, settings)


@pytest.fixture
def client(client_of):
    return client_of()


def _client_of_a_service(stack, records, settings):
    """A service in a thread at a port of its own, until the stack is left."""
    import httpx  # only for who asks a service
    import uvicorn

    from quintain.service.app import create_app
    from quintain.service.settings import Settings

    port = stack.enter_context(socket.socket())
    port.bind(("127.0.0.1", 0))
    number = port.getsockname()[1]
    app = create_app(Settings(records=records.url, port=number, **settings), records)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [port]})
    thread.start()
    stack.callback(thread.join)
    stack.callback(setattr, server, "should_exit", True)
    while not server.started:
        time.sleep(0.01)
    return stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{number}", timeout=60))
