"""Problems of a spec as lines: the one place that knows how pydantic reports them.

A line is ``path: what is wrong; allowed: what``, with the nearest word for a misspelled key.
"""

import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from search.spec_values import REFUSED, Section
from search.wording import nearest, shown

#: Keys and list positions from the root of the spec.
Place = tuple[str | int, ...]

#: What each kind of pydantic's errors allows; filled with the numbers it carries.
_ALLOWED = {
    "string_type": "text in quotes",
    "string_too_short": "text that is not empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than_equal": "at least {ge}",
    "greater_than": "above {gt}",
    "less_than_equal": "at most {le}",
    "too_short": "at least {min_length} entry",
}


class Broken:
    """Stands where a value was that has a problem already."""


BROKEN = Broken()


def path(place: Place) -> str:
    """``$.model[0].space.max_depth``; keys that are no plain words stand in brackets."""
    parts = (
        f"[{part}]"
        if isinstance(part, int)
        else f".{part}"
        if part.replace("-", "_").isidentifier()
        else f"[{json.dumps(part, ensure_ascii=False)}]"
        for part in place
    )
    return "$" + "".join(parts)


def problems_of(error: ValidationError, root: type[Section]) -> dict[Place, str]:
    """One sentence per problem, by place, in the order of the spec's table."""
    details = error.errors(include_url=False)
    misspelled = {
        (*detail["loc"][:-1], guess)
        for detail in details
        if detail["type"] == "extra_forbidden" and (guess := _guess(detail, root))
    }
    return {
        _place(detail): _sentence(detail, root)
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"] in misspelled)
    }


def _place(detail: ErrorDetails) -> Place:
    """The error's place without pydantic's own marks: <form> of an entry, [key] of a table."""
    inside = detail.get("ctx", {}).get("inside", ())
    parts = (*detail["loc"], *inside)
    return tuple(
        part
        for part in parts
        if isinstance(part, int) or not (part[:1] in "<[" and part[-1:] in ">]")
    )


def _sentence(detail: ErrorDetails, root: type[Section]) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == REFUSED:
        return str(detail["ctx"]["sentence"])
    if kind == "extra_forbidden":
        return _unknown_key(detail, root)
    if kind == "missing":
        sections = _sections_at(root, detail["loc"][:-1])
        text = _fields(sections[0])[str(detail["loc"][-1])].description if sections else None
        return f"missing; {text}" if text else "missing"
    if kind not in _ALLOWED:
        return f"{shown(value)}: {detail['msg']}"
    allowed = _ALLOWED[kind].format(**detail.get("ctx", {}))
    return f"{shown(value)} is not allowed; allowed: {allowed}"


def _unknown_key(detail: ErrorDetails, root: type[Section]) -> str:
    key = str(detail["loc"][-1])
    keys = _keys_at(detail, root)
    homes = [
        f"[[{name}]]" if name == "model" else f"[{name}]"
        for name, field in _fields(root).items()
        for section in _sections_in(field.annotation)
        if key in _fields(section)
    ]
    if homes and not nearest(key, keys):
        return f"{shown(key)} is no key here, it belongs to {homes[0]}; allowed: {', '.join(keys)}"
    near = _guess(detail, root)
    guess = f", did you mean {near}?" if near else ";"
    return f"{shown(key)} is no key here{guess} allowed: {', '.join(keys)}"


def _guess(detail: ErrorDetails, root: type[Section]) -> str | None:
    return nearest(detail["loc"][-1], _keys_at(detail, root))


def _keys_at(detail: ErrorDetails, root: type[Section]) -> list[str]:
    return [key for each in _sections_at(root, detail["loc"][:-1]) for key in _fields(each)]


def _fields(section: type[Section]) -> dict[str, Any]:
    """The fields of a section by the key the user writes."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _sections_at(root: type[Section], place: Place) -> list[type[Section]]:
    """The sections that can stand at ``place``: more than one only for an entry of a space."""
    found = [root]
    for part in place:
        if isinstance(part, int):
            continue
        if part.startswith("<"):
            found = [section for section in found if part[1:-1] in _fields(section)]
        elif len(found) == 1 and part in _fields(found[0]):
            found = list(_sections_in(_fields(found[0])[part].annotation))
    return found


def _sections_in(annotation: object) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _sections_in(inner)


def without(tree: Any, places: Sequence[Place], depth: int = 4) -> Any:
    """``tree`` with BROKEN at ``places``, so that what is left can be checked further.

    Places deeper than ``depth`` keys break the whole value at that depth: a range without its
    upper end is no range.
    """
    for place in places:
        tree = _broken(tree, place[:depth])
    return tree


def _broken(tree: Any, place: Place) -> Any:
    if not place:
        return BROKEN
    head, rest = place[0], place[1:]
    if isinstance(tree, Mapping) and head in tree:
        return {**tree, head: _broken(tree[head], rest)}
    if isinstance(tree, list) and isinstance(head, int) and head < len(tree):
        return [*tree[:head], _broken(tree[head], rest), *tree[head + 1 :]]
    return tree
