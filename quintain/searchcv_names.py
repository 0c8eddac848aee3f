"""``GridSearchCV`` and ``RandomizedSearchCV``: a ``SearchCV`` under scikit-learn's own signatures.

A program that uses scikit-learn's runs when its import is changed, keywords included.
"""

import numbers
from typing import Any, ClassVar

import numpy as np
from sklearn.utils._param_validation import Interval as Between

from quintain.searchcv import SearchCV


class GridSearchCV(SearchCV):
    """Every combination of ``param_grid``. Arguments as in scikit-learn; ours come after them.

    ``pre_dispatch`` is taken and changes nothing: no work waits in a worker. What ``address`` and
    ``records`` are, and what ``fit`` leaves, says ``SearchCV``.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SearchCV._parameter_constraints, "param_grid": [dict, list],
    }  # fmt: skip

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        address: str | None = None,
        records: str | None = None,
    ) -> None:
        _set_all(self, locals())

    def _terms(self) -> tuple[Any, int | None, str | None]:
        return self.param_grid, None, "grid"


class RandomizedSearchCV(SearchCV):
    """``n_iter`` draws from ``param_distributions``; see ``GridSearchCV`` here for the rest."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **SearchCV._parameter_constraints,
        "param_distributions": [dict, list],
        "n_iter": [Between(numbers.Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        address: str | None = None,
        records: str | None = None,
    ) -> None:
        _set_all(self, locals())

    def _terms(self) -> tuple[Any, int | None, str | None]:
        return self.param_distributions, self.n_iter, "random"


def _set_all(search: SearchCV, given: dict[str, Any]) -> None:
    """An estimator keeps what it was given under the names it was given it by."""
    for name in search._get_param_names():
        setattr(search, name, given[name])
    if not hasattr(search, "random_state"):
        search.random_state = None
