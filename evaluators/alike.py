"""A second table in the first one's terms: the user's own test rows beside the training rows."""

from dataclasses import replace

import numpy as np

from evaluators.errors import DataError
from evaluators.fingerprint import number_text
from evaluators.reading import listed
from evaluators.types import Column, Dataset, Floats


def alike(test: Dataset, training: Dataset, where: str) -> Dataset:
    """``test`` with the codes of ``training``'s classes and levels, ready for its models.

    Both were read with the same roles. A level that training does not have counts as missing, as
    it will when the model is used.

    ``where`` is what messages call the test table.

    Raises:
        DataError: other columns, text where training has numbers, a label training does not have,
            or a class without a row.
    """
    _same_columns(test, training, where)
    found = {
        column.name: (test.values[:, place], column.levels)
        for place, column in enumerate(test.columns)
    }
    values = [_recoded(*found[known.name], known, where) for known in training.columns]
    if test.regression != training.regression:
        one, other = ("numbers", "labels") if test.regression else ("labels", "numbers")
        raise DataError(f"{where} has {one} for a target, and the training table {other}")
    unknown = [label for label in test.classes if label not in training.classes]
    lacking = [label for label in training.classes if label not in test.classes]
    if unknown or lacking:
        what = f"the label {unknown[0]!r}, which training does not have" if unknown else (
            f"no row of class {lacking[0]!r}"
        )  # fmt: skip
        raise DataError(f"{where} has {what}; the labels are {listed(training.classes)}")
    place = np.array([training.classes.index(label) for label in test.classes], np.int32)
    return replace(
        test,
        values=np.column_stack(values).astype(np.result_type(training.values, np.float32)),
        target=test.target if test.regression else place[test.target],
        columns=training.columns,
        classes=training.classes,
    )


def _same_columns(test: Dataset, training: Dataset, where: str) -> None:
    names, known = ({column.name for column in each.columns} for each in (test, training))
    lacking, beside = sorted(known - names), sorted(names - known)
    if lacking or beside:
        told = [
            f"{verb} {listed([repr(name) for name in found], 5)}"
            for verb, found in (("lacks", lacking), ("has", beside))
            if found
        ]
        raise DataError(
            f"{where} {' and '.join(told)}, unlike the training table: both need the same columns"
        )
    if test.names != training.names:
        raise DataError(
            f"{where} has other columns than the training table among those that are dropped or "
            f"have a role: both need the same, so that rows standing in both are found"
        )


def _recoded(
    array: Floats, levels: tuple[str, ...] | None, known: Column, where: str
) -> Floats:  # fmt: skip
    """A column's numbers, or its codes as those of the training levels."""
    if known.levels is None:
        if levels is not None:
            raise DataError(
                f"{where}: column {known.name!r} holds text such as {levels[0]!r}, and numbers in "
                f"the training table"
            )
        return array
    missing = np.isnan(array)
    codes = np.where(missing, 0, array).astype(np.intp)
    if levels is None:  # every level of this table reads as a number
        distinct, codes = np.unique(array, return_inverse=True)
        levels = tuple(number_text(float(number)) for number in distinct)
    place = {level: float(code) for code, level in enumerate(known.levels)}
    moved = np.array([*(place.get(level, np.nan) for level in levels), np.nan])
    recoded: Floats = moved[np.where(missing, len(levels), codes)]
    return recoded
