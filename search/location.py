"""Where records are kept: a text the user gave, or the default, made into one place."""

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import sqlalchemy as sa

from search.errors import RecordsError

#: The environment's word for the store, when the caller names none.
VARIABLE = "QUINTAIN_RECORDS"

#: libpq takes secrets in the query as well.
_PASSWORDS = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Location:
    """One store's place.

    Attributes:
        url: as SQLAlchemy reads it, the password included: never to be shown.
        file: the SQLite file, absolute; None for a database server.
        default: whether nobody named it; its folder is then ours to make.
    """

    url: sa.URL
    file: Path | None
    default: bool = False

    @property
    def address(self) -> str:
        """What names it again, the password included: never to be shown."""
        return self.url.render_as_string(hide_password=False)

    @property
    def shown(self) -> str:
        """The URL without a secret."""
        return self.url.difference_update_query(_PASSWORDS).render_as_string(hide_password=True)

    @property
    def place(self) -> str:
        """A short text for people: a path from ``~``, or the server and its database."""
        if self.file is None:
            return f"postgresql://{self._host}/{self.url.database or ''}"
        home = Path.home()
        inside = self.file.is_relative_to(home)
        return str(Path("~") / self.file.relative_to(home)) if inside else str(self.file)

    @property
    def folder(self) -> Path:
        """Where files too large for the store go; not made here.

        Beside an SQLite file, as ``<stem>-files``; for a server, in the user's data folder.
        """
        if self.file is not None:
            return self.file.with_name(f"{self.file.stem}-files")
        name = re.sub(r"[^\w.-]+", "-", f"{self._host}-{self.url.database}").strip("-")
        return _data_folder() / f"{name}-files"

    @property
    def _host(self) -> str:
        """The server: libpq takes it in the query too, a socket's folder for instance."""
        named = self.url.host or self.url.query.get("host", "localhost")
        host = named if isinstance(named, str) else ",".join(named)
        return f"{host}:{self.url.port}" if self.url.port else host


def locate(text: str | None) -> Location:
    """The store that ``text`` names; None is ``$QUINTAIN_RECORDS``, then the user's data folder.

    A text without ``://`` is the path of an SQLite file.

    Raises:
        RecordsError: a database of a kind that is not known, or not a URL.
    """
    text = text or os.environ.get(VARIABLE)
    if not text:
        return _sqlite(str(_data_folder() / "records.db"), default=True)
    if "://" not in text:
        return _sqlite(text)
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise RecordsError(
            "the URL of the records cannot be read; it looks like postgresql://user@host/database"
        ) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise RecordsError("records need a file to last in: name its path, runs/records.db")
        return _sqlite(url.database)
    if backend in ("postgresql", "postgres"):
        return Location(url.set(drivername="postgresql+psycopg"), None)
    close = difflib.get_close_matches(backend, ("postgresql", "sqlite"), n=1)
    hint = f"did you mean {close[0]}://? " if close else ""
    raise RecordsError(
        f"records cannot be kept in a database of kind {backend!r}; {hint}"
        "name a file's path (SQLite) or postgresql://user@host/database"
    )


def _sqlite(path: str, default: bool = False) -> Location:
    """The store in the file ``path``, wherever the program moves to later."""
    file = Path(path).expanduser().absolute()
    return Location(sa.URL.create("sqlite", database=str(file)), file, default)


def _data_folder() -> Path:
    """The user's data folder: ``list`` works from anywhere, whatever the current folder."""
    return Path(platformdirs.user_data_dir("quintain", appauthor=False))
