"""Starting Ray, and what its workers import, while the driver still reads the data."""

import contextlib
import ctypes
import logging
import os
import sys
import threading
from collections.abc import Iterator, Sequence

from cluster import preload
from cluster.ray_session import RaySession, set_environment
from evaluators.limits import usable_cores

#: ``unshare(2)``: the calling thread gets a working directory of its own.
_CLONE_FS = 0x200
#: What a worker needs whatever it fits.
OURS = ("cluster.trainable",)


class EarlyRay:
    """A ``RaySession`` that is made in a thread; ``session`` waits for it.

    The thread lives until ``close``: the kernel ends the processes of Ray's with the thread that
    has started them (PR_SET_PDEATHSIG, see prctl(2)).
    """

    #: Of the runner it is for.
    name = "ray"

    def __init__(
        self, address: str | None, threads: int, workers: int | None, warm: Sequence[str]
    ) -> None:
        """``warm``: modules that workers of a Ray of ours import as they start.

        Ray starts one for each core, and the trials have ``workers`` (None: all) of ``threads``
        cores: where more than every second one would import in vain, none does.
        """
        set_environment(address)  # before ray is imported, in whichever thread
        self._address = address
        cores = usable_cores()
        useful = min(workers or cores, cores // threads)
        self._variables = {
            "RAY_preload_python_modules": preload.__name__,
            preload.VARIABLE: preload.as_text(threads, (*OURS, *warm)),
        }
        if address is not None or 2 * useful < cores:
            self._variables = {}
        self._made = threading.Event()
        self._over = threading.Event()
        self._unwanted = threading.Event()
        self._session: RaySession | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="quintain-ray-start", daemon=True).start()

    def session(self) -> RaySession:
        """The session, once it is there.

        Raises:
            ClusterError: as RaySession.
        """
        self._made.wait()
        if self._error is not None:
            raise self._error
        # without a working directory of its own the thread has left it to us
        return self._session or RaySession(self._address)

    def abandon(self) -> None:
        """As ``close``, but wait for nothing: a Ray that is still starting ends once it has."""
        self._unwanted.set()
        if self._made.is_set():
            self.close()

    def close(self) -> None:
        """End Ray, where nobody has taken the session over; the thread may go.

        One that was abandoned while it started ends by itself.
        """
        if self._unwanted.is_set() and not self._made.is_set():
            return
        self._made.wait()
        if self._session is not None:
            self._session.close()
        self._over.set()

    def _run(self) -> None:
        try:
            if _own_working_directory():
                with _without_warning(), self._preloading():
                    self._session = RaySession(self._address)
        except BaseException as error:
            self._error = error
        finally:
            self._made.set()
        if self._unwanted.is_set():
            self.close()
        self._over.wait()

    @contextlib.contextmanager
    def _preloading(self) -> Iterator[None]:
        """Ray's processes have the variables, and nobody else does afterwards."""
        added = {name for name in self._variables if name not in os.environ}
        os.environ.update({name: self._variables[name] for name in added})
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]


def _own_working_directory() -> bool:
    """Whether this thread has one now, so that changing it changes no other thread's."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).unshare(_CLONE_FS) == 0)


@contextlib.contextmanager
def _without_warning() -> Iterator[None]:
    """Ray warns that outside of the main thread it cannot take SIGTERM over: nor should it."""
    logger = logging.getLogger("ray._private.worker")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
