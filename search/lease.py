"""One driver per sweep: who holds a sweep, whether they still live, and the beat that says so.

A driver is alive while its heartbeat is younger than ``LAPSE_S``. On its own machine that is not
waited for: when its process is gone, or the number went to another process, it is dead at once,
so that a killed sweep can be resumed right away. A driver that was taken over while it hung
(a suspended laptop) is refused at its next append: its token no longer holds.
"""

import os
import socket
import threading
import uuid
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from search.errors import LeaseError, RecordsError

#: Seconds after which a silent driver counts as dead.
LAPSE_S = 30.0

#: Seconds between two beats: six may fail before the lease is lost.
BEAT_S = 5.0


@dataclass(frozen=True, slots=True)
class Holder:
    """The driver that holds a sweep.

    Attributes:
        machine: one running system and one process space on it; pids compare only within it.
        pid_started: when the process began, in a unit of the machine's own; tells a process
            from a later one with the same number.
        heartbeat: its last sign of life, seconds since the epoch by the store's clock.
    """

    sweep: str
    token: str
    host: str
    machine: str
    pid: int
    pid_started: float
    heartbeat: float

    def alive(self, now: float) -> bool:
        """Whether this driver still runs, at ``now`` of the store's clock."""
        # a clock set back leaves a heartbeat in the future; a live driver mends it in one beat
        if abs(now - self.heartbeat) >= LAPSE_S:
            return False
        return self.machine != _machine() or _started(self.pid) == self.pid_started

    def same_process(self, other: "Holder") -> bool:
        """Whether both are one and the same process."""
        mine = (self.machine, self.pid, self.pid_started)
        return mine == (other.machine, other.pid, other.pid_started)

    def now(self, moment: float) -> "Holder":
        """The same with a token nobody had and a sign of life at ``moment``."""
        return replace(self, token=uuid.uuid4().hex, heartbeat=moment)


def this_process(sweep: str, now: float) -> Holder:
    """The running process as the holder of ``sweep``, with a token nobody had."""
    pid = os.getpid()
    started = _started(pid)
    return Holder(
        sweep=sweep,
        token=uuid.uuid4().hex,
        host=socket.gethostname(),
        machine=_machine(),
        pid=pid,
        pid_started=-1.0 if started is None else started,
        heartbeat=now,
    )


@cache
def _machine() -> str:
    """A name for the space in which a pid means one process.

    Host names repeat (every container may be called "app"), so Linux is asked for this boot and
    this pid namespace; elsewhere the network card's number has to do.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return f"{socket.gethostname()}/{uuid.getnode():x}"


def _started(pid: int) -> float | None:
    """When the process ``pid`` of this machine began, or None if it has ended.

    On Linux in clock ticks since boot, which no change of the clock moves. A zombie has ended.
    """
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return None
        # proc(5): the name, in brackets, may hold spaces and brackets itself
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else float(fields[19])
    import psutil  # elsewhere only: it costs 50 ms

    try:
        process = psutil.Process(pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return None if ended else float(process.create_time())
    except psutil.Error:
        return None


class LeaseStore(Protocol):
    """What a lease asks of the store."""

    def beat(self, sweep: str, token: str) -> None:
        """A sign of life; LeaseError when ``token`` holds no longer."""

    def free(self, sweep: str, token: str) -> None:
        """Give up what ``token`` holds, if it still holds it."""


class Lease:
    """The right to drive one sweep, until released, lapsed, or taken over.

    As a context manager it beats from a thread of its own while the block runs, then releases.
    A beat that fails is kept as ``trouble`` and tried again; a lost lease, or an error that is
    none of the store's, ends the beating and is raised by the next append.

    Attributes:
        trouble: what the last beat died of, None when it went well.
    """

    def __init__(self, sweep: str, token: str, store: LeaseStore, every: float = BEAT_S) -> None:
        self.sweep = sweep
        self.token = token
        self.trouble: Exception | None = None
        self._store = store
        self._every = every
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def renew(self) -> None:
        """Say that this driver lives.

        Raises:
            LeaseError: the sweep was taken over, or the lease was released.
        """
        self._store.beat(self.sweep, self.token)

    def release(self) -> None:
        """Give the sweep up; nothing happens if another driver has it already."""
        self._store.free(self.sweep, self.token)

    def check(self) -> None:
        """Raise what the beats died of, unless trying again may still mend it.

        Raises:
            LeaseError: the lease is lost.
        """
        trouble = self.trouble
        if trouble is not None and (_lost(trouble) or not isinstance(trouble, RecordsError)):
            raise trouble

    def __enter__(self) -> Self:
        name = f"lease of {self.sweep}"
        self._thread = threading.Thread(target=self._beat, name=name, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        # a store that fails now has failed the last append too; the lease lapses by itself
        try:
            self.release()
        except RecordsError as error:
            self.trouble = error

    def _beat(self) -> None:
        while not self._over.wait(self._every):
            try:
                self.renew()
                self.trouble = None
            except RecordsError as error:
                self.trouble = error
                if _lost(error):
                    return
            except Exception as error:  # a bug of ours: the driver's own thread is to hear of it
                self.trouble = error
                return


def _lost(error: Exception) -> bool:
    """Whether another driver has the sweep now."""
    return isinstance(error, LeaseError)


def on_this_machine(holder: Holder) -> bool:
    """Whether a driver is a process of this machine that still runs, so that its pid is its own."""
    return holder.machine == _machine() and _started(holder.pid) == holder.pid_started
