"""What a sweep was told to do: budgets, limits and stop rules, already resolved."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from search.entries import Entry, SweepState
from search.events import BudgetsSet
from search.room import Node, Room, Share

#: Workers that may die before their pack, in a row, before the sweep is given up.
FALSE_STARTS_ALLOWED = 5

#: Finalists and estimate take at most this part of the search's fold fits, and of its timeout.
FINALS_SHARE = 0.15

#: Outputs up to which workers share the folds of configurations, and up to which folds of all that
#: run outlive their worker: the driver holds them, eight bytes each.
MOST_OUTPUTS = 10_000_000

#: Seconds that a sweep waits for a node, where none is left that has room for a trial.
NODES_AWAITED_S = 300.0

#: Seconds until a worker whose trial was cancelled has a successor.
RESTART_S = 3.0

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True, slots=True)
class StopRules:
    """When to end before the budget does.

    Attributes:
        metric: objective value that is good enough, or None.
        no_gain_for: completed or pruned trials without a new best, or None.
        failed: failed trials after which the sweep itself has failed.
        converged: whether to end where the latest trials gained less than the noise of the folds.
    """

    metric: float | None = None
    no_gain_for: int | None = None
    failed: int = 10
    converged: bool = False


@dataclass(frozen=True, slots=True)
class FinalRules:
    """What finalists are scored on.

    Attributes:
        folds: of one deal of all rows.
        repeats: deals of the partition that is searched on.
        test_share: test rows over training rows of a fold.
        dearer: how many times as long a fold of a fresh partition is taken to last as one searched
            on; 1 where they have the same rows, more where a part of the rows is searched.
        more_rows: how many times as many rows it learns from.
        cuts_shared: models that were searched with other cuts than they are fitted with later.
    """

    folds: int
    repeats: int
    test_share: float
    dearer: float = 1.0
    more_rows: float = 1.0
    cuts_shared: frozenset[str] = frozenset()

    @property
    def on_more_rows(self) -> bool:
        """Whether a part of the rows is searched, and finalists take all of them."""
        return self.dearer > 1.0

    def limit_s(self, trial_s: float | None, fresh: bool, folds: int | None) -> float | None:
        """A trial's limit for a finalist: in proportion where it has more folds, or more rows.

        As ``evaluators.crossval.Evaluator`` has it. ``folds``: None for one deal.
        """
        if trial_s is None:
            return None
        dearer = self.dearer if fresh else 1.0
        return trial_s * dearer * max(1.0, (folds or 0) / (self.folds * self.repeats))


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything ``Sweep`` decides by, besides what happened.

    Attributes:
        budget: distinct configurations that reach an end (completed, pruned or failed).
        objective: name of the metric that ranks trials.
        slots: packs that can run at the same time.
        timeout_s: wall seconds of search over all runs, or None.
        trial_timeout_s: wall seconds of one trial, or None.
        deterministic: suggestions depend on counts alone, never on measured time.
        pack_s: predicted work that fills a pack, in seconds.
        pack_items: configurations in a pack at most.
        constraints: cost above which a trial is not recommended, by name (``search.constraints``).
        folds: of a trial.
        fold_outputs: of a fold's test rows, a number for each class; None where one worker does all
            folds of a configuration.
        costly_folds: models that a worker keeps what it has prepared of a fold for, where that
            takes long.
        share: what it may use of nodes that join later; None: ``slots`` for ever.
        nodes: what there is to run on; empty where memory is not to be reckoned with.
        threads: of one fit.
        memory_mb: what every trial may take, where the user says so, in units of 2**20 bytes.
        foreseen_mb: what a plan says that a trial takes, by model.
        finals: how the winner is found and estimated after the search; None ends with the search.
        race: which way is better in what trials race by; None: each goes to its end.
        opening: of a race, trials that wait until they can be compared (``search.opening``).
    """

    budget: int
    objective: str
    direction: Direction
    slots: int = 1
    timeout_s: float | None = None
    trial_timeout_s: float | None = None
    stop: StopRules = StopRules()
    deterministic: bool = False
    pack_s: float = 1.0
    pack_items: int = 16
    finals: FinalRules | None = None
    race: Direction | None = None
    opening: int = 0
    constraints: Mapping[str, float] = field(default_factory=dict)
    nodes: tuple[Node, ...] = ()
    threads: int = 1
    memory_mb: float | None = None
    foreseen_mb: Mapping[str, float] = field(default_factory=dict)
    share: Share | None = None
    folds: int = 1
    fold_outputs: float | None = None
    costly_folds: frozenset[str] = frozenset()

    def holds(self, folds: int, more_rows: float = 1.0) -> bool:
        """Whether the driver can hold outputs of so many folds, of so many times the rows."""
        outputs = math.inf if self.fold_outputs is None else self.fold_outputs * more_rows
        return folds * outputs <= MOST_OUTPUTS

    def lanes(self, folds: int, more_rows: float = 1.0) -> int:
        """Workers that share so many folds."""
        return min(self.slots, folds) if self.holds(folds, more_rows) else 1

    def rounds(self, folds: int, more_rows: float = 1.0) -> int:
        """Folds that one of these workers does, one after the other, of so many."""
        return math.ceil(folds / self.lanes(folds, more_rows))

    def room(self) -> Room:
        """The workers that may be, none of them started."""
        foreseen_mb = max(self.foreseen_mb.values(), default=0.0)
        return Room(
            self.nodes, self.threads, self.slots, fixed_mb=self.memory_mb, foreseen_mb=foreseen_mb,
            share=self.share,
        )  # fmt: skip

    def search_s(self, winner_s: float) -> float | None:
        """The part of ``timeout_s`` that the search may use; the finalists get the rest.

        ``winner_s``: seconds that the incumbent took. Where trials are so long that one would not
        fit into the finalists' share, that share grows: an estimate is worth more than a trial.
        On more rows than are searched it may come to far more than a trial; half of the time is
        the search's there.
        """
        rules = self.finals
        if self.timeout_s is None or rules is None:
            return self.timeout_s
        estimate_s = winner_s * max(1.0, rules.dearer / rules.repeats)
        estimate_s *= self.rounds(rules.folds, rules.more_rows) / rules.folds
        needed = 1.5 * estimate_s + RESTART_S
        if rules.on_more_rows:
            needed = min(needed, self.timeout_s / 2)
        return self.timeout_s - max(self.timeout_s * FINALS_SHARE, needed)

    def better(self, score: float, than: float | None) -> bool:
        """Whether a score beats another in the objective's direction."""
        if than is None:
            return True
        return score > than if self.direction == "maximize" else score < than


@dataclass(frozen=True, slots=True)
class Standing:
    """How a sweep stands, as far as stopping goes.

    Attributes:
        ended: trials that count against the budget.
        live: trials waiting or running.
        best_s: wall seconds of the best one; 0 before there is one.
        since_best: completed or pruned trials since the best one, itself excluded.
        steady_for: of the latest trials, how many gained less than the folds' noise together.
        elapsed_s: wall seconds with a driver, over all runs.
        exhausted: the space has no further configuration.
        false_starts: what was said of workers, the last in a row, that died before their pack.
        nowhere_s: for how long no node has had room for any trial.
    """

    ended: int
    live: int
    completed: int
    failed: int
    best: float | None
    best_s: float
    since_best: int
    steady_for: int
    elapsed_s: float
    exhausted: bool
    false_starts: Sequence[str] = ()
    nowhere_s: float = 0.0


def with_budgets(policy: Policy, event: BudgetsSet) -> Policy:
    """The policy with other budgets."""
    trials, timeout_s = event.trials, event.timeout_s
    return replace(
        policy,
        budget=policy.budget if trials is None else trials,
        timeout_s=policy.timeout_s if timeout_s is None else timeout_s,
    )


def budgets_entry(event: BudgetsSet) -> Entry:
    """The same for the record."""
    body = {"trials": event.trials, "timeout_s": event.timeout_s, "user": event.user}
    return Entry("budgets", event.time, body)


def budgeted(policy: Policy, entries: Iterable[Entry]) -> Policy:
    """The policy as the changes of its budgets in the record left it."""
    for entry in entries:
        if entry.kind == "budgets":
            body = entry.body
            told = BudgetsSet(entry.time, body["trials"], body["timeout_s"], body["user"])
            policy = with_budgets(policy, told)
    return policy


def verdict(policy: Policy, standing: Standing) -> tuple[SweepState, str] | None:
    """The state a sweep ends in now and why, or None while it goes on."""
    stop = policy.stop
    if len(standing.false_starts) >= FALSE_STARTS_ALLOWED:
        last = standing.false_starts[-1]
        return "failed", f"{len(standing.false_starts)} workers died before they began: {last}"
    if standing.nowhere_s >= NODES_AWAITED_S:
        return "failed", f"no node has had room for a trial for {standing.nowhere_s:.0f} s"
    if standing.failed >= stop.failed and standing.ended < policy.budget:
        return "failed", f"{standing.failed} trials failed, the limit of stop_when.failed"
    if standing.ended >= policy.budget:
        return _completed(policy, standing, f"all {policy.budget} trials ended")
    if standing.exhausted and not standing.live:
        return _completed(policy, standing, f"the space has only {standing.ended} configurations")
    limit = policy.search_s(standing.best_s)
    if limit is not None and standing.elapsed_s >= limit:
        whose = "the search's part of the" if policy.finals else "the"
        return _completed(
            policy, standing, f"{whose} time budget of {policy.timeout_s:g} s is used up"
        )
    if standing.best is not None:
        if stop.metric is not None and not policy.better(stop.metric, standing.best):
            return "completed", f"{policy.objective} reached {stop.metric:g}"
        if stop.no_gain_for is not None and standing.since_best >= stop.no_gain_for:
            return "completed", f"no gain for {standing.since_best} trials"
        if stop.converged and standing.steady_for:
            latest = f"the latest {standing.steady_for} trials"
            return "completed", f"{latest} gained less than the noise of the folds"
    return None


def _completed(policy: Policy, standing: Standing, reason: str) -> tuple[SweepState, str]:
    """A budget that ends without a single score, or without one that may win, has failed."""
    if policy.constraints and standing.completed and standing.best is None:
        each = "the one" if standing.completed == 1 else f"each of the {standing.completed}"
        return "failed", f"{reason}, and {each} with a score breaks search.constraints"
    if standing.completed:
        return "completed", reason
    return "failed", f"{reason}, none of them with a score"
