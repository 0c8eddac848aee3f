"""How a store's calls cross the network: plain JSON, bytes as base64, rows by their columns."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from search.lease import Holder


def packed(value: Any) -> Any:
    """``value`` as JSON holds it."""
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Holder):
        return {"$holder": asdict(value)}
    if isinstance(value, sa.Row):
        # of two columns with one name the first counts, as for the row's own attributes
        columns = dict(zip(reversed(value._fields), reversed(value), strict=True))
        return {"$row": {name: packed(each) for name, each in columns.items()}}
    if isinstance(value, Mapping):
        return {name: packed(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [packed(each) for each in value]
    return value


def unpacked(value: Any) -> Any:
    """What was packed; rows have their columns as attributes. Nothing but data comes of it."""
    if isinstance(value, list):
        return [unpacked(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"$bytes"}:
        return base64.b64decode(value["$bytes"], validate=True)
    if set(value) == {"$holder"}:
        return Holder(**value["$holder"])
    if set(value) == {"$row"}:
        return SimpleNamespace(**{name: unpacked(each) for name, each in value["$row"].items()})
    return {name: unpacked(each) for name, each in value.items()}
