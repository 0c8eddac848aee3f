"""What a worker last knew of its memory, in a file that outlives it.

Whoever finds a worker dead can read how much it had reached, and whether the kernel has killed for
want of memory since its trial began: a SIGKILL itself says neither.
"""

import contextlib
import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from evaluators.limits import oom_kills
from evaluators.process import MB

_FORM = struct.Struct("=dq")


@dataclass(frozen=True, slots=True)
class Remains:
    """What was found.

    Attributes:
        reached_mb: most own memory seen during the last trial, in units of 2**20 bytes; NaN if
            none was seen.
        starved: whether the kernel has killed for want of memory since that trial began.
    """

    reached_mb: float = math.nan
    starved: bool = False


class BlackBox:
    """The file of one worker; writing costs a microsecond, looking for kills tens of them."""

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.write(bytes(_FORM.size))  # room on the disk: to touch a map without it is fatal
            file.flush()
            self._map = mmap.mmap(file.fileno(), _FORM.size)
        self._kills = -1
        self._reached_mb = math.nan
        self._write()

    def begin(self) -> None:
        """A trial begins."""
        self._kills = oom_kills()
        self._reached_mb = math.nan
        self._write()

    def note(self, own: int) -> None:
        """So many bytes of own memory were seen."""
        if not own / MB <= self._reached_mb:
            self._reached_mb = own / MB
            self._write()

    def _write(self) -> None:
        _FORM.pack_into(self._map, 0, self._reached_mb, self._kills)


def open_box(path: Path) -> None:
    """In a worker: keep a black box there from now on; none where it cannot be written."""
    global _box
    with contextlib.suppress(OSError):
        _box = BlackBox(path)


def begin() -> None:
    """A trial begins in this process; nothing where it keeps no box."""
    if _box is not None:
        _box.begin()


def note(own: int) -> None:
    """So many bytes of own memory were seen of this process; nothing where it has no box."""
    if _box is not None:
        _box.note(own)


def read(path: Path) -> Remains:
    """What stands in the box of a worker of this machine; nothing known where it has none."""
    try:
        reached_mb, kills = _FORM.unpack(path.read_bytes())
    except (OSError, struct.error):
        return Remains()
    return Remains(reached_mb, 0 <= kills < oom_kills())


_box: BlackBox | None = None
