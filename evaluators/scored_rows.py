"""Rows with a model's answer: what every metric reads, each view computed once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.metric_functions import Curve, count, curve_of
from evaluators.types import Floats, Ints, ScoreKind

#: A probability above the first, or a decision value above the second, is the label 1.
CUTS: Mapping[ScoreKind, float] = {"proba": 0.5, "decision": 0.0}


def labels_of(output: Floats, kind: ScoreKind, cut: float | None = None) -> NDArray[Any]:
    """The labels for these outputs; without ``cut`` those of scikit-learn's ``predict``.

    Numbers are what ``predict`` says already.

    Binary: 1 where the output is above ``cut``, by default the probability above one half or the
    decision value above zero, so a tie is class 0. More classes: the first of the highest.
    """
    if kind == "value":
        return output
    if output.ndim == 2:
        highest: Ints = np.argmax(output, axis=1)
        return highest
    return (output > (CUTS[kind] if cut is None else cut)).astype(np.int8)


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """True classes beside outputs and labels; or true numbers beside predicted ones.

    Attributes:
        target: (rows,) class codes, or numbers.
        output: (rows,) of the positive class if binary, or of numbers, else (rows, classes).
        kind: how to read ``output``.
        labels: (rows,) predicted class codes; ``output`` again if it is of numbers.
        corrected: ``output`` for the classes' true shares, where training bent them; else None.
    """

    target: NDArray[Any]
    output: Floats
    kind: ScoreKind
    labels: NDArray[Any]
    corrected: Floats | None = None

    def __post_init__(self) -> None:
        if not len(self.target) == len(self.output) == len(self.labels):
            raise ValueError(
                f"{len(self.target)} true classes, {len(self.output)} outputs, "
                f"{len(self.labels)} labels: one of each per row is needed"
            )

    @property
    def classes(self) -> int:
        """How many classes there are; none of numbers."""
        if self.kind == "value":
            return 0
        return 2 if self.output.ndim == 1 else self.output.shape[1]

    @property
    def proba(self) -> Floats:
        """What metrics of probabilities read, shaped as ``output``."""
        return self.output if self.corrected is None else self.corrected

    @cached_property
    def finite(self) -> bool:
        """Whether every output is a number that can be ranked."""
        return bool(np.isfinite(self.output).all())

    @cached_property
    def lacks_a_class(self) -> bool:
        """Whether some class has no row here."""
        if self.kind == "value":
            return False
        return bool((np.bincount(self.target, minlength=self.classes) == 0).any())

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The confusion matrix, ``[true][predicted]``."""
        return count(self.target, self.labels, self.classes)

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """Binary: one curve, of class 1. More classes: each class against the rest."""
        if self.output.ndim == 1:
            return (curve_of(self.target == 1, self.output),)
        return tuple(
            curve_of(self.target == code, self.output[:, code]) for code in range(self.classes)
        )
