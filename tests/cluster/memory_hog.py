"""A user's model that takes more memory than the node has to spare, if asked to."""

import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

#: Bytes left to the node before Ray's memory monitor strikes.
SPARE = 2_500_000_000


class Hog(ClassifierMixin, BaseEstimator):
    """``greedy`` 1 takes twice what is spare and keeps it; anything else takes nothing."""

    def __init__(self, greedy=0):
        self.greedy = greedy

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.greedy == 1:
            held = []
            for _ in range(20):
                held.append(np.ones(SPARE // 80))
                time.sleep(0.05)
            time.sleep(20)  # until the monitor, which takes its time, has struck
        return self

    def predict_proba(self, X):
        score = 1 / (1 + np.exp(-X[:, 0]))
        return np.column_stack([1 - score, score])

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0).astype(int)]
