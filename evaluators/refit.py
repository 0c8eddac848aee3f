"""The winner, fitted again on every row it may see, and usable on new tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluators.assignment import Assignment
from evaluators.columns import encode, matrix
from evaluators.errors import DataError, ModelError
from evaluators.models import build
from evaluators.prior import corrected
from evaluators.scoring import labels_of, outputs
from evaluators.types import Column, Configuration, Dataset, Floats, ScoreKind


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A model that takes the table as the user has it and answers in the user's labels, or numbers.

    Attributes:
        model: the fitted estimator, preprocessing included; it takes encoded matrices.
        classes: labels by code; in binary data the second is the positive class. None of numbers.
        threshold: binary data is labelled positive where the model's own output (``outputs``) is
            above it; None for the default. It is the one a trial records, on the same scale.
    """

    model: Any
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    threshold: float | None = None

    def __repr__(self) -> str:
        return f"<FittedModel {self.model!r:.60} on {len(self.columns)} columns>"

    def predict(self, frame: pd.DataFrame) -> Any:
        """(rows,) labels as text, at ``threshold``; float64 where the target is a number."""
        output, kind = self.outputs(frame)
        if kind == "value":
            return output
        return np.asarray(self.classes, dtype=object)[labels_of(output, kind, self.threshold)]

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """(rows, classes) probabilities in the order of ``classes``.

        Class weights and resampling are taken out of them again (``evaluators.prior``), so they
        are not what labels are cut by.

        Raises:
            ModelError: the target is a number, or the model gives no probabilities.
        """
        if not hasattr(self.model, "predict_proba"):
            what = "decision values" if self.classes else "numbers"
            raise ModelError(f"this model gives {what} and no probabilities")
        return corrected(self.model.predict_proba(self._encoded(frame)), self.model.log_prior_shift)

    def outputs(self, frame: pd.DataFrame) -> tuple[Floats, ScoreKind]:
        """What the model itself says, as out-of-fold outputs are recorded, and how to read it.

        (rows,) of the positive class if binary, or of numbers, else (rows, classes).
        """
        return outputs(self.model, self._encoded(frame), len(self.classes))

    def _encoded(self, frame: pd.DataFrame) -> Floats:
        """The training columns of a new table; a level never seen counts as missing.

        Raises:
            DataError: a column is missing, or holds text where training had numbers.
        """
        if not isinstance(frame, pd.DataFrame):
            frame = pd.DataFrame(frame, columns=[column.name for column in self.columns])
        missing = [c.name for c in self.columns if c.name not in frame.columns]
        if missing:
            raise DataError(
                f"the table lacks {len(missing)} columns of the training data: {missing}"
            )
        encoded = []
        for column in self.columns:
            found = encode(frame[column.name], column.name, "the table")
            if column.levels is None and found.levels is not None:
                raise DataError(f"column {column.name!r} was a number in training and is text now")
            if column.levels is not None:
                found = encode(frame[column.name].astype("category"), column.name, "the table")
                found = type(found)(column.name, _recoded(found, column.levels), column.levels)
            encoded.append(found)
        return matrix(encoded, len(frame))


def _recoded(found: Any, levels: tuple[str, ...]) -> Floats:
    """Codes of the new table's own levels as codes of the training levels."""
    place = {level: code for code, level in enumerate(levels)}
    moved = np.array([place.get(level, np.nan) for level in found.levels] + [np.nan])
    codes = np.where(np.isnan(found.array), len(found.levels), found.array).astype(int)
    recoded: Floats = moved[codes]
    return recoded


def refit(
    assignment: Assignment,
    dataset: Dataset,
    configuration: Configuration,
    threshold: float | None = None,
) -> FittedModel:
    """Fit one configuration on all rows of ``dataset``.

    ``threshold``: where its labels are cut; without one at the number that the spec gave, if any.
    """
    model = build(
        assignment.recipes[configuration.model], configuration.params, dataset.columns,
        dataset.classes, dataset.target, threads=assignment.threads, seed=assignment.seed,
    )  # fmt: skip
    model.fit(
        _writable(dataset.values),
        _writable(dataset.target),
        sample_weight=_writable(dataset.weight),
    )
    cut = assignment.cut if threshold is None else threshold
    return FittedModel(model, dataset.columns, dataset.classes, cut)


def _writable(array: NDArray[Any] | None) -> Any:
    """The array, copied where it is mapped: as in a fold, a model may work in place."""
    return array if array is None or array.flags.writeable else array.copy()
