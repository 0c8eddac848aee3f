"""Who may use the service: names, roles, and digests of tokens that were shown once."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Literal, get_args

import sqlalchemy as sa

from search.changes import added
from search.database import Database, now
from search.errors import RecordsError
from search.tables import users

#: read: see everything; submit: change what is one's own; admin: change what is anybody's.
Role = Literal["read", "submit", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

#: What every token of ours begins with, so that scanners for leaked secrets know it.
PREFIX = "qtn_"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use the service; ``created`` in seconds since the epoch."""

    name: str
    role: Role
    created: float


class Users:
    """The users of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role, by: str) -> str:
        """A new user, or a new token and role for a known one; the token is told this once.

        Raises:
            RecordsError: no such role, or an empty name.
        """
        if role not in ROLES:
            raise RecordsError(f"no role is called {role!r}; there are {', '.join(ROLES)}")
        if not name or name != name.strip() or not name.isprintable():
            raise RecordsError(f"a user needs a printable name without spaces round it: {name!r}")
        token = new_token()
        with self._database.writing() as connection:
            connection.execute(sa.delete(users).where(users.c.name == name))
            row = {"name": name, "role": role, "digest": digest(token), "created": now(connection)}
            connection.execute(sa.insert(users).values(**row))
            added(connection, by, "", "user", {"name": name, "role": role})
        return token

    def revoke(self, name: str, by: str) -> None:
        """The user's token is worth nothing from now on.

        Raises:
            RecordsError: nobody of that name.
        """
        with self._database.writing() as connection:
            if not connection.execute(sa.delete(users).where(users.c.name == name)).rowcount:
                raise RecordsError(f"no user is called {name!r}; quintain users shows them")
            added(connection, by, "", "revoke", {"name": name})

    def all(self) -> list[User]:
        """Every user by name."""
        query = sa.select(users.c.name, users.c.role, users.c.created).order_by(users.c.name)
        with self._database.reading() as connection:
            return [User(row.name, row.role, row.created) for row in connection.execute(query)]

    def known_by(self, token: str) -> User | None:
        """Whose token it is; None if nobody's."""
        query = sa.select(users).where(users.c.digest == digest(token))
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else User(row.name, row.role, row.created)


def new_token() -> str:
    """A token that nobody guesses: 256 random bits, so that a plain digest of it is enough."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(token: str, kept: str | None) -> bool:
    """Whether a digest is that of a token, in a time that tells nothing."""
    return kept is not None and hmac.compare_digest(digest(token), kept)
