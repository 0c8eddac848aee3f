"""Every SQL statement of the records; each public method is one transaction.

Imported late, by ``Records.open``: SQLAlchemy alone costs 0.4 s.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from search import tables
from search.bodies import read
from search.database import Database, check_file, now
from search.entries import BUDGETED
from search.errors import LeaseError, UnknownSweepError
from search.holding import alone, beat, live, new_sweep, undriven
from search.lease import Holder, this_process
from search.location import Location
from search.tables import (
    entries,
    holdouts,
    leases,
    looks,
    partitions,
    sources,
    submissions,
    sweeps,
)
from search.upgrading import no_driver_alive

# one of the two statements of every event, built once: building costs as much as running it
_APPEND = sa.insert(entries)


class Store:
    """The statements, over one database. Bodies are texts here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def database(self) -> Database:
        """What is under it, for the statements of the service."""
        return self._database

    @classmethod
    def open(cls, location: Location, create: bool) -> "Store | None":
        """The store at ``location``, made or upgraded if need be; a current one is not written to.

        None if there is none and ``create`` is not set. An older one is then upgraded by the first
        write only.

        Raises:
            RecordsError: no folder, no permission, no database of ours, a newer version.
        """
        exists = location.file is None or check_file(location, create)
        if not exists and not create:
            return None
        database = Database.at(location)
        try:
            version = database.version() if exists else None
            if version is None and not create:
                database.close()
                return None
            if version is None:
                database.migrate()
            elif version < tables.VERSION and create:
                database.migrate(no_driver_alive(version, location.place))
            elif version < tables.VERSION:
                database.read_older(version, no_driver_alive(version, location.place))
        except BaseException:
            database.close()
            raise
        return cls(database)

    @classmethod
    def empty(cls, place: str) -> "Store":
        """A store of nothing, in memory, that stands for the one not yet made at ``place``."""
        database = Database.in_memory(place)
        database.migrate()
        return cls(database)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def clock(self) -> float:
        """Seconds since the epoch, by the store."""
        with self._database.reading() as connection:
            return now(connection)

    def insert_sweep(self, name: str, body: str) -> str:
        """A new sweep of that name; its id is the name and the next serial, 1 at first."""
        with self._database.writing() as connection:
            return new_sweep(connection, name, body)

    def insert_entries(
        self, sweep: str, rows: Sequence[Mapping[str, Any]], token: str | None
    ) -> None:
        """All of ``rows`` or none; with a ``token`` only while it holds the sweep."""
        with self._database.writing() as connection:
            if token is None:
                self._check_sweep(connection, sweep)
            else:
                beat(connection, sweep, token)
            if rows:
                connection.execute(_APPEND, [{"sweep": sweep, **row} for row in rows])

    def select_entries(self, sweep: str, after: int = 0, most: int = -1) -> Sequence[sa.Row[Any]]:
        """Entries of a sweep in the order they were appended, from the one numbered ``after`` on.

        ``most``: how many of them; all of them where it is negative.
        """
        query = sa.select(entries).where(entries.c.sweep == sweep, entries.c.seq > after)
        query = query.order_by(entries.c.seq).limit(most if most >= 0 else None)
        with self._database.reading() as connection:
            self._check_sweep(connection, sweep)
            return connection.execute(query).all()

    def select_ends(self, sweep: str, upto: int) -> list[tuple[int, str, int, int, str]]:
        """(seq, kind, trial, rung, body) of what was asked, ends and budgets, to an entry."""
        it, kinds = entries.c, ("asked", "ended", "budgets", "rescored")
        query = sa.select(it.seq, it.kind, it.trial, it.rung, it.body).order_by(it.seq)
        query = query.where(it.sweep == sweep, it.seq <= upto, it.kind.in_(kinds))
        with self._database.reading() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def select_sweeps(self, sweep: str | None = None) -> list[tuple[sa.Row[Any], Holder | None]]:
        """Each sweep, or one, newest first: its row and its holder, if that one is alive.

        The row has the body of the last "state" entry as ``last``.
        """
        last = (
            sa.select(entries.c.body)
            .where(entries.c.sweep == sweeps.c.id, tables.IS_STATE)
            .order_by(entries.c.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        held = sa.select(sweeps, last.label("last"), leases).outerjoin(leases)
        query = held.order_by(sweeps.c.created.desc(), sweeps.c.serial.desc(), sweeps.c.id)
        if sweep is not None:
            query = query.where(sweeps.c.id == sweep)
        with self._database.reading() as connection:
            moment = now(connection)
            rows = connection.execute(query).all()
        return [(row, live(row, moment)) for row in rows]

    def select_ids(self) -> list[tuple[str, str]]:
        """(id, name) of each sweep, the highest serial of a name first."""
        query = sa.select(sweeps.c.id, sweeps.c.name).order_by(sweeps.c.serial.desc())
        with self._database.reading() as connection:
            return [(row.id, row.name) for row in connection.execute(query)]

    def settle(self, sweep: str, token: str, body: str) -> None:
        """The header of a sweep that was queued, once what it names has been read."""
        with self._database.writing() as connection:
            beat(connection, sweep, token)
            connection.execute(sa.update(sweeps).where(sweeps.c.id == sweep).values(body=body))

    def take(self, sweep: str, launch: str | None = None, holder: Holder | None = None) -> str:
        """A lease on ``sweep`` for this process, or for ``holder``: its token.

        ``launch``: for which the service has started it. Who asks once more gets another token.

        Raises:
            LeaseError: another driver is alive, or the service has launched another meanwhile.
        """
        with self._database.writing() as connection:
            self._check_sweep(connection, sweep, lock=True)
            if launch is not None:
                asked = sa.select(submissions.c.launch).where(submissions.c.sweep == sweep)
                if connection.execute(asked).scalar() != launch:
                    raise LeaseError(f"sweep {sweep} is no longer this driver's to take")
            undriven(connection, sweep, but=holder)
            connection.execute(sa.delete(leases).where(leases.c.sweep == sweep))
            moment = now(connection)
            taken = this_process(sweep, moment) if holder is None else holder.now(moment)
            connection.execute(sa.insert(leases).values(**asdict(taken)))
        return taken.token

    def beat(self, sweep: str, token: str) -> None:
        """A sign of life; LeaseError when ``token`` holds no longer."""
        with self._database.writing() as connection:
            beat(connection, sweep, token)

    def free(self, sweep: str, token: str) -> None:
        """Give up what ``token`` holds, if it still holds it."""
        mine = sa.delete(leases).where(leases.c.sweep == sweep, leases.c.token == token)
        with self._database.writing() as connection:
            connection.execute(mine)

    def insert_partition(self, data: str, sweep: str, role: str, seeds: Iterator[int]) -> int:
        """The first of ``seeds`` that no sweep on ``data`` has used, or what was drawn before."""
        of = sa.select(partitions.c.seed).where(partitions.c.data == data)
        mine = of.where(partitions.c.sweep == sweep, partitions.c.role == role)
        headers = sa.select(sweeps.c.body).where(_on(data))
        with self._database.writing() as connection:
            alone(connection)
            drawn: int | None = connection.execute(mine).scalar()
            if drawn is not None:
                return drawn
            used = set(connection.execute(of).scalars())
            used |= {read(body).get("folds_seed") for body in connection.execute(headers).scalars()}
            seed = next(seed for seed in seeds if seed not in used)
            row = {"data": data, "seed": seed, "sweep": sweep, "role": role}
            connection.execute(sa.insert(partitions).values(time=now(connection), **row))
        return seed

    def count_ended(self, data: str) -> int:
        """Trials with an end that counts against a budget, over all sweeps on ``data``.

        One that is known from another sweep was counted there, unless that one was deleted.
        """
        ends = [
            entries.c.body.contains(f'"state":"{state}"', autoescape=True) for state in BUDGETED
        ]
        trials = (
            sa.select(entries.c.sweep, entries.c.trial)
            .join(sweeps)
            .where(_on(data), entries.c.kind == "ended", sa.or_(*ends))
        )
        is_known = entries.c.body.contains('"cached":{', autoescape=True)
        own = trials.where(~is_known).distinct().subquery()
        known = trials.where(is_known).with_only_columns(entries.c.body)
        with self._database.reading() as connection:
            counted = connection.execute(sa.select(sa.func.count()).select_from(own)).scalar_one()
            there = set(connection.execute(sa.select(sweeps.c.id)).scalars())
            told = [read(body)["cached"] for body in connection.execute(known).scalars()]
        gone = {(each["sweep"], each["trial"]) for each in told if each["sweep"] not in there}
        return int(counted) + len(gone)

    def insert_holdout(self, row: Mapping[str, Any]) -> None:
        """Rows locked away, unless these very rows are locked already."""
        known = sa.select(holdouts.c.digest).where(holdouts.c.digest == row["digest"])
        with self._database.writing() as connection:
            alone(connection)
            if connection.execute(known).first() is None:
                connection.execute(sa.insert(holdouts).values(time=now(connection), **row))

    def select_holdouts(self, names: str) -> Sequence[sa.Row[Any]]:
        """Hold-outs of tables with these columns, oldest first."""
        query = sa.select(holdouts).where(holdouts.c.columns == names).order_by(holdouts.c.time)
        with self._database.reading() as connection:
            return connection.execute(query).all()

    def select_looks(self, names: str) -> Sequence[sa.Row[Any]]:
        """Looks at hold-outs of tables with these columns, in the order they were taken."""
        query = sa.select(looks).join(holdouts).where(holdouts.c.columns == names)
        with self._database.reading() as connection:
            return connection.execute(query.order_by(looks.c.seq)).all()

    def insert_look(self, row: Mapping[str, Any], names: str, after: int) -> bool:
        """A look, unless one was taken after the one numbered ``after``: then False."""
        last = sa.select(sa.func.max(looks.c.seq)).join(holdouts).where(holdouts.c.columns == names)
        with self._database.writing() as connection:
            alone(connection)
            if (connection.execute(last).scalar() or 0) != after:
                return False
            connection.execute(sa.insert(looks).values(**row))
        return True

    def insert_source(self, digest: str, identities: bytes) -> None:
        """The rows of a source table, unless they are known."""
        known = sa.select(sources.c.digest).where(sources.c.digest == digest)
        with self._database.writing() as connection:
            alone(connection)
            if connection.execute(known).first() is None:
                row = {"digest": digest, "identities": identities}
                connection.execute(sa.insert(sources).values(**row))

    def select_source(self, digest: str) -> bytes | None:
        """The rows of a source table; None where they were not kept."""
        query = sa.select(sources.c.identities).where(sources.c.digest == digest)
        with self._database.reading() as connection:
            found: bytes | None = connection.execute(query).scalar()
        return found

    def _check_sweep(self, connection: sa.Connection, sweep: str, lock: bool = False) -> None:
        """Raise UnknownSweepError if it is not there."""
        query = sa.select(sweeps.c.id).where(sweeps.c.id == sweep)
        if lock:  # PostgreSQL: one taker at a time, and no append stands in the way
            query = query.with_for_update(key_share=True)
        if connection.execute(query).first() is None:
            raise UnknownSweepError(f"no sweep {sweep!r} in {self._database.place}")


def _on(data: str) -> sa.ColumnElement[bool]:
    """Sweeps whose header names the source table ``data``; bodies are written without spaces."""
    return sweeps.c.body.contains(f'"table":"{data}"', autoescape=True)
