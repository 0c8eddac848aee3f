"""How a space is written in a spec, and what it means as ``search.space`` parameters."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Strict,
    Tag,
    model_validator,
)

from search.domains import Choice, Domain, Fixed, Float, Int, Scalar
from search.space import Condition, Parameter
from search.spec_values import (
    Flag,
    JsonScalar,
    Number,
    ParameterName,
    Section,
    Text,
    choosable,
    is_number,
    is_whole,
    refused,
)
from search.wording import shown, unknown

#: What a table in a space can be; the key says which.
KINDS = ("int", "float", "choice")


def _listed(value: object) -> object:
    """A list as it is, one value as a list of one."""
    return value if isinstance(value, (list, tuple)) else [value]


def _a_list(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return value
    raise refused(f"{shown(value)} is not allowed; allowed: a list of values")


def _ends(test: Callable[[object], bool], allowed: str) -> BeforeValidator:
    def check(value: object) -> object:
        if isinstance(value, (list, tuple)) and len(value) == 2 and all(map(test, value)):
            return value
        raise refused(f"{shown(value)} is not allowed; allowed: [low, high], two {allowed}")

    return BeforeValidator(check)


WholeEnds = Annotated[tuple[int, int], _ends(is_whole, "whole numbers")]
RealEnds = Annotated[tuple[float, float], _ends(is_number, "numbers")]
Values = Annotated[tuple[JsonScalar, ...], BeforeValidator(_a_list)]
OneOrMore = Annotated[
    tuple[JsonScalar, ...],
    BeforeValidator(_listed, json_schema_input_type=JsonScalar | list[JsonScalar]),
]
When = Annotated[
    dict[ParameterName, OneOrMore] | None,
    Field(description="active only when each of these parameters has the value, or one of a list"),
]


class Table(Section):
    """A parameter written as a table: one of the three below, told apart by the key ``kind``."""

    kind: ClassVar[str]
    when: When = None

    def domain(self) -> Domain:
        """What it stands for; ValueError with a sentence if that cannot be searched."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _searchable(self) -> Self:
        try:
            self.domain()
        except ValueError as reason:
            raise refused(str(reason), self.kind) from None
        return self


class IntRange(Table):
    """``{ int = [low, high] }``, both ends included."""

    kind: ClassVar = "int"
    ends: WholeEnds = Field(alias="int")
    step: Annotated[int, Strict()] = 1
    log: Flag = False

    def domain(self) -> Int:
        """The range of whole numbers."""
        return Int(*self.ends, step=self.step, log=self.log)


class FloatRange(Table):
    """``{ float = [low, high] }``, both ends included."""

    kind: ClassVar = "float"
    ends: RealEnds = Field(alias="float")
    step: Number | None = None
    log: Flag = False

    def domain(self) -> Float:
        """The range of real numbers."""
        return Float(*self.ends, step=self.step, log=self.log)


class ChoiceOf(Table):
    """``{ choice = [...] }``; the word ``none`` among the options stands for Python's None."""

    kind: ClassVar = "choice"
    choice: Values
    none: Text | None = None

    def domain(self) -> Choice:
        """The options, with None in place of its word."""
        if self.none is not None and self.none not in self.choice:
            raise ValueError(f"none = {unknown(self.none, self.choice, 'one of the options')}")
        return Choice(tuple(self.value(option) for option in self.choice))

    def value(self, option: Scalar) -> Scalar:
        """What an option stands for."""
        return None if self.none is not None and option == self.none else option


def _known_kind(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    kinds = [kind for kind in KINDS if kind in value]
    if len(kinds) > 1:
        raise refused(f"{' and '.join(kinds)} exclude each other; leave one out")
    if not kinds:
        odd = [key for key in value if key not in ("step", "log", "when", "none")]
        raise refused(
            unknown(odd[0], KINDS, "a kind of range")
            if odd
            else f"the table does not say what it is; allowed: one of the keys {', '.join(KINDS)}"
        )
    return value


def _tag(value: object) -> str:
    """Which form ``value`` has. ``search.spec_problems`` leaves words in <> out of paths."""
    if isinstance(value, Mapping):
        return f"<{next(kind for kind in KINDS if kind in value)}>"
    if isinstance(value, Table):
        return f"<{value.kind}>"
    return "<list>" if isinstance(value, (list, tuple)) else "<value>"


#: One parameter as written: a range, a choice, a list (a choice too) or a value (fixed).
Entry = Annotated[
    Annotated[IntRange, Tag("<int>")]
    | Annotated[FloatRange, Tag("<float>")]
    | Annotated[ChoiceOf, Tag("<choice>")]
    | Annotated[Values, AfterValidator(choosable), Tag("<list>")]
    | Annotated[JsonScalar, Tag("<value>")],
    Discriminator(_tag),
    BeforeValidator(_known_kind),
]
Written = Table | tuple[Scalar, ...] | Scalar


def _ratio(entry: Written) -> Written:
    """Numbers above 0 and up to 1; outside a table, whole ones become floats."""
    if entry is None:
        return None
    numbers: tuple[Scalar, ...]
    match domain_of(entry):
        case Int(low, high) | Float(low, high):
            numbers = (low, high)
        case Choice(options):
            numbers = options
        case Fixed(value):
            numbers = (value,)
    wrong = [each for each in numbers if not is_number(each) or not 0 < each <= 1]
    if not wrong:
        if isinstance(entry, tuple):
            return tuple(float(each) if is_whole(each) else each for each in entry)
        return float(entry) if is_whole(entry) else entry
    raise refused(
        f"{shown(wrong[0])} is not allowed; allowed: a number above 0 and at most 1, a list of "
        "them, or { float = [low, high] } of such numbers"
    )


#: How many rows of a class for one of the largest: a number, or several to search.
Ratio = Annotated[Entry, AfterValidator(_ratio)]


def domain_of(entry: Written) -> Domain:
    """The domain that an entry stands for."""
    if isinstance(entry, Table):
        return entry.domain()
    return Choice(entry) if isinstance(entry, tuple) else Fixed(entry)


def parameters_of(entries: Mapping[str, Written]) -> list[Parameter]:
    """The entries of one model as parameters, in their order; nothing is checked."""
    return [
        Parameter(name, domain_of(entry), _conditions(entry, entries))
        for name, entry in entries.items()
    ]


def block_parameters(
    space: Mapping[str, Written],
    class_weight: object = None,
    resample: object = None,
    resample_ratio: object = None,
) -> list[Parameter]:
    """The entries of one model, and behind them what stands beside its space with several values.

    The ratio is a parameter only of what resamples.
    """
    entries = dict(space)
    beside = {
        "class_weight": class_weight, "resample": resample, "resample_ratio": resample_ratio
    }  # fmt: skip
    entries |= {name: each for name, each in beside.items() if isinstance(each, (Table, tuple))}
    found = parameters_of(entries)
    if "resample_ratio" in entries and isinstance(resample, tuple) and "none" in resample:
        methods = tuple(method for method in resample if method != "none")
        given = found[-1].when or ()
        found[-1] = replace(found[-1], when=(*given, ("resample", methods)))
    return found


def _conditions(entry: Written, entries: Mapping[str, Written]) -> tuple[Condition, ...] | None:
    if not isinstance(entry, Table) or not entry.when:
        return None
    return tuple(
        (parent, tuple(_as_taken(value, entries.get(parent)) for value in values))
        for parent, values in entry.when.items()
    )


def _as_taken(value: Scalar, parent: Written) -> Scalar:
    """``value`` as the parent has it: its word for None as None, 1 as 1.0 among real numbers."""
    if isinstance(parent, ChoiceOf):
        value = parent.value(value)
    domain = domain_of(parent)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and not domain.contains(value) and domain.contains(float(value)):  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    return value


def settled(parameters: Sequence[Parameter], fixed: Collection[str]) -> tuple[Parameter, ...]:
    """``parameters`` without the conditions on ``fixed`` names, which are known to hold."""
    return tuple(
        Parameter(
            parameter.name,
            parameter.domain,
            tuple(each for each in parameter.when or () if each[0] not in fixed) or None,
        )
        for parameter in parameters
    )
