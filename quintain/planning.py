"""What a sweep will take, before its first trial: pilot fits, curves, and the sum of them."""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import PydanticCustomError

from cluster.pilots import Piloted
from evaluators.limits import free_memory_mb, usable_cores, usable_memory_mb
from evaluators.memory import memory_watch
from evaluators.process import MB
from quintain.binning import cuts_shared
from quintain.model_costs import cost_of, measured
from quintain.places import LOCAL_BELOW_S
from quintain.prepare import Prepared, prepare
from search.cuts import FEWEST_ROWS, Cut, cuts
from search.errors import PlanError
from search.plan import Demand, Limits, ModelCost, Plan, forecast, least_memory_mb
from search.room import Node
from search.spec import Spec, read_spec
from search.spec_values import megabytes, seconds

#: Seconds for all pilot fits together, the start of their processes included.
PILOTS_S = 45.0
#: An idle Ray, in MB of 2**20 bytes, and the seconds by which it starts later.
RAY_MB, RAY_START_S = 600.0, 6.0
#: What a Ray worker has of its own beside what ours has (53 measured, whatever the model).
RAY_WORKER_MB = 60.0
_NOTHING = re.compile(r"0+(\.0+)?\s*(ms|[dhmsMGT])?")


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
        plan, nodes = self.plan, self.limits.nodes
        return {
            "name": self.spec.name,
            "p50_s": plan.p50_s,
            "p90_s": plan.p90_s,
            "max_concurrent": plan.max_concurrent,
            "by_cores": plan.by_cores,
            "by_memory": plan.by_memory,
            "peak_mb": plan.peak_mb,
            "worker_mb": plan.worker_mb,
            "nodes": [{"cores": node.cores, "memory_mb": node.memory_mb} for node in nodes],
            "rows": self.demand.rows,
            "all_rows": self.demand.rows_held,
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
    runner: str = "auto",
    address: str | None = None,
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
        runner: that the sweep will be given.
        address: of a running Ray cluster to plan for; fits are still measured here.
        pilots_s: seconds for the pilot fits of all models.
        tell: is called with what is being measured.

    Raises:
        PlanError: no model could be measured, or deadline or memory cannot hold a single fit.
        QuintainError: whatever keeps the sweep itself from starting.
    """
    began = time.monotonic()
    prepared = prepare(read_spec(spec), data)
    nodes = _nodes(address, memory_mb)
    threads, cores = prepared.spec.resources.cpus_per_trial, max(node.cores for node in nodes)
    if cores < threads:
        raise PlanError(
            f"a trial asks for {threads} cores and no node has more than {cores}: lower "
            "resources.cpus_per_trial"
        )
    piloted = measured(prepared, pilots_s, tell)
    limits = Limits(nodes, deadline_s, prepared.spec.search.seed)
    found = planned(prepared, piloted, limits, runner="ray" if address else runner)
    return replace(found, wall_s=time.monotonic() - began)


def _nodes(address: str | None, memory_mb: float | None) -> tuple[Node, ...]:
    """Our machine, or the nodes of a cluster as they are; with no more memory than asked for."""
    if address is None:
        # what other programs hold now is not ours to plan with; what we hold ourselves is
        here_mb = min(usable_memory_mb(), free_memory_mb() + memory_watch().look().own / MB)
        return (Node(usable_cores(), here_mb if memory_mb is None else memory_mb),)
    from cluster.ray_session import set_environment

    set_environment(address)
    from cluster.nodes import cluster_nodes

    most = math.inf if memory_mb is None else memory_mb
    return tuple(replace(n, memory_mb=min(n.memory_mb, most)) for n in cluster_nodes(address))


def planned(
    prepared: Prepared, piloted: Sequence[Piloted], limits: Limits, *, runner: str = "auto",
    **otherwise: Any,
) -> Planned:  # fmt: skip
    """The plan that follows from these pilot fits.

    ``runner``: that the sweep will be given; ``otherwise``: what it asks for otherwise than its
    spec says, as ``Demand`` names it.

    Raises:
        PlanError: none of them tells anything, or not even one fit would be within the limits.
    """
    costs = tuple(cost for each in piloted if (cost := cost_of(prepared, each)) is not None)
    if not costs:
        failed = "; ".join(f"{each.model}: {each.said}" for each in piloted)
        raise PlanError(f"no pilot fit ended, so nothing can be planned ({failed})")
    demand = replace(_demand(prepared, costs, runner), **otherwise)
    _refuse_impossible(costs, demand, limits)
    return Planned(
        prepared.spec, forecast(costs, demand, limits), demand, limits, costs, tuple(piloted),
        tuple(cuts(costs, demand, limits)), forecast(costs, replace(demand, trials=1), limits),
    )  # fmt: skip


def asked_limits(deadline: str | None, memory: str | None) -> tuple[float | None, float | None]:
    """Seconds, and memory in units of 2**20 bytes, from what was typed.

    Nothing at all ("0s", "0G") is let through: the plan answers with the smallest that would do.

    Raises:
        PlanError: a text that is no length of time, or no size of memory.
    """
    deadline_s = 0.0 if deadline and _NOTHING.fullmatch(deadline) else None
    memory_mb = 0.0 if memory and _NOTHING.fullmatch(memory) else None
    try:
        if deadline is not None and deadline_s is None:  # a bare number is seconds
            plain = deadline.replace(".", "", 1).isdigit()
            deadline_s = float(str(seconds(float(deadline) if plain else deadline)))
    except PydanticCustomError as wrong:
        raise PlanError(f"--deadline: {wrong.message()}") from None
    try:
        if memory is not None and memory_mb is None:
            memory_mb = megabytes(memory)
    except ValueError as wrong:
        raise PlanError(f'--memory: {wrong}; allowed: a size such as "800M", "8G"') from None
    return deadline_s, memory_mb


def _demand(prepared: Prepared, costs: Sequence[ModelCost], runner: str) -> Demand:
    """What the spec asks for."""
    spec, splits, data = prepared.spec, prepared.splits, prepared.dataset
    repeats, asked = spec.evaluate.repeats, spec.search.max_concurrent
    train = float(np.mean([len(split.train) for split in splits]))
    size = prepared.space.cardinality()
    trials = spec.search.trials if size is None else min(size, spec.search.trials)
    one_trial = float(np.mean([cost.fold.at(train).value for cost in costs])) * len(splits)
    ray = runner == "ray" or (runner == "auto" and one_trial * trials >= LOCAL_BELOW_S)
    outer = 1 + (len(splits) // repeats) * spec.evaluate.nested  # a search in each outer fold
    return Demand(
        rows=prepared.rows_searched, folds=len(splits) // repeats, trials=trials * outer,
        train_share=train / prepared.rows_searched, repeats=repeats,
        threads=spec.resources.cpus_per_trial, most_slots=None if asked == "auto" else int(asked),
        timeout_s=spec.search.timeout, learns=spec.search.sampler == "tpe",
        raced=prepared.assignment.race is not None, again=bool(cuts_shared(prepared)),
        data_row_mb=data.values[:1].nbytes / MB, start_s=4.0 + RAY_START_S * ray,
        driver_mb=memory_watch().look().own / MB + RAY_MB * ray,
        all_rows=None if prepared.part is None else data.rows, beside_mb=RAY_WORKER_MB * ray,
        given_mb=spec.resources.memory_limit_mb,
    )  # fmt: skip


def _refuse_impossible(costs: Sequence[ModelCost], demand: Demand, limits: Limits) -> None:
    """Refuse a deadline or a memory in which nothing at all could be done, and say what would."""
    quickest = min(costs, key=lambda cost: cost.fold.at(demand.train_rows).value)
    one_fit = quickest.fold.at(demand.train_rows).value
    deadline_s = limits.deadline_s
    memory_mb = max(node.memory_mb for node in limits.nodes)
    if deadline_s is not None and deadline_s < one_fit:
        one = forecast(costs, replace(demand, trials=1), limits).p90_s
        every = forecast(costs, demand, limits).p90_s
        raise PlanError(
            f"the deadline of {deadline_s:g}s is shorter than one fit of {quickest.model} "
            f"({one_fit:.2g} s); the smallest that would do: {np.ceil(one):.0f}s for one trial, "
            f"{np.ceil(every):.0f}s for all {demand.trials}"
        )
    few = demand.with_table(min(FEWEST_ROWS, demand.rows_held))
    least, needed = least_memory_mb(costs, few), least_memory_mb(costs, demand)
    if memory_mb < least:
        raise PlanError(
            f"{memory_mb:.0f}M of memory is less than driver and one worker need whatever the "
            f"rows ({np.ceil(least):.0f}M, a tenth of it left to the system); the smallest that "
            f"would do for all {demand.rows_held} rows: {np.ceil(needed):.0f}M"
        )
