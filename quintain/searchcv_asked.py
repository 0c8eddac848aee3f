"""What one ``SearchCV.fit`` asks for: candidates, folds, and the key by which it is known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluators.content_key import content_key
from evaluators.foreign import ForeignAssignment, ForeignRows
from evaluators.types import Split
from evaluators.vocabulary import Vocabulary
from quintain.hardware import machine
from search.candidates import DRAWS, Listed, grid, sample, written
from search.distributions import Translated, translated

#: Of candidates, by names of parameters and by objects, so many are tried on the estimator before
#: the search: what it lacks is refused at once.
CHECKED = 200


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One fit. ``sampler``: "grid", "random", or one that learns."""

    estimator: Any
    space: Any
    sampler: str
    n_trials: int | None
    random_state: Any
    rows: ForeignRows
    splits: list[Split]
    scorer: Any
    objective: str
    names: tuple[str, ...]
    error_score: Any
    return_train_score: bool
    config: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The estimator's name in records."""
        return type(self.estimator).__name__

    def key(self) -> str:
        """Equal for fits that would do the same: data, estimator, space, folds, scorers, seed."""
        import sklearn

        rows = self.rows
        return content_key(
            sklearn.__version__, self.estimator, self.space, self.sampler, self.n_trials,
            self.random_state, self.scorer, self.objective, self.error_score,
            self.return_train_score, dict(self.config), rows.X, rows.y, dict(rows.fit_params),
            dict(rows.score_params), [(split.train, split.test) for split in self.splits],
        )  # fmt: skip

    def name(self, key: str) -> str:
        """The sweep's, without its serial: the same for the same fit, and for no other."""
        plain = re.sub(r"[^a-z0-9]+", "-", self.model.lower()).strip("-") or "estimator"
        return f"{plain}-{key[:8]}"

    def planned(self, header: Mapping[str, Any] | None, resumed: int) -> "Planned":
        """What is tried, and how what comes next is chosen.

        ``header``: of the sweep that this fit goes on with, None for a new one; ``resumed``:
        trials that it asked for.

        Raises:
            ValueError, TypeError: scikit-learn's own, where the space cannot be searched.
        """
        draw = _Draw.of(self.random_state, None if header is None else header["searchcv"]["draw"])
        if self.sampler in ("grid", "random"):
            if self.sampler == "grid":
                candidates = grid(self.space)
            else:
                candidates = sample(self.space, self.n_trials or DRAWS, draw.generator)
            configurations, vocabulary = written(self.model, candidates)
            listed = Listed(self.sampler, configurations)
            return Planned(listed, vocabulary, len(candidates), draw, candidates)
        trials = self.n_trials or DRAWS
        strategy, vocabulary = translated(
            self.model, self.space, self.sampler, trials=trials, seed=draw.seed, resumed=resumed
        )
        return Planned(strategy, vocabulary, trials, draw)

    def assignment(self, vocabulary: Vocabulary, threads: int = 1) -> ForeignAssignment:
        """What workers are told."""
        return ForeignAssignment(
            estimator=self.estimator, scorer=self.scorer, vocabulary=vocabulary,
            objective=self.objective, names=self.names, error_score=self.error_score,
            return_train_score=self.return_train_score, config=self.config, threads=threads,
        )  # fmt: skip

    def header(self, runner: str, threads: int, key: str, planned: "Planned") -> dict[str, Any]:
        """What the record says of the sweep before its first trial; ``threads``: of a fit."""
        from sklearn.base import is_classifier, is_regressor

        task = "other"
        if is_classifier(self.estimator):
            task = "classification"
        elif is_regressor(self.estimator):
            task = "regression"
        return {
            "metric": self.objective, "metrics": list(self.names), "direction": "maximize",
            "task": task, "target": "y", **_classes(self.rows.y, task == "classification"),
            "rows_searched": _rows(self.rows.X), "fingerprint": key, "table": key,
            "folds": len(self.splits), "repeats": 1, "runner": runner, "machine": machine(),
            "budget": planned.budget,
            "spec": {"resources": {"cpus_per_trial": threads}, "search": {"sampler": self.sampler}},
            "searchcv": {"key": key, "estimator": _shown(self.estimator), **planned.header},
        }  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """``candidates``: where they are known beforehand, else empty. ``budget``: how many trials."""

    strategy: Listed | Translated
    vocabulary: Vocabulary
    budget: int
    draw: "_Draw"
    candidates: Sequence[dict[str, Any]] = field(default=())

    @property
    def header(self) -> dict[str, Any]:
        """What a fit that goes on with it has to know."""
        return {"draw": self.draw.told}

    def check(self, estimator: Any) -> None:
        """Set parameters as a trial would, once for each set of names and each object.

        Raises:
            ValueError: the estimator's own, for a parameter that it lacks.
        """
        from sklearn.base import clone

        tried: set[Any] = set()
        for params in self.candidates:
            plain = (bool, int, float, str, np.generic, type(None))
            objects = tuple(id(each) for each in params.values() if not isinstance(each, plain))
            sort = (tuple(sorted(params)), objects)
            if sort not in tried and len(tried) < CHECKED:
                tried.add(sort)
                clone(estimator).set_params(**clone(params, safe=False))


class _Draw:
    """Where random draws begin, so that a fit that goes on draws the same.

    Without a ``random_state`` it is where NumPy's own global stream stands, which moves on as it
    would under RandomizedSearchCV.
    """

    def __init__(self, generator: Any, told: Any) -> None:
        self.generator = generator
        self.told = told

    @classmethod
    def of(cls, random_state: Any, told: Any) -> "_Draw":
        """``told``: what the record of the sweep has, if it has begun."""
        if random_state is not None:
            return cls(random_state, None)
        if told is None:
            kind, keys, place, has_gauss, cached = np.random.get_state(legacy=True)
            told = [kind, np.asarray(keys).astype("<u4").tobytes().hex(), place, has_gauss, cached]
            return cls(np.random.mtrand._rand, told)
        kind, keys, *rest = told
        stream = np.random.RandomState()
        stream.set_state((kind, np.frombuffer(bytes.fromhex(keys), "<u4"), *rest))
        return cls(stream, told)

    @property
    def seed(self) -> int:
        """For samplers that take a number."""
        from sklearn.utils import check_random_state

        if isinstance(self.generator, int | np.integer):
            return int(self.generator)
        return int(check_random_state(self.generator).randint(2**31 - 1))


def _rows(X: Any) -> int:
    from sklearn.utils.validation import _num_samples

    return int(_num_samples(X))


def _classes(y: Any, wanted: bool) -> dict[str, Any]:
    """What a report says of the labels; nothing where they are no plain column."""
    values = np.asarray(y) if wanted and y is not None else np.empty((0, 0))
    if values.ndim != 1 or len(values) == 0:
        return {"classes": [], "positive": None, "positive_share": None}
    classes, counts = np.unique(values.astype(str), return_counts=True)
    two = len(classes) == 2
    return {
        "classes": classes.tolist()[:100],
        "positive": str(classes[1]) if two else None,  # the second, as in scikit-learn
        "positive_share": float(counts[1] / counts.sum()) if two else None,
    }


def _shown(estimator: Any) -> str:
    """One line."""
    said = " ".join(repr(estimator).split())
    return said if len(said) <= 500 else f"{said[:497]}..."
