"""Running and resuming sweeps: the one way that the command line and Python share."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.runner import Machine, Runner
from evaluators.importing import uncollected
from quintain.again import stands, told_again
from quintain.driving import Bounds, Watcher, given_up_by_signals, search, slots_on
from quintain.orders import orders_of, stops_of
from quintain.places import Early, Place, begun_early
from quintain.result import Result
from quintain.sameness import must_be_resumable, must_be_the_same
from search.entries import Entry
from search.errors import RecordsError
from search.outlook import Foresight
from search.records import Lease, Records
from search.room import Share
from search.spec import read_spec
from search.view import read_view

if TYPE_CHECKING:  # scikit-learn and pandas are imported when a sweep is prepared, not before
    from quintain.callbacks import Callback
    from quintain.prepare import Prepared


def run(
    spec: str | Path | Mapping[str, Any],
    data: Any = None,
    *,
    runner: str = "auto",
    address: str | None = None,
    records: str | None = None,
    progress: bool = True,
    plan: bool = True,
    fresh: bool = False,
    watcher: Watcher | None = None,
    callbacks: Sequence["Callback"] = (),
) -> Result:
    """Run one sweep to its end; what the store knows already is not run again.

    Args:
        spec: a TOML file, or the same as a dict.
        data: a DataFrame, or (X, y), in place of the spec's source.
        runner: "ray" (Ray Tune), "local" (child processes), "inline" (this process), or "auto".
        address: a running Ray cluster to join; implies the ray runner.
        records: where to keep the record; default: QUINTAIN_RECORDS, else the user's data folder.
        progress: whether to show it, on standard error.
        plan: whether pilot fits say first how long it will take, where that is minutes.
        fresh: whether to run what the store knows, too.
        watcher: shows progress in a way of its own.
        callbacks: each is called with the sweep's id and every trial that has ended
            (``quintain.callbacks``); what one raises is told and ends nothing.

    Raises:
        QuintainError: something that can be mended; nothing was written unless trials had begun.
    """
    loaded = read_spec(_with_source(spec, data))
    with begun_early(loaded, data, runner, address) as early:
        with uncollected():  # most of a short sweep's time until its first trial
            from quintain.prepare import prepare
            from quintain.roads import warned_of_roads

        watcher = watcher or (default_watcher() if progress else None)
        with Records.open(records, create=False) as ledger:
            prepared = prepare(loaded, data, ledger)
            known = None if fresh else stands(prepared, address, ledger)
            prepared = prepared if known else warned_of_roads(prepared, ledger)
        if known is not None:
            if early is not None:
                early.abandon()
            with Records.open(records) as store:
                name = store.create(prepared.spec.name, known)
                with store.acquire(name) as lease:
                    return told_again(prepared, known["replays"], store, lease, watcher, data)
        place = placed(prepared, runner, address, early)
        with Records.open(records) as store:
            watcher = telling(callbacks, store, watcher)
            further = {"fresh": True} if fresh else None
            return start(place, data, store, watcher=watcher, plan=plan, further=further)


def telling(
    callbacks: Sequence["Callback"], store: Records, watcher: Watcher | None
) -> Watcher | None:
    """A watcher that tells callbacks as well, where there are any."""
    if not callbacks:
        return watcher
    from quintain.callbacks import Telling

    return Telling(callbacks, store, watcher)


def placed(
    prepared: "Prepared", runner: str, address: str | None, early: Early | None = None
) -> Place:
    """Where a new sweep of what was prepared will run; ``early``: what was begun for it.

    Raises:
        PlanError: no trial could run there in the memory that the spec gives it.
    """
    from quintain.least_memory import refuse_too_little

    place = Place(prepared, runner, address, early)
    refuse_too_little(prepared, place.name)
    return place


def start(
    place: Place,
    data: Any,
    store: Records,
    *,
    watcher: Watcher | None,
    plan: bool = True,
    further: Mapping[str, Any] | None = None,
    begun: Callable[[str], None] = lambda sweep: None,
) -> Result:
    """A new sweep of what was prepared for a place, to its end.

    ``further``: what its header is to tell besides; ``begun`` is called with its id once it is in
    the store, before its first trial.
    """
    prepared = place.prepared
    with ExitStack() as stack:
        # what cannot start is refused before anything is written
        nested = prepared.spec.evaluate.nested
        started = None if nested else stack.enter_context(place())
        foresight = None
        if started is not None:
            slots = slots_on(prepared.spec, started[1])
            foresight = _foreseen(place, started[1], slots, watcher) if plan else None
        header = prepared.header(place.name) | {"address": place.address, **(further or {})}
        sweep_id = store.create(prepared.spec.name, header)
        begun(sweep_id)
        with store.acquire(sweep_id) as lease:
            return _sweep(prepared, place, started, store, lease, watcher, data, foresight)


def _foreseen(
    place: Place, machine: Machine, slots: int, watcher: Watcher | None
) -> Foresight | None:
    """The plan of a sweep that is about to start, where it is long enough for one."""
    from quintain.foreseeing import foresee, pilots_s

    seconds = pilots_s(place.prepared, place.trial_s, slots)
    if seconds is None:
        return None
    with given_up_by_signals() as look:

        def tell(line: str) -> None:
            look()
            if watcher is not None:
                watcher.say(line)

        return foresee(place.prepared, place.name, machine, slots, seconds, tell)


def resume(
    sweep: str,
    data: Any = None,
    *,
    runner: str = "auto",
    address: str | None = None,
    records: str | None = None,
    progress: bool = True,
    watcher: Watcher | None = None,
    callbacks: Sequence["Callback"] = (),
) -> Result:
    """Go on with a sweep that was interrupted or stopped; nothing recorded runs again.

    ``callbacks`` hear of trials that end from now on.

    Raises:
        RecordsError: no such sweep, or it is complete.
        LeaseError: its driver is still alive.
        DataError: the data is not what it was.
    """
    from quintain.prepare import prepare, spec_of

    watcher = watcher or (default_watcher() if progress else None)
    with Records.open(records, create=False) as store:
        sweep_id = store.resolve(sweep)
        header = store.header(sweep_id)
        if "outer_of" in header:
            raise RecordsError(
                f"{sweep_id} is a part of another: quintain resume {header['outer_of']}"
            )
        must_be_resumable(store, sweep_id)
        heard = store.changes.last(sweep_id)
        spec = spec_of(header)
        prepared = prepare(spec, data, store, header)
        must_be_the_same(sweep_id, header, prepared)
        if "replays" in header:
            with store.acquire(sweep_id) as lease:
                return told_again(prepared, header["replays"], store, lease, watcher, data)
        if runner == "auto" and address is None:
            runner, address = header["runner"], header.get("address")
        place = Place(prepared, runner, address)
        watcher = telling(callbacks, store, watcher)
        with store.acquire(sweep_id) as lease:
            return _sweep(prepared, place, None, store, lease, watcher, data, heard=heard)


def drive(
    store: Records, lease: Lease, *, runner: str, address: str | None, slots: int | None,
    heard: int, watcher: Watcher | None, folder: Path | None = None, share: Share | None = None,
) -> Result:  # fmt: skip
    """A sweep that the service has queued, new or begun before, to its end.

    Args:
        store: the records.
        lease: of the sweep.
        runner: as for ``run``.
        address: as for ``run``.
        slots: trials at a time at most.
        share: what part of a cluster it may use.
        heard: orders up to this change are done with.
        watcher: shows progress.
        folder: where the spec's relative paths start on this machine, if elsewhere than recorded.

    Raises:
        QuintainError: something that can be mended; what was recorded is kept.
    """
    from quintain.prepare import prepare, spec_of

    header = store.header(lease.sweep)
    begun = "fingerprint" in header
    spec = spec_of({**header, "folder": str(folder)} if folder else header)
    prepared = prepare(spec, None, store, header if begun else None)
    known = header if "replays" in header else None
    if not begun and not header.get("fresh"):
        known = stands(prepared, address, store)
        if known is not None:
            store.settle(lease, {**header, **known, "folder": header["folder"]})
    if known is not None:
        return told_again(prepared, known["replays"], store, lease, watcher, None)
    place = Place(prepared, runner, address, slots=slots, share=share)
    foresight = started = None
    with ExitStack() as stack:
        if begun:
            must_be_the_same(lease.sweep, header, prepared)
        else:
            from quintain.least_memory import refuse_too_little
            from quintain.roads import warned_of_roads

            refuse_too_little(prepared, place.name)
            prepared = place.prepared = warned_of_roads(prepared, store)
            if not prepared.spec.evaluate.nested:
                started = stack.enter_context(place())
                most = slots_on(prepared.spec, started[1], slots, share)
                foresight = _foreseen(place, started[1], most, watcher)
            settled = {**prepared.header(place.name), "address": place.address}
            settled["folder"] = header["folder"]
            store.settle(lease, {**header, **settled})
        return _sweep(prepared, place, started, store, lease, watcher, None, foresight, heard)


def _sweep(
    prepared: "Prepared", place: Place, started: tuple[Runner, Machine] | None, store: Records,
    lease: Lease, watcher: Watcher | None, data: Any, foresight: Foresight | None = None,
    heard: int = 0,
) -> Result:  # fmt: skip
    """The sweep of a lease that beats, to its end; a nested one searches its outer folds first."""
    from quintain.closing import close
    from quintain.locking import register

    sweep_id = lease.sweep
    with ExitStack() as stack:
        register(store, sweep_id, prepared.division)
        if prepared.spec.evaluate.nested:
            from quintain.nested import search_outer

            store.append(sweep_id, [Entry("state", time.time(), {"state": "running"})], lease)
            inner = Bounds(place.slots, place.share, stops_of(store, sweep_id, heard))
            over = search_outer(prepared, place, store, lease, watcher, inner)
            if over is not None:
                ended = {"state": over[0], "reason": over[1]}
                store.append(sweep_id, [Entry("state", time.time(), ended)], lease)
                return Result(
                    read_view(store, sweep_id), spec=prepared.spec, data=data,
                    records=store.address,
                )  # fmt: skip
        runner, machine = started or stack.enter_context(place())
        bounds = Bounds(place.slots, place.share, orders_of(store, sweep_id, heard))
        search(prepared, runner, machine, store, lease, watcher, foresight, bounds)
        runner.close()  # workers hold memory that what follows may want
        if "vary" in store.header(sweep_id):
            from quintain.varying.concluding import conclude

            conclude(prepared, store, lease)
        else:
            close(prepared, store, lease)
    return Result(
        read_view(store, sweep_id), spec=prepared.spec, data=data, prepared=prepared,
        records=store.address,
    )  # fmt: skip


def default_watcher() -> Watcher:
    """Progress on standard error: a panel on a terminal or in a notebook, else lines."""
    from rich.console import Console

    from quintain.progress import Progress

    return Progress(Console(stderr=True))


def open_sweep(sweep: str, data: Any = None, *, records: str | None = None) -> Result:
    """A sweep of the store as it stands now, running or not.

    ``data``: the table or (X, y) it was run on, where that was not a file; ``fit`` needs it.
    """
    with Records.open(records, create=False) as store:
        return Result(read_view(store, store.resolve(sweep)), data=data, records=records)


def open_records(url: str | None = None) -> Records:
    """The store of sweeps at ``url``, to read; a context manager. None: where commands look.

    Raises:
        RecordsError: it cannot be opened, or is no store of ours.
    """
    return Records.open(url, create=False)


def _with_source(spec: str | Path | Mapping[str, Any], data: Any) -> str | Path | Mapping[str, Any]:
    """A dict without a source is complete when the data is given as an object."""
    if data is None or not isinstance(spec, Mapping):
        return spec
    part = {"source": "(in memory)", "target": "target"} | dict(spec.get("data", {}))
    return {**spec, "data": part}
