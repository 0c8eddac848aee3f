"""What looks wrong before a sweep: a feature, a column left without its role, the objective.

Each check is one warning with a figure and what to do. None may cry wolf: on clean tables each
fires in fewer than 5 of 100 (``benchmarks/guard_alarms.py`` measures it), and where a check could
not keep to that it asks for more before it speaks.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from evaluators.columns import Encoded
from evaluators.metrics import Metric
from evaluators.separation import rank_correlations, separations
from evaluators.types import Dataset, Floats, Ints, Warned

#: A constant answer with this score leaves the objective too little room to tell models apart.
_HIGH_FOR_A_CONSTANT = 0.8
#: The AUC of a leak: of a number, which an easy table may have, and of a code, flag or category,
#: which hardly comes so near by nature. How many leaks are told from a table that is simply easy,
#: and how many times further than theirs all other features must be from separating the classes.
#: Of 143 KEEL tables 20 have a feature at 0.98, and 2 one that stands out like this.
_LEAK = 0.995
_LEAK_OF_A_CODE = 0.98
_VALUES_OF_A_CODE = 20
_MOST_LEAKS = 3
_TIMES_WORSE = 5
#: The rank correlation of a leak with a numeric target.
_LEAK_OF_RANKS = 0.99
_TIME_NAME = re.compile(
    r"(.*[_ .-])?(date|time|datetime|timestamp|ts)|.*[_ .-](at|on)", re.IGNORECASE
)
_SLASHED_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}([ T]\d{1,2}:\d{2}.*)?")
#: Seconds, milliseconds, microseconds and nanoseconds since 1970, from 1985 to 2128.
_EPOCHS = tuple((5e8 * unit, 5e9 * unit) for unit in (1, 1e3, 1e6, 1e9))
_DAYS = (18000101, 22001231)  # 20260131
_YEARS = (1800, 2200)
_MOMENTS_TO_JUDGE = 20
_GROUP_NAME = re.compile(r"(?i:(.*[_ .-])?id)|.*[a-z0-9](Id|ID)")
_GROUPS_TO_JUDGE = 20
_SHUFFLES = 20
_SHUFFLES_APART = 5.0


def suspicions(dataset: Dataset, objective: Metric, constant: float) -> tuple[Warned, ...]:
    """Warnings on rows about to be searched.

    ``constant``: what the best constant answer scores in the objective (``evaluators.baseline``).
    """
    if dataset.regression:
        return (*_leaks_of_numbers(dataset), *_unused_groups(dataset))
    return (
        *_pleased_by_constants(dataset, objective, constant),
        *_leaks(dataset),
        *_unused_groups(dataset),
    )


def unused_time(features: Sequence[Encoded]) -> tuple[Warned, ...]:
    """A word on features that tell when a row was made, for a table without a time column."""
    named = {feature.name.lower(): feature for feature in features}
    found = [feature.name for feature in features if _tells_time(feature)]
    if "year" in named and "month" in named and _within(named["year"].array, *_YEARS):
        found += [named["year"].name, named["month"].name]
    if not found:
        return ()
    text = (
        f"{_listed(found)} {'tells' if len(found) == 1 else 'tell'} the time of a row, and folds "
        f"take no notice of it: if you will predict later rows than you train on, set "
        f"data.time_column, or scores flatter; if not, leave it out: {_drop(found)}"
    )
    return (Warned("time_column_ignored", text, float(len(found))),)


def _tells_time(feature: Encoded) -> bool:
    """A date; or a number or text named like one that can be one."""
    array = feature.array
    if feature.levels is not None:
        return all(_SLASHED_DATE.fullmatch(level) for level in feature.levels)
    known = array[~np.isnan(array)]
    if not len(known) or known.min() == known.max():
        return False
    if feature.date:
        return True
    if not _TIME_NAME.fullmatch(feature.name) or array.dtype.kind == "b":
        return False
    if any(_within(array, low, high) for low, high in (*_EPOCHS, _DAYS)):
        return True
    steps = np.diff(array)  # rows in order of time, or the latest first
    in_order = (steps >= 0).all() or (steps <= 0).all()
    return bool(in_order and np.count_nonzero(steps) >= _MOMENTS_TO_JUDGE)


def _within(array: Floats, low: float, high: float) -> bool:
    known = array[~np.isnan(array)]
    return bool(len(known) and (known >= low).all() and (known <= high).all())


def _pleased_by_constants(
    dataset: Dataset, objective: Metric, constant: float
) -> tuple[Warned, ...]:
    """An objective in shares, such as accuracy on skewed data, that a constant answer satisfies."""
    if objective.direction != "maximize" or objective.bounds[1] != 1:
        return ()
    if not constant >= _HIGH_FOR_A_CONSTANT:  # NaN is not high
        return ()
    counts = np.bincount(dataset.target)
    common = int(np.argmax(counts))
    swap = ""
    if dataset.binary and common == 1:
        swap = f", or make the rare class the positive one: data.positive = {dataset.classes[0]!r}"
    text = (
        f"{objective.name} is the objective, and the same answer for every row scores "
        f"{constant:.3f} in it ({counts[common] / dataset.rows:.1%} of the rows are "
        f"{dataset.classes[common]!r}): models hardly differ; set evaluate.metric to one that "
        f"sees both sides, such as balanced_accuracy, roc_auc or matthews_corrcoef{swap}"
    )
    return (Warned("accuracy_on_skewed", text, constant),)


def _leaks(dataset: Dataset) -> tuple[Warned, ...]:
    """Up to three features that each separate the classes while all others are far from it."""
    auc = separations(dataset)
    # So few rows cannot tell a smaller distance from none.
    least = 0.5 / np.bincount(dataset.target).min()
    short = np.maximum(1 - auc, least)
    suspects = [
        place for place in np.flatnonzero(auc >= _LEAK_OF_A_CODE)
        if auc[place] >= _LEAK or _is_code(dataset, int(place))
    ]  # fmt: skip
    others = np.delete(short, suspects)
    if not 0 < len(suspects) <= _MOST_LEAKS:
        return ()
    if min(others, default=0.5) < _TIMES_WORSE * short[suspects].max():
        return ()
    suspects.sort(key=lambda place: -auc[place])
    names = [dataset.columns[place].name for place in suspects]
    told = ", ".join(
        f"{name!r} (AUC {auc[place]:.3f})" for name, place in zip(names, suspects, strict=True)
    )
    each = "each of " if len(names) > 1 else ""
    beside = f"; the best other feature reaches {1 - others.min():.3f}" if len(others) else ""
    text = (
        f"{each}{told} alone separates the classes{beside}; what is known only once the label is "
        f"known must go: {_drop(names)}"
    )
    return (Warned("leaky_feature", text, float(auc[suspects[0]])),)


def _leaks_of_numbers(dataset: Dataset) -> tuple[Warned, ...]:
    """Up to three numbers that each rank the rows as the target does, with all others far off."""
    rho = rank_correlations(dataset)
    suspects = np.flatnonzero(rho >= _LEAK_OF_RANKS)
    others = np.delete(rho, suspects)
    if not 0 < len(suspects) <= _MOST_LEAKS:
        return ()
    # a correlation nearer to 1 than this is as good as 1: what is next to it stands beside it
    short = max(1 - rho[suspects].min(), (1 - _LEAK_OF_RANKS) / _TIMES_WORSE)
    if 1 - max(others, default=0.0) < _TIMES_WORSE * short:
        return ()
    suspects = suspects[np.argsort(-rho[suspects], kind="stable")]
    names = [dataset.columns[place].name for place in suspects]
    told = ", ".join(
        f"{name!r} (rank correlation {rho[place]:.3f})"
        for name, place in zip(names, suspects, strict=True)
    )
    each = "each of " if len(names) > 1 else ""
    beside = f"; the best other feature reaches {others.max():.3f}" if len(others) else ""
    text = (
        f"{each}{told} alone tells the target{beside}; what is known only once the target is "
        f"known must go: {_drop(names)}"
    )
    return (Warned("leaky_feature", text, float(rho[suspects[0]])),)


def _is_code(dataset: Dataset, place: int) -> bool:
    """Whether a feature has few values, a missing one among them, or is a category."""
    if dataset.columns[place].levels is not None:
        return True
    return len(np.unique(dataset.values[:, place])) <= _VALUES_OF_A_CODE


def _unused_groups(dataset: Dataset) -> tuple[Warned, ...]:
    """A feature named like an id whose rows of one value share their label more than by chance."""
    if dataset.groups is not None or dataset.time is not None:
        return ()
    found = []
    for place, column in enumerate(dataset.columns):
        if not _GROUP_NAME.fullmatch(column.name):
            continue
        known = ~np.isnan(dataset.values[:, place])
        _, codes = np.unique(dataset.values[known, place], return_inverse=True)
        groups = int(codes.max(initial=-1)) + 1
        if not _GROUPS_TO_JUDGE <= groups <= len(codes) / 2:
            continue
        target = dataset.target[known]
        apart = _closeness if dataset.regression else _clustering
        if apart(codes, target) > _SHUFFLES_APART:
            found.append((column.name, groups, len(codes) / groups))
    return tuple(
        Warned(
            "group_column_ignored",
            f"{name!r} has {groups} values of {mean:.1f} rows each, which share their "
            f"{dataset.answer}s more than by chance: if a new row will bring a new {name}, set "
            f"data.group_column = {json.dumps(name)}, or scores flatter",
            mean,
        )
        for name, groups, mean in found
    )


def _clustering(codes: Ints, target: Ints) -> float:
    """How far labels agree within codes, in standard deviations of shuffled labels."""
    classes, size = int(target.max()) + 1, np.bincount(codes)

    def agreement(labels: Ints) -> float:
        counts = np.bincount(codes * classes + labels, minlength=len(size) * classes)
        return float((counts.reshape(-1, classes) ** 2 / size[:, None]).sum())

    return _beyond_shuffles(agreement, target)


def _closeness(codes: Ints, target: Floats) -> float:
    """The same of numbers: how far the ranks of a code's rows share a mean."""
    size, ranks = np.bincount(codes), rankdata(target)

    def agreement(numbers: Floats) -> float:
        return float((np.bincount(codes, numbers) ** 2 / size).sum())

    return _beyond_shuffles(agreement, ranks - ranks.mean())


def _beyond_shuffles(agreement: Callable[[NDArray[Any]], float], target: NDArray[Any]) -> float:
    generator = np.random.default_rng(0)
    chance = [agreement(generator.permutation(target)) for _ in range(_SHUFFLES)]
    spread = float(np.std(chance))
    return (agreement(target) - float(np.mean(chance))) / spread if spread else 0.0


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _drop(names: Sequence[str]) -> str:
    return f"data.drop = {json.dumps(list(names), ensure_ascii=False)}"
