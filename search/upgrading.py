"""Stores of an older version: read as they are, upgraded by the first write, not under a driver."""

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection

from search import tables
from search.errors import RecordsError
from search.lease import Holder

#: May refuse an upgrade by raising RecordsError, inside its transaction.
Check = Callable[[sa.Connection], None]


def always(_connection: sa.Connection) -> None:
    """Every upgrade is allowed."""


def no_driver_alive(version: int, place: str) -> Check:
    """Refuses while a driver is alive in a store of that version.

    Its program is an older one, which could not open the upgraded store again. ``place``: of the
    store, for people.
    """

    def check(connection: sa.Connection) -> None:
        from search.database import now

        if tables.version_of(connection, place) == tables.VERSION:  # another program was first
            return
        moment = now(connection)
        for row in connection.execute(sa.select(tables.leases)):
            holder = Holder(**row._mapping)
            if holder.alive(moment):
                raise RecordsError(
                    f"the records at {place} are of version {version}, and {holder.sweep} is "
                    f"driven there by an older quintain ({holder.host}, process {holder.pid}): "
                    f"writing would upgrade them to version {tables.VERSION} under it; wait until "
                    f"it has ended, or stop it"
                )

    return check


class StandIns:
    """Empty temporary tables, of each connection its own, for those that an older store lacks."""

    def __init__(self, version: int, engine: sa.Engine, check: Check) -> None:
        self.version = version
        self.check = check
        self._engine = engine
        self._statements = [_temporary(table, engine) for table in tables.added_since(version)]
        sa.event.listen(engine, "connect", self._make)
        engine.dispose()  # connections there are have none of them

    def leave(self) -> None:
        """Connections from now on have the store's own tables only."""
        sa.event.remove(self._engine, "connect", self._make)
        self._engine.dispose()

    def _make(self, raw: DBAPIConnection, _record: object) -> None:
        cursor = raw.cursor()
        for statement in self._statements:
            cursor.execute(statement)
        cursor.close()
        raw.commit()


def _temporary(table: sa.Table, engine: sa.Engine) -> str:
    columns = [sa.Column(column.name, column.type) for column in table.columns]
    copy = sa.Table(table.name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])
    return str(sa.schema.CreateTable(copy).compile(engine))
