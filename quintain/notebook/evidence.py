"""What a notebook of one sweep rests on: its record, and what can be read beside it.

Nothing is drawn, scored or written here. What cannot be had (data that moved, outputs that were
not kept) is a sentence that says so, never an error: a page is always made.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evaluators.errors import QuintainError
from quintain.notebook.notes import Noted
from search.bodies import number
from search.entries import Entry
from search.finals_plan import ESTIMATE
from search.view import SweepView

if TYPE_CHECKING:
    from evaluators.out_of_fold import OutOfFold
    from quintain.notebook.curves import ClassCurves
    from search.records import Records


@dataclass(frozen=True, slots=True)
class Stay:
    """A trial, or a finalist's run, at a worker; seconds since the sweep began."""

    trial: int
    worker: str
    begin: float
    end: float
    state: str


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Everything a page tells.

    Attributes:
        outputs: out-of-fold outputs of the winner, with ``of`` telling which folds they are of.
        missing: why there are none.
        looks: at the hold-out, as ``quintain holdout --list`` has them.
    """

    view: SweepView
    notes: Sequence[Noted] = ()
    stays: Sequence[Stay] = ()
    curves: Sequence["ClassCurves"] = ()
    outputs: "OutOfFold | None" = None
    of: str = ""
    missing: str = ""
    looks: Sequence[Mapping[str, Any]] = field(default=())


def gathered(
    view: SweepView, entries: Sequence[Entry], notes: Sequence[Noted], store: "Records | None",
    data: Any = None,
) -> Evidence:  # fmt: skip
    """Of a sweep whose record is ``entries``; without a store there are no outputs to read."""
    outputs, of, missing = _outputs(view, entries, store, data)
    curves: Sequence[ClassCurves] = ()
    if outputs is not None and outputs[0].kind != "value":
        from quintain.notebook.curves import class_curves

        scored, names, groups = outputs
        curves = class_curves(scored, names, groups)
    return Evidence(
        view, notes, stays(entries), curves, None if outputs is None else outputs[0], of, missing,
        _looks(view, store),
    )  # fmt: skip


def stays(entries: Sequence[Entry]) -> list[Stay]:
    """Who was where and when.

    Trials of one pack begin and end together as far as the record knows: their share of that time
    is what each of them took of it. One whose folds several workers shared was in several places.
    """
    began: dict[tuple[int, int], Entry] = {}
    packs: dict[tuple[str, float], list[tuple[Entry, float]]] = {}
    found: list[Stay] = []
    origin = entries[0].time if entries else 0.0
    for entry in entries:
        body = entry.body
        if entry.kind == "started":
            began[entry.trial, entry.attempt] = entry
        elif entry.kind in ("ended", "paused", "lost"):
            start = began.pop((entry.trial, entry.attempt), None)
            if body.get("parts"):
                found += _shared(entry, origin, entry.trial, str(body["state"]))
            elif start is not None:
                wall = number(body.get("resources", {}).get("wall_s", 0.0))
                place = str(start.body.get("worker", "?")), start.time
                packs.setdefault(place, []).append((entry, max(wall, 1e-6)))
        elif entry.kind == "rescored" and body.get("parts"):
            found += _shared(entry, origin, -1, "finalist")
        elif entry.kind == "rescored" and body.get("worker"):
            wall = number(body.get("resources", {}).get("wall_s", 0.0))
            at = entry.time - origin
            found.append(Stay(-1, str(body["worker"]), at - wall, at, "finalist"))
    for (worker, start_time), pack in packs.items():
        end = max(entry.time for entry, _ in pack)
        every, at = math.fsum(wall for _, wall in pack), start_time
        for entry, wall in pack:
            until = at + (end - start_time) * wall / every
            state = str(entry.body.get("state", entry.kind))
            found.append(Stay(entry.trial, worker, at - origin, until - origin, state))
            at = until
    return found


def _shared(entry: Entry, origin: float, trial: int, state: str) -> list[Stay]:
    """Where the parts of one configuration were."""
    return [
        Stay(trial, str(worker), began - origin, until - origin, state)
        for worker, began, until in entry.body["parts"]
    ]


def _looks(view: SweepView, store: "Records | None") -> Sequence[Mapping[str, Any]]:
    if store is None or not view.header.get("rows_locked"):
        return ()
    from quintain.holdout import looks_of

    try:
        return looks_of(store, view)
    except (QuintainError, KeyError):  # of an older record, or a store that no longer has them
        return ()


def _outputs(
    view: SweepView, entries: Sequence[Entry], store: "Records | None", data: Any
) -> tuple[Any, str, str]:
    """(outputs, class names, groups) of the winner, what they are of, or why there are none."""
    best = view.best
    if best is None:
        return None, "", "no trial has completed with a score"
    if store is None:
        return None, "", "a service gives the record, not the files beside it"
    body, fresh = _kept(view, entries)
    if body is None:
        return None, "", "the winner's out-of-fold outputs were not kept"
    try:
        return *_read(view, store, body, fresh, data), ""
    except (QuintainError, OSError, ValueError, KeyError) as error:
        return None, "", f"the winner's out-of-fold outputs cannot be read again: {error}"


def _kept(view: SweepView, entries: Sequence[Entry]) -> tuple[Mapping[str, Any] | None, bool]:
    """The entry with the outputs of the estimate; else of the folds searched on."""
    won = [entry.body["candidate"] for entry in entries if entry.kind == "winner"]
    rescored = [entry.body for entry in entries if entry.kind == "rescored"]
    if won:
        places = {(each["candidate"], each["partition"]): each for each in rescored}
        found = places.get((won[-1], ESTIMATE))
        if found is not None and found.get("oof"):
            return found, True
        found = places.get((won[-1], 0))
        if found is not None and found.get("oof"):
            return found, False
    assert view.best is not None
    bodies = [e.body for e in entries if e.kind == "ended" and e.trial == view.best.trial]
    return (bodies[-1], False) if bodies and bodies[-1].get("oof") else (None, False)


def _read(
    view: SweepView, store: "Records", body: Mapping[str, Any], fresh: bool, data: Any
) -> tuple[Any, str]:
    """From the file, with the data read again for what is true."""
    from evaluators.out_of_fold import from_file
    from quintain.fresh import fresh_partitions
    from quintain.prepare import prepare, spec_of

    kept = (store.folder / view.id / body["oof"]).read_bytes()
    prepared = prepare(spec_of(view.header), data, store, view.header)
    if prepared.dataset.fingerprint != view.header["fingerprint"]:
        raise QuintainError("the data has changed since it was searched")
    splits, of = prepared.splits, "the folds searched on: optimistic, they chose the winner"
    if fresh:
        splits = fresh_partitions(prepared, store, view.id)[0][ESTIMATE - 1]
        of = "fresh folds, which chose nothing"
    scored = from_file(kept, prepared.dataset.target, splits)
    return (scored, prepared.dataset.classes, prepared.dataset.groups), of
