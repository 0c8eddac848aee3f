"""What a sweep took: time with a driver, run by run, and what slots did meanwhile."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from search.bottleneck import Bottleneck, Use, bottleneck
from search.entries import Entry
from search.view_finals import FinalsView
from search.view_nodes import NodeView
from search.view_rows import TrialView


@dataclass(frozen=True, slots=True)
class Cost:
    """What a sweep took.

    Attributes:
        cpu_s: CPU seconds of all trials but cached ones, whose cost was paid earlier.
        peak_mb: the highest own memory of any trial.
        overhead_s: seconds in which a slot did no trial's work: idle, scheduling and start-up.
            Slots x wall time of each run, less the trials' and finalists' wall times; never below
            0.
        max_concurrent: slots of the last run, None before the first.
        finalists_cpu_s: CPU seconds of the finalists' runs, beside ``cpu_s``.
        measuring_s: CPU seconds that measuring took in trials and finalists, in neither of them.
        busy_share: of the slots' time, what was trials' and finalists'; NaN before either.
        nodes: by host, how they were used over time.
        bottleneck: what held the sweep up, with the figures it rests on; None if not known.
    """

    cpu_s: float
    peak_mb: float
    overhead_s: float
    max_concurrent: int | None
    finalists_cpu_s: float = 0.0
    measuring_s: float = 0.0
    busy_share: float = math.nan
    nodes: Mapping[str, NodeView] = field(default_factory=dict)
    bottleneck: Bottleneck | None = None

    def to_json(self) -> dict[str, Any]:
        """The ``resources`` of `quintain run --json`."""
        names = ("cpu_s", "finalists_cpu_s", "measuring_s", "peak_mb", "overhead_s",
                 "max_concurrent", "busy_share")  # fmt: skip
        told: dict[str, Any] = {name: getattr(self, name) for name in names}
        told["bottleneck"] = None if self.bottleneck is None else self.bottleneck.to_json()
        told["nodes"] = {host: node.to_json() for host, node in self.nodes.items()}
        return told


@dataclass(slots=True)
class Runs:
    """Time with a driver, run by run; ``slots`` and ``cores`` for trials, of the last run.

    ``held_by_memory``: whether a trial ever waited for memory while a core was free.

    A run begins at "running" and lasts until its last entry before the next run; what is written
    when nobody drives (a note, the word that it was interrupted) belongs to none.
    """

    wall_s: float = 0.0
    slot_s: float = 0.0
    slots: int | None = None
    cores: int | None = None
    held_by_memory: bool = False
    _start: float | None = None
    _last: float = 0.0

    def read(self, entry: Entry) -> None:
        """Take over the time of one entry."""
        state = entry.body.get("state") if entry.kind == "state" else None
        if state in ("running", "interrupted", "queued") or entry.kind in ("refreshed", "varied"):
            self.close()
        if state == "running":
            self.slots = entry.body.get("max_concurrent", self.slots)
            self.cores = entry.body.get("cores", self.cores)
            self._start = self._last = entry.time
        waited = entry.body.get("summary", {}).get("held_by_memory", False)
        self.held_by_memory = self.held_by_memory or waited
        if self._start is not None:
            self._last = max(self._last, entry.time)
        if entry.kind == "outer":  # a sweep of its own has paid for it
            self.slot_s -= entry.body.get("wall_s", 0.0) * (self.slots or 1)
        if state in ("completed", "stopped", "failed"):
            self.close()

    def as_of_now(self) -> "Runs":
        """The same with the open run closed; this one goes on reading."""
        now = replace(self)
        now.close()
        return now

    def close(self) -> None:
        """The run that is open, if any, is over at its last entry."""
        if self._start is not None:
            wall = self._last - self._start
            self.wall_s += wall
            self.slot_s += wall * (self.slots or 1)
            self._start = None


def cost_of(
    trials: Iterable[TrialView],
    finals: FinalsView,
    runs: Runs,
    nodes: Mapping[str, NodeView],
    spec: Mapping[str, Any],
) -> Cost:
    """Of trials and finalists over all runs; ``spec``: as the header has it."""
    paid = [trial for trial in trials if not trial.cached]
    busy = sum(trial.wall_s for trial in paid) + finals.wall_s
    measured = [trial for trial in paid if not math.isnan(trial.cpu_s)]  # not: lost with a worker
    cost = Cost(
        cpu_s=sum(trial.cpu_s for trial in measured),
        peak_mb=max((trial.peak_mb for trial in measured), default=finals.peak_mb),
        overhead_s=max(0.0, runs.slot_s - busy),
        max_concurrent=runs.slots,
        finalists_cpu_s=finals.cpu_s,
        measuring_s=finals.measuring_s + _sum(trial.measuring_s for trial in paid),
        busy_share=min(1.0, busy / runs.slot_s) if runs.slot_s > 0.0 and busy > 0.0 else math.nan,
        nodes=nodes,
    )
    return replace(cost, bottleneck=bottleneck(_use(cost, paid, runs, spec)))


def _use(cost: Cost, paid: Sequence[TrialView], runs: Runs, spec: Mapping[str, Any]) -> Use:
    """The figures that name the bottleneck."""
    threads = int(spec.get("resources", {}).get("cpus_per_trial") or 1)
    asked = spec.get("search", {}).get("max_concurrent")
    trials_s, cpu_s = sum(trial.wall_s for trial in paid), cost.cpu_s + cost.finalists_cpu_s
    wholes = [node.whole for node in cost.nodes.values()]
    by_cores = None if runs.cores is None else runs.cores // threads
    if by_cores is not None and wholes:  # a trial does not span nodes
        by_cores = min(by_cores, sum(node.cores // threads for node in wholes))
    return Use(
        idle_share=1.0 - cost.busy_share,
        load_share=_sum(trial.load_s for trial in paid) / trials_s if trials_s else math.nan,
        start_s=_sum(trial.start_s for trial in paid),
        cores=runs.cores,
        cores_used=cpu_s / runs.wall_s if runs.wall_s > 0.0 else math.nan,
        cores_busy=sum(node.cores_busy for node in wholes) if wholes else math.nan,
        slots=runs.slots,
        slots_by_cores=by_cores,
        slots_asked=asked if isinstance(asked, int) else None,
        memory_share=max(
            (node.memory_mb / node.memory_total_mb for node in wholes), default=math.nan
        ),
        held_by_memory=runs.held_by_memory,
    )


def _sum(values: Iterable[float]) -> float:
    """Of what is known."""
    return sum(value for value in values if not math.isnan(value))
