"""benchmarks.honesty noise: what a sweep says of labels that cannot be predicted."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import quintain
from benchmarks.honesty_portions import Claim, Line, Part, Task, mean_and_error, median_and_error
from evaluators.bootstrap import bootstrap
from evaluators.intervals import delong
from evaluators.ladder import one_test_set
from evaluators.metrics import resolve
from evaluators.scored_rows import labels_of
from evaluators.types import Ints

ROWS, FEATURES, TRIALS = 300, 8, 60
CHANCE = 0.5
METRICS = ("roc_auc", "balanced_accuracy")
#: At least so many of the intervals cover chance.
COVERED = 0.93
#: The median interval is at most so many times as wide as that of a fresh test set.
WIDTH = 1.3

#: Quick to fit, and unlike each other enough for the best of 60 to be lucky.
TREE: dict[str, Any] = {
    "estimator": "sklearn.tree:DecisionTreeClassifier",
    "space": {
        "max_depth": {"int": [1, 10]},
        "min_samples_leaf": {"int": [1, 40]},
        "max_features": {"float": [0.2, 1.0]},
        "criterion": {"choice": ["gini", "entropy"]},
    },
}


def noise(seed: int, rows: int = ROWS) -> tuple[pd.DataFrame, Ints]:
    """Normal features, and a fair coin for each label."""
    generator = np.random.default_rng((271828, seed))
    values = generator.normal(size=(rows, FEATURES))
    return pd.DataFrame(values).add_prefix("x"), generator.integers(0, 2, rows)


def searched(
    data: tuple[pd.DataFrame, Ints], metric: str, seed: int, **search: Any
) -> quintain.Result:
    """A sweep by the front door, in a store of its own. ``search``: more of the spec's section."""
    spec = {
        "name": "noise",
        "holdout": {"test_size": False},
        "evaluate": {"metric": metric, "metrics": []},
        "search": {"trials": TRIALS, "seed": seed, **search},
        "model": [TREE],
    }
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "records.db")
        return quintain.run(spec, data, runner="inline", records=store, progress=False)


def replicate(task: Task) -> Line:
    """One sweep on noise, and its winner on as many fresh rows."""
    began = time.perf_counter()
    metric, seed = str(task["metric"]), int(task["seed"])
    values, target = noise(seed, 2 * ROWS)
    result = searched((values[:ROWS], target[:ROWS]), metric, seed)
    found = result.to_json()
    output, kind = result.fit().outputs(values[ROWS:])
    fresh = target[ROWS:]
    if metric == "roc_auc":
        interval = delong(fresh, output)[1]
    else:
        test_set = one_test_set(np.arange(ROWS), fresh, output, kind, labels_of(output, kind))
        interval = bootstrap(resolve(metric, binary=True), test_set)
    return {
        "estimate": _short(found["estimate"]),
        "selection": found["best"]["selection_score"],
        "fresh_width": interval.width,
        "seconds": time.perf_counter() - began,
    }


def _short(estimate: dict[str, Any]) -> dict[str, Any]:
    """Without what differs little between replicates."""
    return {name: estimate[name] for name in ("score", "low", "high", "method", "bbc", "tried")}


def tasks(repeats: int) -> list[Task]:
    return [{"metric": metric, "seed": seed} for metric in METRICS for seed in range(repeats)]


def claims(lines: Sequence[Line]) -> list[Claim]:
    """Metric by metric."""
    found = []
    for metric in METRICS:
        of_metric = [line for line in lines if line["task"]["metric"] == metric]
        found += _claims(metric, of_metric) if of_metric else []
    return found


def _claims(metric: str, lines: Sequence[Line]) -> list[Claim]:
    estimates = [line["estimate"] for line in lines]
    covered = [each["low"] <= CHANCE <= each["high"] for each in estimates]
    share, share_error = mean_and_error(covered)
    lucky, lucky_error = mean_and_error(line["selection"] - CHANCE for line in lines)
    bias = mean_and_error(each["score"] - CHANCE for each in estimates)
    width = median_and_error(each["high"] - each["low"] for each in estimates)
    fresh = median_and_error(line["fresh_width"] for line in lines)
    ratio = width[0] / fresh[0]
    ratio_error = ratio * np.hypot(width[1] / width[0], fresh[1] / fresh[0])
    of = f"{metric}, {len(lines)} sweeps:"
    told = [
        Claim(f"{of} intervals that cover chance", share, share_error,
              f">= {COVERED} ({sum(covered)} do)", share >= COVERED),
        Claim(f"{of} selection score - chance", lucky, lucky_error,
              "> 3 standard errors", lucky > 3 * lucky_error),
        Claim(f"{of} estimate - chance", *bias),
        Claim(f"{of} median width", *width),
        Claim(f"{of} the same / fresh test set", ratio, ratio_error, f"<= {WIDTH}", ratio <= WIDTH),
    ]  # fmt: skip
    known = [each["bbc"] for each in estimates if each["bbc"]]
    if known:
        told.append(
            Claim(f"{of} BBC-CV - chance", *mean_and_error(b["score"] - CHANCE for b in known))
        )
    return told


PART = Part("noise", 300, tasks, replicate, claims)
