"""The registry of metrics: each is described once here, and ``docs/metrics.md`` is held to it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Literal

from evaluators import metric_functions as formula
from evaluators import number_metrics as numbers
from evaluators.costs import HOW_TO_WRITE_COSTS, Costs
from evaluators.errors import MetricError

Direction = Literal["maximize", "minimize"]
Needs = Literal["label", "score", "proba", "number"]
Pooling = Literal["pool", "mean"]
Reads = Literal["counts", "curve", "proba", "rows", "numbers"]

DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")
NEEDS: tuple[Needs, ...] = ("label", "score", "proba")


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One way to score predictions.

    Attributes:
        name: as it is written in a spec and in every record.
        direction: which way is better.
        bounds: lowest and highest value it can take.
        needs: predicted labels, anything that ranks the rows, probabilities, or predicted numbers.
        pooling: over folds, ``pool`` computes it once from the rows or counts of all folds of a
            repeat, ``mean`` averages the folds' values.
        meaning: one line for a person.
        reads: what ``function`` is given: a confusion matrix, a ``Curve``, (target, proba),
            ``ScoredRows``, or (target, predicted numbers).
        function: the formula; a float, NaN where undefined.
        unit: of the value, empty for a plain share; TARGET_UNIT for that of the target.
        binary_only: whether it exists for two classes only.
    """

    name: str
    direction: Direction
    bounds: tuple[float, float]
    needs: Needs
    pooling: Pooling
    meaning: str
    reads: Reads
    function: Callable[..., float]
    unit: str = ""
    binary_only: bool = False

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is strictly better; NaN is worse than any number."""
        if math.isnan(one) or math.isnan(other):
            return math.isnan(other) and not math.isnan(one)
        return one > other if self.direction == "maximize" else one < other


def _of_counts(
    name: str, function: Callable[..., float], meaning: str, bounds: tuple[float, float] = (0, 1)
) -> Metric:
    return Metric(name, "maximize", bounds, "label", "pool", meaning, "counts", function)


def _of_ranking(
    name: str, function: Callable[..., float], pooling: Pooling, meaning: str, binary: bool = False
) -> Metric:
    return Metric(
        name, "maximize", (0, 1), "score", pooling, meaning, "curve", function, "", binary
    )


#: Of metrics in the target's own unit.
TARGET_UNIT = "unit of the target"


def _of_errors(name: str, function: Callable[..., float], meaning: str) -> Metric:
    bounds = (0, math.inf)
    return Metric(
        name, "minimize", bounds, "number", "pool", meaning, "numbers", function, TARGET_UNIT
    )


#: Every metric of ours for classes. A name with ``@`` is a family: its last word is a number's.
REGISTERED: tuple[Metric, ...] = (
    _of_counts("precision", formula.precision, "of the rows labelled positive, the share that is"),
    _of_counts("recall", formula.recall, "of the positive rows, the share labelled positive"),
    _of_counts(
        "specificity", formula.specificity, "of the negative rows, the share labelled negative"
    ),
    _of_counts("f1", partial(formula.fbeta, beta=1.0), "harmonic mean of precision and recall"),
    _of_counts("fbeta@BETA", formula.fbeta, "F1 with recall weighing BETA times as much"),
    _of_counts("accuracy", formula.accuracy, "share of right labels; flatters on rare classes"),
    _of_counts("balanced_accuracy", formula.balanced_accuracy, "mean recall of the classes"),
    _of_counts(
        "matthews_corrcoef",
        formula.matthews_corrcoef,
        "correlation of labels and truth; 0 for a constant label",
        (-1, 1),
    ),
    _of_counts("g_mean", formula.g_mean, "geometric mean of the classes' recalls"),
    Metric(
        "cost", "minimize", (0, math.inf), "label", "pool",
        "mean cost of a row, by `evaluate.costs`", "counts", formula.mean_cost,
    ),
    _of_ranking(
        "roc_auc", formula.roc_auc, "mean", "chance that a positive row scores above a negative one"
    ),
    Metric(
        "roc_auc_ovo", "maximize", (0, 1), "score", "mean",
        "mean ROC AUC of all pairs of classes; rare classes count in full", "rows",
        formula.roc_auc_ovo,
    ),
    _of_ranking(
        "average_precision",
        formula.average_precision,
        "pool",
        "precision averaged over recall; a blind guess scores the share of positives",
    ),
    _of_ranking(
        "recall_at_precision@P",
        formula.recall_at_precision,
        "pool",
        "highest recall of any threshold with precision of at least P; 0 if there is none",
        binary=True,
    ),
    _of_ranking(
        "precision_at_recall@R",
        formula.precision_at_recall,
        "pool",
        "highest precision of any threshold with recall of at least R",
        binary=True,
    ),
    Metric(
        "brier", "minimize", (0, 1), "proba", "pool", "mean squared error of the probabilities",
        "proba", formula.brier,
    ),
    Metric(
        "log_loss", "minimize", (0, math.inf), "proba", "pool",
        "mean surprise at the true class", "proba", formula.log_loss, "nats",
    ),
    Metric(
        "calibration_error", "minimize", (0, 1), "proba", "pool",
        "mean distance of probabilities from frequencies, in ten bins of equally many rows",
        "proba", formula.calibration_error,
    ),
)  # fmt: skip

#: Every metric of ours for a target of numbers.
OF_NUMBERS: tuple[Metric, ...] = (
    Metric(
        "r2", "maximize", (-math.inf, 1), "number", "pool",
        "share of the target's variance that is explained; 0 for the mean of the rows", "numbers",
        numbers.r2,
    ),
    _of_errors("rmse", numbers.rmse, "root of the mean square error; large errors weigh most"),
    _of_errors("mae", numbers.mae, "mean absolute error"),
    _of_errors(
        "median_absolute_error", numbers.median_absolute_error,
        "half of the rows are predicted at least as well; blind to the worst",
    ),
)  # fmt: skip

_BY_STEM: Mapping[str, Metric] = {
    metric.name.partition("@")[0]: metric for metric in (*REGISTERED, *OF_NUMBERS)
}
_FAMILY_LIMITS: Mapping[str, float] = {
    "fbeta": math.inf,
    "recall_at_precision": 1.0,
    "precision_at_recall": 1.0,
}
_FAMILY_EXAMPLES: Mapping[str, str] = {
    "fbeta": "fbeta@2",
    "recall_at_precision": "recall_at_precision@0.9",
    "precision_at_recall": "precision_at_recall@0.8",
}

#: What other programs call them: shown as the nearest word, not accepted as a second spelling.
_ELSEWHERE: Mapping[str, str] = {
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "ap": "average_precision",
    "auprc": "average_precision",
    "pr_auc": "average_precision",
    "mcc": "matthews_corrcoef",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "sensitivity": "recall",
    "tpr": "recall",
    "tnr": "specificity",
    "brier_score_loss": "brier",
    "ece": "calibration_error",
    "expected_calibration_error": "calibration_error",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
    "r_squared": "r2",
}


def names() -> list[str]:
    """Our own metrics for classes, as ``docs/metrics.md`` lists them; families with a letter."""
    return [metric.name for metric in REGISTERED]


def default_metric(positive_share: float | None, binary: bool, regression: bool = False) -> str:
    """Average precision for binary data with under 20% positives, else ROC AUC; R² of numbers."""
    if regression:
        return "r2"
    rare = binary and positive_share is not None and positive_share < 0.2
    return "average_precision" if rare else "roc_auc"


def standard_set(binary: bool, regression: bool = False) -> tuple[str, ...]:
    """What is recorded when a spec names no further metrics."""
    if regression:
        return ("r2", "rmse", "mae", "median_absolute_error")
    ranked = ("roc_auc", "average_precision")
    labelled = ("f1", "precision", "recall", "balanced_accuracy", "matthews_corrcoef")
    return (*ranked, *labelled, *(() if binary else ("accuracy",)), "brier", "log_loss")


def tuned_name(name: str) -> str:
    """The key of a label metric at the threshold that was tuned on the other folds."""
    return f"{name}@tuned"


def resolve(
    name: str,
    *,
    binary: bool,
    regression: bool = False,
    direction: Direction | None = None,
    folder: Path = Path("."),
    costs: Costs | None = None,
) -> Metric:
    """The metric a spec names: ours, a scikit-learn scorer string, or code of the user's.

    ``name`` of the result is the one way it is written (``fbeta@2.0`` becomes ``fbeta@2``): use it
    as the key of scores. Ours go before a scorer of the same name. ``costs``: what "cost" counts.
    ``regression``: the target is a number.

    Raises:
        MetricError: unknown, not for this number of classes, for classes where the target is a
            number or the reverse, a direction missing or wrong, or "cost" without ``costs``.
    """
    stem, _, value = name.partition("@")
    if stem in _BY_STEM and ":" not in name:
        _refuse_other_task(_BY_STEM[stem], name, regression)
    if ":" in name:
        from evaluators.foreign_metrics import from_code

        metric = from_code(name, direction, folder, regression)
    elif name == "cost":
        metric = _of_costs(costs)
    elif stem in _BY_STEM:
        metric = _registered(name, stem, value)
    else:
        metric = _from_scikit_learn(name, binary, regression)
    if metric.binary_only and not binary:
        raise MetricError(
            f"metric {name!r} is for two classes and this target has more: "
            f"take average_precision, or another of docs/metrics.md"
        )
    if direction not in (None, metric.direction):
        raise MetricError(
            f"metric {name!r} is {metric.direction}d, not {direction}d: leave direction out"
        )
    if binary and name == "roc_auc_ovo":  # there is one pair of classes
        return replace(_BY_STEM["roc_auc"], name=name, meaning=metric.meaning)
    # Several classes: the square error is summed over them, as scikit-learn does.
    return metric if binary or stem != "brier" else replace(metric, bounds=(0, 2))


def _refuse_other_task(metric: Metric, name: str, regression: bool) -> None:
    """Metrics of labels have nothing to count among numbers, nor the others among labels."""
    of_numbers = metric.reads == "numbers"
    if of_numbers and not regression:
        raise MetricError(
            f"metric {name!r} is for a target of numbers, and this one has classes: take "
            f'roc_auc, or another of docs/metrics.md, or set data.task = "regression"'
        )
    if regression and not of_numbers:
        raise MetricError(
            f"metric {name!r} is for classes, and the target is a number: take "
            f"{', '.join(standard_set(False, True))}, or another of docs/metrics.md, or set "
            f'data.task = "classification"'
        )


def _of_costs(costs: Costs | None) -> Metric:
    """The cost metric with its matrix."""
    if costs is None:
        raise MetricError(f"metric 'cost' needs the costs of wrong labels: {HOW_TO_WRITE_COSTS}")
    highest = max(max(row) for row in costs)
    function = partial(formula.mean_cost, costs=costs)
    return replace(_BY_STEM["cost"], bounds=(0, highest), function=function)


def _registered(name: str, stem: str, value: str) -> Metric:
    """One of ours, a family with its number filled in."""
    metric = _BY_STEM[stem]
    if stem not in _FAMILY_LIMITS:
        if name != stem:
            raise MetricError(f"metric {name!r}: {stem} takes no number, write {stem!r}")
        return metric
    parameter, highest = metric.name.partition("@")[2], _FAMILY_LIMITS[stem]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not (0 < number <= highest and math.isfinite(number)):
        allowed = "above 0" if math.isinf(highest) else f"above 0 and at most {highest:g}"
        raise MetricError(
            f"metric {name!r}: {parameter} is a number {allowed}, "
            f"for example {_FAMILY_EXAMPLES[stem]!r}"
        )
    keyword = {"beta": number} if stem == "fbeta" else {"least": number}
    written = repr(number).removesuffix(".0")
    return replace(
        metric,
        name=f"{stem}@{written}",
        meaning=metric.meaning.replace(parameter, written),
        function=partial(metric.function, **keyword),
    )


def _unknown(name: str, scorers: list[str]) -> str:
    """The line for a name nobody knows."""
    known = {stem: _FAMILY_EXAMPLES.get(stem, stem) for stem in _BY_STEM}
    known |= {scorer: scorer for scorer in scorers if scorer not in known} | dict(_ELSEWHERE)
    # scikit-learn's functions are called f1_score, its scorers f1.
    stem = name.partition("@")[0].lower().removesuffix("_score")
    near = get_close_matches(stem, known, n=1)
    hint = f"did you mean {known[near[0]]!r}? " if near else ""
    return f"unknown metric {name!r}: {hint}The list is in docs/metrics.md; " + (
        "any scikit-learn scorer string and 'file.py:function' work too"
    )


def _from_scikit_learn(name: str, binary: bool, regression: bool) -> Metric:
    """A scorer string; scikit-learn is imported for names that are not ours only."""
    from evaluators.foreign_metrics import from_scorer_string
    from evaluators.scorers import scorer_names

    if name not in scorer_names():
        raise MetricError(_unknown(name, scorer_names()))
    return from_scorer_string(name, binary, regression)
