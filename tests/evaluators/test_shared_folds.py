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
from evaluators.profiler import Profiler
from evaluators.race import Bar
from evaluators.types import Column, Configuration, Dataset, Outcome, Split
from evaluators.watchdog import guarded

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
    many = "log_loss", "roc_auc_ovr", "balanced_accuracy"
    names = ("average_precision", "f1") if classes == 2 else many
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


@pytest.mark.parametrize("done", [(0,), (0, 1), (1, 3), (0, 1, 2, 3, 4)])
def test_a_configuration_goes_on_from_the_folds_that_it_has(done):
    """To what it would have come to in one go; their cost is part of its own."""
    configuration, kinds = Configuration("m", PARAMS), {"race": "average_precision"}
    *folds, whole = made(**kinds).evaluate(configuration)
    kept = [folds[number] for number in done]
    *fitted, again = made(**kinds).evaluate(configuration, kept=kept)
    assert [result.fold for result in fitted] == [n for n in range(FOLDS) if n not in done]
    for name in ("scores", "folds", "confusion", "oof", "path", "given_up", "failure"):
        assert getattr(again, name) == getattr(whole, name)
    assert again.resources.wall_s >= sum(result.resources.wall_s for result in kept)
    assert again.resources.cpu_s >= sum(result.resources.cpu_s for result in kept)


@pytest.mark.parametrize(("done", "fitted"), [(0, [0, 1]), (1, [1]), (2, []), (3, [])])
def test_folds_that_were_done_meet_the_bar(done, fitted):
    """A trial that its bar ends after two folds ends there, whoever had fitted them."""
    configuration, kinds = Configuration("m", PARAMS), {"race": "average_precision"}
    *folds, _ = made(**kinds).evaluate(configuration)
    bar = Bar((0.0, 0.0, 1.1), "maximize")
    *rest, outcome = made(**kinds).evaluate(configuration, bar=bar, kept=folds[:done])
    assert outcome.given_up == 2
    assert [result.fold for result in rest] == fitted
    assert len(outcome.folds["average_precision"]) == 2
    early = Bar((1.1,), "maximize")
    *rest, outcome = made(**kinds).evaluate(configuration, bar=early, kept=folds[:1])
    assert (outcome.given_up, rest) == (0, [])


def test_folds_that_were_done_count_in_the_time_limit(monkeypatch):
    """As they would have in the process that did them."""
    given = []

    def guarded_by(work, *, seconds, megabytes):
        given.append(seconds)
        return guarded(work, seconds=None, megabytes=megabytes)

    configuration, evaluator = Configuration("m", PARAMS), made()
    evaluator.assignment = replace(evaluator.assignment, fit_seconds=60.0)
    first = next(evaluator.evaluate(configuration))
    slow = replace(first, resources=replace(first.resources, wall_s=45.0))
    monkeypatch.setattr("evaluators.crossval.guarded", guarded_by)
    last(evaluator.evaluate(configuration, kept=[slow]))
    assert given[0] == 15.0
    assert all(10.0 < seconds < 15.0 for seconds in given[1:])


def test_the_memory_of_earlier_work_is_no_part_of_what_is_put_together(monkeypatch):
    """What that has left is handed back first, as before a trial's first fold."""
    asked = []

    class Asked(Profiler):
        def __init__(self, *, fresh=True):
            asked.append(fresh)
            super().__init__(fresh=fresh)

    configuration = Configuration("m", PARAMS)
    found = [last(made().evaluate(configuration, part=part)) for part in [(0, 1), (2, 3, 4)]]
    evaluator = made()
    monkeypatch.setattr("evaluators.under_way.Profiler", Asked)
    evaluator.put_together(configuration, 0, None, found)
    assert asked[-1]
    asked.clear()
    last(evaluator.evaluate(configuration, kept=[*found[0].parts]))
    assert asked[1:] == [True, False, False, False], "a fold, two more, and what comes after"


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
