"""The tables of a records store and the versions they went through.

Entries are only ever appended. Bodies are JSON texts as ``search.bodies`` writes them, pure ASCII,
so that every database takes every text a user's data can hold. Times are seconds since the epoch.

History, newest first; a change of any table is a new version with its step in ``STEPS``:

3   submissions, service_users, service_changes, deleted_sweeps: what was asked for, by whom
2   partitions, holdouts, looks: what may never be drawn, trained on or looked at twice; sources:
    which rows a table had
1   meta, sweeps, entries, leases
"""

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from search.errors import RecordsError

#: The version this program writes.
VERSION = 3

_tables = sa.MetaData()

#: One row. Every version, past and to come, keeps ``version`` here, so that an older program can
#: tell a newer store from a stranger's database.
meta = sa.Table("meta", _tables, sa.Column("version", sa.Integer, primary_key=True))

sweeps = sa.Table(
    "sweeps",
    _tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
    sa.Column("created", sa.Double, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.UniqueConstraint("name", "serial"),
)

entries = sa.Table(
    "entries",
    _tables,
    # AUTOINCREMENT: the number of an entry is never given twice
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("sweep", sa.Text, sa.ForeignKey("sweeps.id"), nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("trial", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("rung", sa.Integer, nullable=False),
    sa.Column("fold", sa.Integer, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("entries_of_sweep", "sweep", "seq"),
    sqlite_autoincrement=True,
)

#: What an index on some rows only must be asked with: a bound parameter would not match it.
IS_STATE = entries.c.kind == sa.literal_column("'state'")

# a list of sweeps asks for the last state of each: one seek a sweep, however many entries it has
sa.Index(
    "states_of_sweep",
    entries.c.sweep,
    entries.c.kind,  # constant here; without it SQLite prefers the index of all entries
    entries.c.seq,
    sqlite_where=IS_STATE,
    postgresql_where=IS_STATE,
)

leases = sa.Table(
    "leases",
    _tables,
    sa.Column("sweep", sa.Text, sa.ForeignKey("sweeps.id"), primary_key=True),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("pid_started", sa.Double, nullable=False),
    sa.Column("heartbeat", sa.Double, nullable=False),
)

# The tables below have no foreign key to a sweep: deleting or renaming one gives back no partition,
# no locked row and no look.

#: Seeds of fresh folds, each drawn once for one source table.
partitions = sa.Table(
    "partitions",
    _tables,
    sa.Column("data", sa.Text, primary_key=True),  # digest of the source table's rows
    sa.Column("seed", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sweep", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.UniqueConstraint("data", "sweep", "role"),
)

#: Rows that were locked away; all sweeps of one hold-out share its row.
holdouts = sa.Table(
    "holdouts",
    _tables,
    sa.Column("digest", sa.Text, primary_key=True),  # of the identities
    sa.Column("columns", sa.Text, nullable=False),  # digest of the source table's column names
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("identities", sa.LargeBinary, nullable=False),  # sorted, as search.ledger packs them
    sa.Column("sweep", sa.Text, nullable=False),  # the first that locked them
    sa.Column("time", sa.Double, nullable=False),
    sa.Index("holdouts_of_columns", "columns"),
)

#: Who looked at them, why, and what was answered.
looks = sa.Table(
    "looks",
    _tables,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("holdout", sa.Text, sa.ForeignKey("holdouts.digest"), nullable=False),
    sa.Column("sweep", sa.Text, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("outputs", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

#: The rows of each source table that was searched, so that new ones are known when it has grown:
#: by then the file is often overwritten.
sources = sa.Table(
    "sources",
    _tables,
    sa.Column("digest", sa.Text, primary_key=True),  # of the identities
    sa.Column("identities", sa.LargeBinary, nullable=False),  # sorted, as search.ledger packs them
)

#: Sweeps that were handed to the service; what it does with each of them.
submissions = sa.Table(
    "submissions",
    _tables,
    sa.Column("sweep", sa.Text, sa.ForeignKey("sweeps.id"), primary_key=True),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("submitted", sa.Double, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # waiting, launched, ended
    sa.Column("launch", sa.Text),  # names the one driver that may take the sweep
    sa.Column("launched", sa.Double),
    sa.Column("heard", sa.BigInteger, nullable=False),  # orders up to this change are done with
    sa.Column("deaths", sa.Integer, nullable=False),  # of drivers in a row that ended no trial
    sa.Column("trials", sa.Integer, nullable=False),  # that had ended when a driver died last
    sa.Column("key", sa.Text),  # the client's, under which it may ask again
    sa.Column("digest", sa.Text, nullable=False),  # of what was asked for under the key
    sa.Column("secret", sa.Text),  # digest of the token its driver posts with
    sa.Column("posted", sa.BigInteger, nullable=False),  # batches that came over the network
    sa.UniqueConstraint("user", "key"),
    sa.Index("submissions_by_state", "state"),
)

#: Who may use the service; a token is kept as its digest.
users = sa.Table(
    "service_users",
    _tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),  # read, submit, admin
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("created", sa.Double, nullable=False),
)

#: Who changed what and when; a driver finds its orders here. Rows outlive their sweep.
changes = sa.Table(
    "service_changes",
    _tables,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("user", sa.Text, nullable=False),
    sa.Column("sweep", sa.Text, nullable=False),  # empty where it is of none
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("changes_of_sweep", "sweep", "seq"),
    sqlite_autoincrement=True,
)

#: Serials that are never given again: what was drawn or looked at under an id stays under it.
deleted = sa.Table(
    "deleted_sweeps",
    _tables,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("serial", sa.Integer, nullable=False),
)


#: Tables that each version added.
_ADDED: Mapping[int, tuple[sa.Table, ...]] = {
    2: (partitions, holdouts, looks, sources),
    3: (submissions, users, changes, deleted),
}


def added_since(version: int) -> list[sa.Table]:
    """Tables that a store of ``version`` has not."""
    return [table for made, tables in _ADDED.items() if made > version for table in tables]


def every() -> list[sa.Table]:
    """All tables, those that others refer to first."""
    return list(_tables.sorted_tables)


def _to_2(connection: sa.Connection) -> None:
    for table in _ADDED[2]:
        table.create(connection)


def _to_3(connection: sa.Connection) -> None:
    for table in _ADDED[3]:
        table.create(connection)


#: From the version that is the key to the next one.
STEPS: Mapping[int, Callable[[sa.Connection], None]] = {1: _to_2, 2: _to_3}

#: Any fixed number: whoever creates or upgrades a PostgreSQL store holds the lock of this key.
_MIGRATING = 0x7175696E


def version_of(connection: sa.Connection, place: str) -> int | None:
    """The version of the store behind ``connection``, or None for a database with no table.

    ``place`` is its name for people, for the messages.

    Raises:
        RecordsError: the database belongs to another program, or to a newer quintain.
    """
    names = set(sa.inspect(connection).get_table_names())
    if meta.name not in names:
        # a server's database may be shared with others, as long as our names are free in it
        ours = names if connection.dialect.name == "sqlite" else names & set(_tables.tables)
        if ours:
            raise RecordsError(
                f"the database {place} holds tables of another program "
                f"({', '.join(sorted(ours)[:3])}); name one of quintain's own with --records"
            )
        return None
    columns = {column["name"] for column in sa.inspect(connection).get_columns(meta.name)}
    if "version" not in columns:
        raise RecordsError(
            f"the database {place} holds a table 'meta' of another program; "
            "name one of quintain's own with --records"
        )
    version = connection.execute(sa.select(sa.func.max(meta.c.version))).scalar()
    if version is not None and version > VERSION:
        raise RecordsError(
            f"the records at {place} are of version {version}, and this quintain knows versions "
            f"up to {VERSION}; upgrade it: pip install --upgrade quintain"
        )
    return version


def migrate(connection: sa.Connection, place: str) -> None:
    """Make the tables, or bring older ones to ``VERSION``; a current store is left as it is.

    ``connection`` is inside a write transaction, which the caller commits: a store is never seen
    half upgraded. Any number of processes may do this at once.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
    version = version_of(connection, place)
    if version is None:
        _tables.create_all(connection)
        connection.execute(sa.insert(meta).values(version=VERSION))
        return
    for step in range(version, VERSION):
        STEPS[step](connection)
        connection.execute(sa.update(meta).values(version=step + 1))
