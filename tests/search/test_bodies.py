"""What a stored body can hold, and what becomes of what JSON has no word for."""

import json
import math
from collections import OrderedDict
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search import bodies

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def expected(value):
    """The documented form of a value."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else f"{'-' * (value < 0)}Infinity"
    if isinstance(value, list):
        return [expected(item) for item in value]
    if isinstance(value, dict):
        return {key: expected(item) for key, item in value.items()}
    return value


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(), JSON))
def test_a_body_comes_back(body):
    """All that is JSON to the last bit; NaN as null, an infinity as its name; ASCII only."""
    text = bodies.written(body)
    assert text.isascii()
    assert "\0" not in text
    assert bodies.read(text) == expected(body)
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("value", [0.1, math.inf, -math.inf, 3])
def test_a_stored_number_is_read_back(value):
    """Infinities too."""
    assert bodies.number(bodies.read(bodies.written({"a": value}))["a"]) == value


def test_null_in_a_numbers_place_is_undefined():
    """Read as NaN."""
    assert math.isnan(bodies.number(bodies.read(bodies.written({"a": math.nan}))["a"]))


def test_numpy_and_other_containers_are_written_as_what_they_hold():
    """Scalars, arrays, tuples and any mapping."""
    body = MappingProxyType(
        OrderedDict(
            a=np.float32(0.5), b=np.int64(3), c=np.bool_(True), d=np.array([[1, 2]]), e=(1, "x"),
            f=np.float64("nan"), g=np.str_("é"),
        )
    )  # fmt: skip
    assert bodies.read(bodies.written(body)) == {
        "a": 0.5, "b": 3, "c": True, "d": [[1, 2]], "e": [1, "x"], "f": None, "g": "é",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [({"a": [{1: 2}]}, r"\$\.a\[0\]"), ({"a": {1, 2}}, r"set at \$\.a"), ({"a": b""}, "bytes")],
)
def test_what_would_change_is_refused_with_its_path(body, said):
    """A number as a key, a set, bytes."""
    with pytest.raises(TypeError, match=said):
        bodies.written(body)
