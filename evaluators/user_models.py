"""A user's own estimator: a class or factory called with parameters, or a ready object cloned.

Parameters named in the signature go into the call; ``step__param`` goes through ``set_params``.
What was left at None for threads and seeds is set; what the user set is kept.
"""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from evaluators.code import nearest
from evaluators.errors import ModelError
from evaluators.model_table import RIVALS

#: A class, a function that returns a model, or a model: duck-typed, as scikit-learn's are.
Target: TypeAlias = Any
Estimator: TypeAlias = Any

_THREADS = next(group for group in RIVALS if "n_jobs" in group)
_SEEDS = next(group for group in RIVALS if "random_state" in group)


def check_target(target: Target, reference: str, regression: bool = False) -> None:
    """Refuse what can be no model, as far as can be told without calling it.

    Raises:
        ModelError: not a class, a function or a model; or a class without the methods.
    """
    if isinstance(target, type) or _is_ready(target):
        check_methods(target, reference, regression)
    elif not callable(target):
        raise ModelError(
            f"{reference} is a {type(target).__name__}; "
            "allowed: a class, a function that returns a model, or a model"
        )


def check_methods(model: Estimator, reference: str, regression: bool = False) -> None:
    """Refuse a model that cannot be fitted or cannot score rows.

    Raises:
        ModelError: without ``fit`` or ``predict``; or, for classes, without both ``predict_proba``
            and ``decision_function``; or, for a numeric target, one of scikit-learn's classifiers.
    """
    what = model.__name__ if isinstance(model, type) else type(model).__name__
    for method in ("fit", "predict"):
        if not callable(getattr(model, method, None)):
            raise ModelError(f"{reference}: {what} has no method {method}")
    if regression:
        if _is_classifier(model):
            raise ModelError(
                f"{reference}: {what} is a classifier, and the target is a number: name a "
                f'regressor, or set data.task = "classification"'
            )
        return
    if not any(hasattr(model, name) for name in ("predict_proba", "decision_function")):
        raise ModelError(
            f"{reference}: {what} has neither predict_proba nor decision_function; rows are "
            "ranked by one of them"
        )


def make_model(
    target: Target,
    params: Mapping[str, Any],
    reference: str,
    *,
    threads: int,
    seed: int,
    regression: bool = False,
) -> Estimator:
    """A new unfitted model with these parameters.

    Raises:
        ModelError: what came out is no model, or a nested parameter does not exist.
        Exception: whatever the user's code raises.
    """
    if _is_ready(target):
        from sklearn.base import clone

        model, rest = clone(target), dict(params)
    else:
        called, rest = _in_call(target, params)
        if not hasattr(target, "get_params"):  # else what was left open shows afterwards
            called = {**_left_open(target, threads, seed), **called}
        model = target(**called)
    check_methods(model, reference, regression)
    if rest:
        if not hasattr(model, "set_params"):
            raise ModelError(
                f"{reference}: {type(model).__name__} has no parameters {sorted(rest)}"
            )
        model.set_params(**rest)
    _set_left_open(model, threads, seed)
    return model


def unknown_names(target: Target, fixed: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """The names that the target cannot take, each as one line with the nearest that it can.

    Nested names are checked where the model can be made from its fixed parameters alone; else
    they show when the first trial makes it.
    """
    if _is_ready(target):
        known, anything = set(target.get_params(deep=True)), False
    else:
        signature = _signature(target)
        known, anything = set(signature), _takes_anything(target)
    plain = [name for name in names if "__" not in name or name in known]
    nested = [name for name in names if name not in plain]
    problems = [] if anything else _unknown(plain, known)
    if nested and not _is_ready(target):
        known_nested = _nested_names(target, fixed)
        if known_nested is None:
            return problems
        known = known_nested
    return problems + _unknown(nested, known)


def takes_table(model: Estimator) -> bool:
    """Whether a pipeline is inside, which brings its own preprocessing."""
    from sklearn.pipeline import Pipeline

    while model is not None:
        if isinstance(model, Pipeline):
            return True
        model = getattr(model, "estimator", None)
    return False


def takes_missing(model: Estimator) -> bool:
    """Whether its scikit-learn tags say that it reads NaN."""
    from sklearn.utils import get_tags

    try:
        return bool(get_tags(model).input_tags.allow_nan)
    except (AttributeError, TypeError):  # no scikit-learn estimator: nothing is promised
        return False


def weight_route(model: Estimator) -> tuple[str | None, str | None]:
    """How rows are weighed (a keyword of ``fit``) and how classes are (a parameter), or None.

    A pipeline that resamples has no use for weights of the rows that come in; its last step may
    still weigh classes.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    prefix, final, resamples = "", model, False
    if isinstance(model, Pipeline):
        name, final = model.steps[-1]
        prefix = f"{name}__"
        resamples = any(hasattr(step, "fit_resample") for _, step in model.steps)
    rows = None
    if not resamples and has_fit_parameter(final, "sample_weight"):
        rows = f"{prefix}sample_weight"
    parameters = final.get_params(deep=False) if hasattr(final, "get_params") else {}
    return rows, f"{prefix}class_weight" if "class_weight" in parameters else None


def _is_classifier(model: Estimator) -> bool:
    """Whether a class or a model says that it gives labels."""
    from sklearn.base import ClassifierMixin, is_classifier

    if isinstance(model, type):
        return issubclass(model, ClassifierMixin)
    try:
        return bool(is_classifier(model))
    except (AttributeError, TypeError):  # no scikit-learn estimator: nothing is said
        return False


def _is_ready(target: Target) -> bool:
    """Whether it is a model already and not what makes one."""
    return not isinstance(target, type) and hasattr(target, "fit") and hasattr(target, "get_params")


def _signature(target: Target) -> dict[str, inspect.Parameter]:
    """The parameters that a call takes by name."""
    try:
        parameters = inspect.signature(target).parameters
    except (ValueError, TypeError):  # some built-in types have none
        return {}
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {name: each for name, each in parameters.items() if each.kind in by_name}


def _takes_anything(target: Target) -> bool:
    """Whether a call takes names that its signature does not show."""
    try:
        parameters = inspect.signature(target).parameters.values()
    except (ValueError, TypeError):
        return True
    return any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


def _in_call(target: Target, params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters for the call, and those for ``set_params`` afterwards."""
    shown = _signature(target)
    called = {name: value for name, value in params.items() if name in shown or "__" not in name}
    return called, {name: value for name, value in params.items() if name not in called}


def _nested_names(target: Target, fixed: Mapping[str, Any]) -> set[str] | None:
    """Every name that ``set_params`` would take; None where the model cannot be made yet."""
    try:
        model = target(**_in_call(target, fixed)[0])
        return set(model.get_params(deep=True))
    except Exception:  # a required parameter may come from the space: the trial will tell
        return None


def _unknown(names: Iterable[str], known: set[str]) -> list[str]:
    return [f"no parameter {name!r}{nearest(name, known)}" for name in names if name not in known]


def _left_open(target: Target, threads: int, seed: int) -> dict[str, int]:
    """Threads and seed for a call whose signature names them without a value."""
    open_ones = [
        name
        for name, each in _signature(target).items()
        if each.default is None or each.default is inspect.Parameter.empty
    ]
    found = {name: seed for name in open_ones if name in _SEEDS}
    return found | {name: threads for name in open_ones if name in _THREADS}


def _set_left_open(model: Estimator, threads: int, seed: int) -> None:
    """Fill in seeds left at None; the model itself gets the threads, what is inside it one.

    The model itself is a pipeline's last step, or the outermost estimator. In scikit-learn None
    is one thread already, and its linear models warn of any other value.
    """
    if not hasattr(model, "get_params") or not hasattr(model, "set_params"):
        return
    steps = getattr(model, "steps", None)
    itself = steps[-1][0] if steps else ""
    filled: dict[str, int] = {}
    params = model.get_params(deep=True)
    for name in [name for name, value in params.items() if value is None]:
        owner, _, last = name.rpartition("__")
        if last in _SEEDS:
            filled[name] = seed
        elif last in _THREADS:
            wanted = threads if owner == itself else 1
            home = type(params[owner] if owner else model).__module__
            if not home.startswith("sklearn.") or (
                wanted > 1 and not home.startswith("sklearn.linear_model.")
            ):
                filled[name] = wanted
    if filled:
        model.set_params(**filled)
