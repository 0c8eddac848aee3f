"""One fold of a trial as bytes and back: what is put together of it is equal to the last digit."""

import io
import json
import zipfile
from dataclasses import asdict

import numpy as np

from evaluators.types import FoldResult, Resources


def packed(result: FoldResult) -> bytes:
    """As an ``.npz`` file of the outputs, half as large where they were single numbers anyway."""
    output = result.output
    with np.errstate(over="ignore"):
        single = output.astype(np.float32)
    if np.array_equal(single, output):
        output = single
    told = {
        "fold": result.fold, "scores": dict(result.scores), "confusion": result.confusion,
        "resources": asdict(result.resources), "kind": result.kind, "cut": result.cut,
        "log_prior_shift": result.log_prior_shift, "early": result.early,
    }  # fmt: skip
    file = io.BytesIO()
    np.savez(file, output=output, told=np.frombuffer(json.dumps(told).encode(), dtype=np.uint8))
    return file.getvalue()


def unpacked(blob: bytes) -> FoldResult:
    """What ``packed`` was given.

    Raises:
        ValueError: these bytes are no such file, or not all of one.
    """
    try:
        with np.load(io.BytesIO(blob), allow_pickle=False) as file:
            output, told = file["output"], json.loads(file["told"].tobytes())
        shift, confusion = told.pop("log_prior_shift"), told.pop("confusion")
        return FoldResult(
            **told | {"resources": Resources(**told["resources"])},
            confusion=tuple(tuple(row) for row in confusion), output=output.astype(np.float64),
            log_prior_shift=None if shift is None else tuple(shift),
        )  # fmt: skip
    except (OSError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"not a fold of ours: {error}") from None
