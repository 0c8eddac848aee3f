"""A user's own code, loaded by reference: ``module:Name`` or ``file.py:name``.

Laws:
    - a file is run under a private module name made from its path and content: two loads of an
      unchanged file give one module, a changed file gives a new one, no folder joins ``sys.path``;
    - what a file defines is pickled by value (cloudpickle), so that it works where the file is not;
    - nothing is written beside the user's file (no ``__pycache__``).
"""

import hashlib
import importlib
import importlib.util
import linecache
import pkgutil
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from evaluators.errors import CodeError

#: What a reference leads to: only its user knows what it is.
Loaded: TypeAlias = Any

#: Every module made from a user's file is named this and a digest.
USER_MODULE = "_quintain_user_"

#: So many public names are listed when one is not found.
NAMES_LISTED = 8


def load_object(reference: str, folder: Path) -> Loaded:
    """What ``module:Name`` or ``file.py:name`` refers to; dots in the name reach into it.

    ``folder`` is where relative files are looked for.

    Raises:
        CodeError: no ":", no such file, module or name, or an exception while it was imported.
    """
    place, colon, name = reference.strip().rpartition(":")
    if not (colon and place and name):
        raise CodeError(_no_colon(reference))
    if place.endswith(".py"):
        module = _load_file(place, folder)
    else:
        module = _load_module(place, name, folder)
    found: Loaded = module
    for depth, part in enumerate(name.split(".")):
        try:
            found = getattr(found, part)
        except AttributeError:
            inside = place if depth == 0 else f"{place}:{'.'.join(name.split('.')[:depth])}"
            raise CodeError(_no_name(inside, part, found)) from None
    return found


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for the closest known word, whatever its case, else nothing."""
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), list(by_lower), n=1)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else ""


def _no_colon(reference: str) -> str:
    """The message for a reference that does not name a place and a name."""
    wanted = 'write "module:Name" or "file.py:name"'
    if reference.endswith(".py"):
        return f"{reference!r} names a file but nothing in it: {wanted}"
    module, dot, name = reference.rpartition(".")
    if dot and module and ":" not in reference:
        return f'{reference!r} has no ":"; did you mean "{module}:{name}"?'
    return f"{reference!r} is no reference to code: {wanted}"


def _no_name(inside: str, name: str, holder: object) -> str:
    """The message for a name that a module or class does not have."""
    names = _public_names(holder)
    listed = ", ".join(names[:NAMES_LISTED]) + (", ..." if len(names) > NAMES_LISTED else "")
    it_has = f" (it has {listed})" if listed else ""
    return f"{inside} has no {name!r}{nearest(name, names)}{it_has}"


def _public_names(holder: object) -> list[str]:
    """What a module or class offers; of a user's file only what it defines itself."""
    own = getattr(holder, "__name__", "")

    def offered(key: str, value: object) -> bool:
        if key.startswith("_") or isinstance(value, ModuleType):
            return False
        return not own.startswith(USER_MODULE) or getattr(value, "__module__", own) == own

    return sorted(
        key for key, value in getattr(holder, "__dict__", {}).items() if offered(key, value)
    )


def _load_file(place: str, folder: Path) -> ModuleType:
    """Run a file under its private name, once for each content."""
    path = (folder / Path(place).expanduser()).resolve()
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CodeError(_no_file(place, path)) from None
    except OSError as error:
        raise CodeError(f"{place} cannot be read: {error.strerror}") from None
    digest = hashlib.sha256(str(path).encode() + b"\0" + content).hexdigest()[:16]
    name = USER_MODULE + digest
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    linecache.checkcache(str(path))
    sys.modules[name] = module  # dataclasses and pickle look their module up here
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise CodeError(_broken_import(place, path, error)) from error
    import cloudpickle

    cloudpickle.register_pickle_by_value(module)
    return module


def _no_file(place: str, path: Path) -> str:
    """The message for a missing file, with the nearest Python file of its folder."""
    if not path.parent.is_dir():
        return f"no file {place}: there is no folder {path.parent}"
    beside = [found.name for found in path.parent.glob("*.py")]
    return f"no file {place} in {path.parent}{nearest(path.name, beside)}"


def _broken_import(place: str, path: Path, error: BaseException) -> str:
    """What went wrong in the user's file, and on which of its lines."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    line = error.lineno if isinstance(error, SyntaxError) else (lines[-1] if lines else None)
    where = f"{place}, line {line}" if line else place
    said = (str(error).strip().splitlines() or [""])[0]
    hint = ""
    if isinstance(error, ModuleNotFoundError) and error.name:
        root = error.name.split(".")[0]
        if (path.parent / f"{root}.py").exists() or (path.parent / root).is_dir():
            hint = (
                "; only the file itself travels to workers: move that code into it, or install it"
            )
    return f"{where}: {type(error).__name__}: {said}{hint}"


def _load_module(place: str, name: str, folder: Path) -> ModuleType:
    """Import an installed module; its own failures are told apart from its absence."""
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and (place == error.name or place.startswith(error.name + ".")):
            raise CodeError(_no_module(place, name, error.name, folder)) from None
        raise CodeError(f"importing {place}: {_last_line(error)}") from error
    except (Exception, SystemExit) as error:
        raise CodeError(f"importing {place}: {_last_line(error)}") from error


def _last_line(error: BaseException) -> str:
    """Type and message of an exception and the innermost line it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    said = (str(error).strip().splitlines() or [""])[0]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {said}{where}"


def _no_module(place: str, name: str, missing: str, folder: Path) -> str:
    """The message for a module that is not installed, with the nearest that is."""
    if (folder / f"{place}.py").exists():
        return f'no module {place!r}; did you mean "{place}.py:{name}"?'
    parent, _, last = missing.rpartition(".")
    search = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    beside = [found.name for found in pkgutil.iter_modules(search)]
    guess = nearest(last, beside)
    if guess and parent:
        guess = guess.replace("mean '", f"mean '{parent}.")
    return f"no module {missing!r} is installed here{guess}"
