"""Steps of a transaction that several statements share: who holds a sweep, and its next name."""

from typing import Any

import sqlalchemy as sa

from search.database import CLOCK, now
from search.errors import LeaseError
from search.lease import Holder
from search.tables import deleted, leases, meta, sweeps

# one of the two statements of every event, built once: building costs as much as running it
_MINE = sa.update(leases).where(
    leases.c.sweep == sa.bindparam("of"), leases.c.token == sa.bindparam("by")
)
_RENEW = _MINE.values(heartbeat=sa.bindparam("at"))
_RENEW_THERE = _MINE.values(heartbeat=CLOCK)  # asking a server first for its time is a way more


def undriven(connection: sa.Connection, sweep: str, but: Holder | None = None) -> None:
    """Raise LeaseError if a driver of the sweep, another than ``but``, lives; in a transaction."""
    row = connection.execute(sa.select(leases).where(leases.c.sweep == sweep)).first()
    if row is None:
        return
    found, moment = Holder(**row._mapping), now(connection)
    if found.alive(moment) and not (but is not None and found.same_process(but)):
        raise LeaseError(_refusal(found, moment))


def new_sweep(connection: sa.Connection, name: str, body: str) -> str:
    """A sweep with the next serial of its name, which no sweep had before; in a transaction."""
    alone(connection)
    last = sa.select(sa.func.max(sweeps.c.serial)).where(sweeps.c.name == name)
    gone = sa.select(sa.func.max(deleted.c.serial)).where(deleted.c.name == name)
    serial = max(connection.execute(query).scalar() or 0 for query in (last, gone)) + 1
    row = {"id": f"{name}-{serial}", "name": name, "serial": serial, "body": body}
    connection.execute(sa.insert(sweeps).values(created=now(connection), **row))
    return f"{name}-{serial}"


def alone(connection: sa.Connection) -> None:
    """PostgreSQL: one such transaction at a time (SQLite's write lock does the same)."""
    connection.execute(sa.select(meta.c.version).with_for_update())


def beat(connection: sa.Connection, sweep: str, token: str) -> None:
    """Renewing is the proof that the token holds: the row stays locked until the commit."""
    mine = {"of": sweep, "by": token}
    if connection.dialect.name == "sqlite":
        renewed = connection.execute(_RENEW, mine | {"at": now(connection)})
    else:
        renewed = connection.execute(_RENEW_THERE, mine)
    if renewed.rowcount:
        return
    row = connection.execute(sa.select(leases).where(leases.c.sweep == sweep)).first()
    if row is None:
        raise LeaseError(f"sweep {sweep} is no longer held: its lease was released")
    raise LeaseError(
        f"sweep {sweep} was taken over by a driver on {row.host} (pid {row.pid}); this one ends, "
        f"what it recorded is kept: quintain show {sweep}"
    )


def live(row: sa.Row[Any], moment: float) -> Holder | None:
    """The holder that a row of sweeps outer joined with leases names, if it is alive."""
    found = row._mapping
    if found[leases.c.token] is None:
        return None
    holder = Holder(**{column.name: found[column] for column in leases.c})
    return holder if holder.alive(moment) else None


def _refusal(holder: Holder, moment: float) -> str:
    """Why a sweep cannot be had: who has it, since when, what to do."""
    silent = max(0, round(moment - holder.heartbeat))
    return (
        f"sweep {holder.sweep} is driven on {holder.host} by process {holder.pid} "
        f"(seen {silent} s ago): wait for its end or press Ctrl-C there; "
        f"quintain show {holder.sweep} tells how far it is"
    )
