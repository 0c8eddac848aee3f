"""A tree of plain values as TOML, so that a recorded spec can be run again from a file."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
#: Keys of a table on one line, at most.
SHORT = 4


def toml_text(tree: Mapping[str, Any]) -> str:
    """The file; keys without a value are left out, since TOML has no null.

    Raises:
        ValueError: a value that TOML cannot hold.
    """
    return "\n".join(_table(tree, ())).strip() + "\n"


def _table(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Plain keys first, then tables, then lists of tables."""
    told = {key: value for key, value in tree.items() if value is not None}
    deep = [key for key, value in told.items() if _is_table(value, path) or _is_tables(value)]
    for key, value in told.items():
        if key not in deep:
            yield f"{_key(key)} = {_value(value)}"
    for key in deep:
        name = ".".join(_key(part) for part in (*path, key))
        if _is_table(told[key], path):
            yield f"\n[{name}]"
            yield from _table(told[key], (*path, key))
        else:
            for each in told[key]:
                yield f"\n[[{name}]]"
                yield from _table(each, (*path, key))


def _is_table(value: Any, path: tuple[str, ...]) -> bool:
    """What stands first in a file; deeper down a few plain values read better on one line."""
    if not isinstance(value, Mapping):
        return False
    told = [each for each in value.values() if each is not None]
    return (
        not path or len(told) > SHORT
        or any(isinstance(each, Mapping) or _is_tables(each) for each in told)
    )  # fmt: skip


def _is_tables(value: Any) -> bool:
    return (
        isinstance(value, Sequence) and not isinstance(value, str) and bool(value)
        and all(isinstance(each, Mapping) for each in value)
    )  # fmt: skip


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        inside = ", ".join(
            f"{_key(key)} = {_value(each)}" for key, each in value.items() if each is not None
        )
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(each) for each in value)}]"
    raise ValueError(f"TOML has no {type(value).__name__}")
