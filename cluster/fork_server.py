"""A process that imports what local workers need, once, and forks them: the driver's end of it.

Each worker would take a second or two of a core for the same imports, and as much memory for what
they leave behind. The driver is not forked itself: threads of its own hold locks that nobody in the
copy would open again, and the user's script needs no ``if __name__`` guard.
"""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from cluster.forking import Fork, Wait


class ServerGoneError(Exception):
    """The server has ended, and its workers with it."""


class Forked:
    """A worker that a server was asked for.

    Attributes:
        server: whose it is.
        returncode: how it ended, as ``subprocess.Popen`` has it; None before that is known.
    """

    def __init__(self, server: "ForkServer") -> None:
        self.server = server
        self.returncode: int | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int:
        """Its process, once the server has imported what it was told to.

        Raises:
            ServerGoneError: there is none.
        """
        if self._pid is None:
            self.server.settle()
        if self._pid is None:
            raise ServerGoneError
        return self._pid

    @property
    def there(self) -> bool:
        """Whether the server has said that it was forked."""
        return self._pid is not None

    def forked_as(self, pid: int) -> None:
        """The server's answer."""
        self._pid = pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended yet, nor its server."""
        return self.server.lives and self._ended(os.WNOHANG) is None

    def wait(self) -> int | None:
        """Its return code once it has ended; None where its server is gone, which could tell."""
        return self._ended(0)

    def _ended(self, how: int) -> int | None:
        if self.returncode is None:
            with contextlib.suppress(ServerGoneError):
                self.returncode = self.server.ask(Wait(self.pid, how))
        if self.returncode is not None:
            self.server.left(self)
        return self.returncode

    def kill(self) -> None:
        """End it, whatever it does; without its server it ends by itself.

        Its number is its own until ``wait`` has told of its end.
        """
        if self.returncode is None and self.server.lives:
            with contextlib.suppress(ServerGoneError, ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class ForkServer:
    """The driver's end of it."""

    def __init__(self, folder: Path, threads: int, modules: Sequence[str] = ()) -> None:
        """Start it.

        Args:
            folder: its working directory, and its workers'; what it says goes to a log there.
            threads: that a fit may use.
            modules: what is imported besides the worker's own code.
        """
        ours, theirs = socket.socketpair()
        self.log = folder / "fork_server.log"
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        with theirs, self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cluster.forking", str(theirs.fileno()), *modules],
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
        self._socket = ours
        self._pipe = Connection(os.dup(ours.fileno()))
        self._lock = threading.RLock()
        self._pending: deque[Forked] = deque()
        self._workers: set[Forked] = set()
        self._retired = False

    @property
    def pid(self) -> int:
        """Its own process."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it can be asked for workers."""
        return self._process.poll() is None

    def fork(self, pipe: socket.socket, log: int, box: Path) -> Forked:
        """Ask for a worker; it is there once the server's imports are.

        Args:
            pipe: its end of the socket to the driver.
            log: the file, opened, that takes what it says.
            box: where it keeps its black box.

        Raises:
            ServerGoneError: the server has ended.
        """
        asked = Forked(self)
        with self._lock:
            self._send(Fork(box, time.monotonic()))
            with _gone_told():
                socket.send_fds(self._socket, [b"f"], [pipe.fileno(), log])
            self._pending.append(asked)
            self._workers.add(asked)
        return asked

    def settle(self) -> None:
        """Wait until all workers that were asked for are there."""
        with self._lock:
            while self._pending:
                pid = self._receive()
                self._pending.popleft().forked_as(pid)

    def ask(self, request: Wait) -> Any:
        """Its answer.

        Raises:
            ServerGoneError: it has ended.
        """
        with self._lock:
            self.settle()
            self._send(request)
            return self._receive()

    def _send(self, request: Fork | Wait) -> None:
        with _gone_told():
            self._pipe.send_bytes(pickle.dumps(request))

    def _receive(self) -> Any:
        with _gone_told():
            return pickle.loads(self._pipe.recv_bytes())

    def left(self, worker: Forked) -> None:
        """A worker has ended."""
        self._workers.discard(worker)
        if self._retired and not self._workers:
            self.end()

    def release(self, workers: Iterable[Forked]) -> None:
        """These are not wanted any more; it ends with the last of the others."""
        given = set(workers)
        if self._workers <= given:
            self.end()
            return
        for worker in given & self._workers:
            worker.kill()
            worker.wait()
        self._retired = True

    def end(self) -> None:
        """End it and all of its workers; those that are not there yet never will be."""
        with self._lock:
            self._retired, there = False, [each for each in self._workers if each.there]
            for worker in there:
                worker.kill()
            if not self._pending:  # else it still imports, and would be slow to answer
                for worker in there:
                    worker.wait()
            self._workers.clear()
            self._process.kill()
            self._process.wait()
            self._pipe.close()
            self._socket.close()


@contextlib.contextmanager
def _gone_told() -> Iterator[None]:
    """Whatever the socket says of it, in one word."""
    try:
        yield
    except (OSError, EOFError) as error:
        raise ServerGoneError from error


def _our_path() -> str:
    """Where our packages stand, before what the user has put on PYTHONPATH; not his folder."""
    ours = str(Path(__file__).resolve().parent.parent)
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in (ours, given) if part)
