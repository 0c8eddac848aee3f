"""Models by name or reference: what they are, what they are searched over, how a fold's is made."""

import importlib
import importlib.util
import inspect
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.class_weights import check_class_weight, class_weights
from evaluators.code import load_object, nearest
from evaluators.errors import ModelError
from evaluators.failures import classify_failure
from evaluators.fold_model import DecisionModel, FoldModel, ProbabilityModel
from evaluators.model_table import OWN_CLASS_WEIGHTS, RIVALS, TABLE, Registered
from evaluators.number_model import NumberModel
from evaluators.preprocess import AsItIs, Encoded, Table, View
from evaluators.recipe import ModelRecipe
from evaluators.regressor_table import INSTEAD, REGRESSORS
from evaluators.resampling import NONE, NOTHING, Resampler, Resampling
from evaluators.resampling import load_library as load_resampling
from evaluators.types import Column, Ints
from evaluators.user_models import (
    Estimator,
    Target,
    check_target,
    make_model,
    takes_missing,
    takes_table,
    unknown_names,
    weight_route,
)

__all__ = [
    "ModelRecipe",
    "build",
    "check_params",
    "classify_failure",
    "default_params",
    "default_space",
    "make_recipe",
    "registered",
    "steady",
]

#: Parameters of a configuration that are for us and not for its estimator.
_OURS = ("class_weight", "resample", "resample_ratio")

#: The registered models; True: those of a numeric target.
_TABLES = {False: TABLE, True: REGRESSORS}

#: HistGradientBoosting takes a column as categorical up to so many levels.
_MOST_BINS = 255


def registered(regression: bool = False) -> tuple[str, ...]:
    """The names of the registered models, of classes or of numbers."""
    return tuple(_TABLES[regression])


def default_space(estimator: str, regression: bool = False) -> dict[str, Any]:
    """The documented search space in the spec's syntax; empty for the user's own code."""
    table = _TABLES[regression]
    return deepcopy(dict(table[estimator].space)) if estimator in table else {}


def default_params(estimator: str) -> dict[str, Any]:
    """The parameters that we set unless the user does; empty for the user's own code."""
    return deepcopy(dict(TABLE[estimator].params)) if estimator in TABLE else {}


def make_recipe(
    name: str,
    estimator: str,
    params: Mapping[str, Any],
    class_weight: object,
    folder: Path,
    resampling: Resampling = NOTHING,
    regression: bool = False,
) -> ModelRecipe:
    """A recipe whose model exists and can be weighed as asked.

    ``folder`` is where relative files are looked for.

    Raises:
        ModelError: an unknown name, one of the other task, a missing extra, no model, class
            weights it cannot take.
        CodeError: the reference leads nowhere, or its file fails.
    """
    check_class_weight(class_weight)
    asked = dict(params), class_weight
    if estimator in _TABLES[regression]:
        recipe = ModelRecipe(name, estimator, *asked, None, resampling, regression)
        _check_extra(_entry(recipe), estimator)
        _check_weighing(recipe, recipe.params)
        return recipe
    if ":" not in estimator and not estimator.endswith(".py"):
        raise ModelError(_unknown_model(estimator, regression))
    target = load_object(estimator, folder)
    check_target(target, estimator, regression)
    return ModelRecipe(name, estimator, *asked, target, resampling, regression)


def check_params(recipe: ModelRecipe, names: Iterable[str]) -> list[str]:
    """One line for each parameter name that the model does not have, with the nearest it has."""
    names = [name for name in names if name not in _OURS]
    if recipe.target is not None:
        return unknown_names(recipe.target, recipe.params, names)
    entry = _entry(recipe)
    shown = inspect.signature(_factory(recipe)).parameters.values()
    variable = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    known = {each.name for each in shown if each.kind not in variable} | set(entry.also)
    if recipe.estimator == "xgboost":  # its signature shows a few, its base class the others
        known |= set(_factory(recipe)().get_params())
    return [
        f"{recipe.estimator} has no parameter {name!r}{nearest(name, known)}"
        for name in names
        if name not in known
    ]


def steady(recipe: ModelRecipe) -> bool:
    """Whether its seconds are known to grow like n log n at most; the user's own code's are not."""
    return recipe.target is None and _entry(recipe).steady


def load_library(recipe: ModelRecipe) -> None:
    """Import what a model needs, so that its first fit is not charged for it."""
    load_resampling(recipe.resampling)
    if recipe.target is None:
        _factory(recipe)


def misfits(
    recipe: ModelRecipe, weights: Iterable[object], classes: Sequence[str], *, weighted_rows: bool
) -> list[str]:
    """What these class weights, or weighted rows, make impossible on this data; one line each."""
    problems = []
    for weight in weights:
        try:
            class_weights(weight, classes)
        except ModelError as error:
            problems.append(str(error))
    if weighted_rows and recipe.target is None and not _entry(recipe).weighs_rows:
        table = _TABLES[recipe.regression]
        able = ", ".join(name for name, entry in table.items() if entry.weighs_rows)
        problems.append(f"{recipe.estimator} cannot weigh rows ($.data.weight_column); can: {able}")
    return problems


def build(
    recipe: ModelRecipe,
    params: Mapping[str, Any],
    columns: Sequence[Column],
    classes: Sequence[str],
    target_train: Ints,
    *,
    threads: int,
    seed: int,
) -> FoldModel | NumberModel:
    """An unfitted model for one fold: resampling, view of the data, estimator, class weights.

    ``params`` are the configuration's; they win over the recipe's, which win over ours. A
    ``class_weight`` among them counts where the recipe fixes none. ``target_train`` says which
    classes the training rows hold. Without ``classes`` the target is a number.

    Raises:
        ModelError: fewer than two classes to learn, a model or class weight that cannot be used.
        Exception: whatever the user's code raises when its model is made.
    """
    if not classes:
        whole = {**recipe.params, **params}
        model, view, rows, _, fit_keywords = _made(recipe, whole, columns, threads, seed)
        return NumberModel(recipe.estimator, model, view, threads, rows, fit_keywords)
    present = _present(target_train)
    given, weight, (method, ratio) = _merged(recipe, params)
    model, view, rows, by_parameter, fit_keywords = _made(recipe, given, columns, threads, seed)
    weights = class_weights(weight, classes)
    if weights is not None and rows is None and by_parameter is None:
        raise ModelError(f"{recipe.estimator} can weigh neither rows nor classes")
    kind = ProbabilityModel if hasattr(model, "predict_proba") else DecisionModel
    return kind(
        recipe.estimator, model, view, len(classes), present, threads,
        weights, rows, by_parameter, fit_keywords,
        None if method == NONE else Resampler(method, ratio, columns, classes, seed),
    )  # fmt: skip


def _present(target: Ints) -> Ints:
    """The class codes that occur, ascending; at least two."""
    present = np.unique(target)
    if len(present) < 2:
        raise ModelError(f"the {len(target)} training rows hold fewer than two classes")
    return present


def _merged(
    recipe: ModelRecipe, params: Mapping[str, Any]
) -> tuple[dict[str, Any], object, tuple[str, float]]:
    """The user's parameters, searched over fixed ones; class weight and resampling apart."""
    given = {**recipe.params, **params}
    searched = {name: given.pop(name, None) for name in _OURS}
    weight = recipe.class_weight
    weight = searched["class_weight"] if weight is None else weight
    _check_weighing(recipe, {**given, "class_weight": weight})
    resampling = recipe.resampling.settled(searched["resample"], searched["resample_ratio"])
    return given, weight, resampling


def _made(
    recipe: ModelRecipe,
    given: Mapping[str, Any],
    columns: Sequence[Column],
    threads: int,
    seed: int,
) -> tuple[Estimator, View, str | None, str | None, dict[str, Any]]:
    """A model, how it sees the data, the keyword of ``fit`` that weighs rows, the parameter that
    weighs classes, and further keywords of ``fit``.
    """
    if recipe.target is not None:
        model = make_model(
            recipe.target, given, recipe.estimator, threads=threads, seed=seed,
            regression=recipe.regression,
        )  # fmt: skip
        return model, _user_view(model, columns), *weight_route(model), {}
    entry = _entry(recipe)
    params = _with_ours(entry, given, threads, seed)
    fit_keywords = _tell_categories(recipe.estimator, params, columns)
    rows = "sample_weight" if entry.weighs_rows else None
    model, view = _factory(recipe)(**params), _registered_view(entry, columns)
    return model, view, rows, None, fit_keywords


def _entry(recipe: ModelRecipe) -> Registered:
    """What the table says of a registered model."""
    return _TABLES[recipe.regression][recipe.estimator]


def _unknown_model(estimator: str, regression: bool) -> str:
    """The message for a name that is not registered, or for the other task only."""
    module, dot, name = estimator.rpartition(".")
    if dot and module:
        return f'no model {estimator!r}; did you mean "{module}:{name}"?'
    table = _TABLES[regression]
    if estimator in _TABLES[not regression]:
        one, other = ("numbers", "classes") if regression else ("classes", "numbers")
        guess = INSTEAD.get(estimator, "logistic_regression")
        return (
            f"{estimator} is for a target of {other}, and this one has {one}; did you mean "
            f"{guess!r}? ({', '.join(table)})"
        )
    return (
        f"no model {estimator!r}{nearest(estimator, table)} "
        f'(registered: {", ".join(table)}; or "module:Class", "file.py:function")'
    )


def _check_extra(entry: Registered, estimator: str) -> None:
    """Say how to install a model's optional dependency where it is missing."""
    extra = entry.extra
    if extra is not None and importlib.util.find_spec(extra) is None:
        raise ModelError(f'{estimator} is not installed: pip install "quintain[{extra}]"')


def _check_weighing(recipe: ModelRecipe, params: Mapping[str, Any]) -> None:
    """Refuse a class weight that the model cannot take, or two of them."""
    weight = recipe.class_weight
    weight = params.get("class_weight") if weight is None else weight
    if weight is None:
        return
    if recipe.target is None and not _entry(recipe).weighs_classes:
        able = ", ".join(name for name, entry in TABLE.items() if entry.weighs_classes)
        raise ModelError(f"{recipe.estimator} cannot weigh classes; these can: {able}")
    for own in OWN_CLASS_WEIGHTS:
        if params.get(own) is not None:
            raise ModelError(f"class_weight and {own} would both weigh classes; leave one out")


def _factory(recipe: ModelRecipe) -> Target:
    """The class of a registered model, imported now."""
    entry = _entry(recipe)
    _check_extra(entry, recipe.estimator)
    return getattr(importlib.import_module(entry.module), entry.factory)


def _with_ours(
    entry: Registered, given: Mapping[str, Any], threads: int, seed: int
) -> dict[str, Any]:
    """The user's parameters and ours; ours give way to any name that means the same."""
    ours = dict(entry.params)
    if entry.threads:
        ours[entry.threads] = threads
    if entry.seed:
        ours[entry.seed] = seed
    for group in RIVALS:
        if group & given.keys():
            ours = {name: value for name, value in ours.items() if name not in group}
    return {**ours, **given}


def _tell_categories(
    estimator: str, params: dict[str, Any], columns: Sequence[Column]
) -> dict[str, Any]:
    """Tell a model which columns are categories: in ``params``, or in the keywords returned."""
    levels = [None if column.levels is None else len(column.levels) for column in columns]
    if estimator == "xgboost":
        params.setdefault("feature_types", ["q" if count is None else "c" for count in levels])
    elif estimator == "hist_gradient_boosting":
        most = min(_MOST_BINS, int(params.get("max_bins", _MOST_BINS)))
        mask = [count is not None and count <= most for count in levels]
        params.setdefault("categorical_features", mask if any(mask) else None)
    elif estimator == "lightgbm":
        _lightgbm_to_logging()
        categories = [position for position, count in enumerate(levels) if count is not None]
        return {"categorical_feature": categories} if categories else {}
    return {}


def _lightgbm_to_logging() -> None:
    """LightGBM prints refused parameters to stdout, which belongs to ``--json``."""
    import logging

    import lightgbm

    lightgbm.register_logger(logging.getLogger("lightgbm"))


def _registered_view(entry: Registered, columns: Sequence[Column]) -> View:
    """How a registered model sees the matrix."""
    if entry.view == "codes":
        return AsItIs(writable=entry.writable)
    return Encoded(columns, impute=True, scale=entry.scale, sparse=entry.sparse)


def _user_view(model: Estimator, columns: Sequence[Column]) -> View:
    """A pipeline sees the table, any other model what its tags say it needs."""
    if takes_table(model):
        return Table(columns)
    return Encoded(columns, impute=not takes_missing(model))
