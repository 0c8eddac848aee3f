"""A user's model that takes so many megabytes, at once and for a second."""

import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Eater(ClassifierMixin, BaseEstimator):
    """``megabytes`` of own memory; ``slowly``: in steps, so that whoever looks can see it."""

    def __init__(self, megabytes=0, slowly=True):
        self.megabytes = megabytes
        self.slowly = slowly

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        held = []
        for _ in range(int(self.megabytes) // 20):
            held.append(np.ones(20 * 2**17))
            time.sleep(0.02 * self.slowly)
        return self

    def predict_proba(self, X):
        score = 1 / (1 + np.exp(-X[:, 0]))
        return np.column_stack([1 - score, score])

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0).astype(int)]
