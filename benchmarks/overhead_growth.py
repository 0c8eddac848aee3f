"""Does a trial cost more the more there were: next to nothing is fitted, on the local runner."""

import statistics
import tempfile
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

#: Trials over which a mean is taken at each place.
SPAN = 200


class Nothing(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Scores by a column: a fit of no cost. The parameters only tell configurations apart."""

    def __init__(self, a: float = 0.0, b: float = 0.0, c: float = 0.0) -> None:
        self.a, self.b, self.c = a, b, c

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> "Nothing":
        """Nothing."""
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:
        """Better near the middle of the space, so that a sampler has something to follow."""
        off = (self.a - 0.5) ** 2 + (self.b - 0.5) ** 2 + (self.c - 0.5) ** 2
        score = 1 / (1 + np.exp(-(X[:, 0] + off * X[:, 1])))
        return np.column_stack([1 - score, score])

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """By the first column."""
        labels: NDArray[Any] = (X[:, 0] > 0).astype(int)
        return labels


def growth(trials: int) -> dict[str, dict[int, float]]:
    """By sampler: wall milliseconds of a trial around each number of trials done."""
    return {sampler: cost_along(sampler, trials) for sampler in ("random", "tpe")}


def cost_along(sampler: str, trials: int) -> dict[int, float]:
    """One sweep, from its record: two workers, two folds, a hundred rows."""
    import quintain
    from search.records import Records

    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=100) > 0).astype(int)
    axis = {"float": [0.0, 1.0]}
    spec = {
        "name": "growth", "holdout": {"test_size": False},
        "evaluate": {"metric": "roc_auc", "metrics": [], "folds": 2},
        "search": {"trials": trials, "sampler": sampler, "max_concurrent": 2},
        "model": [{"estimator": "benchmarks.overhead_growth:Nothing",
                   "space": dict.fromkeys("abc", axis)}],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        url = f"{folder}/records.db"
        result = quintain.run(spec, (X, y), runner="local", records=url, progress=False, plan=False)
        with Records.open(url, create=False) as store:
            entries = store.entries(result.sweep)
    ends = sorted(entry.time for entry in entries if entry.kind == "ended")
    if len(ends) != trials:
        raise SystemExit(f"{len(ends)} of {trials} trials ended")
    places = [place for place in (200, 1000, 2000, 5000, 10_000, 20_000) if place < trials]
    return {
        place: 1000 * statistics.fmean(later - one for one, later in pairwise(_around(ends, place)))
        for place in [*places, trials]
    }


def _around(ends: list[float], place: int) -> list[float]:
    """The moments of the trials about that place, at most ``SPAN`` of them."""
    last = min(len(ends), place + SPAN // 2)
    return ends[max(0, last - SPAN) : last]


def growth_lines(found: dict[str, dict[int, float]], trials: int) -> list[str]:
    """A line for each sampler, and how the end compares with the 200th trial."""
    told = ["next to no fit, local runner: wall ms of a trial around so many trials done"]
    laws = {"random": "no growth", "tpe": "under 2 times"}
    for sampler, along in found.items():
        figures = ", ".join(f"{place}: {each:.1f}" for place, each in along.items())
        ratio = along[trials] / along[min(along)]
        told.append(f"{sampler:<7}{figures}; end / 200th {ratio:.2f} (law: {laws[sampler]})")
    return told
