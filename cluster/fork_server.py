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

from cluster.forking import UNFORKED, Fork, Wait


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
            with contextlib.suppress(ServerGoneError):
                self.server.settle()
        if self._pid is None:
            raise ServerGoneError
        return self._pid

    @property
    def there(self) -> bool:
        """Whether it was forked, by what the server has said until now."""
        if self._pid is None:
            with contextlib.suppress(ServerGoneError):
                self.server.settle(wait=False)
        return self._pid is not None

    def forked_as(self, pid: int) -> None:
        """The server's answer."""
        if pid == UNFORKED:
            self.returncode = 1
        else:
            self._pid = pid

    @property
    def lives(self) -> bool:
        """Whether it has not ended yet, nor its server; it may still have to be forked."""
        if not self.server.lives:
            return False
        return (not self.there and self.returncode is None) or self._ended(os.WNOHANG) is None

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
        """End it, whatever it does, and wait for that.

        One that is not there yet ends once it is, and finds its socket closed; one whose server is
        gone has ended with it. Its number is its own until ``wait`` has told of its end.
        """
        if self.send_kill():
            self.wait()
        self.server.left(self)

    def send_kill(self) -> bool:
        """End it without waiting for that; whether there is anything to wait for."""
        killable = self.server.lives and self.there and self.returncode is None
        if killable:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        return killable


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
        ends = str(os.getpid()), str(theirs.fileno())
        with theirs, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cluster.forking", *ends, *modules],
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
        self._owner = os.getpid()
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
        with self._dialogue():
            self._send(Fork(box, time.monotonic()))
            socket.send_fds(self._socket, [b"f"], [pipe.fileno(), log])
            self._pending.append(asked)
            self._workers.add(asked)
        return asked

    def settle(self, *, wait: bool = True) -> None:
        """Take the answers for workers that were asked for: of all, or of those that are there.

        Raises:
            ServerGoneError: the server has ended.
        """
        with self._dialogue():
            while self._pending and (wait or self._pipe.poll()):
                pid = self._receive()
                self._pending.popleft().forked_as(pid)

    def ask(self, request: Wait) -> Any:
        """Its answer.

        Raises:
            ServerGoneError: it has ended.
        """
        with self._dialogue():
            self.settle()
            self._send(request)
            return self._receive()

    @contextlib.contextmanager
    def _dialogue(self) -> Iterator[None]:
        """Requests and answers of one thread; a dialogue that breaks off ends the server.

        Else its next answer would be taken for that of another request.
        """
        with self._lock:
            try:
                yield
            except ServerGoneError:
                raise
            except (OSError, EOFError) as error:
                raise ServerGoneError from error
            except BaseException:
                self._process.kill()
                raise

    def _send(self, request: Fork | Wait) -> None:
        self._pipe.send_bytes(pickle.dumps(request))

    def _receive(self) -> Any:
        return pickle.loads(self._pipe.recv_bytes())

    def left(self, worker: Forked) -> None:
        """A worker has ended, or is to; with the last one a retired server ends."""
        with self._lock:
            self._workers.discard(worker)
            if self._retired and not self._workers:
                self.end()

    def release(self, workers: Iterable[Forked]) -> None:
        """These are not wanted any more; it ends with the last of the others."""
        with self._lock:
            given = set(workers)
            if self._workers <= given:
                self.end()
                return
            for worker in given & self._workers:
                worker.kill()
            self._retired = True

    def end(self) -> None:
        """End it and its workers; those that are not there yet never will be.

        The workers go first, and are waited for: their memory is free then, and what they took of
        the cores counts as this process's children's. A copy of this process by ``os.fork`` only
        lets go of it.
        """
        with self._lock:
            self._retired = False
            workers, self._workers = self._workers, set()
            if os.getpid() == self._owner:
                for worker in [each for each in workers if each.send_kill()]:
                    worker.wait()
                self._process.kill()
                self._process.wait()
            self._pipe.close()
            self._socket.close()


def _our_path() -> str:
    """Where our packages stand, before what the user has put on PYTHONPATH; not his folder."""
    ours = str(Path(__file__).resolve().parent.parent)
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in (ours, given) if part)
