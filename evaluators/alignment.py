"""The same row in two readings of one table: by what stands in it, whatever its position."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evaluators.errors import DataError
from evaluators.out_of_fold import OutOfFold
from evaluators.types import Dataset, Ints

_STEP = np.uint64(0x9E3779B97F4A7C15)  # odd: its multiples meet no sooner than after 2**64


def places_in(dataset: Dataset, other: Dataset) -> Ints:
    """(rows of ``other``,) where each row of it stands in ``dataset``; -1 where it does not.

    Of rows that are equal in every column, the first stands for the first and so on.

    Raises:
        DataError: the rows' identities are not known and their numbers differ.
    """
    if dataset.identity is None or other.identity is None:
        if dataset.rows != other.rows:
            raise DataError("these tables cannot be matched row by row")
        return np.arange(other.rows)
    if np.array_equal(dataset.identity, other.identity):
        return np.arange(other.rows)
    own, wanted = _distinct(dataset.identity), _distinct(other.identity)
    order = np.argsort(own)
    found = order[np.searchsorted(own[order], wanted).clip(max=len(own) - 1)]
    return np.where(own[found] == wanted, found, -1)


def on_common_rows(
    one: OutOfFold, other: OutOfFold, places: Ints
) -> tuple[OutOfFold, OutOfFold, bool]:
    """Both on the rows that both have, numbered as those of ``one``; and whether any was left out.

    Args:
        one: numbered by its own dataset.
        other: numbered by another.
        places: of each row of the other dataset in the dataset of ``one``, as by ``places_in``.

    Raises:
        DataError: they share no row, or one row has two targets.
    """
    moved = replace(other, rows=places[other.rows])
    in_one, in_other = np.isin(one.rows, moved.rows), np.isin(moved.rows, one.rows)
    if not in_one.any():
        raise DataError("they were not scored on any row in common")
    first, second = _kept(one, in_one), _kept(moved, in_other)
    target = np.zeros(1 + int(first.rows.max()), first.target.dtype)
    target[first.rows] = first.target
    if not np.array_equal(target[second.rows], second.target):
        raise DataError("their rows are the same and their targets differ")
    return first, second, not (in_one.all() and in_other.all())


def _distinct(identity: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Identities in which equal rows are told apart by their number among their like."""
    order = np.argsort(identity, kind="stable")
    ordered = identity[order]
    starts = np.append(0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1)
    nth = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    found = np.empty_like(identity)
    found[order] = ordered + nth.astype(np.uint64) * _STEP
    return found


def _kept(scored: OutOfFold, rows: NDArray[np.bool_]) -> OutOfFold:
    if rows.all():
        return scored
    return OutOfFold(
        scored.rows[rows], scored.fold[rows], scored.repeat[rows], scored.target[rows],
        scored.output[rows], scored.kind, scored.labels[rows],
        None if scored.corrected is None else scored.corrected[rows],
    )  # fmt: skip
