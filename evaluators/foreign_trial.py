"""A configuration of a user's estimator, fitted and scored fold by fold as scikit-learn does it.

What scikit-learn keeps private and is needed for scores that are equal to its own, to the last
digit, is imported here and nowhere else in this room.
"""

import contextlib
import os
import socket
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from evaluators.assignment import Assignment
from evaluators.crossval import WARNINGS_KEPT, Evaluator
from evaluators.failures import classify_failure
from evaluators.foreign import (
    ALIASED,
    FIT_FAILED,
    FIT_TIME,
    KNOWN,
    ON_TRAIN,
    SCORE_TIME,
    ForeignAssignment,
    ForeignRows,
)
from evaluators.types import Configuration, Failure, FoldResult, Outcome, Split
from evaluators.under_way import Run


class ForeignEvaluator(Evaluator):
    """Scores configurations of one estimator. A fit that fails costs its fold only."""

    def __init__(
        self, task: ForeignAssignment, rows: ForeignRows, partitions: Sequence[Sequence[Split]]
    ) -> None:
        limits = Assignment({}, (), threads=task.threads, fit_seconds=task.fit_seconds)
        super().__init__(limits, cast(Any, rows), partitions)
        self.task = task
        self.rows = rows
        self._here = task.driver == (socket.gethostname(), os.getpid())
        self._failures: list[tuple[int, Failure]] = []

    def candidate(self, configuration: Configuration) -> Any:
        """The estimator with the parameters of a configuration, not fitted."""
        from sklearn.base import clone

        # parameters may be estimators themselves
        params = clone(self.task.vocabulary.read(configuration.params), safe=False)
        return clone(self.task.estimator).set_params(**params)

    def _fold(self, configuration: Configuration, number: int, run: Run) -> FoldResult:
        """Fit on the training rows of one fold, score its test rows."""
        if number == 0:
            self._failures = []
        with run.meter as meter, run.listening(), self._as_configured():
            with meter.phase("load"):
                model = self.candidate(configuration)
            scores = self._fit_and_score(model, number, run)
        return FoldResult(number, scores, (), meter.resources, np.empty(0), "value")

    def _fit_and_score(self, model: Any, number: int, run: Run) -> dict[str, float]:
        """The scores of one fold, and what else is told of it."""
        from sklearn.utils.metaestimators import _safe_split
        from sklearn.utils.validation import _check_method_params

        rows, split, meter = self.rows, run.splits[number], run.meter
        with meter.phase("load"):
            given = _check_method_params(rows.X, params=rows.fit_params, indices=split.train)
            began = time.perf_counter()
            X, y = _safe_split(model, rows.X, rows.y, split.train)
            X_test, y_test = _safe_split(model, rows.X, rows.y, split.test, split.train)
        try:
            with meter.phase("fit"):
                model.fit(X, **given) if y is None else model.fit(X, y, **given)
        except Exception as error:
            if self.task.error_score == "raise":
                raise
            self._failures.append((number, self._classified(error, None)))
            return self._stand_ins(time.perf_counter() - began)
        fitted = time.perf_counter()
        with meter.phase("score"):
            found = self._scores(model, X_test, y_test, split.test)
        scored = time.perf_counter()
        if self.task.return_train_score:
            with meter.phase("score"):
                on_train = self._scores(model, X, y, split.train)
            found |= {f"{ON_TRAIN}{name}": score for name, score in on_train.items()}
        times = {FIT_TIME: fitted - began, SCORE_TIME: scored - fitted, FIT_FAILED: 0.0}
        return found | times

    def _scores(self, model: Any, X: Any, y: Any, index: Any) -> dict[str, float]:
        """By metric. A scorer that fails is warned of and has ``error_score``."""
        from sklearn.model_selection._validation import _score
        from sklearn.utils.validation import _check_method_params

        given = _check_method_params(self.rows.X, params=self.rows.score_params, indices=index)
        found = _score(model, X, y, self.task.scorer, given, self.task.error_score)
        return dict(found) if isinstance(found, dict) else {self.task.names[0]: found}

    def _stand_ins(self, fit_time: float) -> dict[str, float]:
        """What is told of a fold whose fit failed."""
        task = self.task
        found = dict.fromkeys(task.names, float(task.error_score))
        if task.return_train_score:
            found |= {f"{ON_TRAIN}{name}": float(task.error_score) for name in task.names}
        return found | {FIT_TIME: fit_time, SCORE_TIME: 0.0, FIT_FAILED: 1.0}

    def _scored(self, run: Run) -> Outcome:
        """Means over the folds. Without a defined objective, or any fit, the trial has failed."""
        by_fold = _by_fold(run.folds, self.task.error_score)
        told = [name for name in by_fold if name not in (FIT_TIME, SCORE_TIME, FIT_FAILED)]
        scores = {name: float(np.mean(by_fold[name])) for name in told}
        wanted = self.task.objective
        if wanted not in scores:  # a function of the user's names its scores as it likes
            scores[wanted] = scores[told[0]]
            by_fold |= {wanted: by_fold[told[0]], ALIASED: [1.0] * len(run.folds)}
        objective = scores[wanted]
        failure = None
        if self._failures and (not np.isfinite(objective) or len(self._failures) == len(run.folds)):
            first, failure = self._failures[0]
            where = f"fold {first + 1} of {len(run.folds)}: {failure.reason}"
            failure = replace(failure, reason=where)
        elif not np.isfinite(objective):
            failure = Failure("numeric", f"{self.task.objective} is {objective} over the folds")
        said = [f"FitFailedWarning: fold {n + 1}: {each.reason}" for n, each in self._failures]
        warnings = tuple([*run.said, *said][:WARNINGS_KEPT])
        return Outcome(scores, by_fold, warnings=warnings, failure=failure)

    def _failed(self, run: Run, failure: Failure | None) -> Outcome:
        """What is known of a trial that a limit, or ``error_score="raise"``, ended."""
        by_fold = _by_fold(run.folds, np.nan) if run.folds else {}
        said = tuple(run.said)[:WARNINGS_KEPT]
        return Outcome({}, by_fold, (), run.cost(), None, said, failure)

    def _classified(self, error: BaseException, configuration: Configuration | None) -> Failure:
        """What the estimator, or a part of it, raised."""
        library = type(self.task.estimator).__module__.partition(".")[0]
        found = classify_failure(error, user_code=library not in KNOWN)
        if not found.traceback:
            return replace(found, traceback="".join(traceback.format_exception(error)))
        return found

    @contextlib.contextmanager
    def _as_configured(self) -> Iterator[None]:
        """scikit-learn as its user has set it up; in a worker, threads for what is parallel."""
        import joblib
        from joblib._parallel_backends import ThreadingBackend
        from sklearn import config_context

        with contextlib.ExitStack() as stack:
            stack.enter_context(config_context(**self.task.config))
            if not self._here:  # as in joblib's own workers: no processes below processes
                nested = ThreadingBackend(nesting_level=1)
                stack.enter_context(joblib.parallel_config(backend=nested))
            yield


def _by_fold(folds: Sequence[FoldResult], error_score: Any) -> dict[str, list[float]]:
    """What each fold told, by name; a name that a failed fold does not know has ``error_score``."""
    whole = next((fold for fold in folds if not fold.scores[FIT_FAILED]), folds[0])
    return {
        name: [float(fold.scores.get(name, error_score)) for fold in folds] for name in whole.scores
    }
