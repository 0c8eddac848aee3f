"""One database: its connections, the one way to write, and its failures in one line."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from search import tables
from search.errors import RecordsError
from search.location import Location
from search.upgrading import Check, StandIns, always

#: Seconds a statement waits for another program's write, well below a lease's lapse.
BUSY_S = 15

#: Seconds since the epoch, by a server.
CLOCK = sa.extract("epoch", sa.func.clock_timestamp())

#: What SQLite's primary result codes mean for a person (sqlite.org/rescode.html).
_SQLITE = {
    3: "may not be used: look at the permissions of the file and of its folder",
    5: f"are held by another program for over {BUSY_S} s: close it and try again",
    6: f"are held by another program for over {BUSY_S} s: close it and try again",
    8: "cannot be written: look at the permissions of the file and of its folder",
    10: "cannot be read or written: the disk fails, or a limit is reached",
    11: "are damaged: restore a copy, or name other records with --records",
    13: "cannot be written: the disk is full; free some space, what was recorded is kept",
    14: "cannot be opened: look at the permissions of the file and of its folder",
    26: "are no SQLite database: name another file with --records",
}


class Database:
    """Connections with our settings. Calls may come from any thread.

    Nothing is opened before the first use, and nothing is made by opening.
    """

    def __init__(self, engine: sa.Engine, place: str) -> None:
        self.place = place
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        self._turn = threading.Lock() if self._sqlite else nullcontext()
        self._stand_ins: StandIns | None = None
        self._upgrading = threading.Lock()

    @classmethod
    def at(cls, location: Location) -> "Database":
        """The database of a place."""
        return cls(_engine(location), location.place)

    @classmethod
    def in_memory(cls, place: str) -> "Database":
        """A database that is gone when it is closed; ``place`` is its name in messages."""
        settings = {"isolation_level": None}
        engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args=settings)
        return cls(engine, place)

    @property
    def in_sqlite(self) -> bool:
        """Whether it is a file, or in memory, rather than a server."""
        return self._sqlite

    def close(self) -> None:
        """Close every connection; an SQLite file is then whole without its side files."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with."""
        with self._plainly(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """The one write transaction: committed at the end of the block, undone if it raises.

        SQLite: the driver is in autocommit (``isolation_level`` None), so nothing begins behind
        our back, and the write lock is taken at the start: a transaction that reads before it
        writes cannot be refused half way. Threads of this process take turns before they ask for
        it: SQLite lets who finds it taken sleep for longer each time, and the unlucky for long. A
        store read as an older one is upgraded first.
        """
        if self._stand_ins is not None:
            self._upgrade()
        with self._plainly(), self._turn, self._engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """A database's failure as one line, where a person can mend it."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            told = _told(error)
            if told is None:
                raise
            raise RecordsError(f"the records at {self.place} {told}") from error

    def version(self) -> int | None:
        """The version of the tables, None where there are none."""
        with self.reading() as connection:
            return tables.version_of(connection, self.place)

    def migrate(self, check: Check = always) -> None:
        """Make or upgrade the tables; ``check`` may refuse to, inside the same transaction."""
        if self._sqlite:
            self._use_wal()
        with self.writing() as connection:
            check(connection)
            tables.migrate(connection, self.place)

    def read_older(self, version: int, check: Check) -> None:
        """Read a store of an older ``version`` as it is, its missing tables as empty ones.

        Nothing in it changes, so that an older quintain that uses it goes on; the first write
        upgrades it, unless ``check`` refuses.
        """
        self._stand_ins = StandIns(version, self._engine, check)

    def _upgrade(self) -> None:
        with self._upgrading:
            if self._stand_ins is None:  # another thread was first
                return
            stand_ins, self._stand_ins = self._stand_ins, None
            try:
                stand_ins.leave()
                self.migrate(stand_ins.check)
            except BaseException:
                self.read_older(stand_ins.version, stand_ins.check)
                raise

    def snapshot(self) -> AbstractContextManager[sa.Connection]:
        """A connection whose reads are all of one moment, whatever is written meanwhile."""
        return _snapshot(self)

    def raw_copy(self, path: Path) -> None:
        """An SQLite store copied page by page into a new file, while others read and write it."""
        with self.reading() as connection, closing(sqlite3.connect(path)) as copy:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            source.backup(copy, pages=1000)

    def damage(self) -> list[str]:
        """What the database itself finds wrong, a line each; only SQLite can be asked."""
        if not self._sqlite:
            return []
        with self.reading() as connection:
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            loose = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        found = [line for line in found if line != "ok"]
        return found + [f"a row of {row[0]} refers to one of {row[2]} that is not there"
                        for row in loose]  # fmt: skip

    def _use_wal(self) -> None:
        """Readers and the writer do not wait for each other; kept in the file from then on.

        SQLite does not wait for its turn here, so two programs that make one store at once do.
        """
        until = time.monotonic() + BUSY_S
        while True:
            try:
                with self.reading() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                    return
            except RecordsError as error:
                if not _busy(error) or time.monotonic() > until:
                    raise
                time.sleep(0.02)


@contextmanager
def _snapshot(database: Database) -> Iterator[sa.Connection]:
    with database.reading() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection
        connection.rollback()


def check_file(location: Location, create: bool) -> bool:
    """Whether there is a file at an SQLite store's place; with ``create``, that there can be one.

    A folder the user names must be there: a misspelled one would look like lost records.

    Raises:
        RecordsError: no folder, no file's name, or no permission to look.
    """
    file = location.file
    assert file is not None
    try:
        if file.is_dir():
            raise RecordsError(f"{file} is a folder: name a file in it, {file / 'records.db'}")
        if create and location.default:
            file.parent.mkdir(parents=True, exist_ok=True)
        if create and not file.parent.is_dir():
            raise RecordsError(f"there is no folder {file.parent} for the records: make it first")
        return file.exists()
    except OSError as error:
        raise RecordsError(f"the records at {location.place} cannot be used: {error}") from error


def now(connection: sa.Connection) -> float:
    """Seconds since the epoch by the store's clock: drivers on several hosts share a server."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(sa.select(CLOCK)).scalar_one())


def _engine(location: Location) -> sa.Engine:
    """The engine for a place, with our settings on each connection."""
    if location.file is not None:
        settings = {"isolation_level": None, "timeout": BUSY_S}
        engine = sa.create_engine(location.url, connect_args=settings)
        sa.event.listen(engine, "connect", _settle_sqlite)
        return engine
    try:
        engine = sa.create_engine(
            location.url, pool_pre_ping=True, connect_args={"connect_timeout": BUSY_S}
        )
    except ModuleNotFoundError as error:
        raise RecordsError(
            f"records in PostgreSQL need {error.name}: pip install 'quintain[postgres]'"
        ) from None
    sa.event.listen(engine, "connect", _settle_postgresql)
    return engine


def _settle_sqlite(raw: sqlite3.Connection, _record: object) -> None:
    """What is acknowledged outlives the program; the last moments may not outlive a power cut."""
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute("PRAGMA foreign_keys = ON")


def _settle_postgresql(raw: DBAPIConnection, _record: object) -> None:
    """A program that hangs with a lock does not hang the others."""
    cursor = raw.cursor()
    cursor.execute(f"SET lock_timeout = '{BUSY_S}s'")
    cursor.close()
    raw.commit()


def _told(error: sa.exc.DBAPIError) -> str | None:
    """What a person can do about a database's error; None if it is a bug of ours."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return _SQLITE.get(_code(original))
    refused = getattr(original, "sqlstate", None) == "42501"  # insufficient_privilege
    if refused or isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError)):
        return f"cannot be used: {str(original).strip().splitlines()[0]}"
    return None


def _busy(error: RecordsError) -> bool:
    """Whether another program's lock was the cause."""
    cause = error.__cause__
    return isinstance(cause, sa.exc.DBAPIError) and _code(cause.orig) in (5, 6)


def _code(error: BaseException | None) -> int:
    """SQLite's primary code: the low byte, the rest is a detail of it. 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
