"""Who changed what and when: the orders that drivers carry out, and the notes of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from search import bodies
from search.database import Database, now
from search.tables import changes

#: submit, resume   a sweep was handed to the service              body: priority
#: stop             its driver is to end, running folds first      body: reason
#: budgets          its budgets are others now                     body: trials, timeout_s
#: delete           it was taken out of the store                  body: state
#: note             somebody wrote in its notebook                 body: text
#: user, revoke     somebody may use the service, or no longer     body: name, role
ChangeKind = Literal["submit", "resume", "stop", "budgets", "delete", "note", "user", "revoke"]

#: What a driver acts on.
ORDERS: tuple[ChangeKind, ...] = ("stop", "budgets")


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``seq`` rises over the whole store; ``time`` is in seconds since the epoch."""

    seq: int
    time: float
    user: str
    sweep: str
    kind: ChangeKind
    body: Mapping[str, Any]


class Changes:
    """The changes of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user: str, sweep: str, kind: ChangeKind, body: Mapping[str, Any]) -> Change:
        """Record a change; ``sweep`` is empty where it is of none."""
        with self._database.writing() as connection:
            return added(connection, user, sweep, kind, body)

    def of(
        self, sweep: str | None = None, *, after: int = 0, kinds: Sequence[ChangeKind] = ()
    ) -> list[Change]:
        """Changes in their order: of a sweep or of all, of some kinds or of any."""
        query = sa.select(changes).where(changes.c.seq > after).order_by(changes.c.seq)
        if sweep is not None:
            query = query.where(changes.c.sweep == sweep)
        if kinds:
            query = query.where(changes.c.kind.in_(kinds))
        with self._database.reading() as connection:
            return [
                Change(row.seq, row.time, row.user, row.sweep, row.kind, bodies.read(row.body))
                for row in connection.execute(query)
            ]

    def last(self, sweep: str) -> int:
        """The number of the latest change of a sweep, 0 before the first."""
        query = sa.select(sa.func.max(changes.c.seq)).where(changes.c.sweep == sweep)
        with self._database.reading() as connection:
            return connection.execute(query).scalar() or 0


def added(
    connection: sa.Connection, user: str, sweep: str, kind: ChangeKind, body: Mapping[str, Any]
) -> Change:
    """Record a change inside a transaction."""
    moment = now(connection)
    row = {"time": moment, "user": user, "sweep": sweep, "kind": kind, "body": bodies.written(body)}
    seq = connection.execute(sa.insert(changes).values(**row)).inserted_primary_key
    assert seq is not None
    return Change(int(seq[0]), moment, user, sweep, kind, body)
