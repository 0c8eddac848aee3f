"""``quintain model predict``: a table's rows answered by a version."""

from pathlib import Path

import pandas as pd

from evaluators.errors import QuintainError
from evaluators.reading import read_frame
from quintain.versions.using import load_model


def predicted(
    version: str, data: str, *, proba: bool = False, records: str | None = None
) -> pd.DataFrame:
    """A row for each of the table's, in its order: ``prediction``, and by class ``proba_CLASS``.

    Raises:
        QuintainError: no such version or table, or the two do not go together.
    """
    model = load_model(version, records=records)
    frame, _ = read_frame(data)
    found = pd.DataFrame({"prediction": model.predict(frame)})
    if proba:
        answers = model.predict_proba(frame)
        for place, name in enumerate(model.card["classes"]):
            found[f"proba_{name}"] = answers[:, place]
    return found


def write(found: pd.DataFrame, path: Path) -> None:
    """As CSV.

    Raises:
        QuintainError: it cannot be written.
    """
    try:
        found.to_csv(path, index=False)
    except OSError as error:
        raise QuintainError(f"--output {path} cannot be written: {error.strerror}") from error
