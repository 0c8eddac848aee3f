"""Quintain: distributed hyperparameter search with honest scores and the cost of every trial.

>>> import quintain
>>> result = quintain.run("adult.toml")  # doctest: +SKIP
>>> result.best_params  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from quintain.guard import check_packages

check_packages()

if TYPE_CHECKING:
    from evaluators.errors import QuintainError
    from quintain.comparing import compare
    from quintain.refreshing import refresh
    from quintain.result import Result
    from quintain.sweeps import open_sweep, resume, run

__version__ = "0.1.0"
__all__ = ["QuintainError", "Result", "compare", "open_sweep", "refresh", "resume", "run"]

_HOMES = {
    "QuintainError": "evaluators.errors",
    "Result": "quintain.result",
    "compare": "quintain.comparing",
    "open_sweep": "quintain.sweeps",
    "refresh": "quintain.refreshing",
    "resume": "quintain.sweeps",
    "run": "quintain.sweeps",
}


def __getattr__(name: str) -> Any:
    """Import on first use: ``import quintain`` itself costs nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'quintain' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
