"""Laws of folds that several workers share: what is put together is what one would have found."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.assignment import Assignment
from evaluators.crossval import Evaluator
from evaluators.metrics import resolve
from evaluators.models import make_recipe
from evaluators.race import Bar
from evaluators.types import Column, Configuration, Dataset, Outcome, Split

ROWS, FOLDS = 600, 5
PARAMS = {"n_estimators": 45, "subsample": 0.7}


def made(classes=2, estimator="xgboost", race=None):
    """An evaluator of its own, as another process would have it."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(ROWS, 4)).astype(np.float32)
    noisy = values[:, 0] + rng.normal(size=ROWS)
    target = np.digitize(noisy, [0.5] if classes == 2 else [-0.5, 0.5]).astype(np.int32)
    labels = tuple("abc"[:classes])
    data = Dataset(values, target, tuple(Column(f"c{i}") for i in range(4)), labels)
    rows = np.arange(ROWS)
    searched = [Split(rows[rows % FOLDS != k], rows[rows % FOLDS == k]) for k in range(FOLDS)]
    order = rng.permutation(ROWS)
    fresh = [
        Split(order[rows % FOLDS != k], order[rows % FOLDS == k], repeat=deal)
        for deal in range(2) for k in range(FOLDS)
    ]  # fmt: skip
    names = ("average_precision", "f1") if classes == 2 else ("roc_auc_ovr", "balanced_accuracy")
    metrics = tuple(resolve(name, binary=classes == 2) for name in names)
    recipe = make_recipe("m", estimator, {}, None, Path("."))
    assignment = Assignment({"m": recipe}, metrics)
    if race:
        assignment = replace(assignment, race=resolve(race, binary=True))
    return Evaluator(assignment, data, [searched, fresh])


def last(results):
    *_, outcome = results
    assert isinstance(outcome, Outcome)
    assert outcome.failure is None
    return outcome


def shared(parts, configuration, partition, folds, *, interval=False, **kinds):
    """Each part by an evaluator of its own, handed in in another order than that of the folds."""
    found = [
        last(made(**kinds).evaluate(configuration, partition, folds, part=part)) for part in parts
    ]
    assert all(not outcome.scores and outcome.oof is None for outcome in found)
    return found, made(**kinds).put_together(
        configuration, partition, folds, found[::-1], interval=interval
    )


@pytest.mark.parametrize(
    "kinds", [{}, {"classes": 3}, {"estimator": "lightgbm"}, {"race": "average_precision"}]
)
@pytest.mark.parametrize(("partition", "folds"), [(0, None), (1, None), (1, FOLDS)])
def test_what_is_put_together_is_what_one_worker_finds(kinds, partition, folds):
    """Scores, folds, confusion, outputs, rungs and interval, to the last digit."""
    configuration = Configuration("m", PARAMS)
    whole = last(made(**kinds).evaluate(configuration, partition, folds, interval=True))
    count = folds or len(made(**kinds).partitions[partition])
    parts = [(0,), (1, 2), tuple(range(3, count))]
    found, joined = shared(parts, configuration, partition, folds, interval=True, **kinds)
    assert joined.scores == whole.scores
    assert joined.folds == whole.folds
    assert joined.confusion == whole.confusion
    assert joined.oof == whole.oof
    assert joined.interval == whole.interval
    assert joined.warnings == whole.warnings
    assert joined.path == whole.path
    if "race" in kinds and partition == 0:
        assert all(math.isfinite(each) for each in joined.path)
    cpu_s = sum(outcome.resources.cpu_s for outcome in found)
    assert joined.resources.cpu_s >= cpu_s
    assert joined.resources.wall_s >= sum(outcome.resources.wall_s for outcome in found)


def test_a_part_that_fails_says_so():
    """As any trial does, with what it cost."""
    configuration = Configuration("m", {"max_depth": -5})
    *_, outcome = made().evaluate(configuration, 0, None, part=(2, 3))
    assert outcome.failure.cause == "bad_parameters"
    assert not outcome.parts


@pytest.mark.parametrize("rung", [0, 1])
def test_the_cost_of_a_pruned_trial_counts_each_fold_once(rung):
    """With one thread nothing takes more CPU than wall time."""
    least = [math.nan] * FOLDS
    least[rung] = 1.1
    bar = Bar(tuple(least), "maximize")
    many = Configuration("m", {"n_estimators": 900, "n_jobs": 1})
    outcome = last(made(race="average_precision").evaluate(many, bar=bar))
    assert outcome.given_up == rung
    used = outcome.resources
    assert used.fit_s <= used.wall_s
    assert used.cpu_s <= 1.2 * used.wall_s + 0.05
