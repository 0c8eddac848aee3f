"""A plan in words: a few lines, numbers with units and intervals."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.plan import least_memory_mb

if TYPE_CHECKING:
    from quintain.planning import Planned


def lines(planned: "Planned") -> list[str]:
    """The plan for a person."""
    plan, demand = planned.plan, planned.demand
    return [
        f"{planned.spec.name}: {demand.trials} trials x {demand.folds * demand.repeats} folds on "
        f"{demand.rows:,} rows"
        + ("" if demand.all_rows is None else f", finalists on {demand.all_rows:,}"),
        f"ends in {span(plan.p50_s)} as likely as not, in {span(plan.p90_s)} nine times in ten",
        f"{_slots(planned)} at the same time (cores allow {plan.by_cores}, memory "
        f"{plan.by_memory})",
        f"memory to plan for: {size(plan.peak_mb)} of {_memory(planned)}, "
        f"{size(plan.worker_mb)} a worker",
        "",
        *columns(_rows(planned)),
        *(f"{each.model}: {each.said}" for each in planned.piloted if each.said),
        "",
        *_verdict(planned),
        f"planning took {span(planned.wall_s)}",
    ]


def _memory(planned: "Planned") -> str:
    """What the largest node has to plan with."""
    nodes = planned.limits.nodes
    most = size(max(node.memory_mb for node in nodes))
    return most if len(nodes) == 1 else f"{most} on the largest of {len(nodes)} nodes"


def _slots(planned: "Planned") -> str:
    count = planned.plan.max_concurrent
    return "no trial fits" if count == 0 else f"{count} trial{'s' * (count > 1)}"


def _rows(planned: "Planned") -> list[tuple[str, ...]]:
    """Model by model: what one fold of the default takes, and what the space makes of it."""
    head = ("model", "one fold", "nine in ten", "a trial", "dearest", "worker")
    rows: list[tuple[str, ...]] = [head]
    train = planned.demand.train_rows
    folds = planned.demand.folds * planned.demand.repeats
    for cost in planned.costs:
        fold, peak = cost.fold.at(train), cost.peak(train)
        effect = sum(cost.effects) / len(cost.effects)
        rows.append(
            (
                cost.model,
                span(fold.value),
                f"{span(fold.low)} to {span(fold.high)}",
                span(fold.value * effect * folds),
                span(fold.value * cost.dearest * folds),
                size(peak.high),
            )
        )
    return rows


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in which the cells of a column stand under each other."""
    wide = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()
        for row in rows
    ]


def _verdict(planned: "Planned") -> list[str]:
    """Whether it fits, and if not, what would."""
    limits, plan = planned.limits, planned.plan
    if planned.fits:
        held = "" if limits.deadline_s is None else f" into {span(limits.deadline_s)}"
        return [f"it fits{held}"]
    why = []
    if limits.deadline_s is not None and plan.p90_s > limits.deadline_s:
        why.append(f"{span(limits.deadline_s)} is too short: it takes {span(plan.p90_s)}")
    if plan.by_memory == 0:
        least = size(math.ceil(least_memory_mb(planned.costs, planned.demand)))
        why.append(f"{_memory(planned)} is too little memory: it takes {least}")
    if not planned.cut:
        return [*why, f"no single cut helps; one trial alone takes {span(planned.least.p90_s)}"]
    ways = ", or ".join(f"{cut.what} {cut.to:,} in place of {cut.now:,}" for cut in planned.cut)
    return [*why, f"would fit: {ways}"]


def span(seconds: float) -> str:
    """Seconds for a person, in two digits or so."""
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min" if seconds >= 600 else f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def size(megabytes: float) -> str:
    """Memory in units of 2**20 bytes for a person."""
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1024 else f"{megabytes:.0f} MB"
