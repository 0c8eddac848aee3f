"""Running and resuming sweeps: the one way that the command line and Python share."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cluster.runner import Machine, Runner, Workload
from evaluators.errors import DataError, QuintainError
from evaluators.types import Warned
from quintain.result import Result
from search.driver import Driver, Listener
from search.entries import BUDGETED, Entry
from search.errors import RecordsError
from search.records import Lease, Records
from search.spec import Spec, read_spec
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view import SweepView, read_view

if TYPE_CHECKING:  # scikit-learn and pandas are imported when a sweep is prepared, not before
    from quintain.prepare import Prepared

#: Below this many predicted seconds of search, Ray would take longer to start than to help.
LOCAL_BELOW_S = 10.0
RUNNERS = ("auto", "ray", "local", "inline")


class Watcher(Protocol):
    """Whoever shows a sweep while it runs."""

    def begin(self, view: SweepView, machine: Machine, budget: int, slots: int) -> Listener:
        """The sweep is about to start; what to call after each event."""

    def end(self) -> None:
        """The search is over."""


def run(
    spec: str | Path | Mapping[str, Any],
    data: Any = None,
    *,
    runner: str = "auto",
    address: str | None = None,
    records: str | None = None,
    progress: bool = True,
    watcher: Watcher | None = None,
) -> Result:
    """Run one sweep to its end.

    Args:
        spec: a TOML file, or the same as a dict.
        data: a DataFrame, or (X, y), in place of the spec's source.
        runner: "ray" (Ray Tune), "local" (child processes), "inline" (this process), or "auto".
        address: a running Ray cluster to join; implies the ray runner.
        records: where to keep the record; default: QUINTAIN_RECORDS, else the user's data folder.
        progress: whether to show it, on standard error.
        watcher: shows progress in a way of its own.

    Raises:
        QuintainError: something that can be mended; nothing was written unless trials had begun.
    """
    from quintain.prepare import prepare

    watcher = watcher or (_default_watcher() if progress else None)
    loaded = read_spec(_with_source(spec, data))
    prepared = prepare(loaded, data)
    chosen = choose_runner(runner, address, prepared)
    with Records.open(records) as store:
        try:
            machine = chosen.prepare()
            header = prepared.header(chosen.name) | {"address": address}
            sweep_id = store.create(loaded.name, header)
            return _search(prepared, chosen, machine, store, sweep_id, watcher, data)
        finally:
            chosen.close()


def resume(
    sweep: str,
    data: Any = None,
    *,
    runner: str = "auto",
    address: str | None = None,
    records: str | None = None,
    progress: bool = True,
    watcher: Watcher | None = None,
) -> Result:
    """Go on with a sweep that was interrupted or stopped; nothing recorded runs again.

    Raises:
        RecordsError: no such sweep, or it is complete.
        LeaseError: its driver is still alive.
        DataError: the data is not what it was.
    """
    from quintain.prepare import prepare, spec_of

    watcher = watcher or (_default_watcher() if progress else None)
    with Records.open(records, create=False) as store:
        sweep_id = store.resolve(sweep)
        _must_be_resumable(store, sweep_id)
        header = store.header(sweep_id)
        spec = spec_of(header)
        prepared = prepare(spec, data)
        _must_be_the_same(sweep_id, header, prepared)
        if runner == "auto" and address is None:
            runner, address = header["runner"], header.get("address")
        chosen = choose_runner(runner, address, prepared)
        try:
            machine = chosen.prepare()
            return _search(prepared, chosen, machine, store, sweep_id, watcher, data)
        finally:
            chosen.close()


def _must_be_resumable(store: Records, sweep_id: str) -> None:
    """Refuse a sweep that is complete, and one whose driver lives."""
    state = store.state(sweep_id)
    if state in ("completed", "failed"):
        raise RecordsError(f"{sweep_id} is {state}: there is nothing to resume")
    if state == "running":
        store.acquire(sweep_id).release()  # raises, and tells who is driving it


def _must_be_the_same(sweep_id: str, header: Mapping[str, Any], prepared: "Prepared") -> None:
    """Refuse to go on with other data or other code: the trials would not compare."""
    if prepared.dataset.fingerprint != header["fingerprint"]:
        raise DataError(
            f"the data of {sweep_id} has changed since it began ({prepared.spec.data.source}): "
            "start a new sweep with quintain run"
        )
    known = header.get("code") or {}
    changed = [file for file, digest in prepared.code.items() if known.get(file) != digest]
    if changed:
        raise QuintainError(
            f"{', '.join(changed)} changed since {sweep_id} began: its trials would not compare; "
            "start a new sweep with quintain run"
        )


def _default_watcher() -> Watcher:
    """Progress on standard error: a panel on a terminal or in a notebook, else lines."""
    from rich.console import Console

    from quintain.progress import Progress

    return Progress(Console(stderr=True))


def open_sweep(sweep: str, data: Any = None, *, records: str | None = None) -> Result:
    """A sweep of the store as it stands now, running or not.

    ``data``: the table or (X, y) it was run on, where that was not a file; ``fit`` needs it.
    """
    with Records.open(records, create=False) as store:
        return Result(read_view(store, store.resolve(sweep)), data=data)


def choose_runner(name: str, address: str | None, prepared: "Prepared") -> Runner:
    """The runner by name; "auto" takes Ray unless the work is a matter of seconds."""
    if name not in RUNNERS:
        raise QuintainError(f"no runner is called {name!r}; there are {', '.join(RUNNERS)}")
    resources = prepared.spec.resources
    if name == "auto":
        name = "ray" if address or _long(prepared) else "local"
    if name == "ray":
        from cluster.ray_session import set_environment

        set_environment(address)
        from cluster.tune_runner import RayRunner

        return RayRunner(address, resources.cpus_per_trial, resources.memory_limit_mb)
    if address is not None:
        raise QuintainError(f"--address needs the ray runner, not {name}")
    if name == "local":
        from cluster.local import LocalRunner

        return LocalRunner(_asked_slots(prepared.spec), resources.cpus_per_trial)
    from cluster.inline import InlineRunner

    return InlineRunner()


def _long(prepared: "Prepared") -> bool:
    """Whether the search is predicted to take longer than Ray takes to start."""
    from evaluators.pilot import predicted_trial_s

    trial_s = predicted_trial_s(prepared.assignment, prepared.dataset, prepared.splits)
    return trial_s is None or trial_s * prepared.spec.search.trials >= LOCAL_BELOW_S


def _search(
    prepared: "Prepared", runner: Runner, machine: Machine, store: Records, sweep_id: str,
    watcher: Watcher | None, data: Any,
) -> Result:  # fmt: skip
    """Drive one sweep, new or resumed, until it ends; a second driver is refused."""
    from quintain.fresh import final_rules, fresh_partitions

    spec = prepared.spec
    slots = _slots(spec, machine)
    with store.acquire(sweep_id) as lease:
        entries = list(store.entries(sweep_id))
        fresh, warned = fresh_partitions(prepared, store, sweep_id)
        _open_record(prepared, runner, store, sweep_id, lease, entries, slots, warned)
        before = read_view(store, sweep_id)
        sweep = Sweep(
            prepared.policy(slots, final_rules(prepared) if fresh else None),
            make_strategy(
                spec.search.sampler, prepared.space, direction=prepared.objective.direction,
                trials=spec.search.trials, seed=spec.search.seed,
                # a deterministic sweep is replayed from its first trial on
                resumed=0 if spec.search.deterministic else _asked(entries),
            ),
            entries, started_at=time.time(), earlier_s=before.wall_s,
        )  # fmt: skip
        listeners = [watcher.begin(before, machine, spec.search.trials, slots)] if watcher else []
        driver = Driver(sweep, store, sweep_id, lease, listeners)
        workload = Workload(prepared.assignment, prepared.dataset, [prepared.splits, *fresh])
        try:
            driver.poll()
            with stopped_by_signals(driver.stop):
                runner.run(driver, workload, slots)
        finally:
            if watcher:
                watcher.end()
    return Result(read_view(store, sweep_id), spec=spec, data=data, prepared=prepared)


def _asked(entries: Sequence[Entry]) -> int:
    """Trials asked for before."""
    return sum(entry.kind == "asked" for entry in entries)


def _slots(spec: Spec, machine: Machine) -> int:
    """Packs at a time: what the machine has, unless the spec says less."""
    return min(_asked_slots(spec) or machine.places, machine.places)


def _asked_slots(spec: Spec) -> int | None:
    """``max_concurrent`` as a number; None for "auto"."""
    asked = spec.search.max_concurrent
    return None if asked == "auto" else int(asked)


def _open_record(
    prepared: "Prepared", runner: Runner, store: Records, sweep_id: str, lease: Lease,
    entries: Sequence[Entry], slots: int, fresh_warned: Sequence[Warned],
) -> None:  # fmt: skip
    """The first entries of a run: that it runs, and once, its baseline and warnings."""
    now = time.time()
    data = prepared.dataset
    ended = sum(e.kind == "ended" and e.body["state"] in BUDGETED for e in entries)
    state = {
        "state": "running", "runner": runner.name, "max_concurrent": slots,
        "tried_elsewhere": store.tried(data.table or data.fingerprint) - ended,
    }  # fmt: skip
    opening = [Entry("state", now, state)]
    if not entries:
        opening.append(Entry("baseline", now, asdict(prepared.baseline)))
        opening += [
            Entry("warning", now, asdict(warned)) for warned in (*prepared.warnings, *fresh_warned)
        ]
    store.append(sweep_id, opening, lease)


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


def _with_source(spec: str | Path | Mapping[str, Any], data: Any) -> str | Path | Mapping[str, Any]:
    """A dict without a source is complete when the data is given as an object."""
    if data is None or not isinstance(spec, Mapping):
        return spec
    part = {"source": "(in memory)", "target": "target"} | dict(spec.get("data", {}))
    return {**spec, "data": part}
