"""How the body of an entry or a header is written: strict JSON, ASCII only.

What JSON has no word for:

- NaN becomes null, and null in a number's place means "undefined" when it is read;
- an infinity becomes the text "Infinity" or "-Infinity", which ``float`` reads back;
- a tuple becomes a list, numpy's scalars and arrays the numbers and lists they hold.

So a NaN among the *parameters* of a configuration does not survive: a spec must not allow it.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from evaluators.types import Resources

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@runtime_checkable
class _Numpy(Protocol):
    """What numpy's scalars and arrays share; not imported for it."""

    def tolist(self) -> object:
        """The Python values inside."""


def plain(value: object, path: str = "$") -> Json:
    """``value`` with only what strict JSON has, by the rules above.

    Raises:
        TypeError: something with no such form, or a key that is not a text, at its path.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        # float(): numpy's float64 is a float too, and prints otherwise
        return float(value) if math.isfinite(value) else f"{'-' * (value < 0)}Infinity"
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"the key {key!r} at {path} is no text, JSON would change it")
        return {key: plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{path}[{place}]") for place, item in enumerate(value)]
    if isinstance(value, _Numpy):
        return plain(value.tolist(), path)
    raise TypeError(f"a {type(value).__name__} at {path} has no JSON form")


def written(body: Mapping[str, Any]) -> str:
    """``body`` as the text that is stored."""
    return json.dumps(plain(body), allow_nan=False, separators=(",", ":"))


def read(text: str) -> dict[str, Any]:
    """The body that was stored as ``text``."""
    body: dict[str, Any] = json.loads(text)
    return body


def read_quickly(text: str) -> dict[str, Any]:
    """The same, four times as quick, for who reads tens of thousands and has pydantic at hand."""
    from pydantic_core import from_json

    try:
        body: dict[str, Any] = from_json(text)
    except ValueError:  # half of a surrogate pair, which JSON allows and UTF-8 does not
        return read(text)
    return body


def number(value: float | str | None) -> float:
    """A stored number: NaN where null stands, an infinity where its text stands."""
    return math.nan if value is None else float(value)


#: What a cost is made of, threads and latency apart.
_COSTS = (
    "wall_s", "load_s", "fit_s", "score_s", "cpu_s", "peak_mb", "bytes_read", "measuring_s",
)  # fmt: skip


def resources_of(body: Mapping[str, Any]) -> Resources:
    """The "resources" of a body: zeros where it has none, NaN for what was not measured."""
    found = body.get("resources") or {}
    cost = {name: number(found.get(name, math.nan if found else 0.0)) for name in _COSTS}
    latency = number(found.get("predict_ms_per_1k"))
    return Resources(**cost, threads=int(found.get("threads") or 0), predict_ms_per_1k=latency)
