"""One search from its first trial to its last word: the record opened, the runner driven."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from cluster.runner import Machine, Runner, Workload
from evaluators.mapped import mapped
from evaluators.memory import hand_back
from evaluators.types import Configuration, Warned
from search.driver import Driver, Listener, Orders, no_orders
from search.entries import BUDGETED, Entry
from search.errors import PlanError
from search.outlook import Foresight
from search.policy import Policy, budgeted
from search.records import Lease, Records
from search.room import Room, Share
from search.strategy import Strategy, make_strategy
from search.sweep import Sweep
from search.view import SweepView, read_view

if TYPE_CHECKING:  # scikit-learn and pandas are imported when a sweep is prepared, not before
    from quintain.knowing import Knowledge
    from quintain.prepare import Prepared
    from search.spec import Spec


class Watcher(Protocol):
    """Whoever shows a sweep while it runs."""

    def begin(self, view: SweepView, machine: Machine, budget: int, slots: int) -> Listener:
        """The sweep is about to start; what to call after each event."""

    def say(self, line: str) -> None:
        """Something is done before the sweep starts."""

    def end(self) -> None:
        """The search is over."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is laid down for a search from outside its spec.

    Attributes:
        slots: trials at a time at most; None: as many as the machine has room for.
        share: what part of a cluster it is, where others search on it too; None: all of it.
        orders: what was ordered while it runs.
    """

    slots: int | None = None
    share: Share | None = None
    orders: Orders = no_orders


def search(
    prepared: "Prepared", runner: Runner, machine: Machine, store: Records, lease: Lease,
    watcher: Watcher | None, foresight: Foresight | None = None, bounds: Bounds | None = None,
) -> None:  # fmt: skip
    """Drive the sweep of ``lease``, new or resumed, until it ends; the runner is prepared.

    ``foresight``: of a new sweep that was planned; ``bounds``: what others have laid down.
    """
    from quintain.fresh import final_rules, fresh_partitions
    from quintain.knowing import knowledge

    spec, sweep_id = prepared.spec, lease.sweep
    header = store.header(sweep_id)
    bounds = bounds or Bounds()
    slots = slots_on(spec, machine, bounds.slots, bounds.share)
    entries = list(store.entries(sweep_id))
    # steps compete for nothing, and are on fresh folds themselves
    fresh, warned = ([], []) if "vary" in header else fresh_partitions(prepared, store, sweep_id)
    fresh = mapped(fresh)
    open_record(prepared, runner.name, store, lease, entries, slots, machine.cpus, warned)
    if foresight is not None:
        store.append(sweep_id, [Entry("plan", time.time(), foresight.to_json())], lease)
    before = read_view(store, sweep_id)
    told = {} if before.plan is None else before.plan.foreseen.models
    foreseen_mb = {name: model.peak_mb for name, model in told.items()}
    rules = final_rules(prepared, fresh) if fresh else None
    policy = prepared.policy(slots, rules, machine.nodes, foreseen_mb)
    if bounds.slots is None and runner.name == "ray":  # a cluster's nodes come and go
        policy = replace(policy, share=replace(bounds.share or Share(), most=asked_slots(spec)))
    header = store.header(sweep_id)
    before_it = knowledge(prepared, store, lease, header, entries)
    strategy = _strategy(prepared, header, entries, policy, before_it)
    sweep = Sweep(
        budgeted(policy, entries), strategy, entries, started_at=time.time(),
        earlier_s=max(0.0, before.wall_s - _outer_s(entries)), known=before_it.known,
    )  # fmt: skip
    listeners = [watcher.begin(before, machine, spec.search.trials, slots)] if watcher else []
    driver = Driver(sweep, store, sweep_id, lease, listeners, orders=bounds.orders)
    partitions = [prepared.splits, *fresh]
    if rules is not None and rules.cuts_shared:
        partitions.append(prepared.splits)  # search.finals_plan.EXACT
    workload = Workload(prepared.assignment, prepared.dataset, partitions)
    try:
        driver.poll()
        hand_back()  # what reading and dealing took
        with stopped_by_signals(driver.stop):
            runner.run(driver, workload, slots)
    finally:
        if watcher:
            watcher.end()


def _outer_s(entries: Sequence[Entry]) -> float:
    """Seconds spent in outer folds: each is a search of its own, with a timeout of its own."""
    return sum(float(e.body.get("wall_s", 0.0)) for e in entries if e.kind == "outer")


def _strategy(
    prepared: "Prepared", header: Mapping[str, Any], entries: Sequence[Entry], policy: Policy,
    known: "Knowledge",
) -> Strategy:  # fmt: skip
    """The spec's sampler; what an earlier sweep of the same spec has asked comes first.

    Where the sweep continues another, that one's finalists do. A sweep of steps
    (``quintain.varying``) has them listed.
    """
    search = prepared.spec.search
    if "vary" in header:
        from search.candidates import Listed

        steps = header["vary"]["candidates"]
        return Listed("vary", [Configuration(each["model"], each["params"]) for each in steps])
    # a deterministic sweep is replayed from its first trial on
    asked = 0 if search.deterministic else sum(entry.kind == "asked" for entry in entries)
    first = [Configuration(each["model"], each["params"]) for each in header.get("first", ())]
    return make_strategy(
        search.sampler, prepared.space, direction=prepared.objective.direction,
        trials=search.trials, seed=search.seed, resumed=asked + header.get("asked_before", 0),
        first=first or known.replayed, because="refresh" if first else "replay", warm=known.warm,
        opening=policy.opening, race=policy.race,
    )  # fmt: skip


def slots_on(
    spec: "Spec", machine: Machine, bound: int | None = None, share: Share | None = None
) -> int:
    """Trials at a time on this machine, as asked for and as cores and memory allow.

    ``bound``: no more than so many, where others have their part of the machine; ``share``: the
    same of a cluster.

    Raises:
        PlanError: no node has the memory that one trial may take.
    """
    most = min(asked_slots(spec) or machine.places, machine.places, bound or machine.places)
    if share is not None:
        most = min(most, share.places(machine.nodes, machine.threads))
    asked_mb = spec.resources.memory_limit_mb
    if asked_mb is None:
        return most
    room = Room(machine.nodes, machine.threads, most, fixed_mb=asked_mb)
    fitting = room.concurrency(asked_mb)
    if fitting == 0:
        raise PlanError(
            f"resources.memory_per_trial is {asked_mb:.0f}M and no node has more than "
            f"{room.largest:.0f}M free for trials: lower it"
        )
    return fitting


def asked_slots(spec: "Spec") -> int | None:
    """``max_concurrent`` as a number; None for "auto"."""
    asked = spec.search.max_concurrent
    return None if asked == "auto" else int(asked)


def open_record(
    prepared: "Prepared", runner: str, store: Records, lease: Lease,
    entries: Sequence[Entry], slots: int, cores: int, fresh_warned: Sequence[Warned] = (),
) -> None:  # fmt: skip
    """The first entries of a run: that it runs, and once, its baseline and warnings."""
    now = time.time()
    data = prepared.dataset
    ends = [entry.body for entry in entries if entry.kind == "ended"]
    ended = sum(body["state"] in BUDGETED and not body.get("cached") for body in ends)
    before = store.header(lease.sweep).get("tried_before", 0)  # on the table before it grew
    tried = store.tried(data.table or data.fingerprint) + before
    state = {
        "state": "running", "runner": runner, "max_concurrent": slots, "cores": cores,
        "tried_elsewhere": tried - ended,
    }  # fmt: skip
    opening = [Entry("state", now, state)]
    if not any(entry.kind == "baseline" for entry in entries):
        constant, on_part = prepared.baseline, prepared.searched_baseline
        body = asdict(constant) | ({} if on_part is None else {"searched": asdict(on_part)})
        opening.append(Entry("baseline", now, body))
        opening += [
            Entry("warning", now, asdict(warned)) for warned in (*prepared.warnings, *fresh_warned)
        ]
    store.append(lease.sweep, opening, lease)


@contextmanager
def given_up_by_signals() -> Iterator[Callable[[], None]]:
    """Ctrl-C or SIGTERM end with KeyboardInterrupt what has written nothing yet.

    What is given raises it once more where a library has swallowed it; so does the end of the
    block. Without this Ray's own handler of SIGTERM would end us with its stack on stderr.
    """
    asked: list[str] = []

    def stop(why: str) -> NoReturn:
        asked.append(why)
        raise KeyboardInterrupt(why)

    def look() -> None:
        if asked:
            raise KeyboardInterrupt(asked[0])

    with stopped_by_signals(stop):
        yield look
    look()


@contextmanager
def stopped_by_signals(stop: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM asks the sweep to stop, the second one ends us at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def first(number: int, frame: Any) -> None:
        signal.signal(number, before[signal.Signals(number)])
        stop("Ctrl-C" if number == signal.SIGINT else "SIGTERM")

    for number in before:
        signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
