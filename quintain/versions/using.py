"""A version taken from its shelf and put to work."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pandas as pd

from evaluators.errors import QuintainError
from evaluators.refit import FittedModel
from evaluators.types import Floats
from quintain.versions.fitted_file import card_of, read
from quintain.versions.shelf import SUFFIX, found
from search.records import Records


class ModelVersion:
    """A stored model. ``predict`` applies the preprocessing and the threshold it was saved with.

    Attributes:
        name: as ``adult-income-7/v2``.
        card: data, parameters, honest score, threshold, resources, lineage.
    """

    def __init__(self, name: str, fitted: FittedModel, card: dict[str, Any]) -> None:
        self.name = name
        self.card = card
        self._fitted = fitted

    def __repr__(self) -> str:
        return f"<ModelVersion {self.name}: {self.card['model']}, {_claimed(self.card)}>"

    def predict(self, frame: pd.DataFrame) -> Any:
        """(rows,) labels as text, at the threshold; float64 where the target is a number.

        Raises:
            DataError: a column of the training data is missing or of another kind.
        """
        return self._fitted.predict(frame)

    def predict_proba(self, frame: pd.DataFrame) -> Floats:
        """(rows, classes) probabilities, in the order of ``card["classes"]``.

        Raises:
            ModelError: the target is a number, or the model gives no probabilities.
        """
        return self._fitted.predict_proba(frame)


def load_model(version: str, *, records: str | None = None) -> ModelVersion:
    """A version by its name, of a sweep the last one, or the path of a version's file.

    Raises:
        QuintainError: there is none; it is damaged; or it was saved with another version of its
            library, whose stored form this one does not promise to read.
    """
    if version.endswith(SUFFIX):
        name, path = Path(version).name, Path(version)
    else:
        with Records.open(records, create=False) as store:
            name, path = found(store, version)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise QuintainError(f"{path} cannot be read: {error.strerror}") from error
    _check_library(card_of(data, name), name)
    fitted, card = read(data, name)
    return ModelVersion(name, fitted, card)


def _check_library(card: dict[str, Any], name: str) -> None:
    """Major and minor version must be the same."""
    for library in {"scikit-learn", card["library"]} - {None}:
        saved = str(card["versions"].get(library, ""))
        try:
            here = installed(library)
        except PackageNotFoundError:
            raise QuintainError(f"{name} needs {library} {saved}: pip install {library}") from None
        if saved.split(".")[:2] != here.split(".")[:2]:
            raise QuintainError(
                f"{name} was saved with {library} {saved}, and {here} is installed: install that "
                f"one, or save it again with quintain model save {card['sweep']}"
            )


def _claimed(card: dict[str, Any]) -> str:
    found = card["estimate"]
    return "no estimate" if found is None else f"{card['metric']} {found['score']:.4f}"
