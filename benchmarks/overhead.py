"""What a trial costs beyond its fits: many tiny ones on each runner, interleaved."""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

import quintain

SLOTS = 2


def table(rows: int = 2000) -> tuple[Any, Any]:
    X, y = make_classification(rows, 20, weights=[0.8], random_state=0)
    return X.astype(np.float32), y


def quintain_wall(runner: str, sampler: str, trials: int) -> dict[str, float]:
    """One sweep by our own program, start-up included."""
    spec = {
        "name": "tiny",
        "holdout": {"test_size": False},
        "evaluate": {"metric": "roc_auc", "metrics": []},
        "search": {"trials": trials, "sampler": sampler, "max_concurrent": SLOTS},
        "model": [
            {
                "estimator": "logistic_regression",
                "space": {"C": {"float": [0.001, 100.0], "log": True}},
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        result = quintain.run(
            spec, table(), runner=runner, records=f"{folder}/r.db", progress=False
        )
        whole_s = time.perf_counter() - started
        told = result.to_json()
    cost = told["resources"]
    return {"wall_s": told["wall_s"], "whole_s": whole_s, "ideal_s": cost["cpu_s"] / SLOTS}


def _fold_scores(C: float) -> float:
    X, y = table()
    started = time.process_time()
    cross_val_score(LogisticRegression(C=C), X, y, cv=5, scoring="roc_auc")
    return time.process_time() - started


def bare_wall(trials: int) -> dict[str, float]:
    """The floor: two forked processes and scikit-learn, no records, no profiler, no search."""
    candidates = np.geomspace(0.001, 100.0, trials)
    started = time.perf_counter()
    with get_context("fork").Pool(SLOTS) as pool:
        cpu = sum(pool.imap_unordered(_fold_scores, candidates))
    wall = time.perf_counter() - started
    return {"wall_s": wall, "whole_s": wall, "ideal_s": cpu / SLOTS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    given = parser.parse_args()
    ways: dict[str, Callable[[], dict[str, float]]] = {
        "bare fork": lambda: bare_wall(given.trials),
        "local, random": lambda: quintain_wall("local", "random", given.trials),
        "local, tpe": lambda: quintain_wall("local", "tpe", given.trials),
        "ray, random": lambda: quintain_wall("ray", "random", given.trials),
        "ray, tpe": lambda: quintain_wall("ray", "tpe", given.trials),
    }
    figures: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(given.repeats):
        for name, way in ways.items():
            figures[name].append(way())
    print(f"{given.trials} trials x 5 folds, {SLOTS} slots, medians of {given.repeats}")
    print(f"{'way':<15}{'search s':>10}{'with start s':>14}{'x ideal':>10}{'ms/trial above':>16}")
    for name, runs in figures.items():
        wall, whole, ideal = (
            statistics.median(run[key] for run in runs) for key in ("wall_s", "whole_s", "ideal_s")
        )
        above = (wall - ideal) / given.trials * 1000
        print(f"{name:<15}{wall:>10.2f}{whole:>14.2f}{wall / ideal:>10.2f}{above:>16.1f}")
    if given.output:
        given.output.write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
