"""A plan that `quintain run` makes by itself, where the work is long enough to be worth it."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cluster.runner import Machine
from evaluators.process import MB
from quintain.model_costs import measured
from quintain.plan_text import size, span
from quintain.planning import Planned, planned
from quintain.prepare import Prepared
from search.errors import PlanError
from search.outlook import Foresight, ModelForesight
from search.plan import Limits, finals_deals, trial_draws
from search.room import PLANNABLE, Node

#: A search that should take so many seconds is planned first.
PLANNED_FROM_S = 120.0
#: Of those seconds, how many pilot fits may take, and their bounds.
SHARE, SHORTEST_S, LONGEST_S = 0.05, 8.0, 45.0
#: Where nobody can say how long a fit takes (code of the user's own), so many MB are large.
LARGE_MB = 50.0
#: Seconds from the word "running" to the first trial: workers fetch data and import.
START_S = 2.0


def pilots_s(prepared: Prepared, trial_s: float | None, slots: int) -> float | None:
    """Seconds that pilot fits are worth; None where no plan is.

    ``trial_s``: what a trial should take by a first look, or None.
    """
    search = prepared.spec.search
    if trial_s is None:
        large = prepared.dataset.values.nbytes / MB >= LARGE_MB
        return LONGEST_S / 2 if large else None
    size = prepared.space.cardinality() or search.trials
    whole_s = trial_s * min(search.trials, size) / slots
    if search.timeout is not None:
        whole_s = min(whole_s, search.timeout)
    if whole_s < PLANNED_FROM_S:
        return None
    return min(max(SHARE * whole_s, SHORTEST_S), LONGEST_S)


def foresee(
    prepared: Prepared, runner: str, machine: Machine, slots: int, seconds: float,
    tell: Callable[[str], None],
) -> Foresight | None:  # fmt: skip
    """Pilot fits for about so many seconds, and what follows from them; None if nothing does."""
    tell(f"planning first: pilot fits for about {span(seconds)} (--no-plan leaves them out)")
    try:
        found = planned_on(prepared, runner, machine, slots, seconds, tell)
    except PlanError as failed:
        tell(f"no plan: {failed}")
        return None
    plan = found.plan
    tell(
        f"plan: {span(plan.p50_s)} as likely as not, {span(plan.p90_s)} nine times in ten; "
        f"{plan.max_concurrent} at a time, up to {size(plan.worker_mb)} a worker"
    )
    if not plan.by_memory:
        ways = ", or ".join(f"{cut.what} {cut.to:,}" for cut in found.cut)
        tell(f"plan: a worker may need more than is free{f'; would fit: {ways}' if ways else ''}")
    return foresight(found)


def planned_on(
    prepared: Prepared, runner: str, machine: Machine, slots: int, seconds: float,
    tell: Callable[[str], None],
) -> Planned:  # fmt: skip
    """The plan for a runner that is ready: what its nodes offer is for trials alone."""
    began = time.monotonic()
    piloted = measured(prepared, seconds, tell)
    nodes = tuple(Node(node.cores, node.memory_mb / PLANNABLE) for node in machine.nodes)
    limits = Limits(nodes, None, prepared.spec.search.seed)
    found = planned(
        prepared, piloted, limits, runner=runner, most_slots=slots, driver_mb=0.0,
        data_row_mb=0.0, start_s=START_S,
    )  # fmt: skip
    return replace(found, wall_s=time.monotonic() - began)


def foresight(found: Planned) -> Foresight:
    """What the record keeps of a plan."""
    demand, plan = found.demand, found.plan
    models = {}
    for cost, draws in zip(
        found.costs, trial_draws(found.costs, demand, found.limits.seed), strict=True
    ):
        peak_mb = demand.worker_mb([cost])
        middle, spread = float(np.median(draws)), float(np.std(np.log(draws)))
        models[cost.model] = ModelForesight(middle, spread, peak_mb)
    deals = finals_deals(demand, max(1, min(plan.max_concurrent, demand.trials)))
    return Foresight(
        plan.p50_s, plan.p90_s, plan.max_concurrent, deals / demand.repeats, found.wall_s, models,
        demand.trials,
    )  # fmt: skip
