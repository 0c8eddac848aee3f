"""Quintain: distributed hyperparameter search with honest scores and the cost of every trial.

>>> import quintain
>>> result = quintain.run("adult.toml")  # doctest: +SKIP
>>> result.best_params  # doctest: +SKIP

``help(quintain.run)`` and so on tell more; they are imported on first use.

run         search by a spec (a file or a dict), on its table or on ``data``; gives a Result
resume      go on with a sweep that was stopped
open_sweep  a Result of the records
load_model  a saved winner by its version, ready to predict
open_records  the store itself: to_pandas(), sweeps(), entries()
compare     is one trial or winner better than another, worse, or can nobody tell
refresh     hold an estimate against rows that came later, then search on
vary        change one hyperparameter in steps, and say which steps are more than noise
SearchCV    scikit-learn's searches on our workers and records: change one import
GridSearchCV        the same under scikit-learn's own signature
RandomizedSearchCV  likewise
Result      estimate, best_params, trials, report(), to_json(), fit(), page(), save(), study()
QuintainError  what a user can mend, said in one line
"""

from typing import TYPE_CHECKING, Any

from quintain.guard import check_packages

check_packages()

if TYPE_CHECKING:
    from evaluators.errors import QuintainError
    from quintain.comparing import compare
    from quintain.refreshing import refresh
    from quintain.result import Result
    from quintain.searchcv import SearchCV
    from quintain.searchcv_names import GridSearchCV, RandomizedSearchCV
    from quintain.sweeps import open_records, open_sweep, resume, run
    from quintain.varying.running import vary
    from quintain.versions.using import load_model

__version__ = "0.1.0"
__all__ = [
    "GridSearchCV", "QuintainError", "RandomizedSearchCV", "Result", "SearchCV", "compare",
    "load_model", "open_records", "open_sweep", "refresh", "resume", "run", "vary",
]  # fmt: skip

_HOMES = {
    "GridSearchCV": "quintain.searchcv_names",
    "QuintainError": "evaluators.errors",
    "RandomizedSearchCV": "quintain.searchcv_names",
    "Result": "quintain.result",
    "SearchCV": "quintain.searchcv",
    "compare": "quintain.comparing",
    "load_model": "quintain.versions.using",
    "open_records": "quintain.sweeps",
    "open_sweep": "quintain.sweeps",
    "refresh": "quintain.refreshing",
    "resume": "quintain.sweeps",
    "run": "quintain.sweeps",
    "vary": "quintain.varying.running",
}


def __getattr__(name: str) -> Any:
    """Import on first use: ``import quintain`` itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quintain' has no attribute {name!r}")
    from importlib import import_module

    from evaluators.importing import uncollected

    with uncollected():
        home = import_module(_HOMES[name])
    return getattr(home, name)
