"""A model that sleeps, for ``benchmarks.scale``: its workers need next to no core."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin


class Sleeper(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Sleeps for ``seconds`` and scores by a column; ``x`` only tells configurations apart."""

    def __init__(self, seconds: float = 0.0, x: float = 0.0) -> None:
        self.seconds = seconds
        self.x = x

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> "Sleeper":
        """Sleep."""
        self.classes_ = np.unique(y)
        time.sleep(self.seconds)
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[Any]:
        """By the first column."""
        score = 1 / (1 + np.exp(-X[:, 0]))
        return np.column_stack([1 - score, score])

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """By the first column."""
        labels: NDArray[Any] = self.classes_[(X[:, 0] > 0).astype(int)]
        return labels
