"""A digest of what a search is about, equal in every process: data, estimator, space, folds.

Objects are described by what they hold, not by where they stand, and code of the user's by what it
says: two estimators are alike if their classes, parameters and code are.
"""

import hashlib
import inspect
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

#: Deeper than this an object is told by its type alone.
DEEPEST = 12


def content_key(*parts: Any) -> str:
    """Hex digest of 32 characters; equal for alike parts, whatever process asks.

    An object that cannot be described but by its address is told by its type alone.
    """
    found = hashlib.sha256()
    for word in _words(parts, DEEPEST):
        found.update(word.encode("utf-8", "surrogatepass"))
        found.update(b"\0")
    return found.hexdigest()[:32]


def _words(thing: Any, depth: int) -> Iterator[str]:
    """A description, word by word."""
    yield _name_of(type(thing))
    if thing is None or isinstance(thing, bool | int | float | complex | str | bytes):
        yield repr(thing)
    elif depth == 0:
        return
    elif isinstance(thing, np.ndarray | np.generic) or hasattr(thing, "__array__"):
        yield from _array(thing)
    elif isinstance(thing, Mapping):
        for key, value in sorted(thing.items(), key=lambda item: repr(item[0])):
            yield from _words(key, depth - 1)
            yield from _words(value, depth - 1)
    elif isinstance(thing, set | frozenset):
        yield from sorted(" ".join(_words(each, depth - 1)) for each in thing)
    elif isinstance(thing, list | tuple):
        yield str(len(thing))
        for each in thing:
            yield from _words(each, depth - 1)
    elif isinstance(thing, type | FunctionType | MethodType | ModuleType):
        yield _name_of(thing)
        yield from _code(thing, depth - 1)
    else:
        yield from _code(type(thing), depth - 1)
        yield from _words(_held(thing), depth - 1)


def _held(thing: Any) -> Any:
    """What an object holds: an estimator its parameters, others their attributes."""
    if hasattr(thing, "get_params") and not isinstance(thing, type):
        return thing.get_params(deep=False)
    if isinstance(thing, np.random.RandomState):
        return thing.get_state()
    if isinstance(thing, np.random.Generator):
        return thing.bit_generator.state
    if hasattr(thing, "rvs") and hasattr(thing, "dist"):  # SciPy's frozen distributions
        return type(thing.dist), thing.args, thing.kwds
    if hasattr(thing, "__getstate__"):
        try:
            state = thing.__getstate__()
        except Exception:  # of a library of somebody's: then the text has to do
            state = None
        if state is not None:
            return _constants(state)
    said = repr(thing)
    return "" if " at 0x" in said else said


def _constants(state: Any) -> Any:
    """Without what only this process knows, as caches of bound methods."""
    if not isinstance(state, Mapping):
        return state
    return {key: value for key, value in state.items() if not isinstance(value, MethodType)}


def _array(thing: Any) -> Iterator[str]:
    """Arrays and tables by their bytes."""
    import joblib

    yield str(joblib.hash(thing, hash_name="sha1"))


def _name_of(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', repr(thing))}"


def _code(thing: Any, depth: int) -> Iterator[str]:
    """What code of the user's says; an installed package is taken to be what it was."""
    if isinstance(thing, MethodType):
        yield from _words(thing.__self__, depth)
        thing = thing.__func__
    if isinstance(thing, ModuleType) or _is_installed(getattr(thing, "__module__", None)):
        return
    if isinstance(thing, FunctionType):
        yield from _instructions(thing.__code__)
        yield from _words(thing.__defaults__, max(depth, 0))
        cells = [cell.cell_contents for cell in thing.__closure__ or () if _filled(cell)]
        yield from _words(cells, max(depth, 0))
        return
    for kind in inspect.getmro(thing) if isinstance(thing, type) else ():
        if _is_installed(kind.__module__):
            continue
        for name, member in sorted(vars(kind).items()):
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(function, FunctionType):
                yield name
                yield from _instructions(function.__code__)


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _instructions(code: CodeType) -> Iterator[str]:
    """Instructions, names and constants of a function and of those inside it."""
    yield code.co_code.hex()
    yield " ".join(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _instructions(constant)
        else:
            yield repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant)


@cache
def _is_installed(module: str | None) -> bool:
    """Whether a module is of Python or of an installed package, and not of the user's program."""
    import sys

    if module is None:
        return True
    found = sys.modules.get(module)
    file = getattr(found, "__file__", None)
    if module == "__main__" or found is None:
        return False
    if file is None:
        return True
    places = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
    return "site-packages" in file or any(file.startswith(place) for place in places if place)
