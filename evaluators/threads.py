"""Threads are set, never guessed: what BLAS and OpenMP may use while a model works."""

import sys
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, TypeAlias

#: Of a library that ships no types.
Controller: TypeAlias = Any


def limited(threads: int) -> AbstractContextManager[Any]:
    """Hold every BLAS and OpenMP pool of this process to ``threads`` inside the ``with``.

    Some models (hist_gradient_boosting, knn) have no other switch.
    """
    controller = _controller(len(sys.modules))
    limit: AbstractContextManager[Any] = controller.limit(limits=threads)
    return limit


@lru_cache(maxsize=1)
def _controller(modules: int) -> Controller:
    """The pools loaded by now. Finding them takes 9 ms, so again only after an import."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
