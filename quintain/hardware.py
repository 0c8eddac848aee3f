"""The machine of a driver and its libraries, as a sweep's header tells them."""

import functools
import platform
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from quintain.notebook.commit import commit_of

LIBRARIES = ("quintain", "ray", "optuna", "scikit-learn", "xgboost", "pandas", "numpy")


@functools.cache
def versions() -> dict[str, str]:
    """Of the libraries that scores depend on; read once, since each costs half a millisecond."""
    return {name: version(name) for name in LIBRARIES}


def machine() -> dict[str, Any]:
    """The machine of the driver, and the versions that scores depend on."""
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpus": psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total / 2**20,
        "versions": dict(versions()),
        "folder": str(Path.cwd()),
        "commit": commit_of(Path.cwd()),
    }
