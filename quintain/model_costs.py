"""What pilot fits of a sweep's models are made of, and what they say each model costs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from cluster.pilots import Candidates, Fit, Piloted, pilot
from evaluators.curves import MemoryCurve, TimeCurve, memory_curve, time_curve
from evaluators.mapped import WORTH_MAPPING
from evaluators.models import steady
from evaluators.pilot import Part, parts, shown_row_mb
from evaluators.process import MB
from quintain.prepare import Prepared
from search.corner import dearest, drawn, middle
from search.finals_plan import MOST_REPEATS
from search.plan import ModelCost

#: Configurations drawn from a model's space.
DRAWN = 8


def measured(prepared: Prepared, pilots_s: float, tell: Callable[[str], None]) -> list[Piloted]:
    """Every model's pilot fits; what one leaves of the time is the others'."""
    task, found = replace(prepared.assignment, shared_cuts=False), []  # it makes no fit longer
    whose = task, prepared.dataset
    pieces: Sequence[Part] = parts(prepared.dataset, prepared.splits[:1])
    recipes = prepared.assignment.recipes
    left_s = pilots_s
    for place, name in enumerate(recipes):
        tell(f"measuring {name}: {place + 1} of {len(recipes)}")
        began = time.monotonic()
        asked = candidates(prepared, name)
        share = left_s / (len(recipes) - place)
        found.append(pilot(whose, pieces, name, asked, seconds=share))
        left_s = max(left_s - (time.monotonic() - began), 1.0)
    return found


def candidates(prepared: Prepared, model: str) -> Candidates:
    """What is fitted of a model; of the user's own code nobody knows the dearest corner."""
    space = prepared.space
    corner = None if prepared.assignment.recipes[model].target else dearest(space, model)
    return Candidates({}, middle(space, model), corner, drawn(space, model, DRAWN))


def cost_of(prepared: Prepared, piloted: Piloted) -> ModelCost | None:
    """What the pilot fits say; None where the default was never fitted."""
    default, corner = piloted.of("default"), piloted.of("dearest")
    if not default:
        return None
    full = float(np.mean([len(split.train) for split in prepared.splits]))
    fold = curve_of(default, steady(prepared.assignment.recipes[piloted.model]))
    ratio, here = _dearest(fold, default, corner, full)
    effects = [
        max(0.05, fit.seconds / fold.at(fit.rows).value) ** _stretch(here, ratio)
        for fit in piloted.of("drawn")
    ]
    task = prepared.assignment
    data_row_mb = shown_row_mb(
        task, task.recipes[piloted.model], prepared.dataset, prepared.splits[0]
    )
    base_mb = piloted.base_mb + folds_mb(prepared)
    drawn_fits = piloted.of("drawn")
    most = [max(drawn_fits, key=lambda fit: fit.peak_mb)] if drawn_fits else []

    def line(fits: Sequence[Fit]) -> MemoryCurve:
        peaks = [fit.peak_mb + folds_mb(prepared) for fit in fits]
        return memory_curve([fit.rows for fit in fits], peaks, base_mb, data_row_mb)

    return ModelCost(
        piloted.model, fold, line([*default, *most]), tuple(effects) or (1.0,), max(1.0, ratio),
        line(corner) if corner else None, _kept_row_mb(prepared, piloted.model),
    )  # fmt: skip


def curve_of(fits: Sequence[Fit], steady: bool) -> TimeCurve:
    """Seconds of a whole fold by rows; ``steady``: see ``evaluators.curves.TimeCurve``."""
    return time_curve([fit.rows for fit in fits], [fit.seconds for fit in fits], steady=steady)


def _dearest(
    fold: TimeCurve, default: Sequence[Fit], corner: Sequence[Fit], full: float
) -> tuple[float, float]:
    """How much dearer the dearest corner is, at full size and on the largest part of both."""
    if not corner:
        return 1.0, 1.0
    known = {fit.rows: fit.seconds for fit in default}
    shared = [fit for fit in corner if fit.rows in known]
    last = shared[-1] if shared else corner[-1]
    here = last.seconds / known.get(last.rows, fold.at(last.rows).value)
    if len(corner) < 3:
        return here, here
    return curve_of(corner, fold.steady).at(full).value / fold.at(full).value, here


def _stretch(here: float, full: float) -> float:
    """The power by which differences between configurations grow from a part to the full size.

    On a part, overhead that all share hides some of them; the dearest corner shows how much.
    """
    if here < 1.2 or full < 1.2:
        return 1.0
    return float(np.clip(np.log(full) / np.log(here), 0.5, 2.0))


def _kept_row_mb(prepared: Prepared, model: str) -> float:
    """Of each row that is learnt from, what a worker keeps beside the fold under way."""
    recipe = prepared.assignment.recipes[model]
    if recipe.estimator != "xgboost":
        return 0.0
    from evaluators.binned_xgboost import row_bytes

    values = prepared.dataset.values
    searched = {parameter.name for parameter in prepared.space.models[model]}
    ways = 2 if "class_weight" in searched else 1
    gaps = bool(np.isnan(values[:: max(1, len(values) // 10_000)]).any())
    return (ways * len(prepared.splits) - 1) * row_bytes(
        values.shape[1], gaps, recipe.params.get("max_bin")
    ) / MB  # fmt: skip


def folds_mb(prepared: Prepared) -> float:
    """What the positions of all folds take of a worker's own memory; nothing where they are mapped.

    Those searched on, and fresh ones afterwards.
    """
    one_deal = sum(split.train.nbytes + split.test.nbytes for split in prepared.splits)
    fresh = one_deal * (1 + MOST_REPEATS) / prepared.spec.evaluate.repeats
    return sum(part for part in (one_deal, fresh) if part < WORTH_MAPPING) / MB
