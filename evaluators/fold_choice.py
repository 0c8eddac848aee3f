"""What a choice among many candidates scores, undone fold by fold: from fold scores alone.

The best of many mean scores is optimistic: the folds that rank have chosen. Here each fold is
scored with the candidate that the *other* folds would have chosen, so that no fold takes part in
the choice it judges. The folds' models still share training rows, and a fold's rows were among
those that the others' models learnt from, so this is not what fresh rows would say; it takes off
what choosing adds, and no more.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluators.estimate import tested_share
from evaluators.intervals import corrected_t
from evaluators.types import Floats, Interval, Ints, Split


def chosen_elsewhere(scores: Floats) -> Ints:
    """For each fold the candidate with the best mean over the other folds, of equals the first.

    ``scores``: (candidates, folds), higher is better; a candidate with NaN in the other folds is
    not chosen. -1 where there is none to choose.
    """
    folds = scores.shape[1]
    picked = np.full(folds, -1)
    for fold in range(folds):
        others = np.delete(scores, fold, axis=1).mean(axis=1)
        if np.isfinite(others).any():
            picked[fold] = int(np.argmax(np.where(np.isfinite(others), others, -np.inf)))
    return picked


#: scikit-learn's scorers by name that have no upper end, of those that are no losses.
_ENDLESS = ("mutual_info_score", "positive_likelihood_ratio")
#: Beginnings of names of those that cannot be below 0.
_SHARES = (
    "accuracy", "average_precision", "balanced_accuracy", "f1", "jaccard", "precision", "recall",
    "roc_auc", "top_k_accuracy",
)  # fmt: skip


def bounds_of(scorer: str | None) -> tuple[float, float]:
    """Between what a scorer of scikit-learn's lies, by its name; None: nothing is known of it."""
    if scorer is None or scorer in _ENDLESS:
        return -math.inf, math.inf
    if scorer.startswith("neg_"):
        return -math.inf, 0.0
    return (0.0 if scorer.startswith(_SHARES) else -math.inf), 1.0


def estimate_of_choice(
    scores: Floats, splits: Sequence[Split], bounds: tuple[float, float]
) -> tuple[float, Interval]:
    """The mean of the folds' scores under ``chosen_elsewhere``, and an interval.

    It holds both the corrected resampled t around that mean and the one around the winner's own
    folds: either alone held the truth in 90% of 150 searches where it should in 95, both together
    in 95 (fifteen trees, 100 rows, five folds; truth on 8,000 others).

    ``bounds``: of the score, which the interval keeps to. NaN, with an interval of NaN, for fewer
    than two folds or where a chosen score is undefined.
    """
    picked = chosen_elsewhere(scores) if scores.shape[1] > 1 else np.array([-1])
    known = picked.min() >= 0
    by_fold = scores[picked, np.arange(scores.shape[1])] if known else np.array([np.nan])
    found = corrected_t(by_fold.tolist(), tested_share(splits))
    means = scores.mean(axis=1)
    if known and np.isfinite(means).any():
        own = corrected_t(scores[np.nanargmax(means)].tolist(), tested_share(splits))
        found = replace(found, low=min(found.low, own.low), high=max(found.high, own.high))
    method = f"each fold by the winner of the others; {found.method}, the winner's own as well"
    low, high = np.clip((found.low, found.high), *bounds)
    return float(by_fold.mean()), Interval(float(low), float(high), found.level, method)
