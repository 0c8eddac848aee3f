"""A store copied while others use it: into a file, or into an empty database of a server."""

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from search import tables
from search.database import Database, check_file
from search.errors import RecordsError
from search.location import Location, locate
from search.records import Records

#: Rows that are carried over at a time.
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Copied:
    """What is in the copy: the number of rows of each table, and files beside the store."""

    place: str
    rows: Mapping[str, int]
    files: int

    def to_json(self) -> dict[str, Any]:
        """The object of ``quintain records backup --json``."""
        return {"out": self.place, "rows": dict(self.rows), "files": self.files}


def backup(records: Records, out: str) -> Copied:
    """Copy all of a store as of one moment, and the files beside it.

    Args:
        records: the store; whoever writes into it goes on.
        out: a file that is not there yet, or the URL of a database without records: so a store
            moves to a server, and from one.

    Raises:
        RecordsError: there is something already, or it cannot be written; then nothing is left.
    """
    if not records.exists:
        raise RecordsError(f"there are no records at {records.place}: name others with --records")
    target = locate(out)
    source = records.statements.database
    if target.file is None:
        rows = _into_server(source, target)
        return Copied(target.place, rows, _files(records.folder, target.folder))
    with _new_file(target) as aside:
        if source.in_sqlite:
            source.raw_copy(aside.file or Path())
        else:
            _carried(source, aside)
        rows = _counted(aside)
        files = _files(records.folder, target.folder)
    return Copied(target.place, rows, files)


@contextmanager
def _new_file(target: Location) -> Iterator[Location]:
    """A place beside the target, which takes its name when the block has ended well."""
    file = target.file
    assert file is not None
    if check_file(target, create=True):
        raise RecordsError(f"{file} is there already: name a file that is not")
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        yield locate(str(aside))
        aside.rename(file)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise RecordsError(f"the copy {file} cannot be written: {why}") from error
    finally:
        for side in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                aside.with_name(aside.name + side).unlink()


def _into_server(source: Database, target: Location) -> Mapping[str, int]:
    copy = Database.at(target)
    try:
        if copy.version() is not None:
            raise RecordsError(f"there are records at {target.place} already: name an empty place")
    finally:
        copy.close()
    return _carried(source, target)


def _carried(source: Database, target: Location) -> Mapping[str, int]:
    """Every row of every table, in one transaction; what the tables count from goes on."""
    copy, counts = Database.at(target), {}
    try:
        copy.migrate()
        with source.snapshot() as reading, copy.writing() as writing:
            for table in tables.every():
                if table is tables.meta:
                    continue
                counts[table.name] = _table(table, reading, writing)
            if not copy.in_sqlite:
                _go_on_counting(writing)
    finally:
        copy.close()
    return counts


def _table(table: sa.Table, reading: sa.Connection, writing: sa.Connection) -> int:
    count = 0
    found = reading.execution_options(yield_per=_BATCH).execute(sa.select(table))
    for part in found.mappings().partitions():
        rows = [dict(row) for row in part]
        writing.execute(sa.insert(table), rows)
        count += len(rows)
    return count


def _go_on_counting(connection: sa.Connection) -> None:
    """A sequence of PostgreSQL knows nothing of numbers that were given by hand."""
    for table in (tables.entries, tables.looks, tables.changes):
        last = connection.execute(sa.select(sa.func.max(table.c.seq))).scalar()
        if last is not None:
            named = sa.func.pg_get_serial_sequence(table.name, "seq")
            connection.execute(sa.select(sa.func.setval(named, last)))


def _counted(location: Location) -> Mapping[str, int]:
    """Rows by table of a copy, which shows that it opens."""
    with Records.open(str(location.file), create=False) as copy:
        database = copy.statements.database
        if damage := database.damage():
            raise RecordsError(f"the copy is damaged, as the store must be: {damage[0]}")
        with database.reading() as connection:
            return {
                table.name: connection.execute(
                    sa.select(sa.func.count()).select_from(table)
                ).scalar_one()
                for table in tables.every()
                if table is not tables.meta
            }


def _files(source: Path, target: Path) -> int:
    """Everything beside the store: outputs of trials, saved models, logs.

    They are copied after the rows, and a file is there before its row: so none is missing.
    """
    if not source.is_dir():
        return 0
    try:
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.part"))
    except (OSError, shutil.Error) as error:
        raise RecordsError(f"the files in {source} cannot be copied: {error}") from error
    return sum(1 for each in target.rglob("*") if each.is_file())
