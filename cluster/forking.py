"""What a fork server does: ``python -m cluster.forking DRIVER FD MODULE...`` serves that process.

Requests come by a socket, and each gets one answer, in their order. The server has no thread of its
own (those of BLAS and of an allocator, which come with libraries, see to forks themselves), opens
no data and runs no fit; so it imports nothing of the user's, which might start one: each worker
does that.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

from evaluators.importing import import_all, uncollected

#: Seconds after which it sees at the latest that its driver is gone.
LOOK_S = 1.0
#: The answer in place of a process, where none could be forked: its log says why.
UNFORKED = 0
#: ``prctl(2)``: the kernel ends a process with its parent, whatever it does.
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Fork:
    """A worker is wanted; the answer is its process. Its socket and its log come behind.

    Attributes:
        box: where it keeps its black box.
        asked_at: when it was asked for, by the clock that all processes share.
    """

    box: Path
    asked_at: float


@dataclass(frozen=True, slots=True)
class Wait:
    """How a worker ended is asked for; the answer is its return code, None while it lives.

    ``how``: 0 to wait for that, ``os.WNOHANG`` not to.
    """

    pid: int
    how: int


def main() -> None:
    """Import, then serve until the driver closes its end or is gone."""
    from evaluators.model_table import TABLE

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, nobody could say how a worker ended
    with uncollected():
        importlib.import_module("cluster.local_worker")
    driver, modules = int(sys.argv[1]), sys.argv[3:]
    known = {entry.module for entry in TABLE.values()}
    import_all(name for name in modules if name in known)
    own = [name for name in modules if name not in known]
    gc.collect()
    gc.freeze()  # what a worker looks through for garbage would be copied else
    control = socket.socket(fileno=int(sys.argv[2]))
    pipe = Connection(os.dup(control.fileno()))
    with contextlib.suppress(EOFError, ConnectionError):
        while os.getppid() == driver:
            if pipe.poll(LOOK_S):
                request = pickle.loads(pipe.recv_bytes())
                if isinstance(request, Fork):
                    answer: int | None = _forked(request, control, pipe, own)
                else:
                    ended, status = os.waitpid(request.pid, request.how)
                    answer = os.waitstatus_to_exitcode(status) if ended else None
                pipe.send_bytes(pickle.dumps(answer))


def _forked(request: Fork, control: socket.socket, pipe: Connection, own: Sequence[str]) -> int:
    """A worker's process; ``UNFORKED`` where the machine has none for us."""
    received: Sequence[int] = ()
    try:
        _, received, *_ = socket.recv_fds(control, 1, 2)
        end, log = received
        server, pid = os.getpid(), os.fork()
    except (OSError, ValueError) as error:
        said = f"no worker could be forked: {error}\n".encode()
        os.write(received[1] if len(received) == 2 else sys.stderr.fileno(), said)
        pid = UNFORKED
    else:
        if pid == 0:
            pipe.close()  # or the driver would not see that we are gone
            control.close()
            _work(request, Connection(end), log, server, own)
    for each in received:
        os.close(each)
    return pid


def _work(request: Fork, pipe: Connection, log: int, server: int, own: Sequence[str]) -> NoReturn:
    """All that a worker does; first, what it shares with its server and should not."""
    try:
        _end_with_parent()
        os.setsid()
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        if (numpy := sys.modules.get("numpy")) is not None:
            numpy.random.seed()  # Python's own generator sees to itself
        from cluster.local_worker import work

        work(pipe, request.box, server, own, request.asked_at)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _end_with_parent() -> None:
    """Have the kernel see to it: a fit may hold the interpreter's lock, and no thread of ours runs.

    Elsewhere than on Linux there is that thread alone.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":  # by its name, or requests would be of classes it does not know
    importlib.import_module("cluster.forking").main()
