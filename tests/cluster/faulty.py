"""A user's model that does what its parameter says: the real faults, for every runner."""

import ctypes
import os
import signal
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Faulty(ClassifierMixin, BaseEstimator):
    """Predicts by one feature, unless ``behaviour`` says otherwise."""

    def __init__(self, behaviour="fine", x=0.5, marks=""):
        self.behaviour = behaviour
        self.x = x
        self.marks = marks

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        match self.behaviour:
            case "error":
                raise RuntimeError("the user's own bug")
            case "memory_error":
                raise MemoryError("cannot allocate")
            case "pause":
                time.sleep(0.05)
            case "sleep":
                time.sleep(60)
            case "hold_gil":
                ctypes.PyDLL(None).sleep(60)
            case "segfault":
                ctypes.string_at(0)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "kill_once":
                self._kill_once()
            case "kill_third":
                time.sleep(1.05)
                self._kill_third()
        return self

    def _kill_third(self):
        """The third fit of all takes its worker down; each leaves a file."""
        made = len(os.listdir(self.marks))
        open(os.path.join(self.marks, f"{made}-{os.getpid()}"), "x").close()
        if made == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    def _kill_once(self):
        try:
            os.close(os.open(self.marks, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    def predict_proba(self, X):
        score = 1 / (1 + np.exp(-self.x * X[:, 0]))
        if self.behaviour == "nan":
            score = np.full(len(X), np.nan)
        return np.column_stack([1 - score, score])

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]
