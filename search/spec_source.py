"""Where a spec comes from: a TOML file or a mapping, as one tree of plain JSON values."""

import datetime
import math
import numbers
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.errors import SpecError
from search.spec_problems import Place
from search.wording import nearest

_DATA = (".csv", ".gz", ".parquet", ".brotli", ".arrow", ".feather", ".npz", ".tsv", ".xlsx")


def read_tree(path: Path) -> dict[str, Any]:
    """The tables of the TOML file at ``path``; SpecError with one line if it is none."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SpecError([_missing(path)]) from None
    except IsADirectoryError:
        raise SpecError([f"{path}: is a folder; a spec is a .toml file"]) from None
    except OSError as reason:
        raise SpecError([f"{path}: cannot be read: {reason.strerror}"]) from None
    except UnicodeDecodeError:
        raise SpecError([_no_toml(path, "it is not text")]) from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        raise SpecError([_no_toml(path, _located(str(reason), text))]) from None


def _missing(path: Path) -> str:
    try:
        near = nearest(path.name, (each.name for each in path.absolute().parent.iterdir()))
    except OSError:
        return f"{path}: no such file, nor is there a folder {path.parent}"
    guess = f"did you mean {path.with_name(near)}?" if near else "type the path of a .toml file"
    return f"{path}: no such file; {guess}"


def _no_toml(path: Path, reason: str) -> str:
    if path.suffix.lower() in _DATA:
        return (
            f"{path}: is data, not a spec; a spec is a .toml file, which "
            f"`quintain init {path} --target COLUMN` writes"
        )
    return f"{path}: is not TOML: {reason}"


def _located(reason: str, text: str) -> str:
    """The parser's sentence with the line it complains of."""
    lines = text.rstrip("\n").split("\n")
    found = re.search(r"\(at line (\d+), column \d+\)", reason)
    number = int(found[1]) if found else len(lines)
    line = lines[number - 1].strip()[:60] if 0 < number <= len(lines) else ""
    return f"{reason.replace('end of document', f'the end, line {number}')}: {line}"


def json_tree(value: Any, at: Place = ()) -> tuple[Any, dict[Place, str]]:
    """(``value`` as plain JSON values, what is wrong by place).

    Tuples become lists, paths text, numpy's numbers Python's, whole-number keys text. Whatever
    JSON cannot hold stays where it is and is told.
    """
    wrong: dict[Place, str] = {}
    if isinstance(value, Mapping):
        tree = {}
        for key, each in value.items():
            name = str(key) if isinstance(key, int) and not isinstance(key, bool) else key
            if isinstance(name, str):
                tree[name], inner = json_tree(each, (*at, name))
                wrong |= inner
            else:
                wrong[at] = f"a key is a {type(key).__name__}; allowed: text"
        return tree, wrong
    if isinstance(value, (list, tuple)):
        items = []
        for index, each in enumerate(value):
            item, inner = json_tree(each, (*at, index))
            items.append(item)
            wrong |= inner
        return items, wrong
    plain = _plain(value)
    return (value, {at: _no_value(value)}) if plain is _NOTHING else (plain, {})


def _no_value(value: object) -> str:
    found = str(value) if isinstance(value, float) else f"a {type(value).__name__}"
    if isinstance(value, (datetime.date, datetime.time)):
        found = "a date or time without quotes"
    return (
        f"{found} is no value of a spec; allowed: text, finite numbers, true, false, "
        "lists and tables"
    )


_NOTHING = object()


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, str)):
        return value if value is None or isinstance(value, bool) else str(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return float(value)
    if type(value).__module__ == "numpy" and type(value).__name__ == "bool":
        return bool(value)
    return _NOTHING
