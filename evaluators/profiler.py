"""What a piece of work costs: wall and CPU seconds, the peak of own memory, threads, bytes read."""

import math
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Literal

from evaluators.memory import MemoryWatch, Peak, memory_watch
from evaluators.types import Resources

Phase = Literal["load", "fit", "score"]

#: Samples are as close as their cost allows, SAMPLING_SHARE of one core, from SHORTEST_S on; where
#: nothing but samples sees a peak, LONGEST_S apart at most, unless that would cost MOST_SHARE. All
#: measuring together then stays under 1% of a fit of one second, however slow a look is.
SAMPLING_SHARE, MOST_SHARE = 0.003, 0.007
SHORTEST_S, LONGEST_S, LONGEST_EXACT_S = 0.01, 0.04, 0.1
#: After so many samples that nobody wanted, the sampler sleeps until it is woken. Waking it costs
#: more than a look at a flag, so it waits a second for the next of many short pieces of work.
LINGER = 50


class Profiler:
    """Measures the work done inside ``with Profiler() as meter:``, in this whole process.

    Parts of it can be told apart: ``with meter.phase("fit"):``; a phase may come again and adds up.
    ``meter.resources`` is what was used: the final figures after the block, also when it raised,
    and those so far while the block still runs (from any thread, for a fit that never returns).

    CPU seconds and memory are those of the process and its descendants, so of two profilers open at
    a time (nested, or in two threads) each measures all that happens while it is open. The
    profiler's own sampling is left out of ``cpu_s`` and ``threads`` and told in ``cost_s``, which
    is the ``measuring_s`` of the resources.

    Attributes:
        cost_s: CPU seconds the measuring itself took.
        sees_short_peaks: False where the kernel's mark of the highest memory cannot be used: then
            a peak of less than 40 ms (more where a look is slow), or inside one long C call, may
            be missed.
    """

    def __init__(self, *, fresh: bool = True) -> None:
        """``fresh``: what malloc keeps of earlier work is first handed back to the system, where
        that is enough to be taken for this one's (``evaluators.memory``). Folds of one trial after
        the first do better without: they would only have to ask for it again.
        """
        self.cost_s = 0.0
        self.sees_short_peaks = True
        self._fresh = fresh
        self._phases: dict[Phase, float] = {"load": 0.0, "fit": 0.0, "score": 0.0}
        self._phase: tuple[Phase, float] | None = None
        self._peak = Peak()
        self._state: Literal["new", "running", "ended"] = "new"
        self._final = Resources()

    def __enter__(self) -> "Profiler":
        if self._state != "new":
            raise RuntimeError("a Profiler measures one block: make a new one for the next")
        entering = time.thread_time()
        self._pid = os.getpid()
        self._sampler = _sampler()
        self._watch = self._sampler.watch
        self.sees_short_peaks = self._watch.sees_short_peaks
        self._watch.begin(self._peak, fresh=self._fresh)
        self._sampler.start()
        self._sampled_s = self._sampler.cost_s()
        self._bytes_read = self._watch.bytes_read()
        self._cpu_s = self._watch.cpu_s()
        self.cost_s = time.thread_time() - entering
        self._state = "running"
        self._started = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if os.getpid() != self._pid:
            return  # a fork of the work unwinds here: there is nothing of it to stop
        wall_s = time.perf_counter() - self._started
        leaving = time.thread_time()
        try:
            used = self._used(wall_s)
        finally:
            self._watch.end(self._peak)
            self._sampler.stop()
        self.cost_s += time.thread_time() - leaving + self._sampler.cost_s() - self._sampled_s
        self._final = replace(
            used, peak_mb=self._peak.mb, threads=self._threads(), measuring_s=self.cost_s
        )
        self._state = "ended"

    @contextmanager
    def phase(self, name: Phase) -> Iterator[None]:
        """Count the wall seconds of this block under ``name``, also when it raises.

        Raises:
            RuntimeError: outside of the profiler's block, or inside of another phase.
            ValueError: an unknown name.
        """
        if name not in self._phases:
            raise ValueError(f"unknown phase {name!r}: one of {', '.join(self._phases)}")
        if self._state != "running" or self._phase is not None:
            inside = f"inside phase {self._phase[0]!r}" if self._phase else "outside of its block"
            raise RuntimeError(f"phase {name!r} of a Profiler was begun {inside}")
        self._phase = (name, time.perf_counter())
        try:
            yield
        finally:
            _, began = self._phase
            self._phase = None
            self._phases[name] += time.perf_counter() - began

    @property
    def resources(self) -> Resources:
        """What was used; all zero before the block."""
        if self._state != "running":
            return self._final
        return self._used(time.perf_counter() - self._started)

    def _used(self, wall_s: float) -> Resources:
        """What was used so far; an open phase counts up to now."""
        looking = time.thread_time()
        spent_s = self._watch.cpu_s() - self._cpu_s
        bytes_read = self._watch.bytes_read()
        # Looking is measuring, not work: where children live it takes most of a millisecond.
        measuring_s = time.thread_time() - looking + self._sampler.cost_s() - self._sampled_s
        cpu_s = spent_s - measuring_s
        seconds, phase = dict(self._phases), self._phase
        if phase is not None:
            seconds[phase[0]] += time.perf_counter() - phase[1]
        return Resources(
            wall_s=wall_s,
            load_s=seconds["load"],
            fit_s=seconds["fit"],
            score_s=seconds["score"],
            cpu_s=max(0.0, cpu_s),
            peak_mb=self._peak.mb,
            threads=self._threads(),
            bytes_read=math.nan
            if bytes_read is None or self._bytes_read is None
            else max(0, bytes_read - self._bytes_read),
            measuring_s=self.cost_s + measuring_s,
        )

    def _threads(self) -> int:
        return max(1, self._peak.threads - 1)  # the sampler's own is not the work's


class Sampler:
    """One daemon thread that looks at the memory while at least one profiler wants it."""

    def __init__(self, watch: MemoryWatch) -> None:
        self.watch = watch
        self._used_s = 0.0
        self._wanted = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="quintain-sampler", daemon=True)
        self._thread.start()

    def cost_s(self) -> float:
        """CPU seconds the thread has used; where its clock is hidden, up to its last sample."""
        if sys.platform == "linux" and self._thread.ident is not None:
            return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))
        return self._used_s

    def start(self) -> None:
        """Sample until a ``stop`` for each ``start``."""
        with self._lock:
            self._wanted += 1
            if not self._wake.is_set():
                self._wake.set()

    def stop(self) -> None:
        """One profiler less."""
        with self._lock:
            self._wanted -= 1

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._sample_while_wanted()
            with self._lock:
                if not self._wanted:
                    self._wake.clear()

    def _sample_while_wanted(self) -> None:
        pause, longest, unwanted = SHORTEST_S, LONGEST_S, 0
        while unwanted < LINGER:
            time.sleep(pause)
            unwanted += 1
            if self._wanted:
                unwanted = 0
                longest = LONGEST_EXACT_S if self.watch.look(thorough=False).exact else LONGEST_S
            used_s = time.thread_time()  # waking up included
            look_s, self._used_s = used_s - self._used_s, used_s
            pause = min(max(look_s / SAMPLING_SHARE, SHORTEST_S), longest)
            pause = max(pause, look_s / MOST_SHARE)


def _sampler() -> Sampler:
    """The sampler of this process."""
    global _shared
    with _making:
        if _shared is None:
            _shared = Sampler(memory_watch())
        return _shared


def _forget_parent() -> None:
    """Threads do not survive a fork."""
    global _shared, _making
    _shared, _making = None, threading.Lock()


_making = threading.Lock()
_shared: Sampler | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
