"""One column of a table as numbers: what kind it is, its codes and levels, what is odd in it.

Laws:

- Numbers, booleans and decimals stay numbers; dates become seconds since 1970-01-01 UTC; a span
  of time becomes seconds.
- Text in which every value is an ISO date becomes seconds too, so that a CSV and a parquet file
  of one table agree. Blank text is missing.
- Any other text, and whatever the user declared categorical, becomes codes of its sorted levels.
- A column without any value is a number.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as kinds

from evaluators.errors import DataError
from evaluators.fingerprint import number_text
from evaluators.types import Floats, Warned

_ISO_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})?)?"
)
_SERIAL_NAME = re.compile(r"((.*[_ .])?id|index|unnamed: 0)", re.IGNORECASE)
_NUMBERS = ("boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty")
_DATES = ("date", "datetime", "datetime64")
_SPANS = ("timedelta", "timedelta64")
#: Below this many rows all values may well differ by chance.
_ROWS_TO_JUDGE = 20
_NEARLY_ALL = 0.9
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """One column: (rows,) numbers of any width, NaN = missing; codes where ``levels`` are given."""

    name: str
    array: NDArray[Any]
    levels: tuple[str, ...] | None = None
    date: bool = False


def label_text(value: object) -> str:
    """How a label or level is written: 1, 1.0 and "1" are "1"; True is "True"."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        return number_text(float(str(value)))  # str: a float32's own 0.1, not its 53 bits
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def factorized(series: "pd.Series[Any]") -> tuple[NDArray[np.int64], list[str]]:
    """Codes into texts, in order of appearance; -1 where the value is missing or blank."""
    codes, unique = pd.factorize(series)
    texts = [label_text(value) for value in unique]
    place: dict[str, int] = {}
    moved = np.empty(len(texts) + 1, np.int64)
    moved[-1] = -1
    for old, text in enumerate(texts):
        moved[old] = place.setdefault(text, len(place)) if text.strip() else -1
    return moved[codes], list(place)


def encode(series: "pd.Series[Any]", name: str, where: str) -> Encoded:
    """The column as numbers.

    Raises:
        DataError: complex numbers or nested values (lists, arrays, dicts).
    """
    if isinstance(series.dtype, pd.ArrowDtype):
        import pyarrow as pa

        series = pa.array(series.array).to_pandas()  # the types that the lines below know
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _text(series, name, dates=False)
    if kinds.is_complex_dtype(dtype):
        raise DataError(f"{where}: column {name!r} holds complex numbers; split it in two columns")
    if kinds.is_bool_dtype(dtype) or kinds.is_numeric_dtype(dtype):
        return Encoded(name, _plain(series))
    if kinds.is_datetime64_any_dtype(dtype):
        return Encoded(name, _seconds(series), date=True)
    if isinstance(dtype, pd.PeriodDtype):
        return Encoded(name, _seconds(series.dt.to_timestamp()), date=True)
    if kinds.is_timedelta64_dtype(dtype):
        return Encoded(name, series.dt.total_seconds().to_numpy(np.float64))
    if kinds.is_object_dtype(dtype):
        return _object(series, name, where)
    return _text(series, name)


def _object(series: "pd.Series[Any]", name: str, where: str) -> Encoded:
    """A column of Python objects, by what they are."""
    found = kinds.infer_dtype(series, skipna=True)
    if found in _NUMBERS:
        known = series.where(series.notna(), np.nan)  # None and NA alike
        return Encoded(name, known.astype(np.float64).to_numpy())
    if found in _DATES:
        return Encoded(name, _seconds(pd.to_datetime(series, utc=True)), date=True)
    if found in _SPANS:
        return Encoded(name, pd.to_timedelta(series).dt.total_seconds().to_numpy(np.float64))
    odd = next((v for v in series if isinstance(v, (list, dict, set, np.ndarray, complex))), None)
    if odd is not None:
        raise DataError(
            f"{where}: column {name!r} holds {type(odd).__name__} values; one number or text a "
            f"cell is allowed: spread it over columns or add it to data.drop"
        )
    return _text(series, name)


def _plain(series: "pd.Series[Any]") -> NDArray[Any]:
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy()
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _seconds(dates: "pd.Series[Any]") -> Floats:
    if getattr(dates.dt, "tz", None) is not None:
        dates = dates.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = dates.to_numpy().astype("datetime64[us]")
    seconds: Floats = ticks.astype(np.int64) / 1e6
    seconds[np.isnat(ticks)] = np.nan
    return seconds


def _text(series: "pd.Series[Any]", name: str, *, dates: bool = True) -> Encoded:
    codes, texts = factorized(series)
    if not texts:
        return Encoded(name, np.full(len(series), np.nan))
    if dates and all(_ISO_DATE.fullmatch(text) for text in texts):
        try:
            moments = pd.Series(pd.to_datetime(texts, utc=True, format="ISO8601"))
        except ValueError:
            pass  # the shape of a date, but no such day: text
        else:
            return Encoded(name, np.append(_seconds(moments), np.nan)[codes], date=True)
    levels = sorted(texts)
    place = {level: float(code) for code, level in enumerate(levels)}
    return Encoded(name, np.array([*(place[text] for text in texts), np.nan])[codes], tuple(levels))


def matrix(columns: Sequence[Encoded], rows: int) -> Floats:
    """(rows, columns) in C order: float32 where that changes no value, else float64.

    Integers beyond 2**53 are rounded, as float64 cannot hold them.
    """
    narrow = all(_fits_float32(column.array) for column in columns)
    values = np.empty((rows, len(columns)), np.float32 if narrow else np.float64)
    for start in range(0, rows, _ROWS_AT_ONCE):  # blocks that stay in the cache
        block = slice(start, start + _ROWS_AT_ONCE)
        for place, column in enumerate(columns):
            values[block, place] = column.array[block]
    return values


def _fits_float32(array: NDArray[Any]) -> bool:
    """Whether float32 holds every value of the column exactly."""
    if array.dtype.kind == "b" or array.dtype in (np.float16, np.float32) or not len(array):
        return True
    if array.dtype.kind in "iu":
        return int(array.max()) <= 1 << 24 and int(array.min()) >= -(1 << 24)
    with np.errstate(over="ignore"):
        return bool(np.array_equal(array.astype(np.float32), array, equal_nan=True))


def refuse_infinite(columns: Iterable[Encoded], where: str) -> None:
    """Raises DataError naming every column that holds an infinite value, with its rows."""
    counts = {
        column.name: int(np.isinf(column.array).sum())
        for column in columns
        if column.array.dtype.kind == "f"
    }
    found = [f"{name!r} ({count} rows)" for name, count in counts.items() if count]
    if found:
        raise DataError(
            f"{where}: infinite values in column {', '.join(found)}; numbers must be finite or "
            f"missing: leave these cells empty, or add the column to data.drop"
        )


def oddities(columns: Sequence[Encoded]) -> list[Warned]:
    """Warnings on columns that carry nothing, or that name the row instead of describing it."""
    constant = [column.name for column in columns if _constant(column.array)]
    serial = [column.name for column in columns if _identifies(column)]
    numbers = [column.name for column in columns if _mostly_numbers(column)]
    found = []
    if constant:
        found.append(
            Warned(
                "constant_column",
                f"the same value in every row: {_names(constant)}; it can go: {_drop(constant)}",
                float(len(constant)),
            )
        )
    if serial:
        found.append(
            Warned(
                "identifier_column",
                f"(nearly) every row has its own value in {_names(serial)}: an identifier teaches "
                f"a model nothing that holds elsewhere; leave it out: {_drop(serial)}",
                float(len(serial)),
            )
        )
    if numbers:
        found.append(
            Warned(
                "text_numbers",
                f"most values of {_names(numbers)} are numbers, but stored as text or among text: "
                f"they are read as categories; if numbers are meant, mend the cells that are none",
                float(len(numbers)),
            )
        )
    return found


def _constant(array: NDArray[Any]) -> bool:
    if array.dtype.kind == "f" and np.isnan(array[0]):
        return bool(np.isnan(array).all())
    return bool((array == array[0]).all())


def _identifies(column: Encoded) -> bool:
    """Text nearly all distinct, or whole numbers all distinct that count rows or are named id."""
    array, rows = column.array, len(column.array)
    if rows < _ROWS_TO_JUDGE or column.date:
        return False
    if column.levels is not None:
        return bool(len(column.levels) > _NEARLY_ALL * np.count_nonzero(~np.isnan(array)))
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and not (array == np.rint(array)).all()):
        return False
    dense = float(array.max()) - float(array.min()) == rows - 1
    if not dense and not _SERIAL_NAME.fullmatch(column.name):
        return False
    return len(pd.unique(array)) == rows


def _mostly_numbers(column: Encoded) -> bool:
    levels = column.levels or ()
    if len(levels) < _ROWS_TO_JUDGE:
        return False
    read = pd.to_numeric(pd.Series(levels, dtype=object), errors="coerce").notna()
    return bool(read.mean() > _NEARLY_ALL)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _drop(names: Sequence[str]) -> str:
    return f"data.drop = {json.dumps(list(names), ensure_ascii=False)}"
