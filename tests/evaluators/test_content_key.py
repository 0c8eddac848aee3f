"""Equal fits have equal keys in every process; a fit that would do something else has another."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.stats import loguniform, uniform
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from evaluators.content_key import content_key

PROGRAM = """
import numpy as np, pandas as pd, scipy.sparse as sp
from scipy.stats import loguniform
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.base import BaseEstimator
from evaluators.content_key import content_key

class Own(BaseEstimator):
    def __init__(self, a=1, part=None):
        self.a, self.part = a, part
    def fit(self, X, y):
        return {"x", "y", "z"} & set(X)

frame = pd.DataFrame({"a": [1.5, None], "b": ["x", None], "c": pd.Categorical(["u", "v"])})
print(content_key(
    make_pipeline(FunctionTransformer(lambda v: v + 1), LogisticRegression(C=2)),
    Own(part=FunctionTransformer(np.log1p)), {"C": loguniform(1, 2), "d": {"k", "l", "m"}},
    make_scorer(recall_score, pos_label=0), frame, sp.eye(3, format="csr"), ["text", "other"],
    np.random.RandomState(3), {"b": 1, "a": object()},
))
"""


def test_every_process_finds_the_same():
    """Whatever the seed of its hashes and its addresses."""
    found = set()
    for seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed,
                 "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        found.add(done.stdout)
    assert len(found) == 1
    assert len(found.pop().strip()) == 32


def test_whatever_would_change_a_score_changes_the_key():
    """Each of these is another fit."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    one = make_pipeline(StandardScaler(), LogisticRegression())
    k = 3
    things = [
        one, make_pipeline(StandardScaler(), LogisticRegression(C=2)),
        make_pipeline(StandardScaler(with_mean=False), LogisticRegression()),
        FunctionTransformer(lambda v: v * 2), FunctionTransformer(lambda v: v * 3),
        FunctionTransformer(lambda v: v * k), uniform(0, 1), uniform(0, 2), loguniform(1, 2),
        {"C": [1, 2]}, {"C": [1, 2.0]}, {"C": [2, 1]}, [{"C": [1, 2]}], StratifiedKFold(3),
        StratifiedKFold(4), make_scorer(recall_score), make_scorer(recall_score, pos_label=0),
        frame, frame.assign(b=["x", "z"]), frame.rename(columns={"a": "c"}), frame["a"],
        np.arange(6), np.arange(6.0), np.arange(6).reshape(2, 3), sp.eye(3, format="csr"),
        sp.eye(3, format="csc"), ["ab", "c"], ["a", "bc"], np.random.RandomState(1),
        np.random.RandomState(2), 0, 0.0, False, None, "0",
    ]  # fmt: skip
    keys = [content_key(thing) for thing in things]
    assert len(set(keys)) == len(keys)
    assert content_key(make_pipeline(StandardScaler(), LogisticRegression())) == keys[0]
