"""News of sweeps that are watched: read and written out once, for however many watch.

Each watcher by itself would read the store once a second and write out every entry again.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fastapi.concurrency import run_in_threadpool

from quintain.stopping import FINAL
from search.bodies import plain
from search.entries import Entry, SweepState
from search.errors import RecordsError, UnknownSweepError
from search.records import Records
from search.told import last_of

#: Seconds between two looks for news of a sweep that is watched.
NEWS_EVERY_S = 1.0
#: Entries of one answer, and of one piece of news.
MOST = 5000
#: Pieces that are kept for watchers who are a little behind; who is further reads for himself.
KEPT = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """Entries after one number up to another, as watchers are sent them.

    Attributes:
        more: whether there is more to be had at once.
        over: the sweep's state, where it is over and this was the last of it.
    """

    after: int
    last: int
    text: bytes = b""
    more: bool = False
    over: SweepState | None = None


@dataclass(slots=True)
class Watched:
    """One sweep as its watchers are told of it; ``last`` is the entry up to which it was read."""

    records: Records
    sweep: str
    last: int
    watchers: int = 0
    _over: SweepState | None = None
    _looked_at: float | None = None
    _pieces: deque[Piece] = field(default_factory=lambda: deque(maxlen=KEPT))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def rest_s(self) -> float:
        """Seconds until the next look: the same moment for all who watch."""
        if self._looked_at is None:
            return 0.0
        return max(0.0, self._looked_at + NEWS_EVERY_S - time.monotonic())

    async def after(self, seq: int) -> Piece:
        """What there is after an entry; of many who ask at once one looks.

        Raises:
            UnknownSweepError: the sweep was deleted.
        """
        async with self._turn:
            if self.rest_s <= 0:
                await self._look()
        if seq >= self.last:
            return Piece(seq, seq, over=self._over)
        found = [piece for piece in self._pieces if piece.after >= seq]
        if found and found[0].after == seq:
            text = b"".join(piece.text for piece in found)
            return Piece(seq, self.last, text, over=self._over)
        upto, over = self.last, self._over
        try:
            piece = await run_in_threadpool(self._read, seq, upto)
        except UnknownSweepError:
            raise
        except RecordsError:  # what cannot be read now is tried again
            return Piece(seq, seq)
        return replace(piece, over=over if piece.last == upto else None)

    async def _look(self) -> None:
        """Read on; what cannot be read now is tried again."""
        more = False
        try:
            if self._looked_at is None:  # nobody may know more than there is
                known = await run_in_threadpool(last_of, self.records, self.sweep)
                self.last = min(self.last, known)
            # the state first: what was written before it is then among the entries
            now = await run_in_threadpool(self.records.state, self.sweep)
            piece = await run_in_threadpool(self._read, self.last, None)
        except UnknownSweepError:
            raise
        except RecordsError:
            pass
        else:
            more = piece.more
            if piece.text:
                self._pieces.append(piece)
            self.last = piece.last
            self._over = now if now in FINAL and not more else None
        self._looked_at = time.monotonic() - NEWS_EVERY_S * more

    def _read(self, seq: int, upto: int | None) -> Piece:
        """Entries after one, up to another or to the last."""
        new = self.records.entries_after(self.sweep, seq, MOST)
        told = [(number, entry) for number, entry in new if upto is None or number <= upto]
        text = "".join(event("entry", told_of(number, entry), number) for number, entry in told)
        last = told[-1][0] if told else seq
        return Piece(seq, last, text.encode(), more=len(told) == MOST)


class News:
    """The sweeps of one service that are watched."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._watched: dict[str, Watched] = {}

    @contextmanager
    def watching(self, sweep: str, after: int) -> Iterator[Watched]:
        """A sweep, for one more watcher who knows what came up to ``after``."""
        watched = self._watched.setdefault(sweep, Watched(self._records, sweep, after))
        watched.watchers += 1
        try:
            yield watched
        finally:
            watched.watchers -= 1
            if watched.watchers == 0:
                self._watched.pop(sweep, None)


def event(kind: str, body: dict[str, Any], seq: int | None = None) -> str:
    """One server-sent event."""
    number = "" if seq is None else f"id: {seq}\n"
    return f"{number}event: {kind}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n"


def told_of(seq: int, entry: Entry) -> dict[str, Any]:
    """An entry as it is told."""
    return {"seq": seq, **asdict(entry), "body": plain(entry.body)}
