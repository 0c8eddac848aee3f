"""Models that take memory, for ``benchmarks.memory_packing``: they learn next to nothing."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin


class Eater(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Takes ``megabytes`` of own memory in steps, keeps them for ``seconds``, scores a column."""

    def __init__(self, megabytes: float = 0.0, seconds: float = 0.2) -> None:
        self.megabytes = megabytes
        self.seconds = seconds

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> "Eater":
        """Take it, and give it back."""
        self.classes_ = np.unique(y)
        held = []
        for _ in range(int(self.megabytes) // 20):
            held.append(np.ones(20 * 2**17))
            time.sleep(0.005)
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
