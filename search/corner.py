"""The dearest corner of a search space: every parameter at the end that makes a fit cost most."""

import math
from collections.abc import Mapping
from typing import Any

from search.domains import Choice, Fixed, Float, Int, Scalar
from search.space import Parameter, Space

#: Which end of a parameter costs more, by the names that the registered models give it.
#: More trees, rounds, leaves, columns, rows, neighbours, iterations; weaker penalties converge
#: later, and smaller leaves, steps and tolerances mean more work.
DEARER_UPWARD = frozenset(
    {
        "n_estimators", "max_iter", "max_depth", "max_leaf_nodes", "num_leaves", "max_leaves",
        "max_features", "max_samples", "subsample", "bagging_fraction", "feature_fraction",
        "colsample_bytree", "colsample_bylevel", "colsample_bynode", "max_bin", "max_bins",
        "n_neighbors", "C", "num_parallel_tree", "resample_ratio",
    }
)  # fmt: skip
DEARER_DOWNWARD = frozenset(
    {
        "min_samples_leaf", "min_samples_split", "min_child_weight", "min_child_samples",
        "min_data_in_leaf", "min_impurity_decrease", "learning_rate", "eta", "tol", "alpha",
        "gamma", "min_split_loss", "min_split_gain", "reg_alpha", "reg_lambda", "lambda_l1",
        "lambda_l2", "l2_regularization", "ccp_alpha",
    }
)  # fmt: skip

#: Words of a choice, the dearest first; any other word comes last, in the order it was written.
#: None among numbers stands for no limit; "balanced" weights make leaves and margins finer.
_WORDS: tuple[Scalar, ...] = (
    "smote_enn", "smote", "random_over", "none",  # "random_under" leaves fewer rows
    "balanced", "distance", "saga", "newton-cholesky", "sqrt", "log2", "dart", "exact",
)  # fmt: skip


def dearest(space: Space, model: str) -> dict[str, Any]:
    """The configuration of ``model`` that should cost most; empty where nothing is searched.

    A guess from names: right for the registered models, whose parameters mean the same, and not
    meant for a user's own. Parameters whose end does not matter stand in their middle.
    """
    parameters = space.models[model]
    return space.from_unit(model, [_coordinate(parameter) for parameter in parameters])


def middle(space: Space, model: str) -> dict[str, Any]:
    """The configuration in the middle of every range."""
    return space.from_unit(model, [0.5] * len(space.models[model]))


def _coordinate(parameter: Parameter) -> float:
    """Where in 0..1 the parameter costs most."""
    match parameter.domain:
        case Int() | Float():
            if parameter.name in DEARER_UPWARD:
                return 1.0
            return 0.0 if parameter.name in DEARER_DOWNWARD else 0.5
        case Choice(options):
            return (_dearest_option(parameter.name, options) + 0.5) / len(options)
        case Fixed():
            return 0.5


def _dearest_option(name: str, options: tuple[Scalar, ...]) -> int:
    """The place of the option that costs most."""

    def cost(place: int) -> tuple[float, float]:
        option = options[place]
        if isinstance(option, (int, float)) and not isinstance(option, bool):
            sign = -1.0 if name in DEARER_DOWNWARD else float(name in DEARER_UPWARD)
            return (1.0, sign * option)
        if option is None and name in DEARER_UPWARD:
            return (1.0, math.inf)  # no limit
        return (0.0, -_WORDS.index(option) if option in _WORDS else -math.inf)

    return max(range(len(options)), key=cost)


def drawn(space: Space, model: str, count: int, seed: int = 0) -> list[Mapping[str, Any]]:
    """Configurations spread evenly over the space: points of a scrambled Sobol sequence."""
    parameters = space.models[model]
    if not parameters:
        return []
    from scipy.stats import qmc

    power = max(0, math.ceil(math.log2(count)))
    points = qmc.Sobol(len(parameters), rng=seed).random_base2(power)[:count]
    return [space.from_unit(model, point) for point in points]
