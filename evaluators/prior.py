"""Probabilities for the classes' true shares, from a model that learnt other ones.

Class weights and resampling make a model see a rare class more often than it occurs, and its
probabilities are those of that other world. Where only the shares of the classes differ, the odds
come back by a factor for each class (Saerens, Latinne & Decaestecker 2002; Dal Pozzolo et al. 2015
for under-sampling):

    p'(c) = p(c) true(c) / learnt(c) / sum over k of p(k) true(k) / learnt(k)

Metrics of probabilities are computed from p'. Labels, rankings and recorded outputs stay those of
the model: two classes rank the same either way.
"""

import numpy as np

from evaluators.types import Floats


def log_prior_shift(true_share: Floats, learnt_share: Floats) -> tuple[float, ...] | None:
    """ln(true / learnt share) of each class; None where no share was bent.

    0 for a class that either side lacks: a model gives it no probability to move.
    """
    true, learnt = (np.asarray(share, dtype=np.float64) for share in (true_share, learnt_share))
    known = (true > 0) & (learnt > 0)
    shift = np.zeros(len(true))
    shift[known] = np.log(true[known] / learnt[known])
    return None if np.allclose(shift, 0.0, atol=1e-9) else tuple(shift.tolist())


def corrected(proba: Floats, shift: tuple[float, ...] | None) -> Floats:
    """``proba`` for the true shares; 0 and 1 stay what they are.

    Args:
        proba: (rows,) of the positive class if binary, else (rows, classes).
        shift: what ``log_prior_shift`` gave.
    """
    if shift is None:
        return proba
    factor = np.exp(np.asarray(shift) - max(shift))
    each = np.column_stack((1 - proba, proba)) if proba.ndim == 1 else proba
    moved = each * factor
    total = moved.sum(axis=1, keepdims=True)
    # A row without any probability (a user's model) has nothing to be moved.
    moved = np.divide(moved, total, out=each.astype(np.float64), where=total > 0)
    right: Floats = moved[:, 1] if proba.ndim == 1 else moved
    return right
