"""The local runner: child processes of this machine, for small jobs.

Children are started by command, not forked: a fork copies threads' locks, and the user's script
needs no ``if __name__`` guard. They map the data from one file and talk over a socket pair.
"""

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil

from cluster.errors import ClusterError
from cluster.runner import Machine, Workload
from evaluators import blackbox, mapped
from evaluators.limits import free_memory_mb, usable_cores, usable_memory_mb
from evaluators.process import MB, own_memory
from search.driver import Driver
from search.events import (
    Cancel,
    Dispatch,
    Finish,
    Loss,
    Pack,
    PackLost,
    PackReported,
    PackStarted,
    Report,
    SlotFreed,
    WorkerIdled,
)
from search.room import PLANNABLE, SMALLEST_MB, Node

#: Folders of drivers, in the folder for temporary files, followed by the driver's process.
FOLDERS = "quintain-local-"
#: Seconds between two looks at time limits and stop requests.
POLL_S = 0.1
#: Signals that a process brings upon itself.
FATAL = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)
#: Children that may die, in a row, before they were ready.
FALSE_STARTS_ALLOWED = 3


class Child:
    """One worker process and the socket to it."""

    def __init__(
        self, folder: Path, number: int, threads: int, modules: Sequence[str] = ()
    ) -> None:
        """``modules``: what it imports while it waits for its workload."""
        ours, theirs = socket.socketpair()
        self.log = folder / f"worker-{number}.log"
        self.box = folder / f"worker-{number}.box"
        self.ready = False
        self.pack: Pack | None = None
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        with theirs, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "cluster.local_worker",
                    str(theirs.fileno()),
                    str(self.box),
                    *modules,
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is the driver's to handle
                env={
                    # threads that spin while they wait for one that another program keeps from
                    # its core make a fit 10 to 30 times slower than one thread alone
                    **({"OMP_WAIT_POLICY": "PASSIVE"} if threads > 1 else {}),
                    **os.environ,
                    "PYTHONPATH": _our_path(),
                    "PYTHONUNBUFFERED": "1",
                    **dict.fromkeys(names, str(threads)),
                },
            )
        self.pipe = Connection(ours.detach())

    @property
    def name(self) -> str:
        """Host and process, as records name a worker."""
        return f"{socket.gethostname()}:{self.process.pid}"

    def send(self, blob: bytes) -> bool:
        """Whether the child was there to take it."""
        try:
            self.pipe.send_bytes(blob)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the process, whatever it does, and wait for it."""
        self.process.kill()
        self.process.wait()
        self.pipe.close()

    def loss(self) -> tuple[Loss, str, float]:
        """How it went, once its end of the socket is closed, and the memory it had reached."""
        code = self.process.wait()
        left = blackbox.read(self.box)
        if -code in FATAL:
            return "segfault", f"worker died of {signal.Signals(-code).name}", left.reached_mb
        if -code == signal.SIGKILL and left.starved:
            said = "the machine ran out of memory and the kernel killed the worker"
            return "memory", said, left.reached_mb
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
        return "killed", f"worker {how}", left.reached_mb


class LocalRunner:
    """``workers`` child processes, replaced when they die."""

    name = "local"

    def __init__(
        self, workers: int | None = None, cpus_per_trial: int = 1, cores: int | None = None
    ) -> None:
        """``cores``: to reckon with; those there are, unless told."""
        cpus = cores or usable_cores()
        if cpus < cpus_per_trial:
            raise ClusterError(
                f"a trial asks for {cpus_per_trial} cores and this machine has {cpus}: lower "
                "resources.cpus_per_trial"
            )
        self._threads = cpus_per_trial
        self._workers = min(workers or cpus, cpus // cpus_per_trial)
        self._children: list[Child] = []
        self._folder: Path | None = None
        self._started = 0
        self._false_starts = 0
        self._workload = b""
        self._modules: tuple[str, ...] = ()

    def begin(self, modules: Sequence[str] = ()) -> None:
        """Start the children, who import ``modules`` while the driver reads the data."""
        remove_left_behind()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-"))
        self._modules = tuple(modules)
        while len(self._children) < self._workers:
            self._start()

    def prepare(self) -> Machine:
        """Start the children, unless they were: their imports take longer than much else."""
        # without the part that the children take, which is theirs to use
        theirs_mb = sum(own_memory(child.process.pid) for child in self._children) / MB
        memory_mb = PLANNABLE * (free_memory_mb() + theirs_mb)
        if memory_mb < SMALLEST_MB:  # not enough for one trial: what comes free will do
            memory_mb = PLANNABLE * usable_memory_mb()
        if self._folder is None:
            self.begin()
        here = Node(self._workers * self._threads, memory_mb)
        return Machine((here,), self._threads)

    def _start(self) -> None:
        assert self._folder is not None
        child = Child(self._folder, self._started, self._threads, self._modules)
        self._started += 1
        self._children.append(child)
        if self._workload:
            child.send(self._workload)

    def run(self, driver: Driver, workload: Workload, slots: int) -> None:
        """Keep every child busy until the driver has finished."""
        assert self._folder is not None, "prepare() comes first"
        self._workload = mapped.dumps((workload.assignment, workload.dataset, workload.partitions))
        while len(self._children) > slots:
            self._children.pop().kill()
        for child in self._children:
            child.send(self._workload)
        last_poll = driver.clock()
        while not driver.finished:
            self._hand_out(driver)
            ready = wait([child.pipe for child in self._children], timeout=POLL_S)
            for child in [c for c in self._children if c.pipe in ready]:
                if child in self._children:  # its pack may have been cancelled just now
                    self._listen(child, driver)
            if not ready:
                driver.feed(WorkerIdled(driver.clock()))
            if driver.clock() - last_poll >= POLL_S:
                self._carry_out(driver.poll(), driver)
                last_poll = driver.clock()

    def _hand_out(self, driver: Driver) -> None:
        """A pack for every child that has none."""
        for child in self._children:
            if not child.ready or child.pack is not None or driver.finished:
                continue
            freed = SlotFreed(driver.clock(), child.name)
            packs = [t.pack for t in driver.feed(freed) if isinstance(t, Dispatch)]
            if not packs:
                return
            child.pack = packs[0]
            if child.send(pickle.dumps(packs[0])):
                driver.feed(PackStarted(driver.clock(), packs[0].number, child.name))

    def _listen(self, child: Child, driver: Driver) -> None:
        """Take one message, or find that the child is gone."""
        try:
            message = pickle.loads(child.pipe.recv_bytes())
        except (EOFError, OSError):
            self._replace(child, driver)
            return
        if not isinstance(message, Report):
            child.ready, self._false_starts = True, 0
            return
        pack = child.pack
        if pack is None:
            return
        if message.last:
            child.pack = None
            child.ready = not message.spent
        self._carry_out(driver.feed(PackReported(driver.clock(), pack.number, message)), driver)

    def _carry_out(self, tasks: Iterable[Dispatch | Cancel | Finish], driver: Driver) -> None:
        """End the workers of packs that are not wanted any more; at the end all of them go."""
        cancelled = {task.pack for task in tasks if isinstance(task, Cancel)}
        for child in [c for c in self._children if c.pack and c.pack.number in cancelled]:
            if not driver.finished:
                self._children.remove(child)
                child.kill()
                self._start()

    def _replace(self, child: Child, driver: Driver) -> None:
        """Tell what happened to its pack and start another."""
        loss, detail, reached_mb = child.loss()
        self._children.remove(child)
        child.pipe.close()
        if child.pack is not None:
            lost = PackLost(driver.clock(), child.pack.number, loss, detail, reached_mb)
            driver.feed(lost)
        elif not child.ready and child.process.returncode != 0:
            self._false_starts += 1
            if self._false_starts >= FALSE_STARTS_ALLOWED:
                said = child.log.read_text(errors="replace").strip().splitlines() or [detail]
                raise ClusterError(
                    f"local workers cannot start: {said[-1]}; code of your own reaches them as "
                    '"file.py:name", or from an installed package'
                )
        if not driver.finished:
            self._start()

    def abandon(self) -> None:
        """What was begun is not wanted."""
        self.close()

    def close(self) -> None:
        """Kill the children and remove their folder."""
        for child in self._children:
            child.kill()
        self._children.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def remove_left_behind() -> None:
    """Folders of drivers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*-*"):
        pid = folder.name.removeprefix(FOLDERS).split("-")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _our_path() -> str:
    """Where our packages stand, before what the user has put on PYTHONPATH; not his folder."""
    ours = str(Path(__file__).resolve().parent.parent)
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in (ours, given) if part)
