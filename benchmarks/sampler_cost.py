"""What one suggestion costs, by how many trials are known.

The space has two models and a conditional parameter. For each count a fresh sampler is told that
many random trials; then suggestions are asked for and told, one hundred at a time, so that
whatever a sampler does now and then is in the mean.
"""

import argparse
import json
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from itertools import islice
from math import log10
from pathlib import Path

import optuna

from evaluators.types import Configuration
from search.sequences import RandomDraws, draws
from search.space import Choice, Float, Int, Parameter, Space
from search.strategy import Strategy, Verdict
from search.tpe import TreeParzen

COUNTS = (100, 500, 1000, 2000)
SPACE = Space(
    {
        "boosted": (
            Parameter("max_depth", Int(3, 10)),
            Parameter("learning_rate", Float(0.001, 0.3, log=True)),
            Parameter("subsample", Float(0.5, 1.0, step=0.1)),
            Parameter("colsample", Float(0.3, 1.0)),
            Parameter("reg_lambda", Float(0.01, 100.0, log=True)),
            Parameter("booster", Choice(("gbtree", "dart"))),
            Parameter("rate_drop", Float(0.0, 0.5), when=(("booster", ("dart",)),)),
        ),
        "linear": (
            Parameter("C", Float(0.001, 100.0, log=True)),
            Parameter("penalty", Choice(("l1", "l2"))),
        ),
    }
)


class PlainOptuna:
    """Optuna's own TPE with its option ``group``: what ours is measured against."""

    name = "optuna"

    def __init__(self, seed: int) -> None:
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(multivariate=True, group=True, seed=seed)
        self._study = optuna.create_study(sampler=sampler)
        self._running: dict[int, optuna.Trial] = {}

    def ask(self, trial: int) -> Configuration:
        """The model, then its parameters."""
        asked = self._running[trial] = self._study.ask()
        model = asked.suggest_categorical("model", tuple(SPACE.models))
        return Configuration(model, SPACE.suggest(asked, model))

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """Every trial has a score here."""
        if trial not in self._running:
            self.remember(trial, configuration)
        self._study.tell(self._running.pop(trial), score)

    def remember(self, trial: int, configuration: Configuration) -> None:
        """The trial is running."""
        model = configuration.model
        named = {f"{model}.{name}": value for name, value in configuration.params.items()}
        self._study.enqueue_trial({"model": model, **named})
        self.ask(trial)

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """Nothing is looked at here."""


SAMPLERS: dict[str, Callable[[int], Strategy]] = {
    "tpe": lambda seed: TreeParzen(SPACE, direction="minimize", seed=seed),
    "tpe, no limit": lambda seed: TreeParzen(SPACE, direction="minimize", seed=seed, limit=None),
    "optuna": PlainOptuna,
    "random": lambda seed: RandomDraws(SPACE, seed=seed),
}


def loss(configuration: Configuration) -> float:
    """A smooth landscape with its best place among the boosted ones."""
    params = configuration.params
    if configuration.model == "linear":
        return 0.12 + 0.02 * log10(params["C"]) ** 2
    return float(
        0.03
        + 0.004 * (params["max_depth"] - 6) ** 2
        + 0.06 * (log10(params["learning_rate"]) + 1.5) ** 2
        + 0.3 * (params["subsample"] - 0.8) ** 2
        + 0.2 * (params["colsample"] - 0.6) ** 2
        + 0.3 * (params.get("rate_drop", 0.2) - 0.1) ** 2
    )


def cost(strategy: Strategy, known: int, asks: int, seed: int) -> dict[str, float]:
    """Milliseconds per suggestion, told ones included, with ``known`` trials and a few more."""
    for trial, drawn in enumerate(islice(draws(SPACE, (seed,)), known)):
        strategy.tell(trial, drawn, loss(drawn), "completed")
    wall_ms = []
    busy = time.process_time()
    for trial in range(known, known + asks):
        began = time.perf_counter()
        configuration = strategy.ask(trial)
        assert configuration is not None
        strategy.tell(trial, configuration, loss(configuration), "completed")
        wall_ms.append(1000 * (time.perf_counter() - began))
    return {
        "mean_ms": statistics.mean(wall_ms),
        "median_ms": statistics.median(wall_ms),
        "worst_ms": max(wall_ms),
        "cpu_ms": 1000 * (time.process_time() - busy) / asks,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="known trials")
    parser.add_argument("--asks", type=int, default=100, help="suggestions measured at each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="where to write the figures as JSON")
    chosen = parser.parse_args()
    print(f"{'sampler':<15}{'known':>7}{'mean ms':>10}{'median':>10}{'worst':>10}{'CPU ms':>10}")
    rows = []
    for name, make in SAMPLERS.items():
        for known in chosen.counts:
            row = cost(make(chosen.seed), known, chosen.asks, chosen.seed)
            figures = "".join(f"{figure:>10.2f}" for figure in row.values())
            print(f"{name:<15}{known:>7}{figures}", flush=True)
            rows.append({"sampler": name, "known": known, **row})
    if chosen.output:
        machine = {"cores": os.cpu_count(), "python": platform.python_version()}
        versions = {package: version(package) for package in ("optuna", "numpy")}
        written = {"machine": machine, "versions": versions, "asks": chosen.asks, "rows": rows}
        chosen.output.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
