"""What pooled metrics, intervals and BBC-CV cost on many rows, and what binning changes.

One core, made-up outputs: 5% positives, trials that rank alike but for noise, five folds. Law held
to (issue 3): pooled metrics of all trials, the bootstrap of the winner and BBC-CV over all of them
take under 20 seconds of CPU together at 100,000 rows and 100 trials, by any metric of ours that is
not run whole on every draw.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.bootstrap import OutOfFold, bootstrap, drawn_weights
from evaluators.metrics import Metric, resolve, standard_set
from evaluators.optimism import bbc
from evaluators.types import Floats, Ints
from evaluators.weighing import BINS, Weights, weigher

LIMIT_S = 20.0
METRICS = ("f1", "roc_auc", "average_precision", "recall_at_precision@0.5", "brier", "log_loss")
RANKINGS = ("roc_auc", "average_precision", "recall_at_precision@0.5", "precision_at_recall@0.5")
#: Rows and share of positives for the error of binning.
TABLES = ((10_000, 0.2), (100_000, 0.05), (100_000, 0.005))


def made_up(rows: int, trials: int, share: float, seed: int) -> list[OutOfFold]:
    """Trials on the same rows and folds."""
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < share).astype(np.int64)
    fold = rng.integers(0, 5, rows)
    order = np.argsort(fold, kind="stable")
    score = rng.normal(size=rows) + 1.5 * target - 2
    return [
        _trial(order, fold, target, score + rng.normal(scale=0.3, size=rows)) for _ in range(trials)
    ]


def _trial(order: Ints, fold: Ints, target: Ints, score: Floats) -> OutOfFold:
    output = (1 / (1 + np.exp(-score)))[order]
    nothing = np.zeros(len(order), dtype=np.int64)
    labels = (output > 0.5).astype(np.int64)
    return OutOfFold(order, fold[order], nothing, target[order], output, "proba", labels)


def seconds(work: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """CPU seconds, and what came of it."""
    began = time.process_time()
    found = work(*arguments)
    return time.process_time() - began, found


def costs(rows: int, trials: int, seed: int) -> list[dict[str, Any]]:
    """A row a metric, with the pooled metrics of all trials in each total."""
    every = made_up(rows, trials, 0.05, seed)
    standard = [resolve(name, binary=True) for name in standard_set(binary=True)]
    pooled_s, _ = seconds(lambda: [trial.score(each) for trial in every for each in standard])
    print(f"{len(standard)} pooled metrics of {trials} trials of {rows} rows: {pooled_s:.1f} s CPU")
    print(f"{'metric':<26}{'bootstrap':>10}{'BBC-CV':>10}{'together':>10}   draws")
    found = []
    for name in METRICS:
        metric = resolve(name, binary=True)
        one_s, one = seconds(bootstrap, metric, every[0])
        all_s, (_, interval) = seconds(bbc, metric, every)
        total = pooled_s + one_s + all_s
        print(f"{name:<26}{one_s:>10.1f}{all_s:>10.1f}{total:>10.1f}   {interval.method}")
        found.append(
            {"metric": name, "rows": rows, "trials": trials, "pooled_s": pooled_s,
             "bootstrap_s": one_s, "bbc_s": all_s, "total_s": total,
             "bootstrap": one.method, "bbc": interval.method}
        )  # fmt: skip
    return found


def binned(metric: Metric, trial: OutOfFold, weights: Weights) -> tuple[float, float]:
    """How far bins move the ends of a 95% interval, as a share of its width.

    And one draw's score, as a share of the spread of the draws.
    """
    units = np.sort(trial.rows)
    exact, rough = (weigher(metric, trial, units, bins)(weights) for bins in (len(units), BINS))
    ends = [np.quantile(values, (0.025, 0.975)) for values in (exact, rough)]
    moved = np.abs(ends[1] - ends[0]).max() / np.ptp(ends[0])
    return float(moved), float(np.sqrt(np.mean((rough - exact) ** 2)) / exact.std())


def errors(draws: int, seed: int) -> list[dict[str, Any]]:
    """A row for each ranking metric and table."""
    print(f"{'metric':<26}{'rows':>9}{'positives':>11}{'ends moved':>12}{'one draw':>10}")
    found = []
    for rows, share in TABLES:
        (trial,) = made_up(rows, 1, share, seed)
        target = np.empty(rows, dtype=np.int64)
        target[trial.rows] = trial.target
        weights = np.concatenate(list(drawn_weights(target, np.arange(rows), draws, seed)), axis=1)
        for name in RANKINGS:
            moved, draw = binned(resolve(name, binary=True), trial, weights)
            print(f"{name:<26}{rows:>9}{share:>11.1%}{moved:>12.2%}{draw:>10.2%}", flush=True)
            found.append({"metric": name, "rows": rows, "positives": share, "draws": draws,
                          "ends_moved": moved, "one_draw": draw})  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--draws", type=int, default=300, help="for the error of binning")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    chosen = parser.parse_args()
    cost = costs(chosen.rows, chosen.trials, chosen.seed)
    error = errors(chosen.draws, chosen.seed)
    worst = max(row["total_s"] for row in cost)
    verdict = "kept" if worst < LIMIT_S else "BROKEN"
    print(f"at most {worst:.1f} s of CPU, limit {LIMIT_S:g} s: {verdict}")
    if chosen.output:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        versions = {package: version(package) for package in ("numpy", "scipy")}
        written = {"machine": machine, "versions": versions, "cost": cost, "bins": error}
        chosen.output.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
