"""The key of a trial: what its scores follow from, as one digest.

Two trials with one key would score the same, so that the second need not run: the same rows in the
same folds, the same metrics and threshold, the same model with the same parameters and seed, the
same code. What a trial costs is not in the key, nor is the machine it ran on.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from evaluators.content_key import content_key
from evaluators.metrics import Metric
from evaluators.model_table import TABLE
from evaluators.recipe import ModelRecipe
from evaluators.regressor_table import REGRESSORS
from evaluators.types import Configuration, Dataset, Split

#: Raised by hand whenever the same configuration would score otherwise than before: a fold's fit,
#: preprocessing, resampling, a metric's formula, a threshold's choice.
EVALUATOR = 1

#: Distributions that are not called as the module is.
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


@dataclass(frozen=True, slots=True)
class TrialKeys:
    """Makes the keys of one sweep's trials.

    Attributes:
        evaluation: digest of all that its trials share.
        models: by block, a digest of everything but the parameters, and what the block fixes.
    """

    evaluation: str
    models: Mapping[str, tuple[str, Mapping[str, Any]]]

    def of(self, configuration: Configuration) -> str:
        """The key of a configuration; a block's name takes no part in it."""
        model, fixed = self.models[configuration.model]
        # 1 and 1.0 are two texts: a library may take them for two things
        params = {name: _plain(value) for name, value in {**fixed, **configuration.params}.items()}
        return _digest(self.evaluation, model, params)

    def to_json(self) -> dict[str, Any]:
        """For a sweep's header."""
        models = {name: [model, dict(fixed)] for name, (model, fixed) in self.models.items()}
        return {"evaluation": self.evaluation, "models": models}

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> "TrialKeys":
        """As a header has them."""
        models = {name: (model, fixed) for name, (model, fixed) in told["models"].items()}
        return cls(told["evaluation"], models)


def evaluation_key(
    dataset: Dataset, splits: Sequence[Split], metrics: Sequence[Metric], scoring: Sequence[Any]
) -> str:
    """Digest of what all trials of a sweep share.

    Args:
        dataset: the development rows; locked rows take no part, so that a result of other rows has
            another key.
        splits: the folds searched on.
        metrics: what is scored, the objective first.
        scoring: whatever else decides on a score, as JSON holds it: threshold, costs, seed, the
            user's code of metrics.
    """
    assert dataset.identity is not None  # whatever evaluators.data.load reads has one
    found = hashlib.sha256(dataset.identity.tobytes())
    for split in splits:
        for part in (split.train, split.test):
            found.update(f"{len(part)} {split.repeat} ".encode())
            found.update(part.astype("<i8", copy=False).tobytes())
    columns = [[each.name, each.levels] for each in dataset.columns]
    measured = [[each.name, each.direction, each.pooling] for each in metrics]
    roles = [part is not None for part in (dataset.groups, dataset.time, dataset.weight)]
    return _digest(
        EVALUATOR, dataset.fingerprint, found.hexdigest(), columns, list(dataset.classes), roles,
        measured, list(scoring),
    )  # fmt: skip


def model_key(recipe: ModelRecipe, code: str | None) -> tuple[str, Mapping[str, Any]]:
    """Digest of a ``[[model]]`` block but for its parameters, and what it fixes of those.

    ``code``: digest of the user's file that the model is in; None where it is in none.
    """
    target = None
    if recipe.target is not None:
        target = code or content_key(recipe.target)
    estimator = recipe.estimator if code is None else recipe.estimator.rpartition(":")[2]
    fixed = dict(recipe.params)
    if recipe.class_weight is not None:
        fixed["class_weight"] = recipe.class_weight
    told = recipe.resampling
    resampling = {"resample": told.method, "resample_ratio": told.ratio}
    fixed |= {name: value for name, value in resampling.items() if value not in (None, "none")}
    return _digest(estimator, target, recipe.regression, _major(recipe)), fixed


def digest_of_parts(*parts: Any) -> str:
    """Hex digest of 32 characters of what JSON holds."""
    return _digest(*parts)


def _digest(*parts: Any) -> str:
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _plain(value: Any) -> Any:
    """Without what makes two texts of one value: -0.0, tuples, numpy's scalars."""
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    return content_key(value)


def _major(recipe: ModelRecipe) -> str:
    """The library that fits it with its major version, or those that own code may use."""
    table = REGRESSORS if recipe.regression else TABLE
    entry = table.get(recipe.estimator)
    module = recipe.estimator.partition(":")[0] if entry is None else entry.module
    top = module.partition(".")[0]
    try:
        return f"{top} {metadata.version(_DISTRIBUTIONS.get(top, top)).partition('.')[0]}"
    except (metadata.PackageNotFoundError, ValueError):  # a user's own file or module
        return " ".join(_versions())


def _versions() -> Iterator[str]:
    """Major versions of what own code is mostly made of, as far as it is installed."""
    for name in ("numpy", "scikit-learn", "xgboost", "lightgbm", "catboost"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield f"{name} {metadata.version(name).partition('.')[0]}"
