"""A fitted model as one file that can be read without running anything in it.

A ZIP of ``card.json`` and ``model.skops``. skops writes arrays, plain values and the names of
types, and reads back only types that ``TRUSTED``, or skops itself, lists: no pickle anywhere.
Our own wrapper around the estimator is written as plain values and made anew.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from evaluators.errors import QuintainError
from evaluators.fold_model import DecisionModel, FoldModel, ProbabilityModel
from evaluators.number_model import NumberModel
from evaluators.preprocess import AsItIs, Encoded, Table
from evaluators.refit import FittedModel
from evaluators.types import Column

#: Of the file; a reader refuses what it does not know.
FORMAT = 1
CARD, MODEL = "card.json", "model.skops"
#: What our registered models are made of, beyond scikit-learn's and NumPy's types that skops lists.
TRUSTED = (
    "collections.OrderedDict",
    "evaluators.binned_xgboost.XGBClassifier",
    "evaluators.binned_xgboost.XGBRegressor",
    "evaluators.staged_hist.HistGradientBoostingClassifier",
    "evaluators.staged_hist.HistGradientBoostingRegressor",
    "evaluators.staged_lightgbm.LGBMClassifier",
    "evaluators.staged_lightgbm.LGBMRegressor",
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._dist_metrics.ManhattanDistance64",
    "sklearn.metrics._dist_metrics.MinkowskiDistance64",
    "sklearn.neighbors._ball_tree.BallTree",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
    "xgboost.core.Booster",
)
_VIEWS = {view.__name__: view for view in (AsItIs, Encoded, Table)}
_KINDS: Mapping[str, type[FoldModel]] = {
    kind.__name__: kind for kind in (ProbabilityModel, DecisionModel)
}


def written(fitted: FittedModel, card: Mapping[str, Any]) -> bytes:
    """The file; the card gets the digest of the model beside it.

    Raises:
        QuintainError: the model is made of types that cannot be read back safely.
    """
    import skops.io

    try:
        model = skops.io.dumps(_parts(fitted))
        unknown = sorted(set(skops.io.get_untrusted_types(data=model)) - set(TRUSTED))
    except Exception as error:  # skops raises what the types of a user's own model raise
        raise QuintainError(f"this model cannot be stored without pickle: {error}") from error
    if unknown:
        raise QuintainError(
            f"this model cannot be stored safely: it holds {', '.join(unknown[:3])}, which a "
            "reader would have to run; the models that quintain knows by name can be stored"
        )
    told = {**card, "format": FORMAT, "sha256": hashlib.sha256(model).hexdigest()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(CARD, json.dumps(told, indent=1))
        packed.writestr(MODEL, model)
    return file.getvalue()


def card_of(data: bytes, name: str) -> dict[str, Any]:
    """The card alone.

    Raises:
        QuintainError: no file of ours, or one of a newer version.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            card: dict[str, Any] = json.loads(packed.read(CARD))
        known = card["format"] <= FORMAT
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise QuintainError(f"{name} is no model of quintain's, or it is damaged") from error
    if not known:
        raise QuintainError(f"{name} was written by a newer quintain: upgrade this one")
    return card


def read(data: bytes, name: str) -> tuple[FittedModel, dict[str, Any]]:
    """The model and its card. The library versions are the caller's to check.

    Raises:
        QuintainError: damaged, changed since it was written, or made of types we do not trust.
    """
    import skops.io

    card = card_of(data, name)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            model = packed.read(MODEL)
    except (zipfile.BadZipFile, KeyError) as error:
        raise QuintainError(f"{name} holds no model, or it is damaged") from error
    if hashlib.sha256(model).hexdigest() != card["sha256"]:
        raise QuintainError(f"{name} is damaged: its model is not the one that its card tells of")
    try:
        return _made(skops.io.loads(model, trusted=list(TRUSTED))), card
    except Exception as error:  # whatever a library says of what another version wrote
        raise QuintainError(f"{name} cannot be read: {error}") from error


def _parts(fitted: FittedModel) -> dict[str, Any]:
    """Everything as plain values, beside the estimator."""
    model = fitted.model
    view = dict(vars(model.view))
    if "columns" in view:
        view["columns"] = [_plain(column) for column in view["columns"]]
    told: dict[str, Any] = {
        "kind": type(model).__name__, "name": model.name, "estimator": model.model,
        "view": type(model.view).__name__, "state": view, "threads": model.threads,
        "columns": [_plain(column) for column in fitted.columns],
        "classes": list(fitted.classes), "threshold": fitted.threshold,
    }  # fmt: skip
    if isinstance(model, FoldModel):
        shares = {"true_share": model.true_share, "learnt_share": model.learnt_share}
        told |= {"present": model.present, "number": model.classes, **shares}
    return told


def _plain(column: Column) -> dict[str, Any]:
    return {"name": column.name, "levels": None if column.levels is None else list(column.levels)}


def _columns(told: Any) -> tuple[Column, ...]:
    return tuple(
        Column(each["name"], None if each["levels"] is None else tuple(each["levels"]))
        for each in told
    )


def _made(told: Mapping[str, Any]) -> FittedModel:
    """The wrapper around the estimator once more; it predicts, and is not for fitting again."""
    kind: Any = _VIEWS[told["view"]]
    view = kind.__new__(kind)
    state = dict(told["state"])
    if "columns" in state:
        state["columns"] = _columns(state["columns"])
    vars(view).update(state)
    name, threads = str(told["name"]), int(told["threads"])
    model: FoldModel | NumberModel
    if told["kind"] == NumberModel.__name__:
        model = NumberModel(name, told["estimator"], view, threads)
    else:
        model = _KINDS[told["kind"]](
            name, told["estimator"], view, int(told["number"]), np.asarray(told["present"]),
            threads, true_share=told["true_share"], learnt_share=told["learnt_share"],
        )  # fmt: skip
    threshold = told["threshold"]
    cut = None if threshold is None else float(threshold)
    return FittedModel(model, _columns(told["columns"]), tuple(told["classes"]), cut)
