"""What a fork server does: ``python -m cluster.forking FD MODULE...`` serves one driver.

Requests come by a socket, and each gets one answer, in their order. The server has no thread (but
for one of an allocator that comes with a library and sees to forks itself), opens no data and runs
no fit; so it imports nothing of the user's, which might start one: each worker does that.
"""

import contextlib
import gc
import importlib
import os
import pickle
import socket
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NoReturn

#: Seconds after which it sees at the latest that its driver is gone.
LOOK_S = 1.0


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

    importlib.import_module("cluster.local_worker")
    known = {entry.module for entry in TABLE.values()}
    _import(name for name in sys.argv[2:] if name in known)
    own = [name for name in sys.argv[2:] if name not in known]
    gc.collect()
    gc.freeze()  # what a worker looks through for garbage would be copied else
    control, driver = socket.socket(fileno=int(sys.argv[1])), os.getppid()
    pipe = Connection(os.dup(control.fileno()))
    with contextlib.suppress(EOFError, OSError):
        while os.getppid() == driver:
            if pipe.poll(LOOK_S):
                request = pickle.loads(pipe.recv_bytes())
                if isinstance(request, Fork):
                    answer: int | None = _forked(request, control, pipe, own)
                else:
                    ended, status = os.waitpid(request.pid, request.how)
                    answer = os.waitstatus_to_exitcode(status) if ended else None
                pipe.send_bytes(pickle.dumps(answer))


def _forked(request: Fork, control: socket.socket, pipe: Connection, own: Iterable[str]) -> int:
    """A worker's process."""
    _, (end, log), *_ = socket.recv_fds(control, 1, 2)
    pid = os.fork()
    if pid == 0:
        pipe.close()  # or the driver would not see that we are gone
        control.close()
        _work(request, Connection(end), log, own)
    os.close(end)
    os.close(log)
    return pid


def _work(request: Fork, pipe: Connection, log: int, own: Iterable[str]) -> NoReturn:
    """All that a worker does; first, what it shares with its server and should not."""
    try:
        os.setsid()
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        if (numpy := sys.modules.get("numpy")) is not None:
            numpy.random.seed()  # Python's own generator sees to itself
        _import(own)
        from cluster.local_worker import work

        work(pipe, request.box, request.asked_at)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        with contextlib.suppress(Exception):  # a trial that needs it will tell
            importlib.import_module(name)


if __name__ == "__main__":  # by its name, or requests would be of classes it does not know
    importlib.import_module("cluster.forking").main()
