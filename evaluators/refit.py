"""The winner, fitted again on every row it may see, and usable on new tables."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluators.columns import encode, matrix
from evaluators.crossval import Assignment, outputs
from evaluators.errors import DataError
from evaluators.models import build
from evaluators.scoring import labels_of
from evaluators.types import Column, Configuration, Dataset, Floats


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A model that takes the table as the user has it and answers in the user's labels.

    Attributes:
        model: the fitted estimator, preprocessing included; it takes encoded matrices.
        classes: labels by code; in binary data the second is the positive class.
    """

    model: Any
    columns: tuple[Column, ...]
    classes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<FittedModel {self.model!r:.60} on {len(self.columns)} columns>"

    def predict(self, frame: pd.DataFrame) -> Any:
        """(rows,) labels as text, at the default threshold."""
        output, kind = outputs(self.model, self._encoded(frame), len(self.classes))
        return np.asarray(self.classes, dtype=object)[labels_of(output, kind)]

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """(rows, classes) probabilities in the order of ``classes``."""
        probabilities: Floats = self.model.predict_proba(self._encoded(frame))
        return probabilities

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


def refit(assignment: Assignment, dataset: Dataset, configuration: Configuration) -> FittedModel:
    """Fit one configuration on all rows of ``dataset``."""
    model = build(
        assignment.recipes[configuration.model], configuration.params, dataset.columns,
        dataset.classes, dataset.target, threads=assignment.threads, seed=assignment.seed,
    )  # fmt: skip
    model.fit(dataset.values, dataset.target, sample_weight=dataset.weight)
    return FittedModel(model, dataset.columns, dataset.classes)
