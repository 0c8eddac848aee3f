"""The sweep of one ``SearchCV.fit``: begun, or gone on with where an earlier one was cut off."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from cluster.runner import Machine, Runner, Workload
from evaluators.mapped import mapped
from quintain.driving import Watcher, stopped_by_signals
from quintain.searchcv_asked import Asked, Planned
from search.driver import Driver
from search.entries import Entry
from search.errors import LeaseError
from search.policy import Policy, StopRules
from search.records import Lease, Records
from search.room import Room
from search.sweep import Sweep
from search.view import SweepView, read_view


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """A search that is over; ``rows``: its candidates in order, with the trial of each."""

    view: SweepView
    planned: Planned

    @property
    def rows(self) -> list[tuple[dict[str, Any], Any]]:
        """(parameters, row of the record) by candidate."""
        by_number = {trial.trial: trial for trial in self.view.trials}
        strategy, read = self.planned.strategy, self.planned.vocabulary.read
        if self.planned.candidates:
            trials = strategy.trials()  # type: ignore[union-attr] # a listed one has candidates
            pairs = zip(self.planned.candidates, trials, strict=True)
            return [(params, by_number[trial]) for params, trial in pairs if trial is not None]
        ended = [each for each in self.view.trials if each.state in ("completed", "failed")]
        return [(read(each.params), each) for each in ended]


@contextmanager
def searched(
    asked: Asked, runner: Runner, machine: Machine, records: str | None, watcher: Watcher | None
) -> Iterator[Searched]:
    """The search, driven to its end; the block makes its result, which is noted when it is left.

    A search that was cut off, or whose result was never given back, is gone on with.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM; the same fit again goes on.
    """
    with ExitStack() as stack:
        key = asked.key()
        store = stack.enter_context(Records.open(records))
        lease = _taken(store, asked.name(key), key)
        header, entries = None, []
        if lease is not None:
            stack.enter_context(lease)
            header, entries = store.header(lease.sweep), store.entries(lease.sweep)
        tried = sum(entry.kind == "asked" for entry in entries)
        planned = asked.planned(header, tried)
        planned.check(asked.estimator)
        if lease is None:
            header = asked.header(runner.name, machine.threads, key, planned)
            lease = store.acquire(store.create(asked.name(key), header))
            stack.enter_context(lease)
        if store.state(lease.sweep) not in ("completed", "failed"):
            _search(asked, planned, runner, machine, store, lease, entries, watcher)
        else:
            _remember(planned, entries)
        runner.close()
        view = read_view(store, lease.sweep)
        if view.state == "stopped":
            raise KeyboardInterrupt(f"{view.id} was stopped ({view.reason}); fit again to go on")
        began = time.perf_counter()
        try:
            yield Searched(view, planned)
        except Exception:
            _note(store, lease, began)
            raise
        _note(store, lease, began)


def _note(store: Records, lease: Lease, began: float) -> None:
    """The caller has what it asked for: the same fit again is a new search."""
    body = {"refit_s": time.perf_counter() - began}
    store.append(lease.sweep, [Entry("returned", time.time(), body)], lease)


def _taken(store: Records, name: str, key: str) -> Lease | None:
    """The right to go on with this fit's last sweep; None where there is nothing to go on with."""
    latest = store.latest(name)
    if latest is None or store.header(latest).get("searchcv", {}).get("key") != key:
        return None
    if any(entry.kind == "returned" for entry in store.entries(latest)):
        return None
    try:
        return store.acquire(latest)
    except LeaseError:  # the same fit runs somewhere else right now
        return None


def _remember(planned: Planned, entries: list[Entry]) -> None:
    """Tell the strategy of a finished search which trials were whose."""
    from search.learning import Learning
    from search.trials import Trials

    policy = _policy(planned, "", 1)
    trials = Trials.from_entries(entries, "")
    Learning(policy, planned.strategy, trials).relearn(entries)


def _policy(planned: Planned, objective: str, slots: int, **more: Any) -> Policy:
    """Every candidate to its end, whatever fails, unless the first failure is to end it."""
    return Policy(planned.budget, objective, "maximize", slots, **more)


def _search(
    asked: Asked, planned: Planned, runner: Runner, machine: Machine, store: Records, lease: Lease,
    entries: list[Entry], watcher: Watcher | None,
) -> None:  # fmt: skip
    """Drive the sweep until it ends."""
    slots = min(machine.places, planned.budget)
    most = 1 if asked.error_score == "raise" else planned.budget + 1
    policy = _policy(
        planned, asked.objective, slots, stop=StopRules(failed=most), nodes=machine.nodes,
        threads=machine.threads,
    )  # fmt: skip
    slots = max(1, min(slots, Room(machine.nodes, machine.threads, slots).most))
    state = {
        "state": "running", "runner": runner.name, "max_concurrent": slots, "cores": machine.cpus,
    }  # fmt: skip
    store.append(lease.sweep, [Entry("state", time.time(), state)], lease)
    before = read_view(store, lease.sweep)
    sweep = Sweep(
        policy, planned.strategy, entries, started_at=time.time(), earlier_s=before.wall_s
    )
    listeners = [watcher.begin(before, machine, planned.budget, slots)] if watcher else []
    driver = Driver(sweep, store, lease.sweep, lease, listeners)
    rows, splits = asked.rows, asked.splits
    here = runner.name == "inline"
    if not here:  # large arrays into a file that all workers of this host share
        rows, splits = mapped(rows), mapped(splits)
    workload = Workload(asked.assignment(planned.vocabulary, machine.threads), rows, [splits])
    try:
        driver.poll()
        # in this process Ctrl-C is to end the fit under way, as everywhere in Python
        with nullcontext() if here else stopped_by_signals(driver.stop):
            runner.run(driver, workload, slots)
    finally:
        if watcher:
            watcher.end()
