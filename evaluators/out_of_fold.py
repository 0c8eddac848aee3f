"""All scored rows of one trial in one table: what intervals and comparisons are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.metrics import Metric
from evaluators.oof import read_folds
from evaluators.prior import corrected
from evaluators.scored_rows import ScoredRows, labels_of
from evaluators.scoring import value_of
from evaluators.types import Floats, FoldResult, Ints, ScoreKind, Split


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """The out-of-fold rows of one trial, fold by fold; with repeats a row stands here repeatedly.

    Attributes:
        rows: (n,) positions in the dataset.
        fold: (n,) 0-based over all repeats.
        repeat: (n,) 0-based.
        target: (n,) class codes, or numbers.
        output: (n,) of the positive class if binary, or of numbers, else (n, classes).
        kind: how to read ``output``.
        labels: (n,) predicted class codes, at the threshold in force; ``output`` if of numbers.
        corrected: ``output`` for the true shares of the classes, which metrics of probabilities
            read, where class weights or resampling bent them; else None.
    """

    rows: Ints
    fold: Ints
    repeat: Ints
    target: NDArray[Any]
    output: Floats
    kind: ScoreKind
    labels: NDArray[Any]
    corrected: Floats | None = None

    def __post_init__(self) -> None:
        lengths = {
            len(self.rows), len(self.fold), len(self.repeat), len(self.target), len(self.output),
            len(self.labels),
        }  # fmt: skip
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"as many of each as there are rows is needed, got {sorted(lengths)}")

    @property
    def classes(self) -> int:
        """How many classes there are; none of numbers."""
        if self.kind == "value":
            return 0
        return 2 if self.output.ndim == 1 else self.output.shape[1]

    def part(self, index: Ints) -> ScoredRows:
        """The rows at ``index`` of this table, which may repeat, as metrics read them."""
        proba = None if self.corrected is None else self.corrected[index]
        return ScoredRows(
            self.target[index], self.output[index], self.kind, self.labels[index], proba
        )

    def parts(self, metric: Metric) -> list[Ints]:
        """Which rows of this table the metric is computed on at once; its score is their mean.

        Those of ``scoring.score_trial``: folds where values are averaged, repeats where rows are
        pooled, and everything where counts are.
        """
        if metric.pooling == "mean":
            return _apart(self.fold)
        if metric.reads == "counts":
            return [np.arange(len(self.rows))]
        return _apart(self.repeat)

    def score(self, metric: Metric) -> float:
        """The trial's score, as ``scoring.score_trial`` has it; NaN where undefined."""
        return float(np.mean([value_of(metric, self.part(index)) for index in self.parts(metric)]))

    def fold_scores(self, metric: Metric) -> dict[int, float]:
        """The metric on each fold by itself, by the fold's number."""
        return {
            int(self.fold[index[0]]): value_of(metric, self.part(index))
            for index in _apart(self.fold)
        }


def out_of_fold(
    target: NDArray[Any],
    splits: Sequence[Split],
    folds: Sequence[FoldResult],
    labels: NDArray[Any] | None = None,
) -> OutOfFold:
    """Fresh fold results as one table, in the order given.

    Args:
        target: of the whole dataset.
        splits: all of the partition that ``folds`` number.
        folds: some or all of them, scored.
        labels: predicted codes in the table's order, where not those at the folds' own cut.
    """
    if len({fold.kind for fold in folds}) != 1:
        raise ValueError("folds of one trial have one kind of output")
    kind = folds[0].kind
    rows = np.concatenate([splits[fold.fold].test for fold in folds])
    lengths = [len(fold.output) for fold in folds]
    if labels is None:
        labels = np.concatenate([labels_of(fold.output, kind, fold.cut) for fold in folds])
    bent = kind == "proba" and any(fold.log_prior_shift is not None for fold in folds)
    proba = [corrected(fold.output, fold.log_prior_shift) for fold in folds] if bent else None
    return OutOfFold(
        rows=rows,
        fold=np.repeat([fold.fold for fold in folds], lengths),
        repeat=np.repeat([splits[fold.fold].repeat for fold in folds], lengths),
        target=target[rows],
        output=np.concatenate([fold.output for fold in folds]),
        kind=kind,
        labels=labels,
        corrected=None if proba is None else np.concatenate(proba),
    )


def from_file(data: bytes, target: NDArray[Any], splits: Sequence[Split]) -> OutOfFold:
    """The same from what ``evaluators.oof.encode`` wrote; ``thresholds.retuned`` cuts it anew.

    Raises:
        ValueError: damaged, or scored under other folds than ``splits``.
    """
    return out_of_fold(target, *read_folds(data, splits))


def _apart(number: Ints) -> list[Ints]:
    """Positions of each distinct number, by rising number."""
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order])) + 1
    return np.split(order, starts)
