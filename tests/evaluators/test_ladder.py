"""What may be told of rows that were looked at before."""

import numpy as np
import pytest

from benchmarks.attack import attacked
from evaluators.ladder import climb, interval_of, level_of, one_test_set
from evaluators.metrics import resolve
from evaluators.scored_rows import labels_of

ROWS = 1000


def model(skill: float, seed: int, rows: slice = slice(None)):
    """Outputs that know the truth by ``skill``, on rows of one test set."""
    target = np.random.default_rng(0).integers(0, 2, ROWS)
    noise = np.random.default_rng(seed + 1).normal(size=ROWS)
    output = 1 / (1 + np.exp(-(skill * (2 * target - 1) + noise)))
    index = np.arange(ROWS)[rows]
    labels = labels_of(output[index], "proba")
    return one_test_set(index, target[index], output[index], "proba", labels)


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "f1", "log_loss"])
def test_only_the_clearly_better_is_told(name):
    """The first is told exactly; a like one is not told, a clearly better one is, rounded."""
    metric = resolve(name, binary=True)
    first, like, better = model(0.5, 1), model(0.5, 2), model(1.5, 3)
    rung, told = climb(metric, None, first, 1)
    assert (rung.score, told) == (first.score(metric), True)
    for worse in (like, first):
        same, told = climb(metric, rung, worse, 2)
        assert (same, told) == (rung, False)
    rung, told = climb(metric, rung, better, 3)
    assert told
    assert rung.score == pytest.approx(better.score(metric), abs=0.5 / ROWS)
    assert (rung.score * ROWS) == pytest.approx(round(rung.score * ROWS))


def test_models_are_compared_on_rows_that_both_have():
    """A model that is better by its easier rows alone is not told; one of fresh rows is."""
    metric = resolve("accuracy", binary=True)
    good, poor = model(1.5, 1, slice(0, 600)), model(0.4, 2, slice(0, 600))
    rung, _ = climb(metric, None, poor, 1)
    assert climb(metric, rung, model(0.4, 3, slice(500, 1000)), 2)[1] is False
    assert climb(metric, rung, good, 2)[1] is True
    fresh = model(0.1, 4, slice(700, 1000))
    rung, told = climb(metric, rung, fresh, 2)
    assert told
    assert rung.scored is fresh


def test_groups_make_a_step_longer():
    """Where rows come in groups that stand or fall together, a gain needs more rows."""
    metric = resolve("accuracy", binary=True)
    poor = model(0.5, 1)
    labels = poor.labels.copy()
    wrong = np.flatnonzero(labels != poor.target)[:20]
    labels[wrong] = poor.target[wrong]
    better = one_test_set(poor.rows, poor.target, poor.output, poor.kind, labels)
    rung, _ = climb(metric, None, poor, 1)
    groups = np.arange(ROWS)
    groups[wrong] = -1
    assert climb(metric, rung, better, 2)[1] is True
    assert climb(metric, rung, better, 2, groups + 1)[1] is False


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("roc_auc", "DeLong"),
        ("accuracy", "Wilson"),
        ("recall", "Wilson"),
        ("f1", "bootstrap of rows"),
    ],
)
def test_each_look_widens_the_interval(name, method):
    """95% at the first look, 1 - 0.05 / k at the k-th, by the method that fits the metric."""
    metric, scored = resolve(name, binary=True), model(0.5, 1)
    one, tenth = (interval_of(metric, scored, look) for look in (1, 10))
    assert (one.level, tenth.level) == (0.95, 0.995)
    assert one.low < scored.score(metric) < one.high
    assert tenth.low < one.low < one.high < tenth.high
    assert method in one.method
    grouped = interval_of(metric, scored, 1, np.arange(ROWS) // 4)
    assert "bootstrap of groups" in grouped.method


def test_levels_add_up():
    """At the k-th look, k intervals of its level leave out 5% between them."""
    assert [round(look * (1 - level_of(look)), 12) for look in (1, 2, 10)] == [0.05] * 3


@pytest.mark.parametrize("attack", ["vote", "climb"])
def test_500_looks_gain_next_to_nothing(attack):
    """Adaptive attacks on coin flips: exact answers gain over 0.05, the ladder's under 0.02."""
    exact = attacked(attack, "exact", 500, 4000, 1)
    ladder = attacked(attack, "ladder", 500, 4000, 1)
    assert min(exact.told, exact.reached) > 0.05
    assert max(ladder.told, ladder.reached) < 0.02
