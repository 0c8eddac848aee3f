"""The newer table of a refresh beside the one that the sweep had."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.errors import DataError
from evaluators.fingerprint import Hashes
from evaluators.metrics import tuned_name
from evaluators.reading import listed
from evaluators.subsample import draw
from evaluators.types import Dataset
from quintain.growth import surplus
from quintain.part import searched_before_hold_out
from quintain.prepare import Prepared, prepare
from search.records import Records
from search.spec import Spec, read_spec
from search.view import SweepView

#: How a function is named that gives a table.
_REFERENCE = re.compile(r".+:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, eq=False)
class NewRows:
    """Old and new rows of the newer table, those that are hold-out left out.

    Attributes:
        training: what finalists are fitted on: rows that the sweep could search.
        fresh: what they are scored on.
        new: rows that the old table did not have; gone: rows that only it had.
        locked: new rows that the hold-out takes.
        repeated: how many of ``fresh`` repeat an old row.
    """

    training: Dataset
    fresh: Dataset
    new: int
    gone: int
    locked: int
    repeated: int


def prepare_newer(view: SweepView, data: Any, store: Records) -> tuple[Prepared, Any]:
    """The sweep's spec prepared on the newer table, and that table where it is no file.

    Raises:
        QuintainError: it cannot be searched, or has other columns or labels than the old one.
    """
    spec, given = _grown_spec(view.header, data)
    grown_from, positive = str(view.header["table"]), view.header.get("positive")
    prepared = prepare(spec, given, store, grown_from=grown_from)
    _refuse_another(view, prepared)
    if prepared.dataset.binary and prepared.dataset.classes[1] != positive:
        # by default it is the rarer class, and by now the other one is
        table = spec.data.model_copy(update={"positive": positive})
        spec = spec.model_copy(update={"data": table})
        prepared = prepare(spec, given, store, grown_from=grown_from)
    return prepared, given


def _grown_spec(header: Mapping[str, Any], data: Any) -> tuple[Spec, Any]:
    """The sweep's spec on the newer table, and that table where it is no file.

    What the old table had decided stays: the default metric, the task. A path is relative to the
    current folder; everything else in the spec to where it stood.
    """
    told = dict(header["spec"])
    table, evaluate = dict(told["data"]), dict(told["evaluate"])
    if isinstance(data, str | os.PathLike):
        table["source"], given = _place(os.fspath(data)), None
    else:
        table["source"], given = "(in memory)", data
    if table.get("task") == "auto":
        table["task"] = "classification" if header["classes"] else "regression"
    if evaluate.get("metric") is None:
        evaluate["metric"] = str(header["metric"]).removesuffix(tuned_name(""))
    folder = Path(header["folder"])
    return read_spec({**told, "data": table, "evaluate": evaluate}).in_folder(folder), given


def _place(source: str) -> str:
    """A path from where the user stands; URLs and functions are left as they are."""
    if "://" in source or _REFERENCE.fullmatch(source):
        return source
    return str(Path(source).expanduser().absolute())


def _refuse_another(view: SweepView, prepared: Prepared) -> None:
    """Refuse a table with other columns or labels: its rows would not compare.

    Raises:
        DataError: which of them, in one line.
    """
    header, data, where = view.header, prepared.dataset, prepared.spec.data.source
    names, known = {column.name for column in data.columns}, set(header["columns"])
    lacking, beside = sorted(known - names), sorted(names - known)
    if lacking or beside:
        told = [
            f"{verb} {listed([repr(name) for name in found], 5)}"
            for verb, found in (("lacks", lacking), ("has", beside))
            if found
        ]
        raise DataError(
            f"{where} {' and '.join(told)}, unlike the table of {view.id}: a refresh needs the "
            f"same columns"
        )
    if data.names != header["source_columns"]:
        raise DataError(
            f"{where} has a target of another name than the table of {view.id}: give it as it was "
            f"given then, as a table or as (X, y)"
        )
    if set(data.classes) != set(header["classes"]):
        raise DataError(
            f"{where} has the labels {listed(data.classes)}, and the table of {view.id} had "
            f"{listed(header['classes'])}: a refresh needs the same; start a new sweep with "
            f"quintain run"
        )


def new_rows(view: SweepView, prepared: Prepared, known: Hashes) -> NewRows:
    """The newer table by rows.

    Args:
        view: of the sweep.
        prepared: what is to go on, on the newer table.
        known: rows of the table that the sweep had, sorted.

    Raises:
        DataError: no row is new, or none is old.
    """
    source, where = prepared.division.source, prepared.spec.data.source
    assert source is not None  # of a table just read
    new, gone = int(surplus(source, known).sum()), int(surplus(known, np.sort(source)).sum())
    if gone == len(known):
        raise DataError(
            f"{where} has none of the {len(known)} rows that {view.id} had: give the grown table, "
            f"old rows and new ones (a column written differently, as numbers that became text, "
            f"makes every row another)"
        )
    if not new:
        raise DataError(f"{where} has no row that {view.id} did not have: there is nothing new")
    data = prepared.dataset
    assert data.identity is not None
    later = surplus(data.identity, known)
    training, fresh = data.take(np.flatnonzero(~later)), data.take(np.flatnonzero(later))
    assert training.identity is not None
    if prepared.spec.data.rows is not None and searched_before_hold_out(view.header):
        # its claim is of models that learnt from so many
        training = training.take(draw(training, int(view.header["rows_searched"])).rows)
    locked = prepared.division.locked
    taken = 0
    if locked is not None and prepared.spec.holdout.source is None:
        assert locked.identity is not None
        taken = int(surplus(locked.identity, known).sum())
    repeated = int(np.isin(data.identity[later], known).sum())
    return NewRows(training, fresh, new, gone, taken, repeated)
