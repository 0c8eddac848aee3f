"""Large arrays in a file that all processes of a host map, so that each host holds them once.

``mapped`` moves the arrays of an object into such a file. ``dumps`` then pickles the object, and
whatever else has these arrays or parts of them, with the name of the file in place of their bytes:
a process of the same host that unpickles it maps the file, and shares its pages with everybody who
does. On another host the file does not exist: use it only where sender and receiver share one.
"""

import contextlib
import io
import mmap
import os
import pickle
import sys
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import cloudpickle
import numpy as np
from numpy.typing import NDArray

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")

#: How files are named, in the folder for temporary files; the writer holds a lock on its own.
FILES = "quintain-arrays-"
#: Objects whose arrays have fewer bytes together stay as they are.
WORTH_MAPPING = 16 * 2**20
#: Arrays begin at multiples of so many bytes.
ALIGNED = 64


@dataclass(frozen=True, slots=True)
class Region:
    """Addresses of this process that show a file. ``map`` is dead once nobody uses its arrays."""

    start: int
    end: int
    path: str
    map: "weakref.ref[mmap.mmap]"


_regions: list[Region] = []


def mapped(thing: T) -> T:
    """An equal object whose arrays lie in a mapped file and cannot be written; itself if small.

    The file is removed when this process ends, or before, when its arrays are gone. Where it
    cannot be written (a full disk) the object stays as it is. Files of processes that were killed
    are removed on the way.
    """
    if sys.platform == "win32":  # a file that is mapped cannot be removed there
        return thing
    buffers: list[pickle.PickleBuffer] = []
    shape = cloudpickle.dumps(thing, protocol=5, buffer_callback=buffers.append)
    raw = [buffer.raw() for buffer in buffers]
    if sum(part.nbytes for part in raw) < WORTH_MAPPING:
        return thing
    try:
        _remove_left_behind()
        file, places = _written(raw)
    except OSError:
        return thing
    whole = _opened(file.name, kept=file)
    views = [memoryview(whole)[at : at + part.nbytes] for at, part in zip(places, raw, strict=True)]
    found: T = pickle.loads(shape, buffers=views)
    return found


def dumps(thing: Any) -> bytes:
    """Pickled for a process of this host: what is mapped goes by the name of its file."""
    file = io.BytesIO()
    _Pickler(file, protocol=5).dump(thing)
    return file.getvalue()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc] # it ships no types
    """Names the file of an array that is mapped."""

    def reducer_override(self, obj: Any) -> Any:
        """See ``pickle.Pickler.reducer_override``."""
        place = _place(obj) if type(obj) is np.ndarray else None
        if place is not None:
            return _attached, (*place, obj.dtype, obj.shape)
        return super().reducer_override(obj)


def _place(array: NDArray[Any]) -> tuple[str, int] | None:
    """The file and offset where an array's bytes lie; None if they are in no file of ours."""
    if not array.flags.c_contiguous or not array.size:
        return None
    start = array.__array_interface__["data"][0]
    for region in _regions:
        if region.start <= start and start + array.nbytes <= region.end:
            return region.path, start - region.start
    return None


def _attached(path: str, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """In another process: the array in that file. Its pages are shared, its bytes not copied."""
    count = int(np.prod(shape))
    whole = np.frombuffer(_opened(path), np.uint8)
    return whole[offset : offset + count * dtype.itemsize].view(dtype).reshape(shape)


def _opened(path: str, *, kept: BinaryIO | None = None) -> mmap.mmap:
    """The file as it is mapped here already, or mapped now; ``kept``: what its writer holds."""
    for region in _regions:
        known = region.map()
        if region.path == path and known is not None:
            return known
    with open(path, "rb") as file:
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    start = np.frombuffer(whole, np.uint8).__array_interface__["data"][0]
    region = Region(start, start + len(whole), path, weakref.ref(whole))
    _regions.append(region)
    weakref.finalize(whole, _forget, region, kept, os.getpid())
    return whole


def _forget(region: Region, kept: BinaryIO | None, owner: int) -> None:
    """A mapping is gone; its file too, if this process wrote it."""
    _regions.remove(region)
    if kept is not None and owner == os.getpid():
        Path(region.path).unlink(missing_ok=True)
        kept.close()


def _written(parts: list[memoryview]) -> tuple[BinaryIO, list[int]]:
    """A new file with these bytes, locked, and where each begins; none is left where that fails."""
    handle, path = tempfile.mkstemp(prefix=FILES)
    file = open(path, "wb", opener=lambda *_: handle)  # noqa: SIM115 - held as long as the mapping
    places = []
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(handle).st_nlink:  # another process took it for left behind just before
            raise FileNotFoundError(path)
        for part in parts:
            file.write(bytes(-file.tell() % ALIGNED))
            places.append(file.tell())
            file.write(part)
        file.flush()
    except OSError:
        file.close()
        Path(path).unlink(missing_ok=True)
        raise
    return file, places


def _remove_left_behind() -> None:
    """Files whose writers were killed: the lock of a process goes with it."""
    for path in Path(tempfile.gettempdir()).glob(f"{FILES}*"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
