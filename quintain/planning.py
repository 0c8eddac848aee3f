"""What a sweep will take, before its first trial: pilot fits, curves, and the sum of them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import PydanticCustomError

from cluster.pilots import Candidates, Fit, Piloted, pilot
from evaluators.curves import MemoryCurve, TimeCurve, memory_curve, time_curve
from evaluators.limits import free_memory_mb, usable_cores, usable_memory_mb
from evaluators.memory import memory_watch
from evaluators.pilot import Part, parts
from evaluators.process import MB
from quintain.prepare import Prepared, prepare
from quintain.sweeps import LOCAL_BELOW_S
from search.corner import dearest, drawn, middle
from search.errors import PlanError
from search.finals_plan import MOST_REPEATS
from search.plan import (
    FEWEST_ROWS,
    Cut,
    Demand,
    Limits,
    ModelCost,
    Node,
    Plan,
    cuts,
    forecast,
    least_memory_mb,
)
from search.spec import Spec, read_spec
from search.spec_values import megabytes, seconds

#: Seconds for all pilot fits together, starts of their processes not counted.
PILOTS_S = 45.0
#: Configurations drawn from a model's space.
DRAWN = 8
#: An idle Ray, in MB of 2**20 bytes, and the seconds by which it starts later.
RAY_MB, RAY_START_S = 600.0, 6.0


@dataclass(frozen=True, eq=False)
class Planned:
    """A plan, what it is made from, and what it is held against.

    Attributes:
        costs: of the models that could be measured.
        piloted: every model, measured or not.
        cut: what to ask less of, where it does not fit.
        least: the plan of a single trial.
        wall_s: seconds that planning took, reading the data included.
    """

    spec: Spec
    plan: Plan
    demand: Demand
    limits: Limits
    costs: tuple[ModelCost, ...]
    piloted: tuple[Piloted, ...]
    cut: tuple[Cut, ...]
    least: Plan
    wall_s: float = 0.0

    @property
    def fits(self) -> bool:
        """Whether it ends in time, nine times in ten, and a trial fits into memory."""
        return self.limits.hold(self.plan)

    def to_json(self) -> dict[str, Any]:
        """What ``quintain plan --json`` prints."""
        plan, node = self.plan, self.limits.nodes[0]
        return {
            "name": self.spec.name,
            "p50_s": plan.p50_s,
            "p90_s": plan.p90_s,
            "max_concurrent": plan.max_concurrent,
            "by_cores": plan.by_cores,
            "by_memory": plan.by_memory,
            "peak_mb": plan.peak_mb,
            "worker_mb": plan.worker_mb,
            "memory_mb": node.memory_mb,
            "cores": node.cores,
            "rows": self.demand.rows,
            "folds": self.demand.folds,
            "trials": self.demand.trials,
            "per_model": {each.model: self._model(each) for each in self.piloted},
            "fits": self.fits,
            "deadline_s": self.limits.deadline_s,
            "least_deadline_s": self.least.p90_s,
            "least_memory_mb": least_memory_mb(self.costs, self.demand),
            "advice": [cut.to_json() for cut in self.cut],
            "wall_s": self.wall_s,
        }

    def _model(self, piloted: Piloted) -> dict[str, Any]:
        """One model, measured or not."""
        told: dict[str, Any] = {"said": piloted.said, "pilot_s": piloted.wall_s}
        cost = next((each for each in self.costs if each.model == piloted.model), None)
        if cost is None:
            return told
        fold, peak = cost.fold.at(self.demand.train_rows), cost.peak(self.demand.train_rows)
        return told | {
            "fold_s": [fold.value, fold.low, fold.high],
            "effect": float(np.mean(cost.effects)),
            "dearest": cost.dearest,
            "peak_mb": [peak.value, peak.low, peak.high],
            "base_mb": piloted.base_mb,
            "rows": list(cost.fold.rows),
            "seconds": list(cost.fold.seconds),
        }


def plan(
    spec: str | Path | Mapping[str, Any],
    data: Any = None,
    *,
    deadline_s: float | None = None,
    memory_mb: float | None = None,
    pilots_s: float = PILOTS_S,
    tell: Callable[[str], None] = lambda line: None,
) -> Planned:
    """Plan a sweep on this machine; nothing is written, no trial is run.

    Args:
        spec: a TOML file, or the same as a dict.
        data: a DataFrame, or (X, y), in place of the spec's source.
        deadline_s: seconds within which it is to end.
        memory_mb: memory that it may take, in units of 2**20 bytes; None: what this machine, or the
            container around us, has left beside other programs.
        pilots_s: seconds for the pilot fits of all models.
        tell: is called with what is being measured.

    Raises:
        PlanError: no model could be measured, or deadline or memory cannot hold a single fit.
        QuintainError: whatever keeps the sweep itself from starting.
    """
    began = time.monotonic()
    prepared = prepare(read_spec(spec), data)
    threads, cores = prepared.spec.resources.cpus_per_trial, usable_cores()
    if cores < threads:
        raise PlanError(
            f"a trial asks for {threads} cores and this machine has {cores}: lower "
            "resources.cpus_per_trial"
        )
    piloted = measured(prepared, pilots_s, tell)
    # what other programs hold now is not ours to plan with; what we hold ourselves is
    here_mb = min(usable_memory_mb(), free_memory_mb() + memory_watch().look().own / MB)
    node = Node(cores, here_mb if memory_mb is None else memory_mb)
    found = planned(prepared, piloted, Limits((node,), deadline_s, prepared.spec.search.seed))
    return replace(found, wall_s=time.monotonic() - began)


def planned(prepared: Prepared, piloted: Sequence[Piloted], limits: Limits) -> Planned:
    """The plan that follows from these pilot fits.

    Raises:
        PlanError: none of them tells anything, or not even one fit would be within the limits.
    """
    costs = tuple(cost for each in piloted if (cost := cost_of(prepared, each)) is not None)
    if not costs:
        failed = "; ".join(f"{each.model}: {each.said}" for each in piloted)
        raise PlanError(f"no pilot fit ended, so nothing can be planned ({failed})")
    demand = _demand(prepared, costs)
    _refuse_impossible(costs, demand, limits)
    return Planned(
        prepared.spec, forecast(costs, demand, limits), demand, limits, costs, tuple(piloted),
        tuple(cuts(costs, demand, limits)), forecast(costs, replace(demand, trials=1), limits),
    )  # fmt: skip


def asked_limits(deadline: str | None, memory: str | None) -> tuple[float | None, float | None]:
    """Seconds, and memory in units of 2**20 bytes, from what was typed.

    Raises:
        PlanError: a text that is no length of time, or no size of memory.
    """
    deadline_s = None
    try:
        if deadline is not None:  # a bare number is seconds
            plain = deadline.replace(".", "", 1).isdigit()
            deadline_s = float(str(seconds(float(deadline) if plain else deadline)))
    except PydanticCustomError as wrong:
        raise PlanError(f"--deadline: {wrong.message()}") from None
    try:
        return deadline_s, None if memory is None else megabytes(memory)
    except ValueError as wrong:
        raise PlanError(f'--memory: {wrong}; allowed: a size such as "800M", "8G"') from None


def measured(prepared: Prepared, pilots_s: float, tell: Callable[[str], None]) -> list[Piloted]:
    """Every model's pilot fits; what one leaves of the time is the others'."""
    whose, found = (prepared.assignment, prepared.dataset), []
    pieces: Sequence[Part] = parts(prepared.dataset, prepared.splits[:1])
    recipes = prepared.assignment.recipes
    left_s = pilots_s
    for place, name in enumerate(recipes):
        tell(f"measuring {name}: {place + 1} of {len(recipes)}")
        began = time.monotonic()
        asked = candidates(prepared, name)
        share = left_s / (len(recipes) - place)
        found.append(pilot(whose, pieces, name, asked, seconds=share))
        left_s = max(left_s - min(share, time.monotonic() - began), 1.0)
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
    fold = curve_of(default)
    ratio, here = _dearest(fold, default, corner, full)
    effects = [
        max(0.05, fit.seconds / fold.at(fit.rows).value) ** _stretch(here, ratio)
        for fit in piloted.of("drawn")
    ]
    data_row_mb = prepared.dataset.values[:1].nbytes / MB
    base_mb = piloted.base_mb + _folds_mb(prepared)
    drawn_fits = piloted.of("drawn")
    most = [max(drawn_fits, key=lambda fit: fit.peak_mb)] if drawn_fits else []

    def line(fits: Sequence[Fit]) -> MemoryCurve:
        peaks = [fit.peak_mb + _folds_mb(prepared) for fit in fits]
        return memory_curve([fit.rows for fit in fits], peaks, base_mb, data_row_mb)

    return ModelCost(
        piloted.model, fold, line([*default, *most]), tuple(effects) or (1.0,), max(1.0, ratio),
        line(corner) if corner else None,
    )  # fmt: skip


def curve_of(fits: Sequence[Fit]) -> TimeCurve:
    """Seconds of a whole fold by rows."""
    return time_curve([fit.rows for fit in fits], [fit.seconds for fit in fits])


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
    return curve_of(corner).at(full).value / fold.at(full).value, here


def _stretch(here: float, full: float) -> float:
    """The power by which differences between configurations grow from a part to the full size.

    On a part, overhead that all share hides some of them; the dearest corner shows how much.
    """
    if here < 1.2 or full < 1.2:
        return 1.0
    return float(np.clip(np.log(full) / np.log(here), 0.5, 2.0))


def _folds_mb(prepared: Prepared) -> float:
    """What the positions of all folds take in a worker: searched on, and fresh ones afterwards."""
    one_deal = sum(split.train.nbytes + split.test.nbytes for split in prepared.splits) / MB
    deals = 1 + (1 + MOST_REPEATS) / prepared.spec.evaluate.repeats
    return one_deal * deals


def _demand(prepared: Prepared, costs: Sequence[ModelCost]) -> Demand:
    """What the spec asks for."""
    spec, splits, data = prepared.spec, prepared.splits, prepared.dataset
    repeats, asked = spec.evaluate.repeats, spec.search.max_concurrent
    train = float(np.mean([len(split.train) for split in splits]))
    size = prepared.space.cardinality()
    trials = spec.search.trials if size is None else min(size, spec.search.trials)
    one_trial = float(np.mean([cost.fold.at(train).value for cost in costs])) * len(splits)
    ray = one_trial * trials >= LOCAL_BELOW_S
    outer = 1 + (len(splits) // repeats) * spec.evaluate.nested  # a search in each outer fold
    return Demand(
        rows=data.rows, folds=len(splits) // repeats, trials=trials * outer,
        train_share=train / data.rows, repeats=repeats,
        threads=spec.resources.cpus_per_trial, most_slots=None if asked == "auto" else int(asked),
        timeout_s=spec.search.timeout, learns=spec.search.sampler == "tpe",
        data_row_mb=data.values[:1].nbytes / MB, start_s=4.0 + RAY_START_S * ray,
        driver_mb=memory_watch().look().own / MB + RAY_MB * ray,
    )  # fmt: skip


def _refuse_impossible(costs: Sequence[ModelCost], demand: Demand, limits: Limits) -> None:
    """Refuse a deadline or a memory in which nothing at all could be done, and say what would."""
    quickest = min(costs, key=lambda cost: cost.fold.at(demand.train_rows).value)
    one_fit = quickest.fold.at(demand.train_rows).value
    deadline_s, node = limits.deadline_s, limits.nodes[0]
    if deadline_s is not None and deadline_s < one_fit:
        one = forecast(costs, replace(demand, trials=1), limits).p90_s
        every = forecast(costs, demand, limits).p90_s
        raise PlanError(
            f"the deadline of {deadline_s:g}s is shorter than one fit of {quickest.model} "
            f"({one_fit:.2g} s); the smallest that would do: {np.ceil(one):.0f}s for one trial, "
            f"{np.ceil(every):.0f}s for all {demand.trials}"
        )
    few = replace(demand, rows=min(FEWEST_ROWS, demand.rows))
    least, needed = least_memory_mb(costs, few), least_memory_mb(costs, demand)
    if node.memory_mb < least:
        raise PlanError(
            f"{node.memory_mb:.0f}M of memory is less than driver and one worker need whatever the "
            f"rows ({np.ceil(least):.0f}M, a tenth of it left to the system); the smallest that "
            f"would do for all {demand.rows} rows: {np.ceil(needed):.0f}M"
        )
