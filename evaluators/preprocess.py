"""What a model gets to see of the matrix: as it is, encoded, or as the user's table.

Every view learns from the rows given to ``fit_transform`` (the training fold) and from no other.
``Encoded`` equals scikit-learn's SimpleImputer(strategy="median") with MissingIndicator,
StandardScaler and OneHotEncoder(handle_unknown="infrequent_if_exist"), to which its tests hold it.
It is written out because the categories already come as codes: 39,000 rows of 6 numbers and 8
categories take 16 ms instead of 75, 1,600 rows of 20 numbers 0.4 ms instead of 8 (one thread).
"""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluators.types import Column, Floats

#: A category column becomes at most so many 0/1 columns; the rarest levels share the last.
MAX_CATEGORIES = 50

#: Encoded matrices less dense than this are sparse where the model gains from it: logistic
#: regression took 0.7 of the dense time at 0.14, 1.1 of it at 0.31 (40,000 rows, float32).
SPARSE_BELOW = 0.3


#: What a model gets: an array, a CSR array or a DataFrame.
Shown: TypeAlias = Any


class View(Protocol):
    """How a model sees the matrix. Input arrays are never written to."""

    def fit_transform(self, values: Floats) -> Shown:
        """Learn from training rows and show them."""

    def transform(self, values: Floats) -> Shown:
        """Show other rows by what was learnt."""


class AsItIs:
    """The matrix itself: for models that read codes and NaN.

    No copy, but of read-only rows where ``writable`` asks for rows that could be written to.
    """

    def __init__(self, *, writable: bool = False) -> None:
        self.writable = writable

    def fit_transform(self, values: Floats) -> Floats:
        """The same rows."""
        return self.transform(values)

    def transform(self, values: Floats) -> Floats:
        """The same rows."""
        return np.require(values, requirements="W") if self.writable else values


class Table:
    """A pandas DataFrame: the columns' names, categories as ``category``, missing as missing."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)

    def fit_transform(self, values: Floats) -> Shown:
        """Nothing is learnt: the levels are those of the whole dataset."""
        return self.transform(values)

    def transform(self, values: Floats) -> Shown:
        """(rows, columns) DataFrame."""
        import pandas as pd

        def series(position: int, column: Column) -> Shown:
            array = values[:, position]
            if column.levels is None:
                return array
            codes = np.where(np.isnan(array), -1, array).astype(np.intp)
            return pd.Categorical.from_codes(codes, categories=pd.Index(column.levels))

        return pd.DataFrame({c.name: series(i, c) for i, c in enumerate(self.columns)})


class Encoded:
    """Numbers first, then a 0/1 column for each number column with gaps, then 0/1 columns by level.

    - ``impute``: a missing number becomes the median of the training rows, and columns with gaps
      there get an indicator column. In a column without gaps in training it becomes the mean
      (a median costs more than all the rest), in one without any value 0. Without ``impute``,
      NaN stays.
    - ``scale``, on top of it: numbers get mean 0 and standard deviation 1 (constants become 0),
      indicators stay 0 and 1.
    - A missing category is a level of its own. Levels not seen in training are all zeros, or the
      shared column of rare levels where there is one.
    - ``sparse``: a CSR array if fewer than SPARSE_BELOW of the cells can be other than zero.

    The float type of the input is kept.
    """

    def __init__(
        self, columns: Sequence[Column], *, impute: bool, scale: bool = False, sparse: bool = False
    ) -> None:
        self.impute, self.scale, self.sparse = impute or scale, scale, sparse
        self._numeric = [i for i, column in enumerate(columns) if column.levels is None]
        self._categorical = [
            (i, len(column.levels)) for i, column in enumerate(columns) if column.levels is not None
        ]

    def fit_transform(self, values: Floats) -> Shown:
        """Learn medians, means, deviations and levels from training rows and encode them."""
        numbers = self._numbers(values)
        holes = self._learn_numbers(numbers)
        levels = [_codes(values[:, position], count) for position, count in self._categorical]
        self._width = numbers.shape[1] + holes.shape[1]
        filled = self._width + len(levels)
        self._places: list[NDArray[np.intp]] = []
        for codes, (_, count) in zip(levels, self._categorical, strict=True):
            place, width = _level_places(codes, count)
            self._places.append(np.where(place < 0, -1, place + self._width))
            self._width += width
        self._as_sparse = self.sparse and filled < SPARSE_BELOW * self._width
        return self._joined(numbers, holes, levels)

    def transform(self, values: Floats) -> Shown:
        """Encode other rows by what was learnt."""
        numbers = self._numbers(values)
        holes = self._fill(numbers)
        if self.scale:
            numbers -= self._means
            numbers /= self._spread
        levels = [_codes(values[:, position], count) for position, count in self._categorical]
        return self._joined(numbers, holes, levels)

    def _numbers(self, values: Floats) -> Floats:
        """The number columns, always a copy in C order."""
        if len(self._numeric) == values.shape[1]:
            return np.array(values, order="C")
        return np.take(values, self._numeric, axis=1)

    def _learn_numbers(self, numbers: Floats) -> Floats:
        """Learn from ``numbers`` and transform them in place; returns the indicator columns."""
        if not self.impute:
            return self._fill(numbers)
        means = np.atleast_1d(np.mean(numbers, axis=0, dtype=np.float64))
        self._gaps = np.flatnonzero(np.isnan(means))
        for gap in self._gaps:
            present = numbers[:, gap][~np.isnan(numbers[:, gap])]
            means[gap] = np.median(present) if len(present) else 0.0
        self._stand_in = means.astype(numbers.dtype)
        holes = self._fill(numbers)
        if self.scale:
            means[self._gaps] = np.mean(numbers[:, self._gaps], axis=0, dtype=np.float64)
            self._means = means.astype(numbers.dtype)
            numbers -= self._means
            squares = np.einsum("ij,ij->j", numbers, numbers, dtype=np.float64)
            spread = np.sqrt(squares / len(numbers))
            # what rounding leaves of a constant must not be blown up (as in StandardScaler)
            eps = max(10 * np.finfo(numbers.dtype).eps, len(numbers) * np.finfo(np.float64).eps)
            self._spread = np.where(spread <= eps * np.abs(means), 1.0, spread)
            self._spread = self._spread.astype(numbers.dtype)
            numbers /= self._spread
        return holes

    def _fill(self, numbers: Floats) -> Floats:
        """Impute in place; returns the indicator columns of the training gaps."""
        if not self.impute:
            return np.empty((len(numbers), 0), dtype=numbers.dtype)
        missing = np.isnan(numbers)
        np.copyto(numbers, self._stand_in, where=missing)
        return missing[:, self._gaps].astype(numbers.dtype)

    def _joined(self, numbers: Floats, holes: Floats, levels: Sequence[NDArray[np.intp]]) -> Shown:
        """The blocks side by side."""
        if holes.shape[1]:
            numbers = np.hstack([numbers, holes])
        places = [place[codes] for codes, place in zip(levels, self._places, strict=True)]
        join = _joined_sparse if self._as_sparse else _joined_dense
        return join(numbers, places, self._width)


def _codes(array: Floats, levels: int) -> NDArray[np.intp]:
    """(rows,) codes as indices: ``levels`` for missing, ``levels + 1`` for a code out of range."""
    codes = np.where(np.isnan(array), levels, array).astype(np.intp)
    codes[(codes < 0) | (codes > levels)] = levels + 1
    return codes


def _level_places(codes: NDArray[np.intp], levels: int) -> tuple[NDArray[np.intp], int]:
    """Where each code goes among the 0/1 columns of its feature (-1: nowhere), and how many.

    Which levels are rare is decided as OneHotEncoder(max_categories=MAX_CATEGORIES) does.
    """
    counts = np.bincount(codes, minlength=levels + 2)[: levels + 2]
    seen = np.flatnonzero(counts)
    places = np.full(levels + 2, -1, dtype=np.intp)
    if len(seen) <= MAX_CATEGORIES:
        places[seen] = np.arange(len(seen))
        return places, len(seen)
    by_count = seen[np.argsort(counts[seen], kind="stable")]
    kept = np.sort(by_count[len(seen) - MAX_CATEGORIES + 1 :])
    places[:] = len(kept)
    places[kept] = np.arange(len(kept))
    return places, MAX_CATEGORIES


def _joined_dense(numbers: Floats, places: Sequence[NDArray[np.intp]], width: int) -> Floats:
    """Numbers and 0/1 columns as one dense matrix of ``width`` columns."""
    if not places:
        return numbers
    joined = np.zeros((len(numbers), width), dtype=numbers.dtype)
    joined[:, : numbers.shape[1]] = numbers
    for place in places:
        rows = np.flatnonzero(place >= 0)
        joined[rows, place[rows]] = 1
    return joined


def _joined_sparse(numbers: Floats, places: Sequence[NDArray[np.intp]], width: int) -> Shown:
    """The same as a CSR array: each row stores its numbers and one cell per category column."""
    from scipy.sparse import csr_array

    rows, plain = numbers.shape
    stored = plain + len(places)
    small = rows * stored < np.iinfo(np.int32).max
    index = np.int32 if small else np.int64
    data = np.ones((rows, stored), dtype=numbers.dtype)
    data[:, :plain] = numbers
    indices = np.empty((rows, stored), dtype=index)
    indices[:, :plain] = np.arange(plain)
    for offset, place in enumerate(places, start=plain):
        indices[:, offset] = place
    if indices.size and indices.min() < 0:  # levels without a column store nothing
        known = indices >= 0
        pointers = np.concatenate([[0], np.cumsum(known.sum(axis=1))]).astype(index)
        return csr_array((data[known], indices[known], pointers), shape=(rows, width))
    pointers = np.arange(0, rows * stored + 1, stored, dtype=index)
    return csr_array((data.ravel(), indices.ravel(), pointers), shape=(rows, width))
