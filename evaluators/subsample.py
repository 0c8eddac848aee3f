"""A part of a table in which classes, moments, groups and key features keep their shares.

Strata are the label (a numeric target: its tenths) x a block of time or groups x up to three key
features, those that tell most about the label (mutual information), cut in quarters. They are
made of the whole table, never of a part, so that parts of every size have the same ones.

Laws, each held by a test:

- With one seed the part for fewer rows lies inside the part for more.
- It does not depend on the order of rows.
- A class keeps its share to within a row, but no fewer than ``MINORITY_FLOOR`` rows or all it has,
  where ``rows`` leaves room for that; ``Part.weights`` then has what undoes it.
- Within a class every stratum keeps its share to within about a row.

Shares are dealt by turns (Webster's divisors, in systematic order) and not by largest remainder:
that one can take a row from a stratum when the part grows (the Alabama paradox; Balinski and Young
1982), so its parts cannot lie inside each other. A stratum worth less than a row gets one by
chance rather than always: strata that small would together crowd out the others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtri

from evaluators.fingerprint import Hashes, keyed, mixed, row_hashes, uniform
from evaluators.types import Dataset, Floats, Ints

#: A representative part keeps this many rows of every class, or all it has (SCIENCE 4.3).
MINORITY_FLOOR = 50
KEY_FEATURES = 3
#: Cells of a feature without the one for missing values, and of a numeric target.
_QUARTERS = 4
_TENTHS = 10
#: Mutual information is judged on so many rows, and against what chance exceeds once in so many.
_ROWS_TO_JUDGE = 8_000
_BY_CHANCE = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows drawn.

    Attributes:
        rows: positions, ascending.
        weights: by class code, rows of the whole per row of the part; None where the floor
            changed no class's share.
        features: names of the key features in the strata.
        strata: how many strata the table has.
    """

    rows: Ints
    weights: tuple[float, ...] | None
    features: tuple[str, ...]
    strata: int


def least_rows(dataset: Dataset) -> int:
    """The smallest part that can be drawn: two rows of every class."""
    return 2 * max(1, len(dataset.classes))


def draw(dataset: Dataset, rows: int, seed: int = 0, hashes: Hashes | None = None) -> Part:
    """A part of ``rows`` rows by the laws above; ``hashes`` saves work where they are known."""
    hashes = row_hashes(dataset) if hashes is None else hashes
    labels = _quantiles(dataset.target, _TENTHS) if dataset.regression else dataset.target
    features = _key_features(dataset, labels, hashes)
    cells = _blocks(dataset)
    for place in features:
        cells = cells * (_QUARTERS + 1) + _cut(dataset, place)
    floor = 0 if dataset.regression else MINORITY_FLOOR
    taken = nested_sample(_copies_apart(hashes), labels, rows, seed, cells=cells, floor=floor)
    strata = np.count_nonzero(np.bincount(cells * (int(labels.max()) + 1) + labels))
    names = tuple(dataset.columns[place].name for place in features)
    return Part(taken, _weights(dataset, taken), names, int(strata))


def nested_sample(
    hashes: Hashes,
    target: Ints,
    rows: int,
    seed: int = 0,
    *,
    cells: Ints | None = None,
    floor: int = MINORITY_FLOOR,
) -> Ints:
    """Positions, ascending, of a part of ``rows`` rows, stratified by class and by cell within.

    Rows come in the order of rank / size within their class; the first ``floor`` of every class
    come before all others. Within a class they rank by keyed hash of their content, or where
    there are ``cells`` (codes from 0) in the order of (rank + start) / size within their cell,
    each cell with a start of its own in [0, 1).
    """
    order_keys = keyed(hashes, "sample", seed)
    within: NDArray[Any] = order_keys if cells is None else _turns(order_keys, target, cells, seed)
    members, turns = [], []
    for code in np.unique(target):
        ranked = _first(np.flatnonzero(target == code), within, rows)
        rank, size = np.arange(len(ranked)), np.count_nonzero(target == code)
        share = (rank + 0.5) / size
        members.append(ranked)
        turns.append(np.where(rank < floor, rank / floor - 1.0, share) if floor else share)
    drawn = np.concatenate(members)
    order = np.lexsort((order_keys[drawn], target[drawn], np.concatenate(turns)))
    return np.sort(drawn[order[:rows]])


def _first(members: Ints, keys: NDArray[Any], most: int) -> Ints:
    """The ``most`` members with the smallest keys, in their order; the others never have a turn."""
    found = keys[members]
    if most < len(members):
        front = np.argpartition(found, most)[:most]
        members, found = members[front], found[front]
    return members[np.argsort(found, kind="stable")]


def _copies_apart(hashes: Hashes) -> Hashes:
    """Another hash for each further copy of a row: else all copies would be drawn, or none."""
    repeated = np.flatnonzero(pd.Series(hashes).duplicated(keep=False))
    if not len(repeated):
        return hashes
    copies = hashes[repeated]
    number: Hashes = pd.Series(copies).groupby(copies).cumcount().to_numpy().astype(np.uint64)
    apart = hashes.copy()
    apart[repeated] = np.where(number > 0, mixed(copies + number), copies)
    return apart


def _turns(order_keys: Hashes, target: Ints, cells: Ints, seed: int) -> Floats:
    """(rows,) when each row's turn comes within its class, in [0, 1)."""
    joint = cells.astype(np.int64) * (int(target.max()) + 1) + target
    room = np.uint64(64 - int(joint.max()).bit_length())  # one sort of one number: half the time
    order = np.argsort((joint.astype(np.uint64) << room) | (order_keys >> (np.uint64(64) - room)))
    size = np.bincount(joint)
    first = np.cumsum(size) - size
    ordered = joint[order]
    rank = np.arange(len(joint)) - first[ordered]
    start = uniform(keyed(np.arange(len(size), dtype=np.uint64), "start", seed))
    turn = np.empty(len(joint))
    turn[order] = (rank + start[ordered]) / size[ordered]
    return turn


def _key_features(dataset: Dataset, labels: Ints, hashes: Hashes) -> list[int]:
    """Up to three columns that tell most about the label, and more than chance would."""
    judged: Ints = np.arange(dataset.rows)
    if dataset.rows > _ROWS_TO_JUDGE:  # chosen by content: row order must not matter
        judged = np.argpartition(keyed(hashes, "strata"), _ROWS_TO_JUDGE)[:_ROWS_TO_JUDGE]
    some = dataset.take(judged)
    told = []
    for place in range(len(dataset.columns)):
        bits, by_chance = _information(_cut(some, place), labels[judged])
        if bits > by_chance:
            told.append((-bits, dataset.columns[place].name, place))
    return [place for _, _, place in sorted(told)[:KEY_FEATURES]]


def _information(cells: Ints, labels: Ints) -> tuple[float, float]:
    """Mutual information in nats, and what chance rarely exceeds (2 n I is chi-squared)."""
    classes = int(labels.max()) + 1
    counts = np.bincount(cells * classes + labels, minlength=(_QUARTERS + 1) * classes)
    joint = counts.reshape(-1, classes) / len(labels)
    joint = joint[joint.any(axis=1)][:, joint.any(axis=0)]
    freedom = (joint.shape[0] - 1) * (joint.shape[1] - 1)
    if not freedom:
        return 0.0, 0.0
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    held = joint > 0
    bits = float((joint[held] * np.log(joint[held] / apart[held])).sum())
    return bits, float(chdtri(freedom, _BY_CHANCE)) / (2 * len(labels))


def _blocks(dataset: Dataset) -> Ints:
    """(rows,) quarters of time; else quarters of the groups, by their hash; else zeros."""
    if dataset.time is not None:
        return _quantiles(dataset.time, _QUARTERS)
    if dataset.groups is not None:
        return (dataset.groups % _QUARTERS).astype(np.int64)
    return np.zeros(dataset.rows, np.int64)


def _cut(dataset: Dataset, place: int) -> Ints:
    """(rows,) 0..4: a number's quarter or one of the commonest levels; 4 where it is missing."""
    values, levels = dataset.values[:, place], dataset.columns[place].levels
    missing = np.isnan(values)
    if levels is None:
        cells = _quantiles(values, _QUARTERS)
    else:
        codes = np.where(missing, len(levels), values).astype(np.intp)
        counts = np.bincount(codes, minlength=len(levels) + 1)[: len(levels)]
        place_of = np.full(len(levels) + 1, _QUARTERS - 1)
        common = np.argsort(-counts, kind="stable")[: _QUARTERS - 1]
        place_of[common] = np.arange(len(common))
        cells = place_of[codes]
    cells[missing] = _QUARTERS
    return cells


def _quantiles(values: Floats, parts: int) -> Ints:
    """(rows,) 0..parts-1 by quantiles; equal values share a cell. NaN is in the last."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), np.int64)
    inner = np.quantile(known, np.arange(1, parts) / parts, method="inverted_cdf")
    return np.searchsorted(np.unique(inner), values, side="left").astype(np.int64)


def _weights(whole: Dataset, rows: Ints) -> tuple[float, ...] | None:
    """Rows of each class in the whole per row in the part, where the shares are not the whole's."""
    if whole.regression:
        return None
    counts, kept = whole.counts(slice(None)), whole.counts(rows)
    fair = counts * len(rows) / whole.rows
    if (np.abs(kept - fair) <= 1).all() or not kept.all():
        return None
    return tuple(float(number) for number in counts / kept)
