"""Importing libraries, many at once.

Imports allocate hundreds of thousands of objects that stay: looking for garbage among them took 7%
of the time of ``import sklearn.model_selection`` (Python 3.11), more where much is there already.
"""

import contextlib
import gc
import importlib
from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Nobody looks for garbage meanwhile, in this process."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def import_all(modules: Iterable[str]) -> None:
    """Import these; what cannot be imported is told by whoever needs it."""
    with uncollected():
        for name in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
