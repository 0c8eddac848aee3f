"""The target: from a column of labels to class codes, or a word on why it is none."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types as kinds

from evaluators.columns import factorized, label_text
from evaluators.errors import DataError
from evaluators.reading import listed, nearest
from evaluators.types import Warned

#: Pairs of labels in which the second one is positive, whatever its share.
_PAIRS = ({"0": 0, "1": 1}, {"-1": 0, "1": 1}, {"false": 0, "true": 1}, {"no": 0, "yes": 1})
#: A third label rarer than this, beside two that are not, looks like an error in the data.
JUNK_SHARE = 0.001

Target = tuple[NDArray[np.int32], tuple[str, ...], list[Warned]]


def encode_target(series: "pd.Series[Any]", name: str, positive: object, where: str) -> Target:
    """(rows,) int32 codes, the labels by code, and warnings.

    Two classes: code 1 is ``positive`` or, where that is None, the 1, True or "yes" of such a
    pair, else the rarer label (of two as frequent, the later one in sorted order). More classes:
    codes follow the labels sorted, as numbers where all are.

    Raises:
        DataError: labels missing, infinite or dates, fewer than two classes, a class of one
            row, or ``positive`` is not a label.
    """
    where = f"{where}: target {name!r}"
    _refuse_no_labels(series, where)
    codes, texts = factorized(series)
    missing = int((codes < 0).sum())
    if missing:
        raise DataError(
            f"{where} is missing in {missing} of {len(codes)} rows; every row needs a label: "
            f"fill in or leave out these rows"
        )
    used = np.bincount(codes, minlength=len(texts))
    counts = {text: int(count) for text, count in zip(texts, used, strict=True) if count}
    labels = _in_order(list(counts))
    _refuse_classes(labels, counts, where)
    if positive is not None:
        labels = _with_positive(labels, positive, counts, where)
    elif len(labels) == 2:
        labels = _rule(labels, counts)
    place = {label: code for code, label in enumerate(labels)}
    moved = np.array([place.get(text, -1) for text in texts], np.int32)
    return moved[codes], tuple(labels), _junk(counts, where)


def _refuse_no_labels(series: "pd.Series[Any]", where: str) -> None:
    """Dates, and numbers that are none."""
    dtype = series.dtype
    if kinds.is_datetime64_any_dtype(dtype) or kinds.is_timedelta64_dtype(dtype):
        raise DataError(f"{where} holds dates; class labels are needed")
    if kinds.is_bool_dtype(dtype) or not kinds.is_numeric_dtype(dtype):
        return
    if not np.isfinite(series.dropna().to_numpy(np.float64)).all():
        raise DataError(f"{where} holds infinite values; class labels are needed")


def _refuse_classes(labels: Sequence[str], counts: dict[str, int], where: str) -> None:
    if len(labels) < 2:
        found = f"only the label {labels[0]!r}" if labels else "no label"
        raise DataError(f"{where} has {found}; at least two classes are needed")
    single = [repr(label) for label in labels if counts[label] == 1]
    if single:
        verb = "has" if len(single) == 1 else "have each"
        raise DataError(
            f"{where}: {listed(single, 5)} of {len(labels)} labels {verb} one row; a class needs "
            f"two or more: add rows, join it with another class, or leave it out"
        )


def _in_order(labels: list[str]) -> list[str]:
    """Sorted: as numbers where every label is one, else as text."""
    numbers = {}
    for label in labels:
        try:
            numbers[label] = float(label)
        except ValueError:
            return sorted(labels)
    if not all(math.isfinite(number) for number in numbers.values()):
        return sorted(labels)
    return sorted(labels, key=lambda label: (numbers[label], label))


def _rule(labels: list[str], counts: dict[str, int]) -> list[str]:
    lower = {label.lower(): label for label in labels}
    for pair in _PAIRS:
        if lower.keys() == pair.keys():
            return sorted(labels, key=lambda label: pair[label.lower()])
    return sorted(labels, key=lambda label: -counts[label])  # stable: a tie keeps its order


def _with_positive(
    labels: list[str], positive: object, counts: dict[str, int], where: str
) -> list[str]:
    """The two labels, the positive one last."""
    wanted = label_text(positive)
    spelled = [label for label in labels if _same(label, wanted)]
    if not spelled:
        shown = [f"{label!r} ({counts[label]} rows)" for label in labels]
        raise DataError(
            f"{where}: positive = {wanted!r} is not a label{nearest(wanted, labels)}; "
            f"the labels are {listed(shown)}"
        )
    if len(labels) > 2:
        raise DataError(
            f"{where}: positive = {wanted!r} is for two classes, and there are {len(labels)}: "
            f"{listed([repr(label) for label in labels])}; leave positive out, or leave rows out"
        )
    return [*(label for label in labels if label != spelled[0]), spelled[0]]


def _same(label: str, wanted: str) -> bool:
    """Equal as text, as numbers, or as true and 1."""
    truth = {"true": "1", "false": "0"}
    one, other = truth.get(label.lower(), label), truth.get(wanted.lower(), wanted)
    if label == wanted or one == other:
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def _junk(counts: dict[str, int], where: str) -> list[Warned]:
    rows = sum(counts.values())
    rare = [label for label, count in counts.items() if count < JUNK_SHARE * rows]
    if len(counts) - len(rare) != 2 or not rare:
        return []
    junk = sum(counts[label] for label in rare)
    shown = listed([repr(label) for label in sorted(rare)], 5)
    beside = " and ".join(repr(label) for label in sorted(counts.keys() - set(rare)))
    return [
        Warned(
            "junk_label",
            f"{where} holds {shown} in {junk} of {rows} rows beside {beside}: each label is "
            f"searched as a class of its own; if it is an error in the data, leave these rows out",
            junk / rows,
        )
    ]
