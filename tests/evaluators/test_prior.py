"""Probabilities of a model that learnt other shares of the classes than there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from evaluators.prior import corrected, log_prior_shift

SHARES = st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
PROBA = np.array([0.0, 1e-6, 0.2, 0.5, 0.9, 1.0])


@given(SHARES)
def test_odds_move_by_the_ratio_of_the_prior_odds(shares):
    """The factor is (true1 / true0) / (learnt1 / learnt0); 0 and 1 stay."""
    true, learnt = shares
    shift = log_prior_shift(np.array([1 - true, true]), np.array([1 - learnt, learnt]))
    found = corrected(PROBA, shift)
    factor = (true / (1 - true)) / (learnt / (1 - learnt))
    odds = PROBA[1:-1] / (1 - PROBA[1:-1]) * factor
    np.testing.assert_allclose(found[1:-1], odds / (1 + odds), rtol=1e-9)
    assert (found[0], found[-1]) == (0.0, 1.0)
    assert (np.diff(found) >= 0).all()


def test_under_sampling_is_undone_as_dal_pozzolo_et_al_do():
    """Also p = b s / (b s - s + 1), with b the share of negatives that was kept."""
    kept, share = 0.1, 0.02
    learnt = share / (share + kept * (1 - share))
    shift = log_prior_shift(np.array([1 - share, share]), np.array([1 - learnt, learnt]))
    expected = kept * PROBA / (kept * PROBA - PROBA + 1)
    np.testing.assert_allclose(corrected(PROBA, shift), expected, atol=1e-12)


def test_many_classes_are_weighed_and_made_one_again():
    """By class; one that training lacked keeps its 0, and binary is two of many."""
    shift = log_prior_shift(np.array([0.7, 0.3, 0.0]), np.array([0.35, 0.65, 0.0]))
    found = corrected(np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]), shift)
    weights = np.array([2.0, 0.3 / 0.65])
    np.testing.assert_allclose(found[0, :2], weights / weights.sum())
    np.testing.assert_array_equal(found[:, 2], 0)
    assert np.isfinite(found).all()
    two = shift[:2]
    both = corrected(np.column_stack((1 - PROBA, PROBA)), two)
    np.testing.assert_allclose(both[:, 1], corrected(PROBA, two))


def test_shares_that_were_not_bent_need_no_correction():
    """None, and the probabilities are the very same."""
    assert log_prior_shift(np.array([0.9, 0.1]), np.array([0.9, 0.1])) is None
    assert corrected(PROBA, None) is PROBA


def test_a_weighted_fit_is_brought_back_to_the_unweighted_one():
    """Logistic regression on one feature: the weight moves its intercept, and little else."""
    generator = np.random.default_rng(0)
    target = (generator.random(20_000) < 0.05).astype(int)
    values = generator.normal(size=(20_000, 1)) + target[:, None]
    plain = LogisticRegression().fit(values, target).predict_proba(values)[:, 1]
    fit = LogisticRegression(class_weight="balanced").fit(values, target)
    bent = fit.predict_proba(values)[:, 1]
    share = np.array([1 - target.mean(), target.mean()])
    found = corrected(bent, log_prior_shift(share, np.array([0.5, 0.5])))
    assert np.abs(bent - plain).mean() > 0.3
    assert np.abs(found - plain).mean() < 0.005
    assert found.mean() == pytest.approx(target.mean(), abs=0.003)
