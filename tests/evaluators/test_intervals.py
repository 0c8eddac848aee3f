"""Closed-form intervals: against scipy, against brute force, and against how often they cover."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from evaluators.intervals import Interval, corrected_t, corrected_t_p, delong, wider, wilson

FOLDS = [0.71, 0.75, 0.69, 0.80, 0.74, 0.72]


def kernel(target, output):
    """1, 1/2 or 0 for each pair of a positive and a negative: the O(n m) definition."""
    difference = output[target == 1][:, None] - output[target == 0][None, :]
    return (difference > 0) + 0.5 * (difference == 0)


def kernel_se(target, output):
    """DeLong's standard error from the kernel's row and column means."""
    pairs = kernel(target, output)
    by_positive, by_negative = pairs.mean(axis=1), pairs.mean(axis=0)
    return math.sqrt(
        np.var(by_positive, ddof=1) / len(by_positive)
        + np.var(by_negative, ddof=1) / len(by_negative)
    )


def binormal(rng, auc, positives, negatives):
    target = np.repeat([1, 0], [positives, negatives])
    return target, rng.normal(size=len(target)) + math.sqrt(2) * stats.norm.ppf(auc) * target


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_without_shared_rows_it_is_the_one_sample_t(level):
    """With a test share of 0 nothing is corrected: scipy's interval and p value."""
    found, known = corrected_t(FOLDS, 0.0, level=level), stats.ttest_1samp(FOLDS, 0.0)
    expected = known.confidence_interval(level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    shifted = np.array(FOLDS) - 0.72
    assert corrected_t_p(shifted, 0.0) == pytest.approx(stats.ttest_1samp(shifted, 0.0).pvalue)


def test_the_correction_is_that_of_nadeau_and_bengio():
    """The half width grows by sqrt(1 + J n_test / n_train); p follows the smaller t."""
    plain, wide = (corrected_t(FOLDS, share) for share in (0.0, 0.25))
    assert wide.width / plain.width == pytest.approx(math.sqrt(1 + 6 * 0.25))
    shifted = np.array(FOLDS) - 0.70
    t = stats.ttest_1samp(shifted, 0.0).statistic / math.sqrt(1 + 6 * 0.25)
    assert corrected_t_p(shifted, 0.25) == pytest.approx(2 * stats.t.sf(abs(t), 5))


def test_a_pooled_score_recentres_it():
    """``around`` moves the middle and leaves the width."""
    moved = corrected_t(FOLDS, 0.25, around=0.6)
    assert (moved.low + moved.high) / 2 == pytest.approx(0.6)
    assert moved.width == pytest.approx(corrected_t(FOLDS, 0.25).width)


@pytest.mark.parametrize(
    ("folds", "why"), [([0.7], "two folds"), ([], "two folds"), ([0.7, math.nan], "undefined")]
)
def test_too_few_folds_give_no_interval_and_say_why(folds, why):
    """NaN bounds, never an endless or an empty interval, and a p value of NaN."""
    found = corrected_t(folds, 0.25)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert why in found.method
    assert math.isnan(corrected_t_p(folds, 0.25))


def test_equal_differences_have_a_plain_p():
    """No variance: certain either way."""
    assert corrected_t_p([0.0] * 5, 0.25) == 1.0
    assert corrected_t_p([0.1] * 5, 0.25) == 0.0


@pytest.mark.parametrize("ties", [False, True])
def test_delong_is_the_brute_force_kernel(ties):
    """AUC as scikit-learn's, standard error as that of all pairs, with and without ties."""
    rng = np.random.default_rng(3)
    target, output = binormal(rng, 0.8, 40, 150)
    output = np.round(output) if ties else output
    area, found = delong(target, output)
    assert area == pytest.approx(roc_auc_score(target, output))
    half = stats.norm.ppf(0.975) * kernel_se(target, output) / (area * (1 - area))
    assert found.low == pytest.approx(expit(logit(area) - half))
    assert found.high == pytest.approx(expit(logit(area) + half))


@pytest.mark.parametrize(("auc", "positives"), [(0.75, 30), (0.9, 60)])
def test_delong_covers_as_often_as_it_says(auc, positives):
    """Normal scores of a known AUC, 1,000 test sets: 95% within three standard errors."""
    rng = np.random.default_rng(4)
    hits = 0
    for _ in range(1000):
        _, found = delong(*binormal(rng, auc, positives, 300))
        hits += found.low <= auc <= found.high
    assert 0.93 <= hits / 1000 <= 0.97


def test_a_perfect_ranking_is_not_taken_for_certain():
    """The far end is that of as many independent pairs as the rarer class has rows."""
    target = np.repeat([1, 0], [8, 50])
    area, found = delong(target, target.astype(float))
    expected = stats.binomtest(8, 8).proportion_ci(0.95, method="exact")
    assert (area, found.low, found.high) == (1.0, pytest.approx(expected.low), 1.0)
    area, found = delong(target, -target.astype(float))
    assert (area, found.low, found.high) == (0.0, 0.0, pytest.approx(1 - expected.low))


def test_delong_without_a_class_or_with_one_row_of_it_has_no_interval():
    """And without a finite output: NaN, with the reason."""
    one, two = np.array([0, 0, 1]), np.array([0, 0, 0])
    area, found = delong(one, np.array([0.1, 0.6, 0.5]))
    assert area == 0.5
    assert math.isnan(found.low)
    for target, output in ((two, np.arange(3.0)), (one, np.array([0.1, 0.2, np.nan]))):
        area, found = delong(target, output)
        assert math.isnan(area)
        assert math.isnan(found.high)
        assert "needs" in found.method


@pytest.mark.parametrize(("hits", "rows"), [(0, 12), (3, 12), (12, 12), (81, 263)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_wilson_is_that_of_scipy(hits, rows, level):
    """The ends at which the score test just rejects."""
    expected = stats.binomtest(hits, rows).proportion_ci(level, method="wilson")
    found = wilson(hits, rows, level=level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_by_hand():
    """81 of 263 at 95%: 0.2553 to 0.3662 (Newcombe 1998, table I, method 3); none of none: NaN."""
    found = wilson(81, 263)
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert math.isnan(wilson(0, 0).low)


def test_the_wider_names_what_it_was_wider_than():
    """NaN intervals are passed over; all NaN, the first stands."""
    small, large = Interval(0.4, 0.5, 0.95, "one"), Interval(0.3, 0.5, 0.95, "two")
    nothing = Interval(math.nan, math.nan, 0.95, "none")
    assert wider(small, large) == Interval(0.3, 0.5, 0.95, "two, wider than one")
    assert wider(nothing, small) == small
    assert wider(nothing) is nothing
