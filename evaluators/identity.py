"""Which row of the source table a row is, whatever a spec does with the table.

A row's identity is a hash over every column of the source: dropped ones, group, time and weight,
and the target. The name of each column goes into it, so tables with other columns share no row.
It follows the laws of ``evaluators.fingerprint``: the order of rows and columns, the file's format
and the width of numbers do not count. Locked rows are known by it, also to a sweep that drops a
column or gives it another role.

A column that gets its first text among its numbers changes kind, and with it all identities: such
a table is another one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from evaluators.columns import Encoded, encode
from evaluators.errors import DataError
from evaluators.fingerprint import VERSION, Hashes, mixed, text_hash, value_hashes


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """The rows of a source table: what ``Dataset`` holds under the same names."""

    rows: Hashes
    table: str
    names: str


def identify(
    frame: pd.DataFrame, labels: "pd.Series[Any] | None", encoded: Mapping[str, Encoded]
) -> Identity:
    """Every row, the table and its column names as hashes.

    Args:
        frame: the source table, its columns named by text.
        labels: the target where the source gives it apart, under its own name or "target":
            what a spec calls it does not count.
        encoded: columns that were read already, by name; the others are read here.
    """
    columns = {str(name): frame[name] for name in frame}
    if labels is not None:
        columns["target" if labels.name is None else str(labels.name)] = labels
    hashes = np.zeros(len(frame), np.uint64)
    for name, series in columns.items():
        column = encoded.get(name) or _read(series, name)
        # one column at a time: three arrays of the length of the table, whatever its width
        hashes += mixed(value_hashes(column.array, column.levels) + text_hash(name))
    rows = mixed(hashes)
    return Identity(rows, digest_of(rows), digest_of(np.array(list(map(text_hash, columns)))))


def digest_of(hashes: Hashes) -> str:
    """32 hex digits of a set of hashes, in any order."""
    digest = hashlib.blake2b(f"rows {VERSION}\0".encode(), digest_size=16)
    digest.update(np.sort(hashes).astype("<u8").tobytes())
    return digest.hexdigest()


def _read(series: "pd.Series[Any]", name: str) -> Encoded:
    """A column that is no feature: what no feature may hold, as a list in a cell, is its text."""
    try:
        return encode(series, name, "")
    except DataError:
        return encode(series.map(str), name, "")
