"""Rows of a matrix by reference, for models that can take them part by part."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evaluators.kept import Kept
from evaluators.types import Floats, Ints

#: A part has about so many bytes: few enough to be nothing beside a fit, so many that what goes
#: on in between costs nothing. Rows of no more bytes are taken whole.
PART_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of ``values`` at ``index``, which has to be theirs for good: ``kept`` goes by it.

    Attributes:
        values: (all rows, columns), often a mapped file.
        index: positions of these rows.
        kept: where what is made of them may stay for the next fit.
    """

    values: Floats
    index: Ints
    kept: Kept = field(default_factory=Kept)

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
