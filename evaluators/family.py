"""Memory, threads and CPU seconds of this process together with all its descendants.

Two sources with one face: ``LinuxFamily`` reads the kernel's files, ``PortableFamily`` asks psutil
where there are none (macOS, some sandboxes). Neither is safe to use from two threads at once;
``evaluators.memory`` is.
"""

import os
import time
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from evaluators import process
from evaluators.process import HighMark, LinuxProcess

#: Children are listed anew only so often that it costs no more than this share of one core.
LISTING_SHARE = 0.0025
#: So many looks at the descendants go together: one at all there is, the others at their memory.
THOROUGH_EVERY = 5
#: A list of processes older than this many seconds is not built upon: numbers may be used again.
LISTING_STALE_S = 10.0
#: psutil lists children dearly (about 4 ms), so it does at most this often.
PORTABLE_LISTING_S = 0.5


class Sample(NamedTuple):
    """Own memory of the family in bytes, and its threads.

    ``own`` is what it is now, ``highest`` the most since the sample before, at least ``own``;
    ``exact`` tells that ``highest`` misses no peak, however long ago the sample before was.
    """

    own: int
    highest: int
    threads: int
    exact: bool


class Family(Protocol):
    """Where samples come from. ``sees_short_peaks``: exact ones, while there are no children."""

    sees_short_peaks: bool

    def sample(self, *, thorough: bool = True) -> Sample:
        """Memory and threads, and the most memory since the last call.

        Not ``thorough``: of descendants what is cheap; the rest is as it was, and told later.
        """

    def cpu_s(self) -> float:
        """CPU seconds so far: the process, its living descendants, and children waited for.

        Only differences mean something. What a child used is passed on when it is waited for, so
        it is counted once, whether it lives on or has ended. Not counted: processes that nobody
        waited for (adopted by another parent, or SIGCHLD ignored), once they have ended.
        """

    def bytes_read(self) -> int | None:
        """Bytes that storage delivered so far, to the same processes; None if it is not told."""


def this_family() -> Family:
    """The best source this platform has."""
    try:
        return LinuxFamily()
    except (OSError, NotImplementedError):
        return PortableFamily()


class LinuxFamily:
    """Reads /proc. Of descendants, a peak shorter than a sampling interval may be missed."""

    def __init__(self, mark: HighMark | None = None) -> None:
        mark = mark or HighMark()
        self.sees_short_peaks = mark.settable
        self._self = LinuxProcess(os.getpid(), mark)
        self._descendants = Descendants()
        if self._self.reading() is None:
            raise NotImplementedError("this kernel does not tell anonymous memory")

    def sample(self, *, thorough: bool = True) -> Sample:
        """See ``Family``."""
        now = self._self.reading()
        if now is None:
            raise RuntimeError("the kernel no longer tells this process's own memory")
        own, highest, threads, exact = self._descendants.memory(thorough=thorough)
        return Sample(
            own=now.own + own,
            highest=max(now.highest + own, now.own + highest),
            threads=now.threads + threads,
            exact=self.sees_short_peaks and exact,
        )

    def cpu_s(self) -> float:
        """See ``Family``."""
        living = ended = 0.0
        for _ in range(3):
            ended = process.waited_for_s()
            living = self._descendants.cpu_s()
            if process.waited_for_s() == ended:  # else a child was waited for in between
                break
        return time.process_time() + ended + living

    def bytes_read(self) -> int | None:
        """See ``Family``."""
        try:
            own = self._self.bytes_read()
            for _ in range(3):
                living = self._descendants.bytes_read()
                own, before = self._self.bytes_read(), own
                if own == before:  # else a child may have been waited for in between
                    break
        except OSError:
            return None
        return own + living


class Descendants:
    """The living descendants of this process; empty and nearly free while there are none."""

    def __init__(self) -> None:
        self._known: dict[int, LinuxProcess] = {}
        self._forks: dict[int, int] = {}  # who runs its parent's program: that parent
        self._shared: dict[int, int] = {}  # and how many bytes are still the parent's
        self._seen: set[int] = set()
        self._glances = 0
        self._listed_at = self._compared_at = float("-inf")
        self._listing_s = self._comparing_s = 0.0

    def memory(self, *, thorough: bool = True) -> Sample:
        """Own memory and threads of all of them. New ones may be missed for some 0.1 s.

        Of those that are not ``thorough`` each THOROUGH_EVERYth is: what a process's highest mark
        tells is not lost meanwhile.
        """
        self._list_when_due(LISTING_SHARE)
        self._glances = 0 if thorough else (self._glances + 1) % THOROUGH_EVERY
        own = threads = excess = 0
        for pid, each in list(self._known.items()):
            try:
                now = each.glance() if self._glances else each.reading()
            except ProcessLookupError:
                self._forget(pid)
                continue
            if now is not None:
                own += max(0, now.own - self._shared.get(pid, 0))
                excess = max(excess, now.highest - now.own)  # their peaks need not coincide
                threads += now.threads
        return Sample(own, own + excess, threads, exact=not self._known)

    def cpu_s(self) -> float:
        """CPU seconds of all of them, what they waited for included."""
        self._list_when_due(4 * LISTING_SHARE)
        total = 0.0
        for pid, each in list(self._known.items()):
            try:
                total += each.cpu_s()
            except ProcessLookupError:
                self._forget(pid)
        return total

    def bytes_read(self) -> int:
        """Bytes that storage delivered to all of them; those that hide it count nothing."""
        total = 0
        for each in self._known.values():
            with suppress(OSError):
                total += each.bytes_read()
        return total

    def _list_when_due(self, share: float) -> None:
        """List anew, unless that would cost more than ``share`` of the time since the last time."""
        age = time.monotonic() - self._listed_at
        if age * share < self._listing_s or not (self._known or process.has_children()):
            return
        started = time.thread_time()
        present = set(process.pids())
        # what each listing costs; a look at a process that is new is needed only once
        self._listing_s = time.thread_time() - started
        self._listed_at = time.monotonic()
        unknown = present - self._known.keys()
        self._take_in(unknown if age > LISTING_STALE_S else unknown - self._seen)
        self._seen = present
        self._compare_when_due(share)

    def _compare_when_due(self, share: float) -> None:
        """How much forks still share, read anew as rarely as its cost demands.

        Apart from listing: for forks of a large process it takes milliseconds, and would keep new
        children from being seen for seconds.
        """
        if (time.monotonic() - self._compared_at) * share < self._comparing_s:
            return
        started = time.thread_time()
        self._shared = {
            pid: process.shared_with_parent(pid, parent)
            for pid, parent in self._forks.items()
            if process.is_fork(pid, parent)  # else it has started a program of its own
        }
        self._comparing_s = time.thread_time() - started
        self._compared_at = time.monotonic()

    def _take_in(self, unknown: set[int]) -> None:
        """Those of the ``unknown`` processes that descend from this one become known."""
        parents = {pid: process.parent(pid) for pid in unknown}
        family = {os.getpid(), *self._known}
        while newborn := [pid for pid, parent in parents.items() if parent in family]:
            family.update(newborn)
            for pid in newborn:
                self._meet(pid, parents.pop(pid))

    def _meet(self, pid: int, parent: int) -> None:
        try:
            self._known[pid] = LinuxProcess(pid)
        except OSError:  # ended meanwhile
            return
        if process.is_fork(pid, parent):
            self._forks[pid] = parent
            self._shared[pid] = process.shared_with_parent(pid, parent)

    def _forget(self, pid: int) -> None:
        self._known.pop(pid).close()
        self._seen.discard(pid)  # the number may be given to a child again
        self._forks.pop(pid, None)
        self._shared.pop(pid, None)


class PortableFamily:
    """Asks psutil: resident memory less what is shared, where the platform tells them apart."""

    sees_short_peaks = False

    def __init__(self) -> None:
        import psutil

        self._gone = psutil.Error
        self._self = psutil.Process()
        self._children: list[Any] = []
        self._listed_at = float("-inf")

    def sample(self, *, thorough: bool = True) -> Sample:
        """See ``Family``."""
        own = threads = 0
        for each in self._members():
            try:
                memory = each.memory_info()
                threads += each.num_threads()
            except self._gone:
                continue
            own += memory.rss - getattr(memory, "shared", 0)
        return Sample(own, own, threads, exact=False)

    def cpu_s(self) -> float:
        """See ``Family``."""
        total = sum(os.times()[:4])
        for each in self._members()[1:]:
            try:
                total += sum(each.cpu_times()[:4])
            except self._gone:
                continue
        return total

    def bytes_read(self) -> int | None:
        """See ``Family``: other platforms count what came from a cache, or nothing."""
        return None

    def _members(self) -> list[Any]:
        if time.monotonic() - self._listed_at > PORTABLE_LISTING_S:
            self._children = self._self.children(recursive=True)
            self._listed_at = time.monotonic()
        return [self._self, *self._children]
