"""The sweep's hands: feeds events in, writes what it answers, and tells who listens."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from evaluators.types import Warned
from search.entries import Entry
from search.errors import LeaseError, RecordsError
from search.events import BudgetsSet, Cancel, Dispatch, Event, Finish, Record, StopAsked, Ticked
from search.fold_files import FoldFiles
from search.node_log import NodeLog
from search.records import Lease, Records
from search.sweep import Sweep

#: Out-of-fold files of one sweep take at most this many bytes; DESIGN, "Records are the truth".
OOF_CAP = 1_000_000_000

#: Seconds between two looks at what was ordered from elsewhere.
HEARD_EVERY_S = 1.0

#: What was ordered since the last call.
Orders = Callable[[], Iterable[StopAsked | BudgetsSet]]
Listener = Callable[[Sweep, Iterable[Entry]], None]


def no_orders() -> Iterable[StopAsked | BudgetsSet]:
    """Nobody gives any."""
    return ()


class Driver:
    """Connects one sweep with its record. A runner calls ``feed``; everything else follows.

    What is written is written before the runner acts on it, in one transaction an event, so that
    a killed driver has lost nothing it ever acted on.
    """

    def __init__(
        self,
        sweep: Sweep,
        records: Records,
        sweep_id: str,
        lease: Lease,
        listeners: Iterable[Listener] = (),
        clock: Callable[[], float] = time.time,
        orders: Orders = no_orders,
    ) -> None:
        self.sweep = sweep
        self.sweep_id = sweep_id
        self.clock = clock
        self._records = records
        self._lease = lease
        self._listeners = tuple(listeners)
        self._nodes = NodeLog()
        self._stop_reason: str | None = None
        self._grace_s = 0.0
        self._orders = orders
        self._looked_at = 0.0
        self._oof_folder: Path = records.folder / sweep_id
        self._oof_bytes = sum(file.stat().st_size for file in self._oof_folder.glob("*.oof"))
        self._oof_full = False
        self._unshared = False
        self._folds = FoldFiles(self._oof_folder)
        for trial in sweep.queue.parts.keep(
            self._folds.read()
        ):  # its driver was killed as it ended
            self._folds.drop(trial)

    @property
    def finished(self) -> bool:
        """Whether the sweep is over."""
        return self.sweep.finished

    @property
    def places(self) -> int:
        """Packs at a time for which there is room on the nodes that there are now."""
        return self.sweep.queue.room.most

    def stop(self, reason: str, grace_s: float = 0.0) -> None:
        """Ask the sweep to stop. Safe in a signal handler: acted on at the next ``poll``.

        ``grace_s``: for so many seconds what runs may still end.
        """
        self._grace_s = grace_s if self._stop_reason is None else min(grace_s, self._grace_s)
        self._stop_reason = self._stop_reason or reason

    def warn(self, code: str, message: str, figure: float | None = None) -> None:
        """Record something the user should know."""
        body = {"code": code, "message": message, "figure": figure}
        self._records.append(self.sweep_id, [Entry("warning", self.clock(), body)], self._lease)

    def poll(self) -> list[Dispatch | Cancel | Finish]:
        """Let time pass: stop requests and time limits take effect.

        Raises:
            LeaseError: another driver has taken the sweep over.
        """
        self._lease.check()
        out = self._hear()
        if self._stop_reason is not None:
            return out + self.feed(StopAsked(self.clock(), self._stop_reason, self._grace_s))
        return out + self.feed(Ticked(self.clock()))

    def _hear(self) -> list[Dispatch | Cancel | Finish]:
        """Carry out what was ordered from elsewhere since the last look, a second ago."""
        out: list[Dispatch | Cancel | Finish] = []
        if self.finished or abs(self.clock() - self._looked_at) < HEARD_EVERY_S:
            return out
        self._looked_at = self.clock()
        try:
            orders = list(self._orders())
        except LeaseError:
            raise
        except RecordsError:  # a store that is away for a while ends no search by itself
            return out
        for order in orders:
            if isinstance(order, StopAsked):
                self.stop(order.reason, order.grace_s)
            else:
                out += self.feed(order)
        return out

    def feed(self, event: Event) -> list[Dispatch | Cancel | Finish]:
        """One event in; what the runner has to do comes back."""
        entries: list[Entry] = [] if self.finished else self._nodes.heard(event)
        tasks: list[Dispatch | Cancel | Finish] = []
        for instruction in self.sweep.handle(event):
            if isinstance(instruction, Record):
                entries += self._with_oof(instruction)
                if instruction.fold is not None:
                    self._folds.keep(instruction.entry.trial, instruction.fold)
            else:
                tasks.append(instruction)
            if isinstance(instruction, Finish):
                entries += self._nodes.rest(event.time)
                entries.append(self._last_state(instruction, event.time))
        if entries:
            self._records.append(self.sweep_id, entries, self._lease)
            for entry in entries:
                if entry.kind == "ended":
                    self._folds.drop(entry.trial)
        for listener in self._listeners:
            listener(self.sweep, entries)
        return tasks

    def _last_state(self, finish: Finish, now: float) -> Entry:
        """The closing entry, with what a list of sweeps shows."""
        trials, best, finals = self.sweep.trials, self.sweep.best, self.sweep.finals
        summary: dict[str, Any] = {
            "counts": {
                state: trials.count(state)
                for state in ("completed", "pruned", "failed", "cancelled")
            },
            "best": None if best is None else {"trial": best.number, "score": best.score},
            "held_by_memory": self.sweep.queue.room.held_by_memory,
            "estimate": None if finals is None else finals.estimate,
        }
        if finals is not None and finals.winner is not None:
            summary["best"] = finals.chosen
        body = {"state": finish.state, "reason": finish.reason, "summary": summary}
        return Entry("state", now, body)

    def _with_oof(self, record: Record) -> list[Entry]:
        """Put out-of-fold outputs into a file beside the store and name it in the entry.

        Over the cap they are left out, and that is said once.
        """
        entry, oof = record.entry, record.oof
        if record.kept is not None:
            return self._with_kept(entry, *record.kept)
        if oof is None:
            return [entry]
        if self._oof_full:
            return [entry]
        if self._oof_bytes + len(oof) > OOF_CAP:
            self._oof_full = True
            return [entry, _without_oof(entry, f"they have reached {OOF_CAP / 1e9:g} GB")]
        path = self._oof_folder / _oof_name(entry)
        aside = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(oof)
            aside.rename(path)
        except OSError as error:  # the scores are worth more than the file
            self._oof_full = True
            return [entry, _without_oof(entry, str(error))]
        self._oof_bytes += len(oof)
        return [replace(entry, body={**entry.body, "oof": path.name})]

    def _with_kept(self, entry: Entry, sweep: str, name: str) -> list[Entry]:
        """The outputs that another sweep has kept of this trial are ours as well.

        Where they are gone, or cannot be had from here, that is said once.
        """
        mine = _oof_name(entry)
        try:
            share(self._records.folder / sweep / Path(name).name, self._oof_folder / mine)
        except OSError:
            warned = [] if self._unshared else [_unshared(entry, sweep)]
            self._unshared = True
            return [entry, *warned]
        return [replace(entry, body={**entry.body, "oof": mine})]


def share(kept: Path, mine: Path) -> None:
    """``mine`` is the file ``kept``, which may be deleted by its own name.

    Raises:
        OSError: it is not there, or cannot be read or written.
    """
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.unlink(missing_ok=True)
    try:
        os.link(kept, mine)
    except FileNotFoundError:
        raise
    except OSError:  # no hard links on this file system
        shutil.copyfile(kept, mine)


def _oof_name(entry: Entry) -> str:
    """By trial and attempt; a finalist's by its place and the partition."""
    if entry.kind == "rescored":
        return f"fresh-{entry.body['partition']}-{entry.body['candidate']}.oof"
    return f"{entry.trial}-{entry.attempt}.oof"


def _without_oof(entry: Entry, why: str) -> Entry:
    """The warning that from this trial on no out-of-fold outputs are kept."""
    message = f"from trial {entry.trial} on, out-of-fold outputs are not kept: {why}"
    body = {"code": "oof_not_kept", "message": message, "figure": float(entry.trial)}
    return Entry("warning", entry.time, body)


def _unshared(entry: Entry, sweep: str) -> Entry:
    """The warning that a trial is known and its out-of-fold outputs are not."""
    message = (
        f"trial {entry.trial} is known from {sweep}, whose out-of-fold outputs are not to be had "
        "here: what is computed from the outputs of all trials, as BBC-CV, is left out"
    )
    warned = Warned("known_without_outputs", message, float(entry.trial))
    return Entry("warning", entry.time, asdict(warned))
