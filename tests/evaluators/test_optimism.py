"""BBC-CV: the best of many is chosen on some rows and scored on others."""

from dataclasses import replace

import numpy as np
import pytest

from evaluators.bootstrap import OutOfFold, drawn_weights
from evaluators.metrics import resolve
from evaluators.optimism import bbc
from evaluators.scored_rows import labels_of
from evaluators.scoring import value_of

ROWS = 300
TARGET = np.repeat([0, 1], [200, 100])
NOTHING = np.zeros(ROWS, dtype=int)


def trial(output, fold=NOTHING):
    order = np.argsort(fold, kind="stable")
    target, output = TARGET[order], output[order]
    return OutOfFold(
        order, fold[order], NOTHING, target, output, "proba", labels_of(output, "proba")
    )


def noise(trials=60, seed=0):
    """Outputs that know nothing."""
    rng = np.random.default_rng(seed)
    return [trial(rng.random(ROWS)) for _ in range(trials)]


@pytest.mark.parametrize("name", ["roc_auc", "balanced_accuracy"])
def test_on_noise_it_answers_chance_where_the_best_score_does_not(name):
    """60 random trials: the best reads above 0.56, BBC-CV 0.5, and its interval holds 0.5."""
    metric = resolve(name, binary=True)
    estimates = []
    for seed in range(6):
        trials = noise(seed=seed)
        assert max(each.score(metric) for each in trials) > 0.56
        estimate, interval = bbc(metric, trials, draws=300, seed=seed)
        assert interval.low < 0.5 < interval.high
        estimates.append(estimate)
    assert np.mean(estimates) == pytest.approx(0.5, abs=0.015)


def test_without_a_choice_there_is_no_curse():
    """One trial: its own score."""
    metric = resolve("average_precision", binary=True)
    alone = trial(np.clip(np.random.default_rng(1).normal(0.3, 0.1, ROWS) + 0.1 * TARGET, 0, 1))
    estimate, interval = bbc(metric, [alone], draws=400)
    assert estimate == pytest.approx(alone.score(metric), abs=0.02)
    assert interval.low < estimate < interval.high
    assert interval.method == "BBC-CV over 1 trials (400 draws)"


@pytest.mark.parametrize("name", ["f1", "roc_auc", "log_loss"])
def test_it_is_the_algorithm_of_the_paper(name):
    """Written out: choose on the rows drawn, as often as drawn, score on those left out."""
    metric = resolve(name, binary=True)
    rng = np.random.default_rng(2)
    fold = rng.integers(0, 3, ROWS)
    trials = [
        trial(np.round(np.clip(0.3 * rng.random(ROWS) + 0.3 + 0.05 * TARGET, 0, 1), 2), fold)
        for _ in range(4)
    ]
    (weights,) = drawn_weights(TARGET, np.arange(ROWS), 25, 7)

    def score(one, times):
        parts = [np.repeat(part, times[one.rows[part]]) for part in one.parts(metric)]
        return np.mean([value_of(metric, one.part(part)) for part in parts])

    expected = []
    for times in weights.T:
        scores = [score(one, times) for one in trials]
        best = np.argmin(scores) if metric.direction == "minimize" else np.argmax(scores)
        expected.append(score(trials[best], (times == 0).astype(int)))
    estimate, interval = bbc(metric, trials, draws=25, seed=7)
    assert estimate == pytest.approx(np.mean(expected), abs=1e-12)
    assert interval.low == pytest.approx(np.quantile(expected, 0.025), abs=1e-12)


def test_trials_of_other_rows_are_refused():
    """A trial that was stopped early has not been scored on all of them."""
    whole, *rest = noise(3)
    part = replace(whole, **{
        name: getattr(whole, name)[:250]
        for name in ("rows", "fold", "repeat", "target", "output", "labels")
    })  # fmt: skip
    with pytest.raises(ValueError, match="same rows"):
        bbc(resolve("f1", binary=True), [*rest, part])
