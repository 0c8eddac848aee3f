"""What people wrote beside a sweep: never edited away, only followed."""

import getpass
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from evaluators.errors import QuintainError
from quintain.service.client import Client
from search.records import Records

#: Letters of one note at most, as the service has it.
LONGEST = 10_000


@dataclass(frozen=True, slots=True)
class Noted:
    """One note. ``time`` in seconds since the epoch; ``user`` is empty for the spec's own."""

    time: float
    user: str
    text: str

    @property
    def when(self) -> str:
        """The minute, in UTC."""
        return moment(self.time)

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        return {"time": self.time, "user": self.user, "text": self.text}


def moment(seconds: float) -> str:
    """A time of the record for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def checked(text: str) -> str:
    """What may be written down.

    Raises:
        QuintainError: nothing, or more than a note holds.
    """
    text = text.strip()
    if not text:
        raise QuintainError("an empty note tells nobody anything: write it in quotes")
    if len(text) > LONGEST:
        raise QuintainError(
            f"the note has {len(text):,} letters and {LONGEST:,} are the most: link to the rest"
        )
    return text


def opening(header: Mapping[str, Any], created: float) -> list[Noted]:
    """The note of the spec."""
    told = header.get("note")
    return [Noted(created, "", str(told))] if told else []


def notes_of(store: Records, sweep: str) -> list[Noted]:
    """Of one sweep, oldest first; the spec's own opens them."""
    record = store.sweep(sweep)
    found = store.changes.of(sweep, kinds=("note",))
    return opening(record.header, record.created) + [
        Noted(each.time, each.user, str(each.body["text"])) for each in found
    ]


def add(store: Records, sweep: str, text: str) -> Noted:
    """Write one more.

    Raises:
        QuintainError: no such sweep, no text, or a store that cannot be written.
    """
    text = checked(text)
    made = store.changes.add(getpass.getuser(), store.resolve(sweep), "note", {"text": text})
    return Noted(made.time, made.user, text)


class FarNotebook(Client):
    """The notebooks of a service."""

    @classmethod
    def of(cls, url: str) -> "FarNotebook":
        """The service at ``url``, as ``Client.at`` finds it."""
        return cast(FarNotebook, cls.at(url))

    def add(self, sweep: str, text: str) -> Noted:
        """Write one more, under the name of the token."""
        told = self._json("POST", f"/v1/sweeps/{sweep}/notes", json={"text": checked(text)})
        return Noted(told["time"], told["user"], told["text"])

    def notes(self, sweep: str) -> list[Noted]:
        """Of one sweep, oldest first; the spec's own opens them."""
        first = self._json("GET", f"/v1/sweeps/{sweep}/record", params={"limit": 1})
        told: Sequence[Mapping[str, Any]] = self._json("GET", f"/v1/sweeps/{first['sweep']}/notes")[
            "notes"
        ]
        return opening(first["header"], first["created"]) + [
            Noted(each["time"], each["user"], each["text"]) for each in told
        ]
