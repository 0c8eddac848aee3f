"""What the service was asked for: a queue that outlives it.

Each method is one transaction. A submission waits, is launched (one driver may take the sweep, the
one that knows the name of the launch), and ends; a driver that died sends it back to waiting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from search import bodies
from search.changes import added
from search.database import Database, now
from search.entries import SweepState
from search.errors import RecordsError, UnknownSweepError
from search.holding import alone, beat, new_sweep, undriven
from search.tables import deleted, entries, leases, submissions, sweeps
from search.turns import Claim
from search.users import digest as digest_of

SubmissionState = Literal["waiting", "launched", "ended"]


class KeyUsedError(RecordsError):
    """An idempotency key came again with another request."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One sweep in the hands of the service.

    Attributes:
        submitted: seconds since the epoch.
        launch: name of the driver that may take the sweep; None before the first.
        launched: when it was launched last, in seconds since the epoch; None before the first.
        heard: orders up to this change are done with.
        deaths: of drivers in a row between which no trial ended.
        trials: that had ended when a driver died last.
        secret: digest of the token that its driver posts with.
        posted: batches of entries that have come from drivers over the network.
    """

    sweep: str
    user: str
    priority: int
    submitted: float
    state: SubmissionState
    launch: str | None
    launched: float | None
    heard: int
    deaths: int
    trials: int
    secret: str | None
    posted: int

    @property
    def claim(self) -> Claim:
        """The same for who decides on the turns."""
        return Claim(self.sweep, self.user, self.priority, self.submitted)


class Submissions:
    """The submissions of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(
        self, name: str, header: Mapping[str, Any], user: str, *,
        priority: int = 0, key: str | None = None, digest: str = "",
    ) -> tuple[str, bool]:  # fmt: skip
        """Queue a new sweep: (its id, whether it is new).

        The same ``key`` of the same user gives the same sweep, however often.

        Raises:
            KeyUsedError: that key stands for a request of another ``digest``.
        """
        before = sa.select(submissions.c.sweep, submissions.c.digest).where(
            submissions.c.user == user, submissions.c.key == key
        )
        with self._database.writing() as connection:
            if key is not None:
                alone(connection)
                found = connection.execute(before).first()
                if found is not None and found.digest != digest:
                    raise KeyUsedError(
                        f"the idempotency key {key!r} stands for {found.sweep}, which was asked "
                        "for with another spec: use a new key for a new request"
                    )
                if found is not None:
                    return found.sweep, False
            sweep = new_sweep(connection, name, bodies.written(header))
            body = {"priority": priority}
            heard = added(connection, user, sweep, "submit", body).seq
            row = _waiting(connection, sweep, user, priority, heard)
            connection.execute(sa.insert(submissions).values(key=key, digest=digest, **row))
        return sweep, True

    def again(self, sweep: str, user: str) -> None:
        """Queue a sweep that was stopped or interrupted, wherever it ran before.

        Raises:
            LeaseError: its driver is alive.
        """
        mine = submissions.c.sweep == sweep
        with self._database.writing() as connection:
            undriven(connection, sweep)
            _told(connection, sweep, "queued", f"resumed by {user}")
            known = connection.execute(sa.select(submissions).where(mine)).first()
            priority = 0 if known is None else known.priority
            heard = added(connection, user, sweep, "resume", {"priority": priority}).seq
            owner = user if known is None else known.user
            row = _waiting(connection, sweep, owner, priority, heard)
            if known is None:
                connection.execute(sa.insert(submissions).values(digest="", **row))
            else:
                connection.execute(sa.update(submissions).where(mine).values(**row))

    def get(self, sweep: str) -> Submission | None:
        """One submission; None where the service was never asked for the sweep."""
        query = sa.select(submissions).where(submissions.c.sweep == sweep)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _submission(row)

    def all(self) -> dict[str, Submission]:
        """Every submission, by sweep."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(submissions)).all()
        return {row.sweep: _submission(row) for row in rows}

    def live(self) -> list[Submission]:
        """Those that wait or are launched, in the order they came."""
        query = sa.select(submissions).where(submissions.c.state != "ended")
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(submissions.c.submitted)).all()
        return [_submission(row) for row in rows]

    def served(self) -> dict[str, float]:
        """When each user's latest sweep was launched, in seconds since the epoch."""
        latest = sa.select(submissions.c.user, sa.func.max(submissions.c.launched))
        query = latest.where(submissions.c.launched.is_not(None)).group_by(submissions.c.user)
        with self._database.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def launch(self, sweep: str, launch: str, secret: str | None = None) -> bool:
        """Name the driver that may take a waiting sweep; False where it waits no longer."""
        return self._move(
            sweep, "waiting", None, False, state="launched", launch=launch, secret=secret
        )

    def of_secret(self, token: str) -> Submission | None:
        """The launched sweep whose driver has this token; None if it is nobody's any more."""
        query = sa.select(submissions).where(
            submissions.c.secret == digest_of(token), submissions.c.state == "launched"
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _submission(row)

    def post(
        self, owner: str, number: int, sweep: str, rows: Sequence[Mapping[str, Any]], token: str
    ) -> None:
        """Batch ``number`` of the entries that the driver of ``owner`` sends, once.

        A batch that has come before, and whose answer was lost, changes nothing.

        Raises:
            LeaseError: ``token`` no longer holds ``sweep``.
        """
        mine = submissions.c.sweep == owner
        with self._database.writing() as connection:
            beat(connection, sweep, token)
            counted = sa.update(submissions).where(mine, submissions.c.posted == number - 1)
            if connection.execute(counted.values(posted=number)).rowcount and rows:
                values = [{"sweep": sweep, **row} for row in rows]
                connection.execute(sa.insert(entries), values)

    def back(
        self, sweep: str, deaths: int, trials: int, reason: str | None, *, dead: bool = False
    ) -> bool:
        """A launched sweep waits again, and its driver may take it no more.

        ``reason``: for the record; None where no driver was started at all. ``dead``: its driver
        is known to be gone; what it may still say under its lease counts no more.

        Raises:
            LeaseError: its driver is alive after all.
        """
        told: tuple[SweepState, str] | None = None if reason is None else ("queued", reason)
        return self._move(
            sweep, "launched", told, dead, state="waiting", launch=None, deaths=deaths,
            trials=trials,
        )  # fmt: skip

    def end(
        self, sweep: str, frm: SubmissionState, told: tuple[SweepState, str] | None = None,
        *, dead: bool = False,
    ) -> bool:  # fmt: skip
        """Done with it; False where it is no longer as it was.

        ``told``: the sweep's state and why, where its driver has not recorded an end. ``dead``: as
        for ``back``.

        Raises:
            LeaseError: with ``told``, its driver is alive after all.
        """
        return self._move(sweep, frm, told, dead, state="ended", launch=None, secret=None)

    def delete(self, sweep: str, user: str, state: str) -> None:
        """Take a sweep out of the store. What was drawn, locked and looked at stays, and notes.

        Raises:
            UnknownSweepError: no such sweep.
            LeaseError: its driver is alive.
        """
        parts = sweeps.c.id.startswith(f"{sweep}.outer", autoescape=True)  # of a nested one
        query = sa.select(sweeps).where((sweeps.c.id == sweep) | parts)
        with self._database.writing() as connection:
            found = connection.execute(query).all()
            if sweep not in [row.id for row in found]:
                raise UnknownSweepError(f"no sweep {sweep!r} in {self._database.place}")
            for row in found:
                undriven(connection, row.id)
                for table in (entries, leases, submissions):
                    connection.execute(sa.delete(table).where(table.c.sweep == row.id))
                connection.execute(sa.delete(sweeps).where(sweeps.c.id == row.id))
                gone = {"id": row.id, "name": row.name, "serial": row.serial}
                connection.execute(sa.insert(deleted).values(**gone))
            added(connection, user, sweep, "delete", {"state": state})

    def _move(
        self, sweep: str, frm: SubmissionState, told: tuple[SweepState, str] | None, dead: bool,
        **values: Any,
    ) -> bool:  # fmt: skip
        """From one state to another, if it is still in the first."""
        mine = (submissions.c.sweep == sweep) & (submissions.c.state == frm)
        with self._database.writing() as connection:
            if values["state"] == "launched":
                values["launched"] = now(connection)
            if not connection.execute(sa.update(submissions).where(mine).values(**values)).rowcount:
                return False
            if dead:
                connection.execute(sa.delete(leases).where(leases.c.sweep == sweep))
            if told is not None:
                undriven(connection, sweep)
                _told(connection, sweep, *told)
        return True


def _told(connection: sa.Connection, sweep: str, state: SweepState, reason: str) -> None:
    """The state of a sweep that nobody drives, in its record."""
    body = bodies.written({"state": state, "reason": reason})
    row = {"sweep": sweep, "time": now(connection), "kind": "state", "body": body}
    none = dict.fromkeys(("trial", "attempt", "rung", "fold"), -1)
    connection.execute(sa.insert(entries).values(**row, **none))


def _waiting(
    connection: sa.Connection, sweep: str, user: str, priority: int, heard: int
) -> dict[str, Any]:
    """The row of a submission that has just come."""
    return {
        "sweep": sweep, "user": user, "priority": priority, "submitted": now(connection),
        "state": "waiting", "launch": None, "heard": heard, "deaths": 0, "trials": 0, "posted": 0,
    }  # fmt: skip


def _submission(row: sa.Row[Any]) -> Submission:
    found = row._mapping
    return Submission(**{name: found[name] for name in Submission.__dataclass_fields__})
