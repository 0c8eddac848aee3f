"""What the drills search: a small table, and a model of the user's own whose fits take time."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

_MODELS = '''"""The user's own package: two modules, one of which imports the other."""
from drilled.pace import wait
from sklearn.linear_model import LogisticRegression


class Slow(LogisticRegression):
    def __init__(self, seconds=0.0, C=1.0):
        super().__init__(C=C)
        self.seconds = seconds

    def fit(self, X, y, sample_weight=None):
        wait(self.seconds)
        return super().fit(X, y)
'''
_PACE = """import time


def wait(seconds):
    time.sleep(seconds)
"""


def user_folder(folder: Path, rows: int = 300, seed: int = 0) -> Path:
    """A laptop's folder: table.csv and src/drilled, a package of two modules."""
    package = folder / "src" / "drilled"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text(_MODELS)
    (package / "pace.py").write_text(_PACE)
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(rows, 4)).round(4), columns=list("abcd"))
    table["y"] = (table["a"] + rng.normal(size=rows) > 0.5).astype(int)
    table.to_csv(folder / "table.csv", index=False)
    return folder


def spec(name: str, trials: int, fit_s: float = 0.0, **search: Any) -> dict[str, Any]:
    """A sweep of that folder: three folds a trial, each fit of so many seconds, none raced."""
    return {
        "name": name,
        "data": {"source": "table.csv", "target": "y"},
        "holdout": {"test_size": False},
        "evaluate": {"metric": "roc_auc", "folds": 3},
        "search": {"trials": trials, "sampler": "random", "pruner": "none", **search},
        "code": {"include": ["src/"]},
        "model": [
            {
                "estimator": "drilled.models:Slow", "params": {"seconds": fit_s},
                "space": {"C": {"float": [0.001, 100.0], "log": True}},
            }
        ],
    }  # fmt: skip
