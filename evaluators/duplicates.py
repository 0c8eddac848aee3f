"""Rows that are alike in every feature: folds that keep them together.

Copies are told by their features alone. Kept together by features and label, rows whose features
occur with both labels would be tested by models that saw these features with the other label
only. Measured against 20,000 fresh rows, on 5,000 rows of five columns of four values each and
noisy labels (a decision tree's AUC): 0.48 too low in that way, 0.02 in this one.

Where most rows have twins and twins disagree in their labels, the columns are too coarse to tell
cases apart: like rows are different cases, met again in new data too, and keeping them together
hides from a model what it will know (same size, every cell with its own rate: 0.29 too low, cut
row by row 0.02). There nothing is kept together.

StratifiedGroupKFold would balance sizes better, but takes 0.1 ms per distinct row (30 s for
300,000), and leaves a row of thousands of copies alone in its fold.
"""

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from evaluators.fingerprint import row_hashes
from evaluators.types import Dataset, Ints

#: Twins disagree when as many rows stand among other labels as this share of what labels drawn
#: by chance would give. True copies: 0. Of KEEL's sets, wine, kddcup and zoo 0, but led7digit
#: 0.27; Adult's categories 0.76.
_DISAGREE = 0.1
_MOST = 0.5


#: A table is dealt at least three times; what is known of it goes with it.
_known: WeakKeyDictionary[Dataset, Ints | None] = WeakKeyDictionary()


def alike(dataset: Dataset) -> Ints | None:
    """(rows,) one code for all rows with the same features; None where no two rows have them."""
    if dataset not in _known:
        blind = replace(dataset, target=np.zeros_like(dataset.target))
        code, distinct = pd.factorize(row_hashes(blind))
        _known[dataset] = None if len(distinct) == dataset.rows else code
    return _known[dataset]


def twins(code: Ints) -> float:
    """Share of rows that have the features of another row."""
    copies = np.bincount(code)
    return float(copies[copies > 1].sum() / len(code))


def too_coarse(dataset: Dataset, code: Ints) -> bool:
    """Whether most rows have twins, and twins disagree in their labels.

    In regression they disagree by the square error of their means, beside what numbers drawn by
    chance would have.
    """
    if twins(code) <= _MOST:
        return False
    if dataset.regression:
        copies = np.bincount(code)
        apart = dataset.target - dataset.target.mean()
        means = np.bincount(code, apart) / copies
        return bool(
            ((apart - means[code]) ** 2).sum() > _DISAGREE * apart.var() * (copies - 1).sum()
        )
    classes = len(dataset.classes)
    copies = np.bincount(code)
    counts = np.bincount(code * classes + dataset.target, minlength=len(copies) * classes)
    mixed = (counts.reshape(-1, classes) > 0).sum(axis=1) > 1
    shares = np.bincount(dataset.target, minlength=classes) / dataset.rows
    by_chance = copies * (1 - sum(share**copies for share in shares))
    return bool(copies[mixed].sum() > _DISAGREE * by_chance.sum())


def dealt(dataset: Dataset, code: Ints, folds: int, generator: np.random.RandomState) -> Ints:
    """(rows,) the fold of each row; rows of one code share it.

    Distinct rows are dealt like cards, in random order within their class and within their
    number of copies (by powers of two, the most copied first): in each class folds differ by one
    distinct row at most, and rows with many copies are spread. A row whose features occur in
    several classes counts as one of the rarest. In regression all are of one class.
    """
    target = np.zeros(dataset.rows, np.int32) if dataset.regression else dataset.target
    frequency = np.bincount(target)
    rarest_first = np.argsort(frequency[target], kind="stable")
    _, place = np.unique(code[rarest_first], return_index=True)
    label = target[rarest_first[place]]
    size = np.log2(np.bincount(code)).astype(int)
    order = np.lexsort((generator.random_sample(len(label)), -size, label))
    fold = np.empty(len(label), np.int64)
    fold[order] = np.arange(len(label)) % folds
    return fold[code]
