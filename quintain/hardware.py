"""The machine of a driver and its libraries, as a sweep's header tells them."""

import platform
import socket
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

LIBRARIES = ("quintain", "ray", "optuna", "scikit-learn", "xgboost", "pandas", "numpy")


def machine() -> dict[str, Any]:
    """The machine of the driver, and the versions that scores depend on."""
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpus": psutil.cpu_count(),
        "memory_mb": psutil.virtual_memory().total / 2**20,
        "versions": {name: version(name) for name in LIBRARIES},
        "folder": str(Path.cwd()),
    }
