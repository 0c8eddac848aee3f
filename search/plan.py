"""What a sweep will take, from what pilot fits say of its models: pure arithmetic, no clock.

The finish time is a seeded Monte Carlo sum (SCIENCE 4.2): each model's fold at full size is off by
one factor for the whole sweep (log-normal within its interval), configurations differ as those
drawn did, and a sampler that learns goes where scores are, which is often where fits are dear.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluators.curves import MemoryCurve, Range, TimeCurve
from evaluators.kept import SHARE
from evaluators.types import Floats
from search.finals_plan import plan_of, plan_on_more_rows
from search.policy import FINALS_SHARE, MOST_OUTPUTS
from search.room import PLANNABLE, Node, Room

DRAWS = 2000
#: Standard deviations from the middle to the ends of an interval that holds nine in ten.
Z90 = 1.645
#: How far a sampler that learns moves the mean of a model's cost towards its dearest corner, in
#: logarithms, at most: TPE spent 2 to 8 times the seconds of random search (SCIENCE 0.8).
DRIFT = 0.5
#: Seconds beside each trial's own.
TRIAL_OVERHEAD_S = 0.02
#: Of the search's folds, what racing leaves: the least, the usual part, the most. Replays over six
#: tables used .27 to .81 (docs/racing.md); a sampler that learns leaves less to be saved.
RACED = (0.3, 0.6, 1.0)
#: One worker beside others on a node is slower than alone: caches and memory are shared.
CROWDED = 1.1


@dataclass(frozen=True)
class ModelCost:
    """What one model costs.

    Attributes:
        fold: seconds of one fold of its default configuration, by rows learnt from.
        memory: own memory of a worker, of the default and of configurations drawn.
        effects: seconds of configurations drawn from its space, in units of the default's.
        dearest: the same of the dearest corner.
        corner: own memory of a worker that fits the dearest corner; None where it is not known.
        kept_row_mb: memory of what a worker keeps of each row learnt from, for later trials,
            beyond what a fit takes (see ``evaluators.kept``).
    """

    model: str
    fold: TimeCurve
    memory: MemoryCurve
    effects: tuple[float, ...] = (1.0,)
    dearest: float = 1.0
    corner: MemoryCurve | None = None
    kept_row_mb: float = 0.0

    def peak(self, rows: float) -> Range:
        """Own memory of a worker at its highest; ``high`` is what to plan for.

        The dearest corner needs no margin of its own: hardly a trial goes there.
        """
        usual = self.memory.at(rows)
        if self.corner is None:
            return usual
        return Range(usual.value, usual.low, max(usual.high, self.corner.at(rows).value))

    def worker_mb(self, rows: float) -> float:
        """Own memory of a worker to plan for, with what it keeps, ``SHARE`` of it at most."""
        alone = self.peak(rows).high
        return min(alone + self.kept_row_mb * rows, alone / (1 - SHARE))


@dataclass(frozen=True, slots=True)
class Demand:
    """What a sweep asks for.

    Attributes:
        rows: searched on, all or a part of them.
        train_share: of these, how many a fold learns from.
        all_rows: that finalists and estimate take; None where all are searched on.
        threads: of one fit.
        most_slots: trials at the same time as asked for; None for as many as fit.
        timeout_s: after which the sweep ends by itself, or None.
        learns: whether the sampler goes where scores are.
        raced: whether trials may end before their last fold.
        finals: whether finalists and an estimate follow the search.
        again: whether the winner then goes once more over the folds searched on.
        data_row_mb: memory of one row of the data, held once a node.
        driver_mb: own memory of the driver and what runs beside workers.
        start_s: seconds until the first trial runs.
        given_mb: what every trial may take, where the user says so.
        beside_mb: memory of a worker beside what pilot fits have measured: a Ray worker's own.
    """

    rows: int
    folds: int
    trials: int
    train_share: float
    repeats: int = 1
    threads: int = 1
    most_slots: int | None = None
    timeout_s: float | None = None
    learns: bool = True
    raced: bool = False
    finals: bool = True
    again: bool = False
    data_row_mb: float = 0.0
    driver_mb: float = 0.0
    start_s: float = 4.0
    given_mb: float | None = None
    beside_mb: float = 0.0
    all_rows: int | None = None

    @property
    def train_rows(self) -> float:
        """Rows that a fit of the search learns from."""
        return self.rows * self.train_share

    @property
    def rows_held(self) -> int:
        """Rows that every node has in memory."""
        return self.rows if self.all_rows is None else self.all_rows

    @property
    def most_train_rows(self) -> float:
        """Rows that the largest fit learns from."""
        return (self.rows_held if self.finals else self.rows) * self.train_share

    def worker_mb(self, costs: Sequence["ModelCost"]) -> float:
        """Own memory of one worker to plan for, whichever model it fits."""
        return max(cost.worker_mb(self.most_train_rows) for cost in costs) + self.beside_mb

    def with_rows(self, rows: int) -> "Demand":
        """The same with a part of the rows searched on; finalists and estimate take all."""
        return replace(self, rows=rows, all_rows=self.rows_held)

    def with_table(self, rows: int) -> "Demand":
        """The same on a table of so many rows."""
        return replace(self, rows=min(rows, self.rows), all_rows=rows if self.all_rows else None)

    def with_folds(self, folds: int) -> "Demand":
        """The same with fewer folds, each of which learns from fewer rows."""
        share = self.train_share * (1 - 1 / folds) / (1 - 1 / self.folds)
        return replace(self, folds=folds, train_share=share)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is foreseen.

    Attributes:
        p50_s: seconds from start to end that half of such sweeps stay below.
        p90_s: seconds that nine in ten stay below.
        max_concurrent: trials at the same time, all nodes together.
        by_cores: how many the cores would allow.
        by_memory: how many the memory would allow.
        worker_mb: own memory of one worker to plan for.
        peak_mb: memory to plan for on the node that takes most, driver and data included.
    """

    p50_s: float
    p90_s: float
    max_concurrent: int
    by_cores: int
    by_memory: int
    worker_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Limits:
    """What the plan is to stay within; None for no limit of time."""

    nodes: tuple[Node, ...]
    deadline_s: float | None = None
    seed: int = 0

    def hold(self, plan: Plan) -> bool:
        """Whether at least one trial fits, and nine in ten such sweeps end in time."""
        in_time = self.deadline_s is None or plan.p90_s <= self.deadline_s
        return plan.by_memory > 0 and plan.by_cores > 0 and in_time


def forecast(costs: Sequence[ModelCost], demand: Demand, limits: Limits) -> Plan:
    """What a sweep takes; where no trial fits, the seconds are those of one at a time."""
    worker_mb = demand.worker_mb(costs)
    data_mb = demand.data_row_mb * demand.rows_held
    beside = [data_mb + demand.driver_mb * (place == 0) for place in range(len(limits.nodes))]
    free = tuple(
        Node(node.cores, max(0.0, PLANNABLE * node.memory_mb - held))
        for node, held in zip(limits.nodes, beside, strict=True)
    )
    by_cores = sum(node.cores // demand.threads for node in free)
    given = demand.given_mb
    by_memory = sum(node.by_memory(given or worker_mb) for node in free)
    slots = 0
    if by_cores and by_memory:
        most = demand.most_slots or by_cores
        room = Room(free, demand.threads, most, fixed_mb=given, foreseen_mb=worker_mb)
        slots = room.concurrency(worker_mb)
    seconds = _seconds(costs, demand, max(1, slots), limits.seed)
    least = int(slots == 0)  # where none fits, what one would take
    peak = max(
        held + max(min(node.places(demand.threads, worker_mb), slots), least) * worker_mb
        for held, node in zip(beside, free, strict=True)
    )
    p50, p90 = np.quantile(seconds, [0.5, 0.9])
    return Plan(float(p50), float(p90), slots, by_cores, by_memory, worker_mb, float(peak))


def _seconds(costs: Sequence[ModelCost], demand: Demand, slots: int, seed: int) -> Floats:
    """(DRAWS,) seconds from start to end."""
    rng = np.random.default_rng(seed)
    fold_s = np.column_stack([_fold_s(cost, demand, rng) for cost in costs])
    if demand.learns and len(costs) > 1:  # which model the sampler will prefer is not known
        shares = rng.dirichlet(np.ones(len(costs)), DRAWS)
    else:
        shares = np.full((DRAWS, len(costs)), 1 / len(costs))
    crowded = CROWDED if slots > 1 else 1.0
    deal_s = (fold_s * shares).sum(axis=1) * demand.folds * crowded
    more = np.array([_on_all_rows(cost, demand) for cost in costs])
    fresh_s = (fold_s * more * shares).sum(axis=1) * demand.folds * crowded
    trial_s = deal_s * demand.repeats * _fitted(demand, rng) + TRIAL_OVERHEAD_S
    # at the end of the search slots wait for the last trial
    busy = min(slots, demand.trials)
    search_s = demand.trials * trial_s / busy + 0.5 * trial_s * (busy > 1)
    total: Floats = demand.start_s + search_s + finals_deals(demand, busy) * fresh_s
    if demand.timeout_s is not None:
        total = np.minimum(total, demand.start_s + demand.timeout_s)
    return total


def trial_draws(costs: Sequence[ModelCost], demand: Demand, seed: int) -> list[Floats]:
    """For each model (DRAWS,) mean seconds of one of its trials beside others."""
    rng = np.random.default_rng(seed)
    folds = demand.folds * demand.repeats * CROWDED * _fitted(demand, rng)
    return [_fold_s(cost, demand, rng) * folds + TRIAL_OVERHEAD_S for cost in costs]


def _fitted(demand: Demand, rng: np.random.Generator) -> Floats:
    """(DRAWS,) which part of a trial's folds is fitted, as a mean over the sweep."""
    share: Floats = rng.triangular(*RACED, DRAWS) if demand.raced else np.ones(DRAWS)
    return share


def _fold_s(cost: ModelCost, demand: Demand, rng: np.random.Generator) -> Floats:
    """(DRAWS,) mean seconds of one fold of this model's configurations."""
    told = cost.fold.at(demand.train_rows)
    off = rng.normal(size=DRAWS)
    up, down = math.log(told.high / told.value) / Z90, math.log(told.value / told.low) / Z90
    factor = np.exp(off * np.where(off > 0, up, down))
    # the Bayesian bootstrap of the few configurations drawn: their mean is not known exactly
    weights = rng.dirichlet(np.ones(len(cost.effects)), DRAWS)
    effect = weights @ np.array(cost.effects)
    if demand.learns:
        dearer = np.maximum(cost.dearest / effect, 1.0)
        effect = effect * dearer ** rng.uniform(0, DRIFT, DRAWS)
    fold_s: Floats = told.value * factor * effect
    return fold_s


def _on_all_rows(cost: ModelCost, demand: Demand) -> float:
    """How many times as long a fold of all rows takes as one of the search."""
    if demand.all_rows is None:
        return 1.0
    return cost.fold.at(demand.most_train_rows).value / cost.fold.at(demand.train_rows).value


def finals_deals(demand: Demand, slots: int) -> float:
    """Deals of all folds that follow the search, one after the other (see ``finals_plan``).

    Workers share the folds of one where the driver can hold its outputs, of which there is taken to
    be one a row (``search.shares``).
    """
    if not demand.finals:
        return 0.0
    units = int(FINALS_SHARE * demand.trials * demand.repeats)
    if demand.all_rows is None:
        plan = plan_of(units, demand.repeats)
    else:
        plan = plan_on_more_rows(units)
        plan = replace(plan, finalists=min(plan.finalists, demand.trials))
    jobs = plan.finalists + (1 + demand.repeats) * plan.default
    lanes = slots if plan.repeats * demand.rows_held <= MOST_OUTPUTS else 1
    estimated = plan.repeats + demand.again * demand.repeats
    longest, estimating = (
        math.ceil(deals * demand.folds / lanes) / demand.folds for deals in (1, estimated)
    )
    choosing = max(longest, jobs / slots) if jobs > 1 else 0.0
    return choosing + estimating


def least_memory_mb(costs: Sequence[ModelCost], demand: Demand) -> float:
    """Memory of a node that holds the driver, the data and one worker."""
    worker_mb = demand.worker_mb(costs)
    return (demand.driver_mb + demand.data_row_mb * demand.rows_held + worker_mb) / PLANNABLE
