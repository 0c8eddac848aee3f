"""The kinds of value a spec is made of; each checks itself and says what was allowed.

A value that is refused raises ``refused(sentence)``; ``search.spec_problems`` adds the path.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic_core import PydanticCustomError

from search.domains import Choice, Scalar
from search.wording import listed, nearest, shown, unknown

#: The type of our own errors among pydantic's.
REFUSED = "refused"


def refused(sentence: str, *inside: str) -> PydanticCustomError:
    """A problem in our own words, with the keys between the checked value and its place."""
    return PydanticCustomError(REFUSED, "{sentence}", {"sentence": sentence, "inside": inside})


class Section(BaseModel):
    """A table of the spec: frozen, no unknown keys, written back under the user's own keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, serialize_by_alias=True, allow_inf_nan=False
    )


def word(what: str, now: tuple[str, ...], later: tuple[str, ...] = ()) -> BeforeValidator:
    """One of the words of ``now``; those of ``later`` are known, and refused as not built yet."""

    def check(value: object) -> object:
        if isinstance(value, str) and value in now:
            return value
        if isinstance(value, str) and value in later:
            raise refused(f"{shown(value)} is not built yet; allowed now: {listed(now)}")
        near = nearest(value, later)
        if near and not nearest(value, now):
            raise refused(
                f"{shown(value)} is not {what}, did you mean {shown(near)}? "
                f"It is not built yet; allowed now: {listed(now)}"
            )
        raise refused(unknown(value, now, what))

    return BeforeValidator(check)


def only(now: Scalar | list[Any], allowed: str | None = None) -> BeforeValidator:
    """The one value that stands for a feature that is not built yet being off."""

    def check(value: object) -> object:
        kept = list(value) if isinstance(value, tuple) else value
        if type(kept) is type(now) and kept == now:
            return now
        raise refused(
            f"{shown(value)} asks for something not built yet; allowed now: {allowed or shown(now)}"
        )

    return BeforeValidator(check)


def fits(allowed: str, test: Callable[[Any], bool]) -> BeforeValidator:
    """Values for which ``test`` holds; ``allowed`` says which they are."""

    def check(value: object) -> object:
        if test(value):
            return value
        raise refused(f"{shown(value)} is not allowed; allowed: {allowed}")

    return BeforeValidator(check)


def is_number(value: object) -> TypeGuard[int | float]:
    """A finite number, and not true or false, which Python counts among them."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: object) -> TypeGuard[int]:
    """A whole number, and not true or false."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_scalar(value: object) -> bool:
    """None, true, false, a finite number or a text."""
    return value is None or isinstance(value, (bool, str)) or is_number(value)


_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[dhms])")


def seconds(value: object) -> object:
    """Seconds above 0 from a number or a text such as "90s", "30m", "2h", "1h30m"; None stays."""
    if value is None:
        return None
    total: float = 0
    if isinstance(value, str) and re.fullmatch(rf"(?:{_PART.pattern}\s*)+", value):
        total = sum(float(count) * _SECONDS[unit] for count, unit in _PART.findall(value))
    elif is_number(value):
        total = float(value)
    if total > 0:
        return total
    raise refused(
        f'{shown(value)} is no length of time; allowed: seconds above 0, or a text such as "90s", '
        '"30m", "2h", "1h30m"'
    )


_MEGABYTES = {"M": 1.0, "G": 1024.0, "T": 1024.0**2}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([MGT])", re.IGNORECASE)


def megabytes(size: str) -> float:
    """A text such as "800M" or "2G" in units of 2**20 bytes; ValueError if it is none."""
    found = _SIZE.fullmatch(size)
    if not found or not float(found[1]):
        raise ValueError(f"{shown(size)} is no size of memory")
    return float(found[1]) * _MEGABYTES[found[2].upper()]


def _is_size(value: object) -> bool:
    if value == "auto":
        return True
    return isinstance(value, str) and bool(_SIZE.fullmatch(value)) and megabytes(value) > 0


def _is_auto_or_count(value: object) -> bool:
    return value == "auto" or (is_whole(value) and value >= 1)


#: ``file.py:name`` or ``package.module:Name``; dots reach into a name.
_REFERENCE = re.compile(r".*[^:\s]:[A-Za-z_][\w.]*", re.DOTALL)


def is_reference(value: object) -> bool:
    """Whether ``value`` points into the user's code; what is there is checked elsewhere."""
    return isinstance(value, str) and "://" not in value and bool(_REFERENCE.fullmatch(value))


_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def slug(text: str) -> str:
    """The nearest allowed name to ``text``: "my data (1).csv" gives "my-data-1-.csv"; may be ""."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:100].strip("-._")


def _splitter(value: object) -> object:
    words = ("auto", "stratified", "plain", "group", "time")
    if value in words or is_reference(value):
        return value
    raise refused(f'{unknown(value, words, "a splitter")}, "module:Class", "file.py:Class"')


def _estimator(value: object) -> object:
    from evaluators.models import registered  # the models' room is heavy, and specs are read often

    names = tuple(dict.fromkeys((*registered(), *registered(regression=True))))
    if value in names or is_reference(value):
        return value
    code = '"module:Class", "file.py:function"'
    raise refused(f"{unknown(value, names, 'a registered model')}, {code}")


def _test_size(value: object) -> object:
    if value is None or value is False:
        return None
    if value == "auto" or (is_number(value) and 0 < value < 1):
        return value
    raise refused(
        f'{shown(value)} is not allowed; allowed: "auto", a share above 0 and up to 0.5, '
        "or false for no hold-out"
    )


def _threshold(value: object) -> object:
    if value == "auto" or (is_number(value) and 0 < value < 1):
        return value
    if isinstance(value, Mapping) and list(value) in (["maximize"], ["minimize"]):
        ((direction, name),) = value.items()
        if isinstance(name, str) and name:
            return value
        raise refused(f"{shown(name)} is not allowed; allowed: text in quotes", direction)
    raise refused(
        f'{shown(value)} is not allowed; allowed: "auto", a number between 0 and 1, or a label '
        'metric as { maximize = "f1" }, { minimize = "cost" }'
    )


def _costs(value: object) -> object:
    if value is None:
        return None
    form = '{ "true label" = { "predicted label" = 5.0 } }'
    if not isinstance(value, Mapping):
        raise refused(
            f"{shown(value)} does not say which label is which; allowed: costs = {form}, one cost "
            "for each pair of different labels"
        )
    for true, row in value.items():
        if not isinstance(row, Mapping):
            raise refused(f"{shown(row)} is not allowed; allowed: a table, as in {form}", true)
        for predicted, cost in row.items():
            if not is_number(cost) or cost < 0:
                raise refused(
                    f"{shown(cost)} is not allowed; allowed: a number of at least 0",
                    *(true, predicted),
                )
    return value


def _folds_seed(value: object) -> object:
    if value in ("auto", "new") or (is_whole(value) and 0 <= value <= _LARGEST_SEED):
        return value
    raise refused(unknown(value, ("auto", "new"), "allowed") + f", a number 0 to {_LARGEST_SEED}")


def class_weight(value: object) -> Any:
    """Numbers as floats, lists as tuples, the word for no weights as None."""
    if isinstance(value, Mapping):
        if value and all(is_number(each) and each > 0 for each in value.values()):
            return {name: float(each) for name, each in value.items()}
    elif isinstance(value, (list, tuple)):
        if not any(isinstance(each, (Mapping, list, tuple)) for each in value):
            return choosable(tuple(class_weight(each) for each in value))
    elif value is None or value == "none":
        return None
    elif value == "balanced":
        return value
    elif is_number(value) and value > 0:
        return float(value)
    raise refused(
        f'{shown(value)} is not allowed; allowed: a number above 0, "balanced", "none", '
        "a table of numbers above 0 by class, or a list of numbers and these words"
    )


def resample(value: object) -> Any:
    """A method of resampling, or a list of them as a tuple."""
    from evaluators.resampling import METHODS  # numpy is heavy, and specs are read often

    if isinstance(value, (list, tuple)):
        wrong = [each for each in value if each not in METHODS]
        if not wrong:
            return choosable(tuple(value))
        value = wrong[0]
    elif value in METHODS:
        return value
    raise refused(unknown(value, METHODS, "a resampling"))


def choosable(options: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    """``options`` if a choice can be made of them."""
    try:
        return Choice(options).options
    except ValueError as reason:
        raise refused(str(reason)) from None


_LARGEST_SEED = 2**32 - 1

Text = Annotated[str, Strict(), Field(min_length=1)]
Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
Count = Annotated[int, Strict(), Field(ge=1)]
#: How few are too few is told when the data is read: two of each class, and what folds need.
Rows = Annotated[int, Strict(), Field(json_schema_extra={"minimum": 2})]
Seed = Annotated[int, Strict(), Field(ge=0, le=_LARGEST_SEED)]
Seconds = Annotated[float | None, BeforeValidator(seconds, json_schema_input_type=float | str)]
JsonScalar = Annotated[Scalar, fits("text, a number, true or false", is_scalar)]
Name = Annotated[
    str,
    fits(
        "1 to 100 letters, digits, - _ . with a letter or digit first",
        lambda value: isinstance(value, str) and bool(_SLUG.fullmatch(value)),
    ),
    Field(json_schema_extra={"pattern": f"^{_SLUG.pattern}$"}),
]
ParameterName = Annotated[
    str,
    fits(
        "a name as Python's keyword arguments have: letters, digits and _",
        lambda value: isinstance(value, str) and value.isidentifier(),
    ),
]
Splitter = Annotated[str, BeforeValidator(_splitter, json_schema_input_type=str)]
Estimator = Annotated[str, BeforeValidator(_estimator, json_schema_input_type=str)]
AutoOrCount = Annotated[
    int | Literal["auto"],
    fits('"auto" or a whole number of at least 1', _is_auto_or_count),
]
MemorySize = Annotated[str, fits('"auto", or a size such as "800M" or "2G"', _is_size)]
TestSize = Annotated[
    float | Literal["auto"] | None,
    BeforeValidator(
        _test_size, json_schema_input_type=float | Literal["auto"] | Literal[False] | None
    ),
]
Threshold = Annotated[
    float | Literal["auto"] | dict[Literal["maximize", "minimize"], Text],
    BeforeValidator(
        _threshold,
        json_schema_input_type=float | Literal["auto"] | dict[Literal["maximize", "minimize"], str],
    ),
]
Costs = Annotated[
    dict[str, dict[str, float]] | None,
    BeforeValidator(_costs, json_schema_input_type=dict[str, dict[str, float]] | None),
]
FoldsSeed = Annotated[int | Literal["auto", "new"], BeforeValidator(_folds_seed)]
_OneWeight = float | Literal["balanced"] | None
_Written = float | Literal["balanced", "none"] | None
Resample = Annotated[
    str | tuple[str, ...], BeforeValidator(resample, json_schema_input_type=str | list[str])
]
ClassWeight = Annotated[
    float | Literal["balanced"] | dict[str, float] | tuple[_OneWeight, ...] | None,
    BeforeValidator(
        class_weight, json_schema_input_type=_Written | dict[str, float] | list[_Written]
    ),
]

#: Who ends losing trials early. auto: racing, but nobody in a grid.
Pruner = Annotated[
    Literal["auto", "none", "racing"],
    word("a pruner", ("auto", "none", "racing"), ("halving", "median", "bandit", "truncation")),
]
