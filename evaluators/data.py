"""The user's table as a ``Dataset``: the target, the roles, the features, and what is odd."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evaluators.columns import encode, matrix, oddities, refuse_infinite
from evaluators.errors import DataError
from evaluators.fingerprint import fingerprint, row_hashes, value_hashes
from evaluators.identity import identify
from evaluators.labels import encode_target
from evaluators.numeric_target import AskedTask, is_regression, read_numbers
from evaluators.reading import Source, Table, describe, listed, nearest, read_frame, refuse_twins
from evaluators.subsample import MINORITY_FLOOR, draw, least_rows, nested_sample
from evaluators.suspicion import unused_time
from evaluators.types import Column, Dataset, Floats, Ints, Warned

__all__ = ["MINORITY_FLOOR", "load", "nested_sample", "read_frame"]

_DEFAULT_TARGET = "target"


def load(
    source: Source,
    target: str | None = None,
    *,
    positive: str | float | bool | None = None,
    drop: Sequence[str] = (),
    group_column: str | None = None,
    time_column: str | None = None,
    weight_column: str | None = None,
    folder: Path = Path("."),
    rows: int | None = None,
    seed: int = 0,
    task: AskedTask = "auto",
) -> Dataset:
    """Read, check and encode a table.

    Args:
        source: see ``reading.read_frame``.
        target: the column of labels; may be None where the source gives (X, y).
        positive: the label to find, in binary data; see ``labels.encode_target`` for the default.
        drop: columns left out. Group, time and weight columns leave the features by themselves.
        group_column: rows of one value never stand on two sides of a split.
        time_column: dates, ISO text or numbers; splits run forward in it.
        weight_column: sample weights, finite and above zero.
        folder: what relative paths are relative to.
        rows: a representative part of so many rows, see ``subsample.draw``; fingerprint, table
            and warnings stay those of the whole table.
        seed: of that part.
        task: whether the target is a label or a number; see ``numeric_target.is_regression``.

    Raises:
        DataError: anything about the table that the user can mend, in one line.
        CodeError: the user's data function cannot be loaded.
    """
    where = describe(source)
    table = read_frame(source, folder)
    frame, labels, name = _with_target(table, target, where)
    roles = {
        "group_column": group_column,
        "time_column": time_column,
        "weight_column": weight_column,
    }
    drop = (drop,) if isinstance(drop, str) else tuple(drop)
    _check_names(frame, name, drop, roles, where)
    codes, classes, found = _target(labels, name, positive, where, task)

    out = {*drop, name, *(column for column in roles.values() if column)}
    features = [
        encode(frame[column], column, where) for column in map(str, frame) if column not in out
    ]
    if not features:
        raise DataError(f"{where}: no column is left as a feature beside target {name!r}")
    refuse_infinite(features, where)
    known = identify(frame, table[1], {feature.name: feature for feature in features})
    dataset = Dataset(
        matrix(features, len(codes)),
        codes,
        tuple(Column(feature.name, feature.levels) for feature in features),
        classes,
        _groups(frame, group_column, where),
        _time(frame, time_column, where),
        _weight(frame, weight_column, where),
        identity=known.rows,
        table=known.table,
        names=known.names,
        source=known.rows,
    )
    found += oddities(features)
    if time_column is None:
        found += unused_time(features)
    return _finished(dataset, found, rows, seed, where)


def _target(
    labels: "pd.Series[Any]", name: str, positive: object, where: str, task: AskedTask
) -> tuple[NDArray[Any], tuple[str, ...], list[Warned]]:
    """(rows,) class codes, the labels by code, and warnings; numbers and no labels in regression.

    Raises:
        DataError: see ``labels.encode_target`` and ``numeric_target.read_numbers``; or a positive
            class where there are no classes.
    """
    if not is_regression(labels, task):
        return encode_target(labels, name, positive, where)
    if positive is not None:
        raise DataError(
            f"{where}: target {name!r} is a number, which has no positive class: leave positive "
            f'out, or set data.task = "classification"'
        )
    return read_numbers(labels, name, where), (), []


def _with_target(
    table: Table, target: str | None, where: str
) -> tuple[pd.DataFrame, "pd.Series[Any]", str]:
    """The features, the labels, and the target's name; columns named by text, each once."""
    frame, labels = table
    names = [str(name) for name in frame.columns]
    refuse_twins(names, where)
    frame = frame.set_axis(names, axis=1)
    if not len(frame):
        raise DataError(f"{where}: the table is empty; rows are needed below the column names")
    if labels is not None:
        name = target or str(labels.name or _DEFAULT_TARGET)
        if where.endswith(".npz") and name not in ("y", _DEFAULT_TARGET):
            raise DataError(
                f"{where}: there is no target {name!r}; the labels of this file are 'y'"
            )
        if name in names:
            raise DataError(
                f"{where}: gives y, and X has a column {name!r} too; which is the target? "
                f"Leave the column out of X, or name the target differently"
            )
        return frame, labels, name
    if target is None:
        raise DataError(f"{where}: name the target; the columns are {listed(names)}")
    if target not in names:
        raise DataError(
            f"{where}: there is no target column {target!r}{nearest(target, names)}; "
            f"the columns are {listed(names)}"
        )
    return frame, frame[target], target


def _check_names(
    frame: pd.DataFrame,
    target: str,
    drop: Sequence[str],
    roles: dict[str, str | None],
    where: str,
) -> None:
    """Every named column exists, and the target has no other role."""
    names = list(frame.columns)
    asked: list[tuple[str, str | None]] = [("drop", name) for name in drop] + list(roles.items())
    for role, name in asked:
        if name is None:
            continue
        if name not in names and name != target:
            raise DataError(
                f"{where}: {role} names {name!r}, which is no column{nearest(name, names)}; "
                f"the columns are {listed(names)}"
            )
        if name == target:
            raise DataError(f"{where}: column {name!r} is the target, so it cannot be {role} too")


def _groups(frame: pd.DataFrame, name: str | None, where: str) -> Ints | None:
    """A 63-bit hash of the group's value: rows that are added later change no group's code."""
    if name is None:
        return None
    column = encode(frame[name], name, where)
    _refuse_missing(column.array, name, "group", where)
    return (value_hashes(column.array, column.levels) >> np.uint64(1)).astype(np.int64)


def _time(frame: pd.DataFrame, name: str | None, where: str) -> Floats | None:
    if name is None:
        return None
    column = encode(frame[name], name, where)
    if column.levels is not None:
        raise DataError(
            f"{where}: time column {name!r} holds text such as {column.levels[0]!r}; numbers or "
            f"dates such as 2026-01-31 or 2026-01-31 12:00 are needed"
        )
    time = column.array.astype(np.float64)
    _refuse_missing(time, name, "time", where)
    refuse_infinite([column], where)
    return time


def _weight(frame: pd.DataFrame, name: str | None, where: str) -> Floats | None:
    if name is None:
        return None
    column = encode(frame[name], name, where)
    if column.levels is not None or column.date:
        raise DataError(f"{where}: weight column {name!r} holds no numbers")
    weight = column.array.astype(np.float64)
    bad = int((~(np.isfinite(weight) & (weight > 0))).sum())
    if bad:
        raise DataError(
            f"{where}: weight column {name!r} is missing, infinite, zero or below in {bad} of "
            f"{len(weight)} rows; weights must be finite and above zero"
        )
    return weight


def _refuse_missing(array: NDArray[Any], name: str, role: str, where: str) -> None:
    missing = int(pd.isna(array).sum())
    if missing:
        raise DataError(
            f"{where}: {role} column {name!r} is missing in {missing} of {len(array)} rows; "
            f"every row needs one"
        )


def _finished(
    dataset: Dataset, found: list[Warned], rows: int | None, seed: int, where: str
) -> Dataset:
    """With fingerprint, warnings on the rows, and cut to a representative part where asked."""
    hashes = row_hashes(dataset)
    repeated = dataset.rows - len(pd.unique(hashes))
    if repeated:
        share, splitter = repeated / dataset.rows, "plain" if dataset.regression else "stratified"
        found.append(
            Warned(
                "duplicate_rows",
                f"{repeated} rows ({share:.2%}) repeat an earlier row with the same "
                f"{dataset.answer}: {splitter} folds keep copies together, so that no model is "
                f"tested on a row it was trained on; if they are a mistake, drop them",
                share,
            )
        )
    dataset = replace(dataset, fingerprint=fingerprint(dataset, hashes), warnings=tuple(found))
    if rows is None or rows >= dataset.rows:
        return dataset
    least = least_rows(dataset)
    if rows < least:
        each = "" if dataset.regression else ", two a class"
        raise DataError(f"{where}: rows = {rows} is too few; at least {least}{each}")
    part = dataset.take(draw(dataset, rows, seed, hashes).rows)
    floor = floor_warning(dataset, part)
    return replace(part, warnings=(*dataset.warnings, *floor), source=dataset.source)


def floor_warning(whole: Dataset, part: Dataset) -> tuple[Warned, ...]:
    """A word where the floor made the rarest class more frequent than it is."""
    if whole.regression:
        return ()
    counts = np.bincount(whole.target)
    rarest = int(np.argmin(counts))
    before = counts[rarest] / whole.rows
    after = float((part.target == rarest).mean())
    if after <= 1.1 * before:
        return ()
    return (
        Warned(
            "minority_floor",
            f"the part of {part.rows} rows has {after:.2%} of class {whole.classes[rarest]!r} "
            f"where the whole has {before:.2%}, to keep enough of it: scores on the part that "
            f"depend on the share differ from the whole's",
            after,
        ),
    )
