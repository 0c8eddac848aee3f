"""Ends the wait for a fit that takes too long or too much memory.

Nothing in Python can stop a fit from outside, so the watchdog only tells; whoever called must then
end the process.
"""

import contextvars
import faulthandler
import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, Literal, TypeVar

from evaluators import blackbox
from evaluators.memory import Peak, memory_watch
from evaluators.process import MB

T = TypeVar("T")

#: Seconds between two looks at the clock and the memory.
LOOK_S = 0.05
#: What a fit may take beyond 1.25 times its limit before the process is ended without a word.
GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Overrun:
    """A limit was passed while the function went on. ``limit`` is in seconds or in MB of 2**20."""

    kind: Literal["timeout", "memory"]
    limit: float
    elapsed_s: float
    peak_mb: float


def guarded(
    function: Callable[[], T],
    *,
    seconds: float | None,
    megabytes: float | None,
    grace_s: float = GRACE_S,
) -> T | Overrun:
    """What ``function`` returns or raises, or an Overrun as soon as it passes a limit.

    Without limits it is simply called. Else it runs in one thread kept for all guarded calls (so
    that thread pools of numeric libraries, which belong to their caller's thread, are kept too),
    in a copy of the caller's context, while the caller waits and looks every 50 ms.

    ``seconds`` is wall time. ``megabytes`` is own memory of the process and its descendants, as in
    ``Resources.peak_mb``, what was there before the call included.

    After an Overrun the function still runs: the process has to be ended (``os._exit``), and a
    further call raises. The same holds when an exception (KeyboardInterrupt) ends the wait.

    A function that holds the interpreter lock for ever keeps the caller from looking. Then, if
    ``seconds`` is given, the process ends by itself with status 1 after ``1.25 * seconds +
    grace_s``, all stacks written to file descriptor 2. A process has one such timer
    (``faulthandler.dump_traceback_later``): one armed by somebody else is replaced and lost.

    Raises:
        RuntimeError: the process is spent, or a guarded call runs already.
        ValueError: a limit that is not above zero, or infinite.
    """
    for limit in (seconds, megabytes):
        if limit is not None and not 0 < limit < math.inf:
            raise ValueError(f"a limit must be above zero, got {limit}: None stands for no limit")
    if _fits.spent:
        raise RuntimeError("a fit that passed its limit may still run here: end this process")
    if seconds is None and megabytes is None:
        return function()
    if not _fits.free.acquire(blocking=False):
        raise RuntimeError("a guarded call already runs in this process: wait for its end")
    try:
        return _guarded(function, seconds, megabytes, grace_s)
    finally:
        _fits.free.release()


def _guarded(
    function: Callable[[], T], seconds: float | None, megabytes: float | None, grace_s: float
) -> T | Overrun:
    job = Job(function)
    overrun: Overrun | None = None
    try:
        if seconds is not None:
            _backstop.arm(1.25 * seconds + grace_s)
        _fits.submit(job)
        overrun = _wait(job, seconds, megabytes)
    finally:
        if seconds is not None:
            _backstop.disarm()
        _fits.spent = overrun is not None or not job.ended.is_set()
    return job.outcome() if overrun is None else overrun


def _wait(job: "Job[Any]", seconds: float | None, megabytes: float | None) -> Overrun | None:
    """None once the job has ended, or the limit it passed."""
    watch, peak = memory_watch(), Peak()
    started = time.monotonic()
    watch.begin(peak)
    try:
        pause = LOOK_S if seconds is None else min(LOOK_S, seconds)
        while not job.ended.wait(pause):
            own = watch.look().own
            blackbox.note(own)
            own_mb = own / MB
            elapsed = time.monotonic() - started
            if job.ended.is_set():
                break
            if megabytes is not None and own_mb > megabytes:
                return Overrun("memory", megabytes, elapsed, peak.mb)
            if seconds is not None:
                if elapsed >= seconds:
                    return Overrun("timeout", seconds, elapsed, peak.mb)
                pause = min(LOOK_S, seconds - elapsed)
    finally:
        watch.end(peak)
    return None


class Job(Generic[T]):
    """One call: made here, run in the fit thread, its outcome taken here."""

    def __init__(self, function: Callable[[], T]) -> None:
        self.ended = threading.Event()
        self._call: Callable[[], T] | None = function
        self._context = contextvars.copy_context()
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Call the function and keep what it returns or raises, whatever that is."""
        call, self._call = self._call, None
        assert call is not None
        try:
            self._result.append(self._context.run(call))
        except BaseException as error:
            self._error = error
        finally:
            del call
            self.ended.set()

    def exit_status(self) -> int:
        """With what status a process would end that has done this job only."""
        if isinstance(self._error, SystemExit) and isinstance(self._error.code, int | None):
            return self._error.code or 0
        return 0 if self._error is None else 1

    def outcome(self) -> T:
        """The result, or the function's own exception; can be asked once."""
        if self._error is None:
            return self._result.pop()
        # no reference may stay: the traceback holds the frames of the fit and with them its data
        error, self._error = self._error, None
        try:
            raise error
        finally:
            del error


class Fits:
    """The fit thread of a process. ``spent``: a function that nobody waits for may still run."""

    def __init__(self) -> None:
        self.spent = False
        self.free = threading.Lock()
        self._jobs: SimpleQueue[Job[Any]] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: Job[Any]) -> None:
        """Have ``job`` run; the thread is made at the first call."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="quintain-fit", daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _serve(self) -> None:
        process = os.getpid()
        while True:
            job = self._jobs.get()
            job.run()
            if os.getpid() != process:  # a fork of the fit unwinds here, where nobody waits for it
                os._exit(job.exit_status())


class Backstop:
    """The timer that ends this process, run by C code that needs no interpreter lock.

    It rests while the process forks: the timer's thread does not survive a fork, but the lock that
    it holds does, and a child would wait for it for ever at its own exit or at its own timer.
    """

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._lock = threading.Lock()

    def arm(self, seconds: float) -> None:
        """End the process in so many seconds from now."""
        with self._lock:
            self._deadline = time.monotonic() + seconds
            self._start(seconds)

    def disarm(self) -> None:
        """Let the process live."""
        with self._lock:
            self._deadline = None
            faulthandler.cancel_dump_traceback_later()

    def rest(self) -> None:
        """Stop the timer until ``go_on``; nobody can arm or disarm it meanwhile."""
        self._lock.acquire()
        if self._deadline is not None:
            faulthandler.cancel_dump_traceback_later()

    def go_on(self) -> None:
        """Start the timer again with the time that is left."""
        if self._deadline is not None:
            self._start(max(self._deadline - time.monotonic(), 0.001))
        self._lock.release()

    def _start(self, seconds: float) -> None:
        faulthandler.dump_traceback_later(seconds, exit=True, file=2)


def _forget_parent() -> None:
    """Threads do not survive a fork, and nothing that overran in the parent runs in its child."""
    global _fits, _backstop
    _fits, _backstop = Fits(), Backstop()


_fits, _backstop = Fits(), Backstop()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _backstop.rest(),
        after_in_parent=lambda: _backstop.go_on(),
        after_in_child=_forget_parent,
    )
