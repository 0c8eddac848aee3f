"""The local runner: worker processes of this machine, for small jobs.

A server forks them (``cluster.fork_server``). They map the data from one file and talk over a
socket pair.
"""

import os
import pickle
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path

import psutil

from cluster.errors import ClusterError
from cluster.fork_server import ForkServer, ServerGoneError
from cluster.runner import Machine, Workload
from evaluators import blackbox, mapped
from evaluators.limits import free_memory_mb, usable_cores, usable_memory_mb
from evaluators.process import MB, own_memory, shared_with_parent
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
    """One worker process and the socket to it.

    Attributes:
        ready: whether it has its workload.
        name: host and process, as records name a worker; from then on.
        pack: what it works on.
    """

    def __init__(self, server: ForkServer, folder: Path, number: int) -> None:
        """Ask ``server`` for it.

        Raises:
            ServerGoneError: that has ended.
        """
        ours, theirs = socket.socketpair()
        self.log = folder / f"worker-{number}.log"
        self.box = folder / f"worker-{number}.box"
        self.ready = False
        self.pack: Pack | None = None
        self.name = ""
        self.pipe = Connection(ours.detach())
        with theirs, self.log.open("wb") as log:
            self.process = server.fork(theirs, log.fileno(), self.box)

    def send(self, blob: bytes) -> bool:
        """Whether the child was there to take it."""
        try:
            self.pipe.send_bytes(blob)
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the process, whatever it does; see ``Forked.kill``."""
        self.process.kill()
        self.pipe.close()

    def loss(self) -> tuple[Loss, str, float]:
        """How it went, once its end of the socket is closed, and the memory it had reached."""
        code = self.process.wait()
        left = blackbox.read(self.box)
        if code is None:  # no trial's fault, as where a host goes
            return "node", "worker went with the process that had forked it", left.reached_mb
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
        self._server: ForkServer | None = None
        self._folder: Path | None = None
        self._started = 0
        self._false_starts = 0
        self._workload = b""
        self._modules: tuple[str, ...] = ()

    def begin(self, modules: Sequence[str] = ()) -> None:
        """Start the children while the driver reads the data; their server imports ``modules``."""
        remove_left_behind()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-"))
        self._modules = tuple(modules)
        try:
            while len(self._children) < self._workers:
                self._start()
        except BaseException:  # nobody has it yet who would close it
            self.close()
            raise

    def prepare(self) -> Machine:
        """Start the children, unless they were: their imports take longer than much else."""
        memory_mb = PLANNABLE * (free_memory_mb() + self._held_mb())
        if memory_mb < SMALLEST_MB:  # not enough for one trial: what comes free will do
            memory_mb = PLANNABLE * usable_memory_mb()
        if self._folder is None:
            self.begin()
        here = Node(self._workers * self._threads, memory_mb)
        return Machine((here,), self._threads)

    def _held_mb(self) -> float:
        """What the children take already, which is theirs to use."""
        processes = [child.process for child in self._children]
        servers = {process.server for process in processes}
        servers |= set() if self._server is None else {self._server}
        held = sum(own_memory(server.pid) for server in servers)
        for process in processes:
            if process.there:
                own, server = own_memory(process.pid), process.server.pid
                held += max(0, own - shared_with_parent(process.pid, server))
        return held / MB

    def _start(self) -> None:
        """One more child, of a new server where the last has ended."""
        assert self._folder is not None
        while True:
            if self._server is None:
                self._server = ForkServer(self._folder, self._threads, self._modules)
            try:
                if self._server.lives:
                    child = Child(self._server, self._folder, self._started)
                    break
            except ServerGoneError:
                pass  # it ends just now
            log = self._server.log
            self._server.end()
            self._server = None
            self._count_false_start("the process that forks workers has ended", log)
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
                self._carry_out(driver.feed(WorkerIdled(driver.clock())), driver)
            if driver.clock() - last_poll >= POLL_S:
                self._carry_out(driver.poll(), driver)
                last_poll = driver.clock()

    def _hand_out(self, driver: Driver) -> None:
        """A pack for every child that has none."""
        for child in list(self._children):
            gone = child not in self._children  # its pack was cancelled meanwhile
            if gone or not child.ready or child.pack is not None or driver.finished:
                continue
            tasks = driver.feed(SlotFreed(driver.clock(), child.name))
            self._carry_out(tasks, driver)
            # where the search is over by this very event, its pack is cancelled with it
            cancelled = {task.pack for task in tasks if isinstance(task, Cancel)}
            found = [task.pack for task in tasks if isinstance(task, Dispatch)]
            packs = [pack for pack in found if pack.number not in cancelled]
            if not packs:
                continue  # what is there may be for another one
            child.pack = packs[0]
            if child.send(pickle.dumps(packs[0])):
                started = PackStarted(driver.clock(), packs[0].number, child.name)
                self._carry_out(driver.feed(started), driver)

    def _listen(self, child: Child, driver: Driver) -> None:
        """Take one message, or find that the child is gone."""
        try:
            message = pickle.loads(child.pipe.recv_bytes())
            if not isinstance(message, Report):
                child.name = f"{socket.gethostname()}:{child.process.pid}"
                child.ready, self._false_starts = True, 0
                return
        except (EOFError, OSError, ServerGoneError):
            self._replace(child, driver)
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
            self._carry_out(driver.feed(lost), driver)
        elif not child.ready and child.process.returncode:  # a server's end counts where it is seen
            self._count_false_start(detail, child.log)
        if not driver.finished:
            self._start()

    def _count_false_start(self, detail: str, *logs: Path) -> None:
        """One more in a row; ClusterError once there were too many, with the last that was said."""
        self._false_starts += 1
        if self._false_starts >= FALSE_STARTS_ALLOWED:
            texts = [log.read_text(errors="replace").strip() for log in logs]
            said = next((text.splitlines() for text in texts if text), [detail])
            raise ClusterError(
                f"local workers cannot start: {said[-1]}; code of your own reaches them as "
                '"file.py:name", or from an installed package'
            )

    def abandon(self) -> None:
        """What was begun is not wanted."""
        self.close()

    def close(self) -> None:
        """Kill the children and remove their folder."""
        if self._server is not None:
            self._server.release(child.process for child in self._children)
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
