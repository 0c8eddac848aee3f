"""Which parameters the score hangs on, as far as the trials of one sweep can tell.

For each model a random forest foresees the score from the parameters. A parameter's importance is
what the forest loses, in R² on trials it was not fitted on, when that parameter's values are
shuffled among them. A column of random numbers goes through the same and shows what an importance
of nothing looks like. fANOVA, as optuna has it, took 2.5 s for 60 trials; this takes 0.2 s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluators.types import Floats
from search.view_rows import TrialView

#: Completed trials of a model below which nothing is told.
FEWEST = 15
#: Trials used at most, evenly of the order of asking.
MOST = 400
FOLDS, TREES, SHUFFLES = 5, 16, 4
NOISE = "(random numbers)"


@dataclass(frozen=True, slots=True)
class Importance:
    """Of one parameter: mean, lowest and highest loss of R² over the folds of trials."""

    name: str
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Importances:
    """Of one model, the largest first.

    Attributes:
        trials: that the forests learnt from.
        r2: of the forests on trials left out: near 0 or below, no importance means anything.
        noise: that of random numbers.
    """

    model: str
    trials: int
    r2: float
    each: tuple[Importance, ...]
    noise: Importance


def importances(trials: Sequence[TrialView]) -> list[Importances]:
    """By model, of completed trials with a score; models with too few or nothing varied left out.

    The trials of a sampler that learns crowd where scores are good: there importances are of that
    neighbourhood rather than of the whole space.
    """
    found = []
    scored = [t for t in trials if t.state == "completed" and math.isfinite(t.score)]
    for model in dict.fromkeys(trial.model for trial in scored):
        of_model = [trial for trial in scored if trial.model == model]
        if len(of_model) >= FEWEST:
            told = _of_model(model, of_model)
            found += [] if told is None else [told]
    return found


def _of_model(model: str, trials: Sequence[TrialView]) -> Importances | None:
    step = max(1, math.ceil(len(trials) / MOST))
    trials = trials[::step]
    score = np.array([trial.score for trial in trials])
    names, columns = [], []
    for name in dict.fromkeys(name for trial in trials for name in trial.params):
        column = coded([trial.params.get(name) for trial in trials])
        if len(np.unique(column)) > 1:
            names.append(name)
            columns.append(column)
    if not names or not np.ptp(score) > 0:
        return None
    random = np.random.default_rng(0)
    table = np.column_stack([*columns, random.random(len(trials))])
    losses, r2 = _losses(table, score, random)
    every = [
        Importance(name, float(of.mean()), float(of.min()), float(of.max()))
        for name, of in zip([*names, NOISE], losses.T, strict=True)
    ]
    ranked = sorted(every[:-1], key=lambda each: -each.mean)
    return Importances(model, len(trials), r2, tuple(ranked), every[-1])


def coded(values: Sequence[Any]) -> Floats:
    """Numbers as they are; anything else, and what is missing, by its place in sorted order."""
    plain = [isinstance(each, (int, float)) and not isinstance(each, bool) for each in values]
    if all(plain):
        return np.array(values, dtype=np.float64)
    places = {word: place for place, word in enumerate(sorted({str(each) for each in values}))}
    return np.array([places[str(each)] for each in values], dtype=np.float64)


def _losses(table: Floats, score: Floats, random: np.random.Generator) -> tuple[Floats, float]:
    """(folds, columns) of what R² loses, and R² itself over all folds."""
    from sklearn.ensemble import RandomForestRegressor

    order = random.permutation(len(score))
    whole, missed = float(np.var(score)), np.empty(len(score))
    losses = np.empty((FOLDS, table.shape[1]))
    for fold in range(FOLDS):
        test = order[fold::FOLDS]
        train = np.setdiff1d(order, test)
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=fold)
        forest.fit(table[train], score[train])
        missed[test] = (forest.predict(table[test]) - score[test]) ** 2
        rows = []
        for column in range(table.shape[1]):
            for _ in range(SHUFFLES):
                shuffled = table[test].copy()
                shuffled[:, column] = random.permutation(shuffled[:, column])
                rows.append(shuffled)
        told = forest.predict(np.concatenate(rows)).reshape(table.shape[1], SHUFFLES, len(test))
        worse = ((told - score[test]) ** 2).mean(axis=(1, 2)) - missed[test].mean()
        losses[fold] = worse / whole
    return losses, 1.0 - float(missed.mean()) / whole
