"""For which models it matters which worker has a fold's rows."""

import numpy as np
import pandas as pd
import pytest

from quintain import binning
from quintain.prepare import prepare
from search.spec import read_spec

RATE = {"learning_rate": {"float": [0.1, 0.3]}}


def costly(**blocks):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    frame["y"] = (frame["a"] > 0).astype(int)
    spec = {
        "name": "binning", "data": {"source": "given", "target": "y"},
        "model": [
            {"name": name, "estimator": "xgboost", "space": RATE} | block
            for name, block in blocks.items()
        ],
    }  # fmt: skip
    return binning.costly_folds(prepare(read_spec(spec), frame))


def test_small_tables_have_none():
    assert costly(plain={}) == frozenset()


@pytest.mark.parametrize(
    "other",
    [
        {"space": RATE | {"max_bin": {"int": [64, 256]}}},
        {"space": RATE | {"tree_method": {"choice": ["hist", "approx"]}}},
        {"params": {"tree_method": "exact"}},
        {"estimator": "logistic_regression", "space": {"C": {"float": [0.1, 1.0]}}},
    ],
)
def test_those_whose_trials_bin_alike(monkeypatch, other):
    """Where what bins is searched, few trials could use another's matrix."""
    monkeypatch.setattr(binning, "COSTLY_VALUES", 100)
    assert costly(plain={}, other=other) == {"plain"}
