"""``SearchCV``: scikit-learn's own way of searching, on quintain's workers and records.

It is a ``BaseSearchCV`` of scikit-learn's, so that whatever takes one takes it, and so that
scorers, routing, ranks and messages are scikit-learn's own. What that class keeps private and is
needed here is listed in ARCHITECTURE, "Where scikit-learn is bent".
"""

import numbers
import time
from collections.abc import Mapping
from contextlib import ExitStack
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures
from sklearn.utils import get_tags, indexable
from sklearn.utils._param_validation import Interval as Between
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_method_params

from evaluators.foreign import PLAIN, ForeignRows
from evaluators.types import Split
from quintain.searchcv_asked import Asked
from quintain.searchcv_place import placed, watcher_for
from search.candidates import is_grid

if TYPE_CHECKING:  # a sweep's own imports come while its workers start
    from quintain.searchcv_run import Searched

#: Samplers by name. None is "grid" for lists without ``n_trials``, else "random".
SAMPLERS = ("grid", "random", "tpe", "sobol")


class Estimate(NamedTuple):
    """What the way of choosing scores, and its interval; see ``SearchCV.estimate_``."""

    score: float
    low: float
    high: float
    level: float
    method: str


class SearchCV(BaseSearchCV):  # type: ignore[misc] # scikit-learn ships no types
    """Search over parameters of an estimator by cross-validation, as GridSearchCV does it.

    Scores on the same splits are those of GridSearchCV and RandomizedSearchCV. Beyond them every
    trial is recorded with its cost, a fit that is killed goes on when it is called again, and a
    sampler may learn from what was tried.

    Args:
        estimator: any estimator of scikit-learn's kind.
        space: what GridSearchCV takes as ``param_grid`` or RandomizedSearchCV as
            ``param_distributions``: a dict of lists and distributions, or a list of such dicts.
        scoring: as there: None, a name, a function, several names or functions.
        cv: as there: a number of folds, a splitter, or an iterable of splits.
        n_trials: how many candidates. None: every one of a grid; 10 where there are distributions.
        sampler: "grid", "random" (RandomizedSearchCV's own draws), "tpe" (learns from the scores)
            or "sobol". None: "grid" where all are lists and no ``n_trials`` is given, else
            "random".
        refit: as there: whether to fit the best on all rows; a metric's name with several; or a
            function of ``cv_results_`` that gives the index of the best.
        n_jobs: None or 1: in this process. More: so many processes of this machine, at most one a
            core; -1: one a core. Inside a worker of joblib or of ours always in that process.
        address: ``HOST:PORT`` of a Ray cluster to run on, or "local" for a Ray of its own.
        error_score: as there: the score of a fit that failed, or "raise".
        random_state: of the draws.
        return_train_score: as there.
        verbose: above 0, progress on standard error.
        records: where to keep the record; None: QUINTAIN_RECORDS, else the user's data folder.

    Attributes:
        cv_results_: scikit-learn's columns in its order, then for each candidate ``cpu_s`` (CPU
            seconds of all its folds), ``peak_mb`` (highest own memory of its worker, in units of
            2**20 bytes) and ``state`` ("completed" or "failed").
        best_estimator_, best_params_, best_score_, best_index_, refit_time_, n_splits_, scorer_,
            multimetric_, classes_, n_features_in_, feature_names_in_: as in GridSearchCV.
        estimate_: (score, low, high, level, method) of the metric that chose, or None where a
            function did or nothing can be told. ``best_score_`` is the best of many on folds that
            chose it, and so too good; ``estimate_.score`` has each fold scored by the candidate
            that the *other* folds would have chosen. The interval holds the corrected resampled t
            around that and around the winner's own folds, 95%. It is approximate, and no fresh
            data has taken part: the folds share their rows. For a number on fresh folds, or on rows
            that were locked away, see ``quintain.run``.
        sweep_: the recorded sweep, a ``quintain.Result``: ``sweep_.sweep`` is its id for
            ``quintain report`` and ``quintain trials``, ``sweep_.trials`` a DataFrame.
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "space": [dict, list],
        "n_trials": [Between(numbers.Integral, 1, None, closed="left"), None],
        "sampler": [StrOptions(set(SAMPLERS)), None],
        "address": [str, None],
        "random_state": ["random_state"],
        "records": [str, None],
    }

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        scoring: Any = None,
        cv: Any = None,
        n_trials: int | None = None,
        sampler: str | None = None,
        refit: Any = True,
        n_jobs: int | None = None,
        address: str | None = None,
        error_score: Any = np.nan,
        random_state: Any = None,
        return_train_score: bool = False,
        verbose: int = 0,
        records: str | None = None,
    ) -> None:
        super().__init__(
            estimator, scoring=scoring, n_jobs=n_jobs, refit=refit, cv=cv, verbose=verbose,
            error_score=error_score, return_train_score=return_train_score,
        )  # fmt: skip
        self.space = space
        self.n_trials = n_trials
        self.sampler = sampler
        self.address = address
        self.random_state = random_state
        self.records = records

    def _terms(self) -> tuple[Any, int | None, str | None]:
        """(space, number of trials, sampler); the namesakes have other names for them."""
        return self.space, self.n_trials, self.sampler

    def __sklearn_tags__(self) -> Any:
        """Those of the estimator; several targets too, which scikit-learn's searches leave out."""
        tags = super().__sklearn_tags__()
        tags.target_tags = deepcopy(get_tags(self.estimator).target_tags)
        tags.target_tags.required = False  # a fit without a target fails as its estimator says
        return tags

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> "SearchCV":
        """Search, then fit the best on all rows.

        Args:
            X: rows: an array, a DataFrame, a sparse matrix, a list; whatever the estimator takes.
            y: target; None where there is none.
            **params: for the estimator's ``fit``, the splitter (``groups``) and the scorer, as in
                GridSearchCV; those with a value for each row are split with the rows.

        Raises:
            ValueError, TypeError: what GridSearchCV refuses, with its own exceptions.
            KeyboardInterrupt: stopped; the same fit again goes on with what was recorded.
        """
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        asked = self._asked(X, y, routed, scorers)
        with ExitStack() as stack:
            place = stack.enter_context(placed(self.n_jobs, self.address))
            from quintain.result import Result
            from quintain.searchcv_run import searched

            watcher = watcher_for(self.verbose)
            found = stack.enter_context(searched(asked, *place, self.records, watcher))
            results, metric = self._results(asked, found, refit_metric)
            self.sweep_ = Result(found.view, records=self.records)
            self._choose(metric, results)
            if self.refit:
                self._refit(X, y, routed.estimator.fit)
        self.estimate_ = self._estimate(results, metric, asked.splits)
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.cv_results_ = results
        return self

    def _asked(self, X: Any, y: Any, routed: Any, scorers: Any) -> Asked:
        """The search that this fit asks for, its folds made."""
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        split_params = routed.splitter.split
        self.n_splits_ = cv.get_n_splits(X, y, **split_params)
        splits = [Split(_places(a), _places(b)) for a, b in cv.split(X, y, **split_params)]
        if len(splits) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.n_splits_} splits, got {len(splits)}"
            )
        space, n_trials, sampler = self._terms()
        if sampler is None:
            sampler = "grid" if n_trials is None and is_grid(space) else "random"
        one = self.scoring if isinstance(self.scoring, str) else PLAIN
        names = tuple(getattr(scorers, "_scorers", (one,)))
        several = callable(self.scoring) or len(names) > 1
        objective = self.refit if several and isinstance(self.refit, str) else names[0]
        return Asked(
            estimator=clone(self.estimator), space=space, sampler=sampler, n_trials=n_trials,
            random_state=self.random_state,
            rows=ForeignRows(X, y, dict(routed.estimator.fit), dict(routed.scorer.score)),
            splits=splits, scorer=scorers, objective=objective, names=names,
            error_score=self.error_score, return_train_score=self.return_train_score,
            config=get_config(),
        )  # fmt: skip

    def _results(
        self, asked: Asked, found: "Searched", refit_metric: Any
    ) -> tuple[dict[str, Any], Any]:
        """``cv_results_`` from the record, and the metric that chooses."""
        from quintain.searchcv_table import folds_told, resources, warn_again

        rows, n_splits = found.rows, len(asked.splits)
        if self.error_score == "raise" and found.view.failures:
            from quintain.searchcv_raise import raise_again

            raise_again(asked, found)
        if not rows or not n_splits:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        out = folds_told(asked, [row for _, row in rows], n_splits)
        _warn_or_raise_about_fit_failures(out, self.error_score)
        warn_again([row for _, row in rows])
        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        results = self._format_results([params for params, _ in rows], n_splits, out)
        return results | resources([row for _, row in rows]), refit_metric

    def _choose(self, metric: Any, results: Mapping[str, Any]) -> None:
        """The best candidate, where there is one metric or something to choose by."""
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, fit_params: Mapping[str, Any]) -> None:
        """The best candidate on all rows, in this process."""
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        began = time.time()
        if y is None:
            best.fit(X, **fit_params)
        else:
            best.fit(X, y, **fit_params)
        self.refit_time_ = time.time() - began
        self.best_estimator_ = best
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_

    def _estimate(
        self, results: Mapping[str, Any], metric: Any, splits: list[Split]
    ) -> Estimate | None:
        """Of the choice by one metric."""
        if callable(self.refit) or (self.multimetric_ and not self.refit):
            return None
        from quintain.searchcv_table import estimate

        found = estimate(results, str(metric), splits, self._scorer_name(str(metric)))
        if found is None:
            return None
        score, interval = found
        return Estimate(score, interval.low, interval.high, interval.level, interval.method)

    def _scorer_name(self, metric: str) -> str | None:
        """What scikit-learn calls the metric that chooses; None where it is nobody's but ours."""
        scoring = self.scoring
        if scoring is None:
            by_kind = {"classifier": "accuracy", "regressor": "r2"}
            return by_kind.get(get_tags(self.estimator).estimator_type or "")
        found = scoring.get(metric) if isinstance(scoring, Mapping) else scoring
        if isinstance(found, list | tuple | set):
            found = metric
        return found if isinstance(found, str) else None


def _places(index: Any) -> Any:
    """Rows of a fold as positions, whether a splitter gives those or a mask."""
    found = np.asarray(index)
    return np.flatnonzero(found) if found.dtype == bool else found
