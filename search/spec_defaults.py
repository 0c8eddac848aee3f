"""What a ``[[model]]`` block gets when it does not say: its name and its default space."""

from collections.abc import Collection, Mapping
from typing import Any

from search.spec_values import is_reference, slug


def with_defaults(tree: Mapping[str, Any]) -> dict[str, Any]:
    """``tree`` with the names and the default spaces of its models; wrong parts stay as they are.

    A parameter that the user gave, in ``params`` or as ``class_weight``, leaves the default
    space, and with it those parameters that exist only for another value of it.
    """
    blocks = tree.get("model")
    if not isinstance(blocks, list):
        return dict(tree)
    data = tree.get("data")
    regression = isinstance(data, Mapping) and data.get("task") == "regression"
    return {**tree, "model": [_filled(block, regression) for block in blocks]}


def _filled(block: object, regression: bool) -> object:
    if not isinstance(block, Mapping) or not isinstance(block.get("estimator"), str):
        return block
    filled = dict(block)
    estimator = filled["estimator"]
    if filled.get("name") is None:
        filled["name"] = slug(estimator.rpartition(":")[2])
    if filled.get("space") is None and not is_reference(estimator):
        filled.pop("space", None)
        default = _default_space(estimator, regression)
        if default is not None:
            filled["space"] = _without_given(default, _given(filled))
    return filled


def _default_space(estimator: str, regression: bool) -> dict[str, Any] | None:
    """That of the task, or of the other one: whether it fits is told once the data is read."""
    from evaluators.models import default_space, registered  # heavy, and specs are read often

    tasks = (regression, not regression)
    task = next((task for task in tasks if estimator in registered(task)), None)
    return None if task is None else default_space(estimator, task)


def _given(block: Mapping[str, Any]) -> dict[str, Any]:
    """What the user fixed. A library's own weights of classes stand in for ``class_weight``."""
    from evaluators.model_table import OWN_CLASS_WEIGHTS

    params = block.get("params")
    given = dict(params) if isinstance(params, Mapping) else {}
    if block.get("class_weight") is not None or not given.keys().isdisjoint(OWN_CLASS_WEIGHTS):
        given["class_weight"] = block.get("class_weight")
    return given


def _without_given(space: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: entry for name, entry in space.items() if name not in given}
    gone: set[str] = set()
    while True:
        impossible = {name for name, entry in kept.items() if _is_impossible(entry, given, gone)}
        if not impossible:
            return kept
        gone |= impossible
        kept = {name: entry for name, entry in kept.items() if name not in impossible}


def _is_impossible(entry: object, given: Mapping[str, Any], gone: Collection[str]) -> bool:
    """Whether a condition of ``entry`` can no longer hold."""
    when = entry.get("when") if isinstance(entry, Mapping) else None
    for parent, values in (when or {}).items():
        allowed = values if isinstance(values, (list, tuple)) else [values]
        if parent in gone or (parent in given and given[parent] not in allowed):
            return True
    return False
