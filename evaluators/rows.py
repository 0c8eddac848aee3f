"""Rows of a matrix by reference, for models that can take them part by part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluators.kept import Kept
from evaluators.types import Dataset, Floats, Ints, Split

#: A part has about so many bytes: few enough to be nothing beside a fit, so many that what goes
#: on in between costs nothing. Rows of no more bytes are taken whole.
PART_BYTES = 32 * 2**20
#: Rows that shared cuts are found from: a tenth, and so many at least where there are as many.
CUTS_SHARE, FEWEST_FOR_CUTS = 10, 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of ``values`` at ``index``, which has to be theirs for good: ``kept`` goes by it.

    Attributes:
        values: (all rows, columns), often a mapped file.
        index: positions of these rows.
        kept: where what is made of them may stay for the next fit.
        cuts: positions of rows whose quantiles bin these ones too; None: these rows' own do. The
            same array for all folds.
    """

    values: Floats
    index: Ints
    kept: Kept = field(default_factory=Kept)
    cuts: Ints | None = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def whole(self) -> Floats:
        """(rows, columns) copied."""
        return self.values[self.index]

    @property
    def count(self) -> int:
        """Parts there are."""
        return max(1, -(-len(self) // self._step))

    @property
    def _step(self) -> int:
        return max(1, PART_BYTES // max(1, self.values[:1].nbytes))

    def slices(self) -> Iterator[slice]:
        """Where each part lies among these rows."""
        for start in range(0, max(1, len(self)), self._step):
            yield slice(start, start + self._step)

    def part(self, where: slice) -> Floats:
        """A part copied."""
        return self.values[self.index[where]]


def by_reference(model: Any) -> bool:
    """Whether a fold's model learns from ``Rows``: its estimator can, and nothing changes them."""
    resampler = getattr(model, "resampler", None)
    return resampler is None and bool(getattr(model.model, "takes_rows", False))


def in_parts(answer: Callable[[Floats], Any], X: Floats | Rows) -> Any:
    """``answer`` for all rows, of ``Rows`` part by part: a row's answer depends on no other."""
    if not isinstance(X, Rows):
        return np.asarray(answer(X))
    return np.concatenate([np.asarray(answer(X.part(where))) for where in X.slices()])


def cuts_of(splits: Sequence[Split], data: Dataset) -> Ints:
    """Positions of the rows whose quantiles bin all these folds: drawn at random, always the same.

    Every n-th row would be one month of each customer where a table is sorted so. Test rows are
    among them, without their labels. The last category of each column is there too: XGBoost knows
    those up to the last it has seen.
    """
    used = np.zeros(data.rows, dtype=bool)
    for split in splits:
        used[split.train] = used[split.test] = True
    found = np.flatnonzero(used)
    wanted = min(len(found), max(FEWEST_FOR_CUTS, len(found) // CUTS_SHARE))
    chosen = np.random.default_rng(0).choice(found, wanted, replace=False, shuffle=False)
    named = [place for place, column in enumerate(data.columns) if column.levels is not None]
    last = [found[np.argmax(np.nan_to_num(data.values[found, each], nan=-1))] for each in named]
    cuts: Ints = np.union1d(chosen, np.array(last, dtype=chosen.dtype))
    return cuts
