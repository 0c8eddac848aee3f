"""The user's own modules, ``[code] include``: read once, and the same wherever trials run.

Laws:
    - what was read when the sweep was prepared is what every process imports, though the user goes
      on editing: each unpacks it into a folder named by its content;
    - a process holds the modules of one sweep: others of ours are forgotten before;
    - unpickled, it is importable. Whatever refers to its modules is pickled after it.
"""

import contextlib
import hashlib
import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from evaluators.code import USER_MODULE
from evaluators.errors import CodeError

#: Names that own modules may not have: they would hide ours.
OURS = ("quintain", "cluster", "search", "evaluators")
#: Bytes of all files together: code travels with every worker.
LIMIT = 20_000_000
#: Folders that hold no code of the user's.
_LEFT_OUT = ("__pycache__", "node_modules")


@dataclass(frozen=True, slots=True, eq=False)
class OwnCode:
    """Files by their path below the one root that is put on ``sys.path``, with "/" between."""

    files: Mapping[str, bytes]

    @property
    def digests(self) -> dict[str, str]:
        """A digest of each file."""
        return {n: hashlib.sha256(self.files[n]).hexdigest()[:16] for n in sorted(self.files)}

    @property
    def names(self) -> set[str]:
        """What can be imported, by its first part."""
        return {PurePosixPath(each).parts[0].removesuffix(".py") for each in self.files}

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (dict(self.files),)

    def use(self) -> None:
        """Make these modules importable, and no others of an earlier sweep.

        Raises:
            CodeError: they cannot be written into the folder for temporary files.
        """
        folder = str(self._unpacked())
        if folder in sys.path:
            return
        home = str(_home())
        sys.path[:] = [place for place in sys.path if not place.startswith(home)]
        for name, module in list(sys.modules.items()):
            own = str(getattr(module, "__file__", None) or "").startswith(home)
            if own or name.startswith(USER_MODULE):  # a file of the user's may hold names of theirs
                del sys.modules[name]
        sys.path.insert(0, folder)
        importlib.invalidate_caches()

    def _unpacked(self) -> Path:
        """Where these files lie, complete."""
        told = "\n".join(f"{name} {digest}" for name, digest in self.digests.items())
        place = _home() / hashlib.sha256(told.encode()).hexdigest()[:16]
        if place.is_dir():
            return place
        try:
            new = Path(tempfile.mkdtemp(dir=_home()))
            for name, content in self.files.items():
                file = new / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            try:
                new.rename(place)
            except OSError:  # another process was quicker
                shutil.rmtree(new, ignore_errors=True)
                if not place.is_dir():
                    raise
        except OSError as error:
            raise CodeError(
                f"[code] include cannot be unpacked in {_home()}: {error.strerror}"
            ) from error
        return place


def own_code(include: Iterable[str], folder: Path) -> OwnCode | None:
    """What ``[code] include`` names, relative to ``folder``, in use; None where it names nothing.

    A folder with an ``__init__.py`` is a package; of another folder the modules inside are taken.

    Raises:
        CodeError: something is not there, or may not be called so.
    """
    files: dict[str, bytes] = {}
    for entry in include:
        for name, path in named(entry, folder):
            content = _read(entry, path)
            if files.setdefault(name, content) != content:
                raise CodeError(f"[code] include: two files would be {name}; leave one out")
            if sum(map(len, files.values())) > LIMIT:
                raise CodeError(
                    f"[code] include takes {LIMIT // 10**6} MB at most, and {entry!r} is more: "
                    "name the folders with code only"
                )
    if not files:
        return None
    found = OwnCode(files)
    hiding = sorted(found.names & {*OURS, *sys.stdlib_module_names})
    if hiding:
        raise CodeError(
            f"[code] include has {', '.join(hiding)}, which would hide a module of that name of "
            "Python or quintain: call it something else"
        )
    found.use()
    return found


def named(entry: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of one entry: each with its path below the root of imports.

    Raises:
        CodeError: there is no such file or folder, or nothing in it.
    """
    place = (folder / Path(entry).expanduser()).resolve()
    if place.is_file():
        yield place.name, place
        return
    if not place.is_dir():
        raise CodeError(f"[code] include: there is no file or folder {place}")
    root = place.parent if (place / "__init__.py").exists() else place
    found = False
    for at, folders, names in os.walk(place):
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and not n.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith(".pyc"):
                found = True
                yield (Path(at) / name).relative_to(root).as_posix(), Path(at) / name
    if not found:
        raise CodeError(f"[code] include: there is nothing in {place}")


def _read(entry: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CodeError(f"[code] include {entry!r}: {path}: {error.strerror}") from None


def _restored(files: dict[str, bytes]) -> OwnCode:
    found = OwnCode(files)
    found.use()
    return found


def _home() -> Path:
    return private_folder("quintain-code")


def private_folder(name: str) -> Path:
    """A folder for temporary files that is this user's alone: what lies in it is run.

    Raises:
        CodeError: somebody else has made one of that name.
    """
    place = Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}"
    with contextlib.suppress(FileExistsError):
        place.mkdir(mode=0o700)
    known = place.lstat()
    if known.st_uid != os.getuid() or known.st_mode & 0o077 or place.is_symlink():
        raise CodeError(f"{place} is not a folder of yours alone: remove it")
    return place
