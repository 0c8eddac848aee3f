"""The best of many is optimistic; scored by folds that did not choose it, it is not."""

import math

import numpy as np
import pytest

from evaluators.fold_choice import bounds_of, chosen_elsewhere, estimate_of_choice
from evaluators.types import Split

SPLITS = [Split(np.arange(80), np.arange(80, 100))] * 5


def test_each_fold_is_judged_by_the_choice_of_the_others():
    """By hand: candidate 0 owes its mean to the first fold."""
    scores = np.array([[1.0, 0.5, 0.5], [0.6, 0.6, 0.6], [np.nan, 0.9, 0.9]])
    assert chosen_elsewhere(scores).tolist() == [2, 0, 0]
    assert chosen_elsewhere(scores[:2]).tolist() == [1, 0, 0]
    score, interval = estimate_of_choice(scores[:2], SPLITS[:3], (0, 1))
    assert score == pytest.approx((0.6 + 0.5 + 0.5) / 3)
    assert interval.low < score < interval.high <= 1


def test_what_cannot_be_told_is_nan():
    """One fold, or nothing but failures."""
    for scores in (np.ones((3, 1)), np.full((3, 5), np.nan)):
        score, interval = estimate_of_choice(scores, SPLITS[: scores.shape[1]], (0, 1))
        assert math.isnan(score)
        assert math.isnan(interval.low)


def test_on_noise_it_is_unbiased_where_the_best_score_is_not():
    """Forty candidates alike, whose truth is .7: the best mean is above it, the estimate is not."""
    rng = np.random.default_rng(0)
    best, found, covered = [], [], 0
    for _ in range(400):
        scores = rng.normal(0.7, 0.05, size=(40, 5))
        score, interval = estimate_of_choice(scores, SPLITS, (0, 1))
        best.append(scores.mean(axis=1).max())
        found.append(score)
        covered += interval.low <= 0.7 <= interval.high
    assert np.mean(best) > 0.74
    assert np.mean(found) == pytest.approx(0.7, abs=0.004)
    assert covered / 400 > 0.93


def test_scores_have_the_bounds_of_their_scorers():
    """An interval of an accuracy does not pass 1."""
    assert bounds_of("accuracy") == (0.0, 1.0)
    assert bounds_of("f1_macro") == (0.0, 1.0)
    assert bounds_of("neg_log_loss") == (-math.inf, 0.0)
    assert bounds_of("r2") == (-math.inf, 1.0)
    assert bounds_of(None) == (-math.inf, math.inf)
