"""A target that is a number: which one is, and its values."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as kinds

from evaluators.columns import encode
from evaluators.errors import DataError

#: As the spec has it: "auto" lets the target itself decide.
AskedTask = Literal["auto", "classification", "regression"]

#: What Python's own numbers in a column of objects are to pandas.
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")
#: A number with more distinct values than this may be no class.
_CLASSES_TO_JUDGE = 20
_FRACTIONS_TO_JUDGE = 10
_SHARE_TO_JUDGE = 0.05


def is_regression(series: "pd.Series[Any]", asked: AskedTask) -> bool:
    """Whether the target is to be read as a number.

    "auto" does where it holds amounts rather than classes: whole numbers with more than 20
    distinct values that are also more than one in twenty rows, or other numbers with more than 10.
    """
    if asked != "auto":
        return asked == "regression"
    numeric = kinds.is_numeric_dtype(series.dtype) and not kinds.is_bool_dtype(series.dtype)
    if not numeric and kinds.infer_dtype(series, skipna=True) not in _NUMBERS:
        return False
    values = series.dropna().to_numpy(np.float64)
    values = values[np.isfinite(values)]
    distinct = len(pd.unique(values))
    if (values == np.rint(values)).all():
        return distinct > max(_CLASSES_TO_JUDGE, _SHARE_TO_JUDGE * len(values))
    return distinct > _FRACTIONS_TO_JUDGE


def read_numbers(series: "pd.Series[Any]", name: str, where: str) -> NDArray[np.float64]:
    """(rows,) the target's numbers.

    Raises:
        DataError: text, dates, true and false; numbers missing or infinite; all of them equal.
    """
    column = encode(series, name, where)
    where = f"{where}: target {name!r}"
    if column.levels is not None or column.date or column.array.dtype.kind == "b":
        held = "dates" if column.date else "true and false"
        if column.levels is not None:
            held = f"text such as {column.levels[0]!r}"
        raise DataError(f'{where} holds {held}; data.task = "regression" needs numbers')
    values = column.array.astype(np.float64)
    missing, infinite = int(np.isnan(values).sum()), int(np.isinf(values).sum())
    for number, what in ((missing, "missing"), (infinite, "infinite")):
        if number:
            raise DataError(
                f"{where} is {what} in {number} of {len(values)} rows; every row needs a finite "
                f"number: fill in or leave out these rows"
            )
    if values.min() == values.max():
        raise DataError(
            f"{where} is {values[0]:g} in every row; there is nothing to predict: name another "
            f"target"
        )
    return values
