"""The entries that a view is made of, read as quickly as they can be.

Of a sweep that is over half of its entries are folds of trials whose end tells of them. Columns
are taken by place: reading them by name takes longer than the statement does.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from search import bodies
from search.entries import Entry, Kind
from search.errors import UnknownSweepError
from search.records import Records
from search.tables import entries, sweeps

_C = entries.c
_TOLD = (_C.seq, _C.kind, _C.time, _C.body, _C.trial, _C.attempt, _C.rung, _C.fold)


def last_of(records: Records, sweep: str) -> int:
    """The number of the last entry of a sweep, 0 before the first."""
    query = sa.select(sa.func.max(_C.seq)).where(_C.sweep == sweep)
    with records.statements.database.reading() as connection:
        return connection.execute(query).scalar() or 0


def told_after(
    records: Records, sweep: str, seq: int, kinds: Sequence[Kind] = ()
) -> list[tuple[int, Entry]]:
    """As ``Records.entries_after``, but no fold of a trial that has ended with folds in its end.

    ``kinds``: only these.

    Raises:
        UnknownSweepError: no such sweep.
    """
    new, tells = (_C.sweep == sweep) & (_C.seq > seq), _C.body.contains('"folds":{"')
    told = sa.select(_C.trial).where(new, _C.kind == "ended", tells)
    query = sa.select(*_TOLD).where(new)
    query = query.where(_C.kind.in_(kinds)) if kinds else query
    if not kinds or "fold" in kinds:
        query = query.where((_C.kind != "fold") | ~_C.trial.in_(told))
    there = sa.select(sweeps.c.id).where(sweeps.c.id == sweep)
    with records.statements.database.reading() as connection:
        rows = [tuple(row) for row in connection.execute(query.order_by(_C.seq))]
        if not rows and connection.execute(there).first() is None:
            raise UnknownSweepError(f"no sweep {sweep!r} in {records.place}")
    return [
        (number, Entry(kind, time, bodies.read_quickly(body), *place))
        for number, kind, time, body, *place in rows
    ]
