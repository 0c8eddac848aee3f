"""The watchdog against fits that return, raise, linger, eat memory or hold the interpreter."""

import contextlib
import contextvars
import faulthandler
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest

import evaluators
from evaluators.profiler import Profiler
from evaluators.watchdog import Overrun, guarded

pytestmark = pytest.mark.measures

#: Long enough that no machine is ever so busy, where a limit must not be passed.
AMPLE = 300.0


def script(code, *, timeout=120):
    """``code`` in a process of its own: (exit status, stdout, stderr)."""
    start = "import os, signal, sys, threading, time\nfrom evaluators.watchdog import guarded\n"
    done = subprocess.run(
        [sys.executable, "-c", start + code],
        env={**os.environ, "PYTHONPATH": str(Path(evaluators.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_without_limits_the_function_is_called_here():
    """No limits, no thread."""
    assert guarded(threading.get_ident, seconds=None, megabytes=None) == threading.get_ident()


@pytest.mark.parametrize(
    "limits",
    [
        {"seconds": AMPLE, "megabytes": None},
        {"seconds": None, "megabytes": 1e6},
        {"seconds": AMPLE, "megabytes": 1e6},
    ],
)
def test_with_limits_one_other_thread_runs_all(limits):
    """Every guarded call runs in the same thread, which is not the caller's."""
    threads = {guarded(threading.get_ident, **limits) for _ in range(3)}
    assert len(threads) == 1
    assert threads != {threading.get_ident()}
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("quintain-fit") == 1


def test_the_functions_exception_is_raised():
    """It is the same exception, with the function's own lines in its traceback."""
    error = LookupError("no such leaf")

    def failing_fit():
        raise error

    with pytest.raises(LookupError) as caught:
        guarded(failing_fit, seconds=AMPLE, megabytes=None)
    assert caught.value is error
    assert "failing_fit" in [line.name for line in caught.traceback]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_a_function_that_wants_to_leave(kind):
    """SystemExit and KeyboardInterrupt of the function reach the caller; nothing is spent."""

    def leaving_fit():
        raise kind

    with pytest.raises(kind):
        guarded(leaving_fit, seconds=AMPLE, megabytes=None)
    assert guarded(lambda: 3, seconds=AMPLE, megabytes=None) == 3


class Matrix:
    """Something large that can be watched."""


def test_nothing_of_a_call_stays_alive():
    """Result, arguments and the frames of an exception are freed at once, without the collector."""
    seen = []

    def fit():
        matrix = Matrix()
        seen.append(weakref.ref(matrix))
        return matrix

    def failing_fit():
        assert fit() is None

    guarded(fit, seconds=AMPLE, megabytes=None)
    with contextlib.suppress(AssertionError):
        guarded(failing_fit, seconds=AMPLE, megabytes=None)
    deadline = time.monotonic() + 10  # the fit thread lets go just after it has answered
    while any(ref() for ref in seen) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(seen) == 2
    assert [ref() for ref in seen] == [None, None]


def test_the_callers_context_is_seen():
    """Context variables (numpy's errstate is one) have the caller's values."""
    variable = contextvars.ContextVar("variable", default="default")
    variable.set("the caller's")
    assert guarded(variable.get, seconds=AMPLE, megabytes=None) == "the caller's"


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_must_be_above_zero(limit):
    """Zero is not "no limit"."""
    with pytest.raises(ValueError, match="None stands for no limit"):
        guarded(int, seconds=limit, megabytes=None)
    with pytest.raises(ValueError, match="None stands for no limit"):
        guarded(int, seconds=None, megabytes=limit)


def test_guarded_calls_do_not_nest():
    """A guarded call inside of one, which would wait for itself, is refused; the outer goes on."""

    def outer():
        with pytest.raises(RuntimeError, match="already runs"):
            guarded(int, seconds=AMPLE, megabytes=None)
        return "went on"

    assert guarded(outer, seconds=AMPLE, megabytes=None) == "went on"


def test_a_profiler_inside_and_outside():
    """A guarded fit is measured, whichever side the profiler stands on."""

    def fit():
        with Profiler() as inner, inner.phase("fit"):
            end = time.thread_time() + 0.1
            while time.thread_time() < end:
                sum(range(1000))
        return inner

    with Profiler() as outer:
        inner = guarded(fit, seconds=AMPLE, megabytes=1e6)
    assert outer.resources.cpu_s + 0.01 > inner.resources.cpu_s >= 0.09
    assert outer.resources.wall_s >= inner.resources.fit_s


def test_the_timer_is_cancelled_and_pytests_own_handler_kept():
    """After a call the backstop no longer ticks, and faulthandler is as pytest set it."""
    enabled = faulthandler.is_enabled()
    assert guarded(lambda: 7, seconds=AMPLE, megabytes=None) == 7
    assert faulthandler.is_enabled() == enabled
    status, out, err = script(
        """
def failing():
    raise KeyError
guarded(int, seconds=0.9, megabytes=None, grace_s=0)
try:
    guarded(failing, seconds=0.9, megabytes=None, grace_s=0)
except KeyError:
    pass
time.sleep(1.4)
print("alive")
"""
    )
    assert (status, out, err) == (0, "alive\n", "")


def test_a_fit_that_takes_too_long():
    """The caller gets an Overrun while the function goes on, and the process is then spent."""
    status, out, err = script(
        """
found = guarded(lambda: time.sleep(100), seconds=0.3, megabytes=None)
print(found)
for limits in ({"seconds": 1, "megabytes": None}, {"seconds": None, "megabytes": None}):
    try:
        guarded(int, **limits)
    except RuntimeError as error:
        print(error)
sys.stdout.flush()
os._exit(3)
"""
    )
    first, *others = out.splitlines()
    found = eval(first, {"Overrun": Overrun})
    assert (status, err) == (3, "")
    assert (found.kind, found.limit) == ("timeout", 0.3)
    assert found.elapsed_s >= 0.3
    assert found.peak_mb > 1
    assert len(others) == 2
    assert all("end this process" in line for line in others)


def test_a_fit_that_takes_too_much_memory():
    """Own memory above the limit is found while the function goes on; shared memory is not own."""
    status, out, err = script(
        """
import mmap
shared = mmap.mmap(-1, 150 << 20)
def fit():
    for start in range(0, len(shared), 4096):
        shared[start] = 1
    time.sleep(0.3)
    kept = []
    for _ in range(1000):
        kept.append(bytearray(5 << 20))
        time.sleep(0.05)
print(guarded(fit, seconds=100, megabytes=120), flush=True)
os._exit(3)
"""
    )
    found = eval(out, {"Overrun": Overrun})
    assert (status, err) == (3, "")
    assert (found.kind, found.limit) == ("memory", 120)
    assert 120 < found.peak_mb < 200
    assert 0.3 < found.elapsed_s < 100


def test_a_childs_memory_counts():
    """A fit that lets a child process eat the memory passes the limit too."""
    status, out, err = script(
        """
import subprocess
eat = "import time; kept = bytearray(200 << 20); time.sleep(100)"
child = subprocess.Popen([sys.executable, "-c", eat])
print(guarded(child.wait, seconds=60, megabytes=150), flush=True)
child.kill()
os._exit(3)
"""
    )
    assert (status, err) == (3, "")
    assert eval(out, {"Overrun": Overrun}).kind == "memory"


def test_a_fit_that_holds_the_interpreter():
    """When no Python can run any more the process ends by itself, all stacks written."""
    began = time.monotonic()
    status, out, err = script(
        """
import ctypes
libc = ctypes.PyDLL(None)  # its calls keep the interpreter lock
def stuck_fit():
    libc.sleep(90)
guarded(stuck_fit, seconds=0.4, megabytes=None, grace_s=0.5)
print("never comes here")
"""
    )
    assert time.monotonic() - began < 80
    assert (status, out) == (1, "")
    assert "Timeout (0:00:01)!" in err
    assert "in stuck_fit" in err


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupt_ends_the_wait():
    """Ctrl-C in the waiting thread is raised there at once; the fit still runs: process spent."""
    status, out, err = script(
        """
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    guarded(lambda: time.sleep(100), seconds=50, megabytes=None)
except KeyboardInterrupt:
    print("interrupted")
try:
    guarded(int, seconds=1, megabytes=None)
except RuntimeError as error:
    print(error)
sys.stdout.flush()
os._exit(3)
"""
    )
    assert (status, err) == (3, "")
    assert out.startswith("interrupted\na fit that passed its limit")


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@needs_fork
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_has_a_fit_thread_of_its_own():
    """A child forked inside a guarded call can guard calls itself."""

    def fit():
        worker = multiprocessing.get_context("fork").Process(target=guard_one)
        worker.start()
        worker.join(60)
        return worker.exitcode

    assert guarded(fit, seconds=AMPLE, megabytes=None) == 0


def guard_one():
    assert guarded(lambda: 5, seconds=AMPLE, megabytes=1e6) == 5


@needs_fork
def test_a_fork_can_leave_and_the_backstop_stays():
    """A child forked in a guarded call can exit in any way, and its parent's timer ticks on."""
    status, out, err = script(
        """
import ctypes
def forking_fit():
    child = os.fork()
    if not child:
        sys.exit(4)  # unwinds, then the interpreter is taken down
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    ctypes.PyDLL(None).sleep(90)
guarded(forking_fit, seconds=1.5, megabytes=None, grace_s=0.5)
"""
    )
    assert (status, out) == (1, "4\n")
    assert "in forking_fit" in err
