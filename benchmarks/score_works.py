"""What the searches of ``time_to_score`` work on: tables and held-back rows.

Everybody gets the same float32 matrix: categories come as the numbers of their levels, so that no
system has to encode anything and none gains by doing it better.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from benchmarks.plan_accuracy import tables
from benchmarks.score_space import FIXED

COLUMNS, POSITIVE = 30, 0.03
#: Rows to search on and rows held back, of the made work.
MEDIUM, MEDIUM_QUICK = (100_000, 50_000), (5_000, 8_000)
#: Of a real table.
HELD_SHARE = 0.25
REAL_QUICK = 6_000


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """A table in two parts; the labels are 1 for the rarer class, else 0.

    Attributes:
        X, y: what a search may see.
        X_held, y_held: what its incumbents are judged on; no search sees them.
    """

    name: str
    X: Any
    y: Any
    X_held: Any
    y_held: Any

    @property
    def baseline(self) -> float:
        """Average precision of a constant on the held-back rows: their positive share."""
        return float(np.mean(self.y_held))


class Judge:
    """Scores configurations on held-back rows, each once."""

    def __init__(self, work: Work, threads: int) -> None:
        self._work, self._threads = work, threads
        self._known: dict[tuple[tuple[str, float], ...], float] = {}

    def __call__(self, params: Mapping[str, float]) -> float:
        """Average precision there of a fit on all rows that a search may see."""
        from xgboost import XGBClassifier

        key = tuple(sorted(params.items()))
        if key not in self._known:
            work = self._work
            model = XGBClassifier(**params, **FIXED, n_jobs=self._threads, random_state=0)
            told = model.fit(work.X, work.y).predict_proba(work.X_held)[:, 1]
            self._known[key] = float(average_precision_score(work.y_held, told))
        return self._known[key]


def work_of(name: str, seed: int, quick: bool) -> Work:
    """The work of that name ("medium" or a table of ``plan_accuracy``); the seed splits it."""
    if name == "medium":
        searched, held = MEDIUM_QUICK if quick else MEDIUM
        X, y = made(searched + held)
    else:
        X, y = encoded(*tables()[name])
        held = round(HELD_SHARE * len(X))
        if quick and len(X) > REAL_QUICK:
            X, _, y, _ = train_test_split(
                X, y, train_size=REAL_QUICK, stratify=y, random_state=seed
            )
            held = round(HELD_SHARE * REAL_QUICK)
    X, X_held, y, y_held = train_test_split(X, y, test_size=held, stratify=y, random_state=seed)
    return Work(name, X, y, X_held, y_held)


def made(rows: int) -> tuple[Any, Any]:
    """(rows, COLUMNS) float32 of clusters that only deep or many trees tell apart, 3% positive."""
    X, y = make_classification(
        rows, COLUMNS, n_informative=10, n_redundant=5, n_clusters_per_class=6,
        weights=[1 - POSITIVE], flip_y=0.01, class_sep=0.8, random_state=0,
    )  # fmt: skip
    return X.astype(np.float32), y.astype(np.int8)


def encoded(load: Callable[[], pd.DataFrame], target: str) -> tuple[Any, Any]:
    """A real table as float32, levels of text as numbers, what is missing as NaN."""
    table = load()
    labels = table.pop(target)
    y = (labels == labels.value_counts().index[-1]).to_numpy(dtype=np.int8)
    columns = {}
    for name, column in table.items():
        if not pd.api.types.is_numeric_dtype(column):
            codes = column.astype("category").cat.codes
            column = codes.where(codes >= 0)
        columns[name] = column.astype(np.float32)
    return pd.DataFrame(columns).to_numpy(dtype=np.float32), y
