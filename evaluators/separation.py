"""How well one feature alone tells the classes apart: its area under the ROC curve."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from evaluators.types import Column, Dataset, Floats, Ints

#: Rows looked at: of each class up to so many, and fewer where there are many columns. A class's
#: share does not change an AUC, so that rare classes need not be thinned with the frequent ones.
_ROWS_OF_A_CLASS = (500, 10_000)
_CELLS = 1_000_000
_BINS = (4, 256)
_ROWS_OF_A_BIN = 10


def separations(dataset: Dataset) -> Floats:
    """(columns,) the AUC of each feature alone, in [0.5, 1] but for noise.

    A number is read in both directions, its missing values below and above all others; and, for
    what is no slope, as quantile bins. Bins and categories, missing ones among them, score by the
    share of the class in one half of the rows and are judged on the other half, both ways: levels
    that nearly every row has for itself get nothing. With more than two classes: the mean over
    classes, each against all others.
    """
    rows, half = _sample(dataset)
    target, values = dataset.target[rows], dataset.values[rows].astype(np.float64)
    return np.array([
        _separation(values[:, place], column, target, half)
        for place, column in enumerate(dataset.columns)
    ])  # fmt: skip


def rank_correlations(dataset: Dataset) -> Floats:
    """(columns,) how far each number alone tells the order of a numeric target: |Spearman's rho|.

    Over the rows that have the number; 0 for categories, and where fewer than half of the rows, or
    than 30, have it.
    """
    generator = np.random.default_rng(0)
    most = int(np.clip(_CELLS // len(dataset.columns), *_ROWS_OF_A_CLASS))
    rows = generator.permutation(dataset.rows)[:most]
    target, found = dataset.target[rows], np.zeros(len(dataset.columns))
    for place, column in enumerate(dataset.columns):
        values = dataset.values[rows, place].astype(np.float64)
        known = ~np.isnan(values)
        if column.levels is not None or known.sum() < max(30, len(rows) / 2):
            continue
        ranks = [rankdata(part[known]) for part in (values, target)]
        if all(np.ptp(each) for each in ranks):
            found[place] = abs(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return found


def _sample(dataset: Dataset) -> tuple[Ints, Ints]:
    """Rows, and which half each is in; of every class as many in both."""
    generator = np.random.default_rng(0)
    room = _CELLS // (len(dataset.columns) * len(dataset.classes))
    most = int(np.clip(room, *_ROWS_OF_A_CLASS))
    parts = [
        generator.permutation(np.flatnonzero(dataset.target == code))[:most]
        for code in range(len(dataset.classes))
    ]
    return np.concatenate(parts), np.concatenate([np.arange(len(part)) % 2 for part in parts])


def _separation(values: Floats, column: Column, target: Ints, half: Ints) -> float:
    missing = np.isnan(values)
    if column.levels is not None:
        codes = np.where(missing, len(column.levels), values).astype(np.intp)
        return _by_share(codes, target, half)
    known = values[~missing]
    if not len(known) or known.min() == known.max():
        return _by_share(missing.astype(np.intp), target, half)
    bins = int(np.clip(len(values) // _ROWS_OF_A_BIN, *_BINS))
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins))
    codes = np.where(missing, len(edges) + 1, np.searchsorted(edges, values, side="right"))
    found = [_by_share(codes, target, half), _by_rank(np.where(missing, -np.inf, values), target)]
    if missing.any():
        found.append(_by_rank(np.where(missing, np.inf, values), target))
    return max(found)


def _by_rank(values: Floats, target: Ints) -> float:
    """The Mann-Whitney form of the AUC, ties counted half, in the better direction."""
    size = np.bincount(target)
    above = np.bincount(target, rankdata(values)) - size * (size + 1) / 2
    auc = above / (size * (len(target) - size))
    return float(np.mean(np.maximum(auc, 1 - auc)))


def _by_share(codes: Ints, target: Ints, half: Ints) -> float:
    """Each code scores by the class's share in the other half; one row of the prior is added."""
    levels, classes = int(codes.max()) + 1, int(target.max()) + 1
    cells = np.bincount((half * levels + codes) * classes + target, minlength=2 * levels * classes)
    halves = cells.reshape(2, levels, classes)
    found: list[float] = []
    for seen, judged in (halves, halves[::-1]):
        prior = seen.sum(axis=0) / seen.sum()
        shares = (seen + prior) / (seen.sum(axis=1, keepdims=True) + 1)
        found += _areas(shares, judged)
    return float(np.mean(found))


def _areas(shares: Floats, judged: Ints) -> Sequence[float]:
    """The AUC of each class by the (levels, classes) shares, over rows counted by level."""
    areas = []
    for code in range(judged.shape[1]):
        _, place = np.unique(shares[:, code], return_inverse=True)  # equal shares are one score
        ours = np.bincount(place, judged[:, code])
        others = np.bincount(place, judged.sum(axis=1) - judged[:, code])
        below = np.cumsum(others) - others / 2
        areas.append(float(ours @ below / (ours.sum() * others.sum())))
    return areas
