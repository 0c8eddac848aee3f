"""Imported by each worker of a Ray of ours as the process starts, before there is work for it.

What ``VARIABLE`` names is then imported while the driver is busy: first the threads that a fit may
use, which libraries read as they are loaded, then modules.
"""

import os
from collections.abc import Sequence

from evaluators.importing import import_all

VARIABLE = "QUINTAIN_PRELOAD"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def as_text(threads: int, modules: Sequence[str]) -> str:
    """The variable's value."""
    return ",".join([str(threads), *modules])


def preload(text: str) -> None:
    """Do what ``as_text`` says; what cannot be imported is told by the trial that needs it."""
    threads, *modules = text.split(",")
    for name in THREADS:
        os.environ.setdefault(name, threads)
    import_all(modules)


if VARIABLE in os.environ:
    preload(os.environ[VARIABLE])
