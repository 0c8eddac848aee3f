"""One watch over this process's memory, shared by all who measure in it.

The kernel's mark of the highest memory can be read and reset by one reader only, so every reading
goes through one ``MemoryWatch`` and is noted in each ``Peak`` that is open at that moment.
"""

import os
import sys
import threading
import time
from collections.abc import Callable

from evaluators.family import Family, Sample, this_family
from evaluators.process import MB

#: What malloc keeps of earlier work is handed back once it may be this many bytes: it would be
#: taken for the next work's own. Handing back costs 0.2 ms per MB and the work that wants it again
#: 0.3-1 ms per MB.
WORTH_RELEASING = 32 * MB
#: Less than that, from so many bytes and so much of what there is on, only as often as the handing
#: back costs no more than this share of the time: works of a few ms may keep what they use.
NOTICEABLE, NOTICEABLE_SHARE, RELEASING_SHARE = 3 * MB, 0.03, 0.005


class Peak:
    """The most own memory (MB of 2**20 bytes) and threads seen while this peak was open."""

    def __init__(self) -> None:
        self.mb = 0.0
        self.threads = 0

    def note(self, own: int, threads: int) -> None:
        """Take one sample into account, memory in bytes."""
        self.mb = max(self.mb, own / MB)
        self.threads = max(self.threads, threads)


class MemoryWatch:
    """Samples a family for any number of open peaks; safe to use from several threads."""

    def __init__(self, family: Family) -> None:
        self.sees_short_peaks = family.sees_short_peaks
        self._family = family
        self._lock = threading.Lock()
        self._open: list[Peak] = []
        self._kept = 0  # own bytes that were left when memory was last handed back, or fewer
        self._release = _malloc_trim()
        self._released_at, self._releasing_s = float("-inf"), 0.0

    def begin(self, peak: Peak, *, fresh: bool = False) -> None:
        """Open ``peak``: it counts from now on, and nothing of before.

        ``fresh`` first hands freed memory that malloc keeps back to the system, when it may be
        noticeable and nobody else measures: else the peak of earlier work would be in this one.
        """
        with self._lock:
            now = self._look()
            if fresh and not self._open and self._release is not None:
                if self._worth_releasing(now.own):
                    began = time.thread_time()
                    self._release(0)
                    self._releasing_s = time.thread_time() - began
                    self._released_at = time.monotonic()
                    now = self._look()
                    self._kept = now.own
                self._kept = min(self._kept, now.own)
            peak.note(now.own, now.threads)
            self._open.append(peak)

    def _worth_releasing(self, own: int) -> bool:
        """Whether so much more than after the last time may be kept that it would be told."""
        more = own - self._kept
        if more >= WORTH_RELEASING:
            return True
        age = time.monotonic() - self._released_at
        noticeable = more >= max(NOTICEABLE, NOTICEABLE_SHARE * own)
        return noticeable and age * RELEASING_SHARE >= self._releasing_s

    def end(self, peak: Peak) -> None:
        """Close ``peak``, after a last look."""
        with self._lock:
            self._look()
            self._open.remove(peak)

    def look(self, *, thorough: bool = True) -> Sample:
        """Sample now and note it in every open peak; ``thorough``: see ``Family.sample``."""
        with self._lock:
            return self._look(thorough=thorough)

    def cpu_s(self) -> float:
        """CPU seconds of the family so far; see ``Family.cpu_s``."""
        with self._lock:
            return self._family.cpu_s()

    def bytes_read(self) -> int | None:
        """Bytes that storage delivered to the family so far; see ``Family.bytes_read``."""
        with self._lock:
            return self._family.bytes_read()

    def _look(self, *, thorough: bool = True) -> Sample:
        sample = self._family.sample(thorough=thorough)
        for peak in self._open:
            peak.note(sample.highest, sample.threads)
        return sample


def memory_watch() -> MemoryWatch:
    """The watch of this process."""
    global _watch
    with _making:
        if _watch is None:
            _watch = MemoryWatch(this_family())
        return _watch


def hand_back() -> None:
    """Freed memory that malloc keeps, to the system; where it cannot be, nothing."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def _malloc_trim() -> Callable[[int], int] | None:
    """The C library's way to hand freed memory back: glibc has one, others do not."""
    if sys.platform != "linux":
        return None
    import ctypes

    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def _forget_parent() -> None:
    """A fork has its own memory, and locks its parent's threads held would never open again."""
    global _watch, _making
    _watch, _making = None, threading.Lock()


_making = threading.Lock()
_watch: MemoryWatch | None = None
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
