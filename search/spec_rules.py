"""Rules between the keys of a spec: names, roles of columns, conditions, what a grid needs.

They work on the tree as written, with BROKEN in place of values that have a problem already,
so that one reading finds everything.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from search.space import Parameter, endless, misfits
from search.spec_problems import BROKEN, Place
from search.spec_space import Entry, Written, block_parameters, settled
from search.spec_values import class_weight, is_reference, is_scalar
from search.wording import listed, shown

Problem = tuple[Place, str]

#: Samplers that learn from what they are told.
LEARNING = ("tpe",)

_ROLES = ("group_column", "time_column", "weight_column")


def broken_rules(tree: Mapping[str, Any]) -> dict[Place, str]:
    """What is wrong between keys, by place; parts that are BROKEN or absent are not judged."""
    rules: tuple[Callable[[Mapping[str, Any]], Iterator[Problem]], ...] = (
        _target,
        _columns,
        _splitter,
        _holdout,
        _names,
        _spaces,
        _resampling,
        _conditions,
        _grid,
        _constraints,
        _warm_start,
        _cuts,
    )
    return {place: sentence for rule in rules for place, sentence in rule(tree)}


def _part(tree: object, *keys: str) -> Any:
    """The value at ``keys``; None if it is absent or BROKEN."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return None if tree is BROKEN else tree


def _blocks(tree: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, block in enumerate(_part(tree, "model") or ()):
        if isinstance(block, Mapping):
            yield index, block


def _target(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """A target is needed unless the source may bring its own: code or npz."""
    data = _part(tree, "data")
    source = _part(data, "source")
    if source is None or ("target" in data and data["target"] is not None):
        return
    if not source.endswith(".npz") and not is_reference(source):
        yield ("data", "target"), "missing; the name of the column to predict"


def _columns(tree: Mapping[str, Any]) -> Iterator[Problem]:
    data = _part(tree, "data")
    target = _part(data, "target")
    for name in _part(data, "drop") or ():
        if name == target:
            yield ("data", "drop"), f"{shown(name)} is the target; take it out of the list"
    taken = {target: "target"}
    for role in _ROLES:
        column = _part(data, role)
        if column is not None and column in taken:
            yield ("data", role), f"{shown(column)} is the {taken[column]} already"
        taken.setdefault(column, role)


def _splitter(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """``splitter`` needs its column, and "auto" cannot choose between two."""
    splitter = _part(tree, "evaluate", "splitter") or "auto"
    given = {word: _part(tree, "data", f"{word}_column") for word in ("group", "time")}
    place = ("evaluate", "splitter")
    if splitter == "auto" and all(given.values()):
        yield (
            place,
            '"auto" cannot choose between group_column and time_column; allowed: "group", "time"',
        )
    if splitter in given and (_part(tree, "data") or {}).get(f"{splitter}_column") is None:
        yield place, f"{shown(splitter)} needs {splitter}_column in [data]"


def _holdout(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Locked rows come from the table or from a file of their own."""
    part = _part(tree, "holdout") or {}
    if _part(part, "source") is not None and part.get("test_size", "auto") not in ("auto", BROKEN):
        yield (
            ("holdout", "test_size"),
            f"{shown(part['test_size'])} beside source, whose rows are the hold-out; "
            "take one of them out",
        )


def _names(tree: Mapping[str, Any]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, block in _blocks(tree):
        name = _part(block, "name")
        if name is not None and name in first:
            yield (
                ("model", index, "name"),
                f"{shown(name)} is the name of model[{first[name]}] already; give each its own",
            )
        first.setdefault(name, index)


def _spaces(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Each parameter is given once: in params, as class_weight, or in the space."""
    for index, block in _blocks(tree):
        params, space = _part(block, "params") or {}, _part(block, "space") or {}
        if "space" not in block and _part(block, "estimator") is not None:
            yield (
                ("model", index, "space"),
                f"missing; {shown(block['estimator'])} has no default space; allowed: a table of "
                "parameters, or {} for none",
            )
        for name in params:
            if name in space:
                yield (
                    ("model", index, "space", name),
                    "stands in params too, which fixes it; take it out of one of them",
                )
        if _part(block, "class_weight") is not None:
            for home in (params, space):
                if "class_weight" in home:
                    where = "params" if home is params else "space"
                    yield (
                        ("model", index, "class_weight"),
                        f"stands in {where} too; take it out of one of them",
                    )


@cache
def _entry() -> TypeAdapter[Written]:
    return TypeAdapter(Entry)


def _parameters(block: Mapping[str, Any]) -> list[Parameter]:
    """The sound parameters of a block and its fixed ones, without conditions on broken ones."""
    space = _part(block, "space") or {}
    entries = {
        name: _entry().validate_python(entry)
        for name, entry in space.items()
        if entry is not BROKEN
    }
    weights, methods = _part(block, "class_weight"), _part(block, "resample")
    beside = (
        class_weight(weights) if isinstance(weights, list) else None,
        tuple(methods) if isinstance(methods, list) else None,
        _ratio(block),
    )
    fixed = {
        name: value
        for name, value in (_part(block, "params") or {}).items()
        if is_scalar(value) and name not in space
    }
    parameters = block_parameters({**fixed, **entries}, *beside)
    sound = settled(parameters, set(space) - set(entries))
    return list(sound)


def _ratio(block: Mapping[str, Any]) -> Written:
    """``resample_ratio`` as an entry; None where it is absent or broken."""
    ratio = _part(block, "resample_ratio")
    if isinstance(ratio, Mapping) and BROKEN in ratio.values():
        return None
    return _entry().validate_python(ratio)


def _at(index: int, name: str) -> Place:
    """Where a parameter of a block is written."""
    beside = name in ("resample", "resample_ratio")
    return ("model", index, name) if beside else ("model", index, "space", name)


def _resampling(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Resampling stands beside the estimator; its ratio says nothing without it."""
    from evaluators.resampling import METHODS, NONE  # numpy is heavy, and specs are read often

    for index, block in _blocks(tree):
        for home in ("params", "space"):
            for name in ("resample", "resample_ratio"):
                if name in (_part(block, home) or {}):
                    yield (
                        ("model", index, home, name),
                        f"no parameter of a model; write {name} beside estimator in [[model]]",
                    )
        given = block.get("resample")
        methods = given if isinstance(given, list) else [given or NONE]
        if _part(block, "resample_ratio") is not None and set(methods) <= {NONE}:
            yield (
                ("model", index, "resample_ratio"),
                f"says nothing without resample; allowed beside it: {listed(METHODS[1:])}",
            )


def _conditions(tree: Mapping[str, Any]) -> Iterator[Problem]:
    for index, block in _blocks(tree):
        for name, sentence in misfits(_parameters(block)):
            yield (*_at(index, name), "when"), sentence


def _grid(tree: Mapping[str, Any]) -> Iterator[Problem]:
    if _part(tree, "search", "sampler") != "grid":
        return
    for index, block in _blocks(tree):
        parameters = _parameters(block)
        if misfits(parameters):
            continue
        for name in endless(parameters):
            yield (
                _at(index, name),
                'sampler = "grid" needs choices or steps; allowed: a list of values, or a range '
                "with step",
            )


def _constraints(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Measured limits would let the clock decide, which ``deterministic`` rules out."""
    limits = _part(tree, "search", "constraints") or {}
    given = isinstance(limits, Mapping) and any(each is not None for each in limits.values())
    if given and _part(tree, "search", "deterministic") is True:
        yield (
            ("search", "constraints"),
            "measured time and memory differ from run to run, which deterministic = true rules "
            "out; take one of them out",
        )


def _warm_start(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Only a sampler that learns has a use for what earlier sweeps found."""
    sampler, named = _part(tree, "search", "sampler"), _part(tree, "search", "warm_start")
    if not named or not isinstance(named, list | tuple):
        return
    if isinstance(sampler, str) and sampler not in LEARNING:
        yield (
            ("search", "warm_start"),
            f'sampler = "{sampler}" learns from no trial; allowed: sampler = "tpe", or no '
            "warm_start",
        )
    again = next((each for place, each in enumerate(named) if each in named[:place]), None)
    if again is not None:
        yield ("search", "warm_start"), f"{shown(again)} stands there twice; name it once"


def _cuts(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Whoever is to share cuts is there."""
    named = [_part(block, "estimator") for _, block in _blocks(tree)]
    asked = _part(tree, "search", "shared_cuts") is True
    if asked and named and not {"xgboost", None} & set(named):
        yield (
            ("search", "shared_cuts"),
            "no [[model]] is xgboost, and no other has cuts to share: leave it out",
        )
