"""What the Linux kernel tells about one process: memory, threads and CPU seconds.

A ``LinuxProcess`` keeps the kernel's files open: reading one again costs 5-20 us instead of 15-30,
and an open file belongs to that very process, so a number given to a new process is never mistaken
for the old one.
"""

import mmap
import os
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

MB = 2**20
PAGE = mmap.PAGESIZE
#: A fork whose size differs from its parent's by less than this many bytes owns nothing yet.
JUST_FORKED = 65536

_STATUS = re.compile(
    rb"VmHWM:\s+(\d+).*?RssAnon:\s+(\d+).*?RssFile:\s+(\d+).*?RssShmem:\s+(\d+)"
    rb".*?VmSwap:\s+(\d+).*?Threads:\s+(\d+)",
    re.DOTALL,
)
#: With the number of a process, the name of its CPU clock (what clock_getcpuclockid(3) gives).
_CPUCLOCK_SCHED = 2

_READ_BYTES = re.compile(rb"^read_bytes: (\d+)", re.MULTILINE)
_ROLLUP = re.compile(rb"(Private_Clean|Private_Dirty|Anonymous):\s+(\d+)")


class Reading(NamedTuple):
    """Anonymous ("own") memory of one process in bytes, swapped out or not, and its threads.

    ``own`` is what it has now, ``highest`` the most since the reading before, at least ``own``.
    """

    own: int
    highest: int
    threads: int


class HighMark:
    """The kernel's mark of the most memory this process had, set back to now on each ``reset``.

    ``settable`` is False where the kernel forbids it (a read-only /proc, some sandboxes).
    """

    def __init__(self, path: str = "/proc/self/clear_refs") -> None:
        try:
            self._file = os.open(path, os.O_WRONLY)
            self.reset()
        except OSError:
            self.settable = False
        else:
            self.settable = True

    def reset(self) -> None:
        """Set the mark to what is resident now (2 us; "5" is the kernel's word, see proc(5))."""
        os.write(self._file, b"5")


class LinuxProcess:
    """A process that lives now; each method raises ProcessLookupError once it was reaped.

    Between two readings own memory may have been higher than at both. The kernel keeps the most
    that was resident, own and mapped (files, shared memory) together; own memory was then at least
    that mark less what was mapped, for which the larger of the two readings stands. So a file that
    is mapped, read and unmapped all between two readings is taken for own by mistake; one that was
    seen to grow before it went is not. Only the process itself may reset its mark: that of another
    one tells a peak only while it rises.
    """

    def __init__(self, pid: int, mark: HighMark | None = None) -> None:
        self.pid = pid
        self._mark = mark
        self._mapped = self._grown = self._resident = self._swapped = self._threads = 0
        with ExitStack() as opened:
            self._status, self._stat, self._statm = (
                _opened(f"/proc/{pid}/{name}", opened) for name in ("status", "stat", "statm")
            )
            self.reading()
            self._files = opened.pop_all()

    def close(self) -> None:
        """Let go of the kernel's files."""
        self._files.close()

    def reading(self) -> Reading | None:
        """Memory and threads now; None for a zombie, or where the kernel does not tell."""
        found = _STATUS.search(os.pread(self._status, 16384, 0))
        if found is None:
            return None
        resident, anonymous, file, shared, swapped, threads = map(int, found.groups())
        own, resident = (anonymous + swapped) * 1024, resident * 1024
        highest = self._highest(resident, (file + shared) * 1024)
        if self._mark is not None and self._mark.settable:
            self._mark.reset()
        self._swapped, self._threads = swapped * 1024, threads
        return Reading(own, max(own, highest), threads)

    def glance(self) -> Reading:
        """Own memory now, for a fifth of what ``reading`` takes; all else as it was there."""
        _, resident, mapped, *_ = os.pread(self._statm, 256, 0).split()
        own = (int(resident) - int(mapped)) * PAGE + self._swapped
        return Reading(own, own, self._threads)

    def _highest(self, resident: int, mapped: int) -> int:
        """The most own memory since the last reading, as far as the kernel's mark tells."""
        was_reset = self._mark is not None and self._mark.settable
        rose_and_fell = self._grown > MB and mapped < self._mapped
        telling = (was_reset or resident > self._resident) and not rose_and_fell
        highest = resident - max(mapped, self._mapped) if telling else 0
        self._grown = mapped - self._mapped
        self._mapped, self._resident = mapped, resident
        return highest

    def cpu_s(self) -> float:
        """User and system seconds of the process and of its children that it has waited for.

        Its own by its CPU clock, since the file counts in hundredths and rounds down; the children
        it waited for are in the file alone.
        """
        user, system, child_user, child_system = _fields(os.pread(self._stat, 4096, 0))[11:15]
        tick_s = 1.0 / os.sysconf("SC_CLK_TCK")
        try:
            own_s = time.clock_gettime(~self.pid << 3 | _CPUCLOCK_SCHED)
        except OSError:  # it has ended since, or other clocks are hidden here
            own_s = (int(user) + int(system)) * tick_s
        return own_s + (int(child_user) + int(child_system)) * tick_s

    def bytes_read(self) -> int:
        """Bytes that storage delivered to the process and to children it has waited for.

        Raises:
            OSError: it is gone, or the kernel does not tell of this process.
        """
        # opened anew: the right to read it is that of the moment, and it is read rarely
        found = _READ_BYTES.search(Path(f"/proc/{self.pid}/io").read_bytes())
        if found is None:
            raise OSError(f"/proc/{self.pid}/io does not tell read_bytes")
        return int(found[1])


def pids() -> list[int]:
    """The numbers of all processes that can be seen from here."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent(pid: int) -> int:
    """The number of the parent, 0 when the process is gone or hidden."""
    try:
        return int(_fields(Path(f"/proc/{pid}/stat").read_bytes())[1])
    except OSError:
        return 0


def is_fork(pid: int, of: int) -> bool:
    """Whether ``pid`` still runs its parent's program, and so shares the parent's pages."""
    try:
        mine = Path(f"/proc/{pid}/cmdline").read_bytes()
        return mine == Path(f"/proc/{of}/cmdline").read_bytes()
    except OSError:
        return False


def own_memory(pid: int) -> int:
    """Bytes of anonymous memory that ``pid`` has mapped; 0 when it is gone or hidden."""
    try:
        found = _STATUS.search(Path(f"/proc/{pid}/status").read_bytes())
    except OSError:
        return 0
    return 0 if found is None else int(found[2]) * 1024


def shared_with_parent(pid: int, parent: int) -> int:
    """Bytes of anonymous memory that a fork still shares (3 ms per 100 MB of it); 0 if gone."""
    size = own_memory(pid)
    if abs(size - own_memory(parent)) < JUST_FORKED:
        # Between fork and exec it may be the parent's very memory, which would look private here.
        return size
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:
        return 0
    kilobytes = {name: int(value) for name, value in _ROLLUP.findall(text)}
    private = kilobytes.get(b"Private_Clean", 0) + kilobytes.get(b"Private_Dirty", 0)
    return max(0, kilobytes.get(b"Anonymous", 0) - private) * 1024


def has_children() -> bool:
    """Whether this process has a child that it has not yet waited for (4 us, changes nothing)."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def waited_for_s() -> float:
    """User and system seconds of all children that ended and were waited for, and of theirs."""
    import resource  # unknown on Windows, where this file is imported but not used

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _opened(path: str, until: ExitStack) -> int:
    file = os.open(path, os.O_RDONLY)
    until.callback(os.close, file)
    return file


def _fields(stat: bytes) -> list[bytes]:
    # the program's name stands in brackets and may itself hold blanks and brackets
    return stat[stat.rindex(b")") + 2 :].split()
