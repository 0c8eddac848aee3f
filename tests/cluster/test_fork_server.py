"""Laws of the fork server: what its workers share, what they do not, and who ends with whom."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

import quintain
from cluster.fork_server import ForkServer, ServerGoneError
from cluster.local import Child
from evaluators.model_table import TABLE
from evaluators.process import MB

#: Seconds for what a process does at once, on a machine that has other things to do.
SOON_S = 20.0


@pytest.fixture
def server(tmp_path):
    running = ForkServer(tmp_path, 1, ("evaluators.binned_xgboost",))
    yield running
    running.end()


def soon(holds):
    most = time.monotonic() + SOON_S
    while not holds():
        assert time.monotonic() < most
        time.sleep(0.02)


def gone(pid):
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def private_mb(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if "Private_" in line) / 1024


@pytest.mark.parametrize("threads", [1, 2])
def test_a_server_with_every_library_has_no_thread_of_its_own(tmp_path, threads):
    """Locks of another would be held for ever in a fork; BLAS and an allocator see to forks."""
    modules = sorted({entry.module for entry in TABLE.values()})
    server = ForkServer(tmp_path, threads, modules)
    try:
        assert Child(server, tmp_path, 0).process.pid  # it has imported them
        tasks = sorted(Path(f"/proc/{server.pid}/task").iterdir())
        names = [(task / "comm").read_text().strip() for task in tasks]
        others = [name for name in names[1:] if name != "jemalloc_bg_thd"]
        assert len(others) <= 2 * (threads - 1)  # numpy has an OpenBLAS, and so has scipy
        assert server.log.read_text() == ""
    finally:
        server.end()


def test_workers_share_what_was_imported(server, tmp_path):
    """Of what one has in memory, most is the server's too."""
    children = [Child(server, tmp_path, number) for number in range(2)]
    for child in children:
        process = psutil.Process(child.process.pid)
        soon(lambda process=process: process.num_threads() > 1)  # it serves
        assert private_mb(process.pid) < 0.4 * process.memory_info().rss / MB


def test_how_a_worker_ended_is_told_as_by_a_parent(server, tmp_path):
    """The driver is none."""
    child, other = (Child(server, tmp_path, number) for number in range(2))
    assert child.process.lives
    os.kill(child.process.pid, signal.SIGSEGV)
    assert child.loss()[:2] == ("segfault", "worker died of SIGSEGV")
    assert not child.process.lives
    assert other.process.lives
    other.kill()
    assert other.process.returncode == -signal.SIGKILL
    assert gone(other.process.pid)


def test_a_server_that_goes_takes_its_workers_along(server, tmp_path):
    """What is lost is told, and nothing waits for an answer."""
    child = Child(server, tmp_path, 0)
    pid = child.process.pid
    os.kill(server.pid, signal.SIGKILL)
    assert child.pipe.poll(SOON_S)
    with pytest.raises(EOFError):
        child.pipe.recv_bytes()
    soon(lambda: gone(pid))
    assert child.loss()[0] == "node"  # no trial's fault
    soon(lambda: not server.lives)
    with pytest.raises(ServerGoneError):
        Child(server, tmp_path, 1)


def test_one_that_is_ended_while_it_imports_keeps_nobody_waiting(tmp_path):
    """A spec with a mistake in it is told at once."""
    server = ForkServer(tmp_path, 1, ("evaluators.binned_xgboost",))
    child = Child(server, tmp_path, 0)
    began = time.monotonic()
    server.end()
    child.kill()
    assert time.monotonic() - began < 0.5
    assert not server.lives
    assert not child.process.there


HOLDING = """
import ctypes, time
from pathlib import Path
from cluster.fork_server import ForkServer
from cluster.local import Child

folder = Path({folder!r})
server = ForkServer(folder, 1, ("holding",))
child = Child(server, folder, 0)
print(server.pid, child.process.pid, flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("ends", ["server", "driver"])
def test_a_worker_that_holds_the_interpreters_lock_ends_as_well(tmp_path, ends):
    """No thread of its own could see to it: the kernel does."""
    (tmp_path / "holding.py").write_text("import ctypes\nctypes.PyDLL(None).sleep(100)\n")
    call = [sys.executable, "-c", HOLDING.format(folder=str(tmp_path))]
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=environment) as driver:
        server, worker = (int(each) for each in driver.stdout.readline().split())
        time.sleep(0.5)  # it sleeps, and nothing else of it runs
        os.kill(server if ends == "server" else driver.pid, signal.SIGKILL)
        soon(lambda: gone(worker))
        driver.kill()


def test_how_a_worker_ended_is_known_where_the_driver_minds_no_children(tmp_path):
    """Ignored SIGCHLD is handed down, and the kernel would tell nobody."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        server = ForkServer(tmp_path, 1)
    finally:
        signal.signal(signal.SIGCHLD, before)
    try:
        child = Child(server, tmp_path, 0)
        os.kill(child.process.pid, signal.SIGKILL)
        assert child.loss()[1] == "worker was killed by SIGKILL"
        assert server.lives
    finally:
        server.end()


def test_a_fork_that_is_refused_ends_nobody(server, tmp_path):
    """What the machine says is in the worker's log; those that run go on."""
    first = Child(server, tmp_path, 0)
    assert first.process.pid
    allowed = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, allowed[1]))
    try:
        second = Child(server, tmp_path, 1)
        assert second.pipe.poll(SOON_S)
        with pytest.raises(EOFError):
            second.pipe.recv_bytes()
        assert second.loss()[1] == "worker exited with 1"
        assert not second.process.lives
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, allowed)
    assert first.process.lives
    assert server.lives


def test_an_interrupt_in_the_middle_of_an_answer_ends_the_server(server, tmp_path):
    """Else the next answer would be taken for another worker's."""
    child = Child(server, tmp_path, 0)
    assert child.process.pid
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(KeyboardInterrupt):
        child.process.wait()  # it lives on
    soon(lambda: not server.lives)
    soon(lambda: gone(child.process.pid))


def test_what_workers_took_counts_as_this_processs_children(tmp_path, monkeypatch):
    """They are waited for."""
    burning = "import time\nwhile time.process_time() < 2:\n    pass\n"
    (tmp_path / "burning.py").write_text(burning)
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    monkeypatch.setenv("PYTHONPATH", paths)
    before = os.times()
    server = ForkServer(tmp_path, 1, ("burning",))
    child = Child(server, tmp_path, 0)
    try:
        soon(lambda: child.process.there)  # though nobody has asked for its number
        process = psutil.Process(child.process.pid)
        soon(lambda: sum(process.cpu_times()[:2]) > 1.5)
    finally:
        server.end()
    assert child.process.returncode == -signal.SIGKILL
    taken = os.times()
    children_s = taken.children_user + taken.children_system
    assert children_s - before.children_user - before.children_system > 1.5


def test_it_ends_with_the_last_of_its_workers(server, tmp_path):
    """Some are kept for a later sweep."""
    kept, other = (Child(server, tmp_path, number) for number in range(2))
    assert other.process.pid
    server.release([other.process])
    assert gone(other.process.pid)
    assert server.lives
    assert kept.process.lives
    kept.kill()
    assert not server.lives


def test_nothing_outlives_a_driver_that_is_killed(tmp_path):
    """It cannot end anything any more."""
    said = (
        "import time; from pathlib import Path; from cluster.fork_server import ForkServer\n"
        "from cluster.local import Child\n"
        f"folder = Path({str(tmp_path)!r}); server = ForkServer(folder, 1)\n"
        "child = Child(server, folder, 0); print(server.pid, child.process.pid, flush=True)\n"
        "time.sleep(100)"
    )
    call = [sys.executable, "-c", said]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as driver:
        pids = [int(each) for each in driver.stdout.readline().split()]
        driver.kill()
    assert len(pids) == 2
    soon(lambda: all(gone(pid) for pid in pids))


def test_a_module_of_the_users_is_imported_by_workers_alone(tmp_path, monkeypatch):
    """It may start a thread, and one that fails is told by the trial that needs it."""
    note = tmp_path / "note"
    (tmp_path / "mine.py").write_text(
        f"import os, threading\nopen({str(note)!r}, 'a').write(f'{{os.getpid()}} ')\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = ForkServer(tmp_path, 1, ("mine", "no.such.module"))
    try:
        pids = [Child(server, tmp_path, number).process.pid for number in range(2)]
        soon(lambda: note.exists() and len(note.read_text().split()) == 2)
        assert {int(pid) for pid in note.read_text().split()} == set(pids)
    finally:
        server.end()


def test_workers_have_luck_of_their_own(tmp_path):
    """A fork continues its server's random numbers: two would draw the same."""
    model = tmp_path / "drawn.py"
    model.write_text(
        "import numpy as np, os, time\nfrom sklearn.dummy import DummyClassifier\n"
        "class Drawn(DummyClassifier):\n"
        "    def __init__(self, note='', x=0):\n        self.note, self.x = note, x\n"
        "        super().__init__()\n"
        "    def fit(self, X, y):\n        time.sleep(0.3)\n"
        "        open(self.note, 'a').write(f'{os.getpid()} {np.random.random()}\\n')\n"
        "        return super().fit(X, y)\n"
    )
    note = tmp_path / "note"
    spec = {
        "name": "luck", "data": {"target": "y"}, "holdout": {"test_size": False},
        "search": {"trials": 4, "sampler": "random", "pruner": "none"},
        "model": [
            {"estimator": f"{model}:Drawn", "params": {"note": str(note)},
             "space": {"x": {"int": [0, 100]}}}
        ],
    }  # fmt: skip
    frame = pd.DataFrame({"a": range(60), "y": [0, 1] * 30})
    quintain.run(spec, data=frame, runner="local", records=f"{tmp_path}/r.db")
    lines = [line.split() for line in note.read_text().splitlines()]
    assert len({pid for pid, _ in lines}) == 2
    assert len({drawn for _, drawn in lines}) == len(lines)


def test_a_sweep_goes_on_where_its_server_was_killed(tmp_path):
    """Another is started, and every trial ends once."""
    frame = pd.DataFrame({"a": range(2000), "y": [0, 1] * 1000})
    spec = {
        "name": "server", "data": {"target": "y"}, "holdout": {"test_size": False},
        "search": {"trials": 12, "sampler": "random", "pruner": "none"},
        "model": [{"estimator": "xgboost", "space": {"max_depth": {"int": [2, 4]},
                                                     "learning_rate": {"float": [0.01, 0.5]}}}],
    }  # fmt: skip
    killed = []

    def watch(sweep, trial):
        if trial.trial >= 2 and not killed:
            for child in psutil.Process().children():
                if "cluster.forking" in child.cmdline():
                    killed.append(child.pid)
                    child.kill()

    sweep = quintain.run(
        spec, data=frame, runner="local", records=f"{tmp_path}/r.db", callbacks=[watch]
    )
    assert killed
    assert sweep.state == "completed"
    assert list(sweep.trials["state"]) == ["completed"] * 12


def test_libraries_of_several_threads_fit_in_a_fork(tmp_path):
    """OpenMP's and BLAS's threads are started anew there."""
    frame = pd.DataFrame({f"x{n}": range(n, 2000 + n) for n in range(8)} | {"y": [0, 1] * 1000})
    spec = {
        "name": "threads", "data": {"target": "y"}, "holdout": {"test_size": False},
        "search": {"trials": 3, "sampler": "random"},
        "resources": {"cpus_per_trial": min(2, len(os.sched_getaffinity(0)))},
        "evaluate": {"folds": 2},
        "model": [
            {"estimator": name, "params": few, "space": space}
            for name, few, space in (
                ("xgboost", {"n_estimators": 20}, {"max_depth": {"int": [2, 4]}}),
                ("hist_gradient_boosting", {"max_iter": 20}, {"max_leaf_nodes": {"int": [4, 30]}}),
                ("logistic_regression", {}, {"C": {"float": [0.1, 10.0]}}),
            )
        ],
    }  # fmt: skip
    sweep = quintain.run(spec, data=frame, runner="local", records=f"{tmp_path}/r.db")
    assert sweep.state == "completed"
    assert set(sweep.trials["state"]) == {"completed"}
