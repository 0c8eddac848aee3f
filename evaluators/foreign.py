"""What a worker is told of an estimator of the user's, and of the rows it learns from.

Rows stay what they are (arrays, tables, sparse matrices, lists of texts), folds are those of any
splitter, scores those of any scorer. ``evaluators.foreign_trial`` fits and scores.
"""

import os
import pickle
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from evaluators.types import Split
from evaluators.vocabulary import Vocabulary

if TYPE_CHECKING:
    from evaluators.foreign_trial import ForeignEvaluator

#: Beside the metrics, what is told of each fold: seconds as scikit-learn counts them (indexing of
#: rows and fit; scoring of the test rows), and 1.0 where the fit failed.
FIT_TIME, SCORE_TIME, FIT_FAILED = "fit_time", "score_time", "fit_failed"
#: 1.0 where the objective is but another name of the first score that a function has told.
ALIASED = "aliased"
#: What the one score of a function of the user's is called.
PLAIN = "score"
#: Before the name of a metric: on the rows learnt from.
ON_TRAIN = "train "
#: Libraries whose errors are those of a known model, not of code of the user's.
KNOWN = ("sklearn", "imblearn", "xgboost", "lightgbm", "catboost")


@dataclass(frozen=True, slots=True, eq=False)
class ForeignRows:
    """What is learnt from: anything that scikit-learn can index by rows.

    ``fit_params`` and ``score_params`` are split with the rows where they have as many.
    """

    X: Any
    y: Any
    fit_params: Mapping[str, Any]
    score_params: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class ForeignAssignment:
    """What a worker needs to know once for a whole sweep, the rows apart.

    Attributes:
        estimator: is cloned for each fit.
        scorer: what scikit-learn's ``check_scoring`` gives, or the user's own function.
        vocabulary: the objects behind the texts of a configuration.
        objective: the metric that ranks trials.
        names: of all metrics; ``PLAIN`` alone where they are not known before the first fit.
        error_score: stands in for the score of a fit that failed; "raise" ends the trial.
        return_train_score: whether the rows learnt from are scored too.
        config: scikit-learn's own configuration, as ``sklearn.get_config`` tells it.
        driver: host and process of whoever made it: in another one parallel parts of the estimator
            use threads.
    """

    estimator: Any
    scorer: Any
    vocabulary: Vocabulary
    objective: str
    names: tuple[str, ...]
    error_score: Any
    return_train_score: bool
    config: Mapping[str, Any]
    threads: int = 1
    fit_seconds: float | None = None
    driver: tuple[str, int] = field(default_factory=lambda: (socket.gethostname(), os.getpid()))

    def evaluator(self, rows: Any, partitions: Sequence[Sequence[Split]]) -> "ForeignEvaluator":
        """Who scores configurations on these rows, in this process."""
        from evaluators.foreign_trial import ForeignEvaluator

        return ForeignEvaluator(self, rows, partitions)

    def __reduce__(self) -> Any:
        """Pickled by value where need be; modules beside the user's program are found again."""
        import cloudpickle

        told = {each.name: getattr(self, each.name) for each in fields(self)}
        folder = os.getcwd()
        paths = tuple(os.path.join(folder, path) for path in sys.path)
        return _unpacked, (self.driver[0], folder, paths, cloudpickle.dumps(told))


def _unpacked(host: str, folder: str, paths: tuple[str, ...], blob: bytes) -> ForeignAssignment:
    """In a worker: where our driver finds modules we do too, after everything of our own.

    On the driver's host its working directory is ours: files may be named relative to it.
    """
    sys.path.extend(path for path in paths if path not in sys.path)
    if host == socket.gethostname() and os.path.isdir(folder):
        os.chdir(folder)
    found: dict[str, Any] = pickle.loads(blob)
    return ForeignAssignment(**found)
