"""Values of parameters that are any object, and how a record writes them down.

A record holds strict JSON. What has such a form is written as itself; an estimator, a function, a
NaN is written as a short text of its own, under which the object is found again.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

#: A text that stands for an object is at most so long, its number not counted.
LONGEST = 120


class Vocabulary:
    """The values that each parameter may have, by what is written for them.

    ``write`` and ``read`` are each other's inverse for every value that was given to ``learn``. A
    value that was not, if it has a JSON form, is read as what that form says.
    """

    def __init__(self) -> None:
        self._words: dict[str, dict[str, Any]] = {}
        self._labels: dict[str, dict[int, str]] = {}

    def learn(self, name: str, values: Iterable[Any]) -> None:
        """Values that the parameter ``name`` may have. All of them are kept alive."""
        words, labels = self._words.setdefault(name, {}), self._labels.setdefault(name, {})
        given = list(values)
        objects = [value for value in given if value is not None and as_json(value) is None]
        for value in given:
            form = as_json(value)
            if form is not None and (isinstance(form, str) or not _itself(value)):
                words.setdefault(_key(form), value)  # a text too: no label may be the same
        for value in objects:
            if id(value) not in labels:
                labels[id(value)] = _free(label(value), words)
                words[_key(labels[id(value)])] = value

    def write(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters as a record has them.

        Raises:
            KeyError: an object that was never learnt.
        """
        told = {}
        for name, value in params.items():
            known = self._labels.get(name, {}).get(id(value))
            form = as_json(value) if known is None else known
            if form is None and value is not None:
                raise KeyError(f"{name}: {label(value)} is no known value")
            told[name] = form
        return told

    def read(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that were written."""
        return {
            name: self._words.get(name, {}).get(_key(form), form) for name, form in told.items()
        }

    def __getstate__(self) -> dict[str, Any]:
        """To read with, in another process: there objects have other identities."""
        return {"_words": self._words, "_labels": {}}


def as_json(value: Any) -> Any:
    """The strict JSON form of a value, tuples as lists; None where it has none (and for None)."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        forms = [as_json(each) for each in value]
        lost = any(f is None and v is not None for f, v in zip(forms, value, strict=True))
        return None if lost else forms
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        told = {key: as_json(each) for key, each in value.items()}
        lost = any(told[key] is None and each is not None for key, each in value.items())
        return None if lost else told
    return None


def label(value: Any) -> str:
    """One line that says what an object is, without the address it stands at."""
    name = getattr(value, "__name__", None)
    said = str(name) if name and callable(value) else " ".join(repr(value).split())
    start, at, _ = said.partition(" at 0x")
    said = f"{start}>" if at else said
    return said if len(said) <= LONGEST else said[: LONGEST - 3] + "..."


def _free(said: str, words: Mapping[str, Any]) -> str:
    """``said``, numbered where another value has that text already."""
    number, free = 1, said
    while _key(free) in words:
        number += 1
        free = f"{said} #{number}"
    return free


def _key(form: Any) -> str:
    return json.dumps(form, sort_keys=True)


def _itself(value: Any) -> bool:
    """Whether what JSON gives back is the very same: a plain scalar of Python's."""
    return value is None or type(value) in (bool, int, float, str)
