"""Whether a store is whole: entries that can be read, trials that can be, views that fold."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from search import bodies, tables
from search.entries import Entry
from search.records import Records
from search.view import SweepView

if TYPE_CHECKING:
    from sqlalchemy import Row


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong; ``sweep`` is empty where it is of the store as a whole."""

    sweep: str
    told: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and what is wrong with it."""

    sweeps: int
    entries: int
    troubles: tuple[Trouble, ...]

    def to_json(self) -> dict[str, Any]:
        """The object of ``quintain records check --json``."""
        found = [{"sweep": each.sweep, "told": each.told} for each in self.troubles]
        return {"sweeps": self.sweeps, "entries": self.entries, "troubles": found}


def check(records: Records) -> Checked:
    """Go through the whole store. Nothing is written."""
    store = records.statements
    troubles = [Trouble("", line) for line in store.database.damage()]
    troubles += [Trouble("", line) for line in _of_ledger(store.database.snapshot)]
    count, found = 0, store.select_sweeps()
    for row, _ in found:
        rows = store.select_entries(row.id)
        count += len(rows)
        troubles += [Trouble(row.id, told) for told in _of_sweep(row, rows, records)]
    return Checked(len(found), count, tuple(troubles))


def _of_ledger(snapshot: Any) -> Iterator[str]:
    """Locked rows and looks at them."""
    with snapshot() as connection:
        for row in connection.execute(sa.select(tables.holdouts)):
            if len(row.identities) != 8 * row.rows:
                yield f"the hold-out {row.digest} has not the {row.rows} rows that it names"
        known = set(connection.execute(sa.select(tables.holdouts.c.digest)).scalars())
        for row in connection.execute(sa.select(tables.looks)):
            if row.holdout not in known:
                yield f"look {row.seq} is at a hold-out that is not there"
            if _body(row.body) is None:
                yield f"look {row.seq} cannot be read"


def _of_sweep(row: "Row[Any]", rows: "Sequence[Row[Any]]", records: Records) -> Iterator[str]:
    """One sweep's header, entries, trials, and files."""
    header = _body(row.body)
    if header is None:
        yield "its header cannot be read"
    entries = []
    for each in rows:
        body = _body(each.body)
        if body is None or not math.isfinite(each.time):
            yield f"entry {each.seq} ({each.kind}) cannot be read"
            continue
        entries.append(
            Entry(each.kind, each.time, body, each.trial, each.attempt, each.rung, each.fold)
        )
    yield from _stories(entries)
    yield from _files(entries, records.folder / row.id)
    if header is None:
        return
    try:
        view = SweepView.build(row.id, header, entries, created=row.created)
        json.dumps([view.to_json(), view.trials_json()])
    except Exception as error:  # whatever it is, nobody could look at this sweep
        yield f"it cannot be shown: {type(error).__name__}: {error}"


def _stories(entries: Sequence[Entry]) -> Iterator[str]:
    """Trials are numbered in the order of asking, and each ends once, after it was asked."""
    asked, ended = set[int](), set[int]()
    for entry in entries:
        trial = entry.trial
        if entry.kind == "asked":
            if trial != len(asked):
                yield f"trial {trial} was asked after {len(asked)} others: entries are missing"
            asked.add(trial)
        elif trial >= 0 and trial not in asked:
            yield f"trial {trial} has an entry ({entry.kind}) and was never asked"
            asked.add(trial)
        if entry.kind == "ended":
            if trial in ended:
                yield f"trial {trial} ended twice"
            ended.add(trial)


def _files(entries: Sequence[Entry], folder: Path) -> Iterator[str]:
    """Out-of-fold outputs that entries name."""
    named = [str(entry.body["oof"]) for entry in entries if entry.body.get("oof")]
    missing = [name for name in named if not (folder / name).is_file()]
    if missing:
        yield f"{len(missing)} of {len(named)} files of outputs are not in {folder}: {missing[0]}"


def _body(text: str) -> dict[str, Any] | None:
    try:
        body = bodies.read(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
