"""benchmarks.honesty truth: the estimate beside what the winner scores on held-back rows."""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student

import quintain
from benchmarks.honesty_portions import Claim, Line, Part, Task, mean_and_error
from evaluators.ladder import one_test_set
from evaluators.metrics import resolve
from evaluators.scored_rows import labels_of
from evaluators.types import Ints
from examples import real_data

HELD_BACK = 20_000
ROWS = (1000, 2000, 3000)
TRIALS = 40
#: Mean bias that is allowed, by metric.
BIAS = {"roc_auc": 0.01, "balanced_accuracy": 0.01, "average_precision": 0.02, "f1": 0.02}
COVERED = (0.91, 0.98)

#: Table, target, and what is left out: a weight, a copy, and how long the call then lasted.
TABLES: dict[str, tuple[Callable[[], pd.DataFrame], str, list[str]]] = {
    "adult": (real_data.adult, "income", ["fnlwgt", "educational-num"]),
    "flights": (real_data.flights, "late", []),
    "bank": (real_data.bank_marketing, "y", ["duration"]),
}
MODELS: list[dict[str, Any]] = [
    {
        "estimator": "logistic_regression",
        "class_weight": ["none", "balanced"],
        "space": {"C": {"float": [0.001, 10.0], "log": True}},
    },
    {
        "estimator": "xgboost",
        "class_weight": ["none", "balanced"],
        "space": {
            "n_estimators": {"int": [10, 60]},
            "max_depth": {"int": [1, 5]},
            "learning_rate": {"float": [0.03, 0.6], "log": True},
            "subsample": {"float": [0.5, 1.0]},
            "reg_lambda": {"float": [0.01, 100.0], "log": True},
        },
    },
]


@cache
def table(name: str) -> pd.DataFrame:
    """All rows of one table, once per process."""
    return TABLES[name][0]()


def drawn(task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A development sample of this replicate's own, and other, held-back rows."""
    whole, rows = table(task["table"]), int(task["rows"])
    place = list(TABLES).index(task["table"]), list(BIAS).index(task["metric"])
    generator = np.random.default_rng((314159, *place, int(task["seed"])))
    order = generator.permutation(len(whole))
    return whole.iloc[order[:rows]], whole.iloc[order[rows : rows + HELD_BACK]]


def replicate(task: Task) -> Line:
    """One sweep on a development sample, its winner on the rows held back."""
    began = time.perf_counter()
    name, metric, seed = str(task["table"]), str(task["metric"]), int(task["seed"])
    development, held_back = drawn(task)
    _, target, drop = TABLES[name]
    spec = {
        "name": name,
        "data": {"target": target, "drop": drop},
        "holdout": {"test_size": False},
        "evaluate": {"metric": metric, "metrics": []},
        "search": {"trials": TRIALS, "seed": seed},
        "model": MODELS,
    }
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "records.db")
        result = quintain.run(spec, development, runner="inline", records=store, progress=False)
    found = result.to_json()
    best, estimate = found["best"], found["estimate"]
    low, high = naive_interval(best["selection_score"], best["folds"])
    return {
        "truth": truth(result, held_back, target, metric),
        "estimate": {key: estimate[key] for key in ("score", "low", "high", "method")},
        "selection": {"score": best["selection_score"], "low": low, "high": high},
        "bbc": estimate["bbc"],
        "model": best["model"],
        "seconds": time.perf_counter() - began,
    }


def truth(result: quintain.Result, rows: pd.DataFrame, target: str, metric: str) -> float:
    """What the winner, refitted on the whole development sample, scores on ``rows``."""
    model = result.fit()
    output, kind = model.outputs(rows.drop(columns=target))
    right: Ints = (rows[target] == model.classes[1]).to_numpy().astype(np.int64)
    labels = labels_of(output, kind, model.threshold)
    return one_test_set(np.arange(len(rows)), right, output, kind, labels).score(
        resolve(metric, binary=True)
    )


def naive_interval(score: float, folds: Sequence[float]) -> tuple[float, float]:
    """What is usually printed: the best selection score and the plain t interval of its folds."""
    error = float(np.std(folds, ddof=1)) / math.sqrt(len(folds))
    half = float(student.ppf(0.975, len(folds) - 1)) * error
    return score - half, score + half


def tasks(repeats: int) -> list[Task]:
    """So many in all, dealt over tables, metrics and sizes in turn."""
    cells = [{"table": name, "metric": metric} for name, metric in product(TABLES, BIAS)]
    return [
        cells[number % len(cells)]
        | {"seed": (seed := number // len(cells)), "rows": ROWS[seed % 3]}
        for number in range(repeats)
    ]


def claims(lines: Sequence[Line]) -> list[Claim]:
    """Metric by metric, then by table."""
    found = []
    for metric, allowed in BIAS.items():
        of_metric = [line for line in lines if line["task"]["metric"] == metric]
        if of_metric:
            found += _claims(metric, of_metric, allowed)
    if lines:
        share, error = _coverage(lines, "estimate")
        low, high = COVERED
        found.append(
            Claim(f"all, {len(lines)} sweeps: intervals that cover", share, error,
                  f"{low} to {high}", low <= share <= high)
        )  # fmt: skip
    return found


def _claims(metric: str, lines: Sequence[Line], allowed: float) -> list[Claim]:
    of = f"{metric}, {len(lines)} sweeps:"
    bias, error = _bias(lines, "estimate")
    told = [
        Claim(f"{of} truth", *mean_and_error(line["truth"] for line in lines)),
        Claim(f"{of} estimate - truth", bias, error, f"within {allowed}", abs(bias) <= allowed),
        Claim(f"{of} intervals that cover", *_coverage(lines, "estimate")),
        Claim(f"{of} width", *mean_and_error(_width(line) for line in lines)),
    ]
    for other, name in (("selection", "naive"), ("bbc", "BBC-CV")):
        known = [line for line in lines if line[other]]
        if known:
            told.append(Claim(f"{of} {name} - truth", *_bias(known, other)))
            told.append(Claim(f"{of} {name} intervals that cover", *_coverage(known, other)))
    for table_name in TABLES:
        here = [line for line in lines if line["task"]["table"] == table_name]
        if here:
            told.append(Claim(f"{of} on {table_name}, estimate - truth", *_bias(here, "estimate")))
    return told


def _bias(lines: Sequence[Line], of: str) -> tuple[float, float]:
    return mean_and_error(line[of]["score"] - line["truth"] for line in lines)


def _coverage(lines: Sequence[Line], of: str) -> tuple[float, float]:
    return mean_and_error(line[of]["low"] <= line["truth"] <= line[of]["high"] for line in lines)


def _width(line: Line) -> float:
    return float(line["estimate"]["high"] - line["estimate"]["low"])


PART = Part("truth", 204, tasks, replicate, claims)
