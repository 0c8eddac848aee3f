"""The records of sweeps: the truth about what was tried, what it scored and what it cost.

Laws of a store, whatever database is behind it (tests/search/test_records.py holds each to them):

- entries are only appended, and read back in the order they were appended;
- an append is all there or not at all, and when it has returned it outlives the program;
- one driver at a time: an append under a lease that no longer holds changes nothing;
- opening a current store writes nothing, and opening to read makes no store;
- partitions, hold-outs, looks and the rows of a table outlive their sweep: deleting it gives
  nothing back.
"""

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from search import bodies
from search.entries import Entry, SweepState
from search.errors import RecordsError, UnknownSweepError
from search.lease import Holder, Lease
from search.record_types import HoldoutRecord, LookRecord, SweepRecord

if TYPE_CHECKING:  # SQLAlchemy costs 0.4 s: paid at the first open, not by `quintain --help`
    import pandas as pd
    from sqlalchemy import Row

    from search.changes import Changes
    from search.location import Location
    from search.store import Store
    from search.submissions import Submissions
    from search.users import Users

__all__ = ["Holder", "HoldoutRecord", "Lease", "LookRecord", "Records", "SweepRecord"]


class Records:
    """One store of sweeps. Use as a context manager, or ``close`` it."""

    def __init__(self, store: "Store", location: "Location", exists: bool) -> None:
        self._store = store
        self._location = location
        self._exists = exists

    @classmethod
    def open(cls, url: str | None = None, *, create: bool = True) -> "Records":
        """The records at ``url``: the path of an SQLite file, or a database's URL.

        None is ``$QUINTAIN_RECORDS``, and without it ``records.db`` in the user's data folder.
        With ``create=False``, for what only reads, a store that is not there reads as empty.

        Raises:
            RecordsError: it cannot be opened, is no store of ours, or is of a newer version.
        """
        from search.location import locate
        from search.store import Store

        location = locate(url)
        store = Store.open(location, create)
        return cls(store or Store.empty(location.place), location, store is not None)

    @property
    def url(self) -> str:
        """Where the records are, in full and without the password."""
        return self._location.shown

    @property
    def exists(self) -> bool:
        """Whether there is a store; False where one opened to read was not there."""
        return self._exists

    @property
    def address(self) -> str:
        """What ``open`` takes to open them again, the password included: never to be shown."""
        return self._location.address

    @property
    def place(self) -> str:
        """Where the records are, short, for people."""
        return self._location.place

    @property
    def folder(self) -> Path:
        """Where files too large for the store go, by sweep; made by whoever writes there."""
        return self._location.folder

    def close(self) -> None:
        """Close every connection."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def statements(self) -> "Store":
        """What is under it, for the service, which passes a driver's calls on."""
        return self._store

    @cached_property
    def submissions(self) -> "Submissions":
        """What the service was asked for."""
        from search.submissions import Submissions

        return Submissions(self._store.database)

    @cached_property
    def changes(self) -> "Changes":
        """Who changed what."""
        from search.changes import Changes

        return Changes(self._store.database)

    @cached_property
    def users(self) -> "Users":
        """Who may use the service."""
        from search.users import Users

        return Users(self._store.database)

    def create(self, name: str, header: Mapping[str, Any]) -> str:
        """Record a new sweep; its id is the name and the next free serial: ``adult-income-7``.

        ``header`` is written by the rules of ``search.bodies``.
        """
        if not self._exists:
            raise RecordsError(f"the records at {self.place} were opened to read")
        return self._store.insert_sweep(name, bodies.written(header))

    def append(self, sweep: str, entries: Iterable[Entry], lease: Lease | None = None) -> None:
        """Add entries at the end, all or none; when this returns they outlive the program.

        With a lease, the same transaction proves that it still holds, and renews it.

        Raises:
            LeaseError: the lease holds no longer.
            UnknownSweepError: no such sweep.
            RecordsError: the store cannot be written now; nothing was added.
        """
        rows = [
            {
                "time": entry.time, "kind": entry.kind, "trial": entry.trial,
                "attempt": entry.attempt, "rung": entry.rung, "fold": entry.fold,
                "body": bodies.written(entry.body),
            }
            for entry in entries
        ]  # fmt: skip
        if lease is None:
            self._store.insert_entries(sweep, rows, None)
            return
        lease.check()
        self._store.insert_entries(sweep, rows, lease.token)
        # a beat had failed and the store is well again: this append renewed what it had not
        lease.trouble = None

    def entries(self, sweep: str) -> list[Entry]:
        """Every entry of a sweep, in the order they were appended."""
        return [entry for _, entry in self.entries_after(sweep, 0)]

    def entries_after(self, sweep: str, seq: int, most: int = -1) -> list[tuple[int, Entry]]:
        """Entries after the one numbered ``seq``, with their numbers; ``most`` of them, or all."""
        return [
            (row.seq, Entry(row.kind, row.time, bodies.read(row.body), row.trial, row.attempt,
                            row.rung, row.fold))
            for row in self._store.select_entries(sweep, seq, most)
        ]  # fmt: skip

    def ends(self, sweep: str, upto: int = 2**62) -> list[tuple[int, str, int, int, str]]:
        """What a sweep asked, how that and its finalists ended, its budgets; up to an entry.

        Each is (number of the entry, kind, trial, rung, body as stored). Nothing of a sweep that
        is not there.
        """
        return [(*row,) for row in self._store.select_ends(sweep, upto)]

    def settle(self, lease: Lease, header: Mapping[str, Any]) -> None:
        """Replace the header that a sweep was queued with, before its first entry.

        Raises:
            LeaseError: the lease holds no longer.
        """
        self._store.settle(lease.sweep, lease.token, bodies.written(header))

    def sweeps(self) -> list[SweepRecord]:
        """Every sweep, newest first. No sweep's entries are gone through."""
        return [_record(row, holder) for row, holder in self._store.select_sweeps()]

    def sweep(self, sweep: str) -> SweepRecord:
        """One sweep by its whole id."""
        for row, holder in self._store.select_sweeps(sweep):
            return _record(row, holder)
        raise self._unknown(sweep)

    def header(self, sweep: str) -> Mapping[str, Any]:
        """What stood when the sweep was created."""
        return self.sweep(sweep).header

    def state(self, sweep: str) -> SweepState:
        """The recorded state, or "interrupted" where it should run and no driver is alive."""
        return self.sweep(sweep).state

    def resolve(self, text: str) -> str:
        """The id a person means: an id, a name (its last sweep), or the start of one name only.

        A serial is never completed: ``adult-1`` is not ``adult-12``.
        """
        found = self._store.select_ids()
        if any(text == sweep for sweep, _ in found):
            return text
        latest: dict[str, str] = {}
        for sweep, name in found:  # the highest serial of a name comes first
            latest.setdefault(name, sweep)
        if text in latest:
            return latest[text]
        serial = re.fullmatch(r"(.+)-\d+", text)
        if serial and serial[1] in latest:
            raise self._unknown(text, [latest[serial[1]]])
        starts = [name for name in latest if text and f"{name}-".startswith(text)]
        if len(starts) == 1:
            return latest[starts[0]]
        raise self._unknown(text, [latest[name] for name in starts])

    def latest(self, name: str) -> str | None:
        """The last sweep of exactly this name; None before the first."""
        return next((sweep for sweep, of in self._store.select_ids() if of == name), None)

    def acquire(self, sweep: str, launch: str | None = None) -> Lease:
        """The right to drive a sweep. See ``search.lease`` for when a driver counts as alive.

        ``launch``: for which the service has started this driver.

        Raises:
            LeaseError: another driver is alive: who, since when, what to do.
        """
        return Lease(sweep, self._store.take(sweep, launch), self._store)

    def draw_partition(self, table: str, sweep: str, role: str) -> int:
        """A 32-bit seed for folds that no sweep of this store has seen on the source ``table``.

        Not drawn before, nor the ``folds_seed`` of a sweep; asked again for the same sweep and
        role, the same seed. A new store with the same history gives the same seeds, so that a
        sweep can be repeated elsewhere.
        """
        seeds = (
            int.from_bytes(hashlib.sha256(f"{table} {sweep} {role} {turn}".encode()).digest()[:4])
            for turn in count()
        )
        return self._store.insert_partition(table, sweep, role, seeds)

    def tried(self, table: str) -> int:
        """Configurations that reached an end, over all sweeps of this store on ``table``."""
        return self._store.count_ended(table)

    def lock(self, holdout: HoldoutRecord) -> None:
        """Keep these rows from every sweep to come; the same rows are locked once.

        The time is the store's own.
        """
        self._store.insert_holdout(
            {
                "digest": holdout.digest, "columns": holdout.names, "rows": holdout.rows,
                "identities": holdout.identities, "sweep": holdout.sweep,
            }
        )  # fmt: skip

    def holdouts(self, names: str) -> list[HoldoutRecord]:
        """What is locked of tables with these column names, oldest first."""
        return [
            HoldoutRecord(row.digest, row.columns, row.rows, row.identities, row.sweep, row.time)
            for row in self._store.select_holdouts(names)
        ]

    def looks(self, names: str) -> list[LookRecord]:
        """Looks at locked rows of tables with these column names, in their order."""
        return [
            LookRecord(
                row.seq, row.holdout, row.sweep, row.time, bodies.read(row.body), row.outputs
            )
            for row in self._store.select_looks(names)
        ]

    def add_look(self, look: LookRecord, names: str, after: int) -> bool:
        """Record a look, if none was taken since the one numbered ``after`` (0: since ever).

        False where one was: what is to be answered has to be thought over. So two looks at once
        cannot both be the first.
        """
        row = {
            "holdout": look.holdout, "sweep": look.sweep, "time": look.time,
            "body": bodies.written(look.body), "outputs": look.outputs,
        }  # fmt: skip
        return self._store.insert_look(row, names, after)

    def keep_source(self, table: str, identities: bytes) -> None:
        """Remember the rows of the source ``table``, as ``search.ledger.packed`` writes them.

        Once for each table: the same digest means the same rows.
        """
        self._store.insert_source(table, identities)

    def source(self, table: str) -> bytes | None:
        """The rows of a source table; None where no sweep of this store kept them."""
        return self._store.select_source(table)

    def to_pandas(self, sweep: str | None = None) -> "pd.DataFrame":
        """The trials of a sweep, by id or name, or of all, oldest first; a row each.

        ``search.frame`` names the columns.
        """
        from search.frame import frame
        from search.view import read_view

        found = [each.id for each in reversed(self.sweeps())]
        ids = found if sweep is None else [self.resolve(sweep)]
        return frame([read_view(self, each) for each in ids])

    def _unknown(self, text: str, starts: Iterable[str] = ()) -> UnknownSweepError:
        """Nobody is told "unknown" without what there is."""
        ids = [sweep for sweep, _ in self._store.select_ids()]
        if not ids:
            return UnknownSweepError(f"unknown sweep {text!r}: there is no sweep in {self.place}")
        near = list(starts) or difflib.get_close_matches(text, ids, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near[:3])}?" if near else "quintain list shows them"
        return UnknownSweepError(f"unknown sweep {text!r} in {self.place}; {hint}")


def _record(row: "Row[Any]", driver: Holder | None) -> SweepRecord:
    """A row of the store with its bodies read."""
    last = bodies.read(row.last) if row.last else {}
    state: SweepState = last.get("state", "queued")
    if state in ("running", "stopping") and driver is None:
        state = "interrupted"
    header = bodies.read(row.body)
    return SweepRecord(row.id, row.name, row.serial, row.created, header, state, last, driver)
