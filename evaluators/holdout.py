"""Which rows are locked away for the final estimate.

Law for tables without time: a row is locked when the keyed hash of its identity (of its group,
where there are groups), read as a number in [0, 1), is below ``test_size``. The identity is that
of the row in the source table, every column included; without one, a hash of features and label
stands in for it. So

- the same rows are locked whatever their order, file format, sweep, or machine, and whichever
  columns a spec drops or gives a role;
- rows that are identical in the source, and whole groups, stand on one side;
- the rows of a smaller hold-out lie inside those of a larger one;
- rows that are added, or a part taken of the table, never move another row: one that a search
  has seen cannot become hold-out, nor the other way round;
- every class, and every stratum else, gives its share in expectation: the share is exact only up
  to sqrt(size * (1 - size) / units), a unit being a group or a distinct row.

The lowest ranks within each class would give the exact share, but each row that is added then
moves the limit, and with it rows from one side to the other: an estimate on rows that earlier
sweeps trained on is worth less than a share exact to the row.

Rows that differ only in columns that are dropped, an identifier say, are alike to a model and yet
may stand on both sides: that is counted and said.

Law for tables with time: the latest rows are locked, cut at the change of time nearest to the
size asked for, so that rows of one moment stand on one side. Rows added later do move that cut.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evaluators.errors import SplitError
from evaluators.fingerprint import keyed, row_hashes, uniform
from evaluators.types import Dataset, Floats, Ints, Warned

#: What "auto" locks, and how many rows of the rarest class have to land in it.
AUTO_SIZE = 0.2
ENOUGH_ROWS = 100
LARGEST_SIZE = 0.5
#: A share this far from the one asked for, relatively, is worth a word.
_UNEVEN = 0.25

Locked = tuple[Ints, Ints, tuple[Warned, ...]]


def locked_rows(dataset: Dataset, test_size: float | Literal["auto"] | None) -> Locked:
    """(development, locked) positions, both ascending, and warnings.

    Args:
        dataset: all rows.
        test_size: a share in (0, 0.5]; "auto" is 0.2 where at least 100 rows (of the rarest class)
            land in it and nothing otherwise, with the warning "no_holdout"; None or False locks
            nothing.

    Raises:
        SplitError: the size is out of range, or leaves a class out of either side.
    """
    if test_size is None or test_size is False:
        return _nothing(dataset, ())
    if test_size == "auto":
        return _automatic(dataset)
    if isinstance(test_size, (bool, str)) or not 0.0 < test_size <= LARGEST_SIZE:
        raise SplitError(
            f"holdout.test_size = {test_size!r}: a share above 0 and up to {LARGEST_SIZE} is "
            f'allowed, or "auto", or false for none'
        )
    locked = _locked(dataset, test_size)
    problem = _problem(dataset, locked)
    if problem:
        raise SplitError(
            f"holdout.test_size = {test_size}: {problem}; ask for another size, or false for none"
        )
    return *_sides(locked), (*_thin(dataset, locked), *_spread(dataset, locked, test_size))


def _automatic(dataset: Dataset) -> Locked:
    locked = _locked(dataset, AUTO_SIZE)
    what, landed = _rarest(dataset, dataset.counts(locked))
    problem = _problem(dataset, locked)
    if landed < ENOUGH_ROWS:
        problem = (
            f"only {landed} rows{what} would land in {AUTO_SIZE:.0%} of the rows, "
            f"and {ENOUGH_ROWS} are needed to judge by"
        )
    elif locked.mean() > 2 * AUTO_SIZE:
        problem = f"rows that stay together are so many that {locked.mean():.0%} would be locked"
    if problem:
        text = f"no hold-out is locked: {problem}; holdout.test_size = {AUTO_SIZE} asks for one"
        return _nothing(dataset, (Warned("no_holdout", text, float(landed)),))
    return *_sides(locked), _spread(dataset, locked, AUTO_SIZE)


def _locked(dataset: Dataset, size: float) -> NDArray[np.bool_]:
    """(rows,) which are locked, by the laws above."""
    if dataset.time is not None:
        return dataset.time >= _cut(dataset.time, size)
    if dataset.groups is not None:
        hashes = dataset.groups.astype(np.int64).view(np.uint64)
    else:
        hashes = row_hashes(dataset) if dataset.identity is None else dataset.identity
    locked: NDArray[np.bool_] = uniform(keyed(hashes, "holdout")) < size
    return locked


def _cut(time: Floats, size: float) -> float:
    """The earliest moment that is locked; infinity where none is nearer to the size asked for."""
    moments, counts = np.unique(time, return_counts=True)
    later = np.append(np.cumsum(counts[::-1])[::-1], 0)  # rows at or after each moment
    nearest = len(moments) - int(np.argmin(np.abs(later[::-1] - size * len(time))))
    return float(np.append(moments, np.inf)[nearest])


def _problem(dataset: Dataset, locked: NDArray[np.bool_]) -> str:
    """Why these sides cannot be worked with; empty where they can."""
    for side, rows in (("development rows", ~locked), ("locked rows", locked)):
        counts = dataset.counts(rows)
        if not counts.all():
            what, _ = _rarest(dataset, counts)
            return f"no row{what} lands in the {rows.sum()} {side}"
    return ""


def _rarest(dataset: Dataset, counts: Ints) -> tuple[str, int]:
    """Of which class there are the fewest, as ``of_class`` has it, and how many."""
    code = int(np.argmin(counts))
    return dataset.of_class(code), int(counts[code])


def _thin(dataset: Dataset, locked: NDArray[np.bool_]) -> tuple[Warned, ...]:
    what, landed = _rarest(dataset, dataset.counts(locked))
    if landed >= ENOUGH_ROWS:
        return ()
    text = f"the hold-out has {landed} rows{what}: below {ENOUGH_ROWS} its score is a rough one"
    return (Warned("thin_holdout", text, float(landed)),)


def _spread(dataset: Dataset, locked: NDArray[np.bool_], size: float) -> tuple[Warned, ...]:
    """Words on a share far from the one asked for, and on groups that time cuts in two."""
    share = float(locked.mean())
    found = []
    if abs(share - size) > _UNEVEN * size:
        text = (
            f"{share:.1%} of the rows are locked where {size:.1%} were asked for: identical "
            f"rows, groups and rows of one moment stay together"
        )
        found.append(Warned("uneven_holdout", text, share))
    if dataset.time is not None and dataset.groups is not None:
        both = np.intersect1d(dataset.groups[locked], dataset.groups[~locked]).size
        if both:
            text = f"{both} groups have rows before and after the cut in time, so on both sides"
            found.append(Warned("groups_across_holdout", text, float(both)))
    return (*found, *_straddling(dataset, locked))


def _straddling(dataset: Dataset, locked: NDArray[np.bool_]) -> tuple[Warned, ...]:
    """A word on rows that a model cannot tell from locked ones, though the source can."""
    hashes = row_hashes(dataset)
    alike = int(np.isin(hashes[~locked], hashes[locked]).sum())
    if not alike:
        return ()
    text = (
        f"{alike} of the {(~locked).sum()} development rows have the features and the "
        f"{dataset.answer} of a locked row: the hold-out's score flatters by what a "
        f"model knows by heart"
    )
    return (Warned("duplicates_across_holdout", text, float(alike)),)


def _sides(locked: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    return np.flatnonzero(~locked), np.flatnonzero(locked)


def _nothing(dataset: Dataset, warned: tuple[Warned, ...]) -> Locked:
    return np.arange(dataset.rows), np.arange(0), warned
