"""Sweeps as the service shows them: views kept while nothing changes, lists in pages."""

import base64
import binascii
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from quintain.service.errors import RefusedError
from search.records import Records, SweepRecord
from search.told import told_after
from search.view import SweepView
from search.view_fold import SweepFold

Item = TypeVar("Item")

#: Sweeps that are held as they were read, so that only what is new has to be.
HELD = 8
#: A view is built anew after so many times the seconds it took to build.
REST = 4.0


@dataclass(slots=True)
class _Kept:
    """One sweep as it was read last; whoever reads on holds its ``lock``."""

    fold: SweepFold
    header: Mapping[str, Any]
    seq: int = 0
    view: SweepView | None = None
    state: str = ""
    built_at: float = 0.0
    took_s: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def due(self, state: str) -> bool:
        """Whether it is time to look for news."""
        rested = time.monotonic() - self.built_at >= REST * self.took_s
        return self.view is None or self.state != state or rested


class Shown:
    """Views of the sweeps of one store; from any thread."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def view(self, sweep: str) -> SweepView:
        """A sweep as it stands; a large one that runs may be seen some seconds late."""
        return self.seen(sweep)[0]

    def seen(self, sweep: str) -> tuple[SweepView, int]:
        """The same, and the number of the last entry in it."""
        found = self._records.sweep(sweep)
        with self._lock:
            kept = self._kept.get(sweep)
            if kept is None or kept.header != found.header:  # new, or its driver has read the data
                fold = SweepFold.of(str(found.header.get("metric", "")), found.header.get("part"))
                kept = self._kept[sweep] = _Kept(fold, found.header)
            self._kept.move_to_end(sweep)
            while len(self._kept) > HELD:
                self._kept.popitem(last=False)
        with kept.lock:
            if kept.view is not None and not kept.due(found.state):
                return kept.view, kept.seq
            return self._looked(kept, found), kept.seq

    def _looked(self, kept: _Kept, found: SweepRecord) -> SweepView:
        """The view with what has been recorded since."""
        began = time.monotonic()
        before = kept.seq
        for kept.seq, entry in told_after(self._records, found.id, before):
            kept.fold.read(entry)
        if kept.seq != before or kept.view is None or kept.state != found.state:
            kept.view = SweepView.of(
                found.id, found.header, kept.fold, found.state, created=found.created,
                records=self._records.url, place=self._records.place,
            )  # fmt: skip
            kept.state = found.state
            kept.built_at = time.monotonic()
            kept.took_s = kept.built_at - began
        return kept.view

    def forget(self, sweep: str) -> None:
        """It was deleted."""
        with self._lock:
            self._kept.pop(sweep, None)


def page_of(
    items: Sequence[Item], key: Callable[[Item], tuple[Any, ...]], limit: int, cursor: str | None
) -> tuple[list[Item], str | None]:
    """At most ``limit`` of the items in the order of ``key``, which tells any two apart.

    The second is the cursor for the next page, None after the last. What comes or goes meanwhile
    moves no other item from one page to another.

    Raises:
        RefusedError: the cursor is none of ours.
    """
    ordered = sorted(items, key=key)
    if cursor is not None:
        last = _read(cursor)
        try:
            ordered = [item for item in ordered if key(item) > last]
        except TypeError:
            raise _no_cursor() from None
    page = ordered[:limit]
    more = len(ordered) > limit
    return page, _written(key(page[-1])) if more and page else None


def _written(key: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[Any, ...]:
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise _no_cursor() from None
    if not isinstance(told, list):
        raise _no_cursor()
    return tuple(told)


def _no_cursor() -> RefusedError:
    return RefusedError(
        422, "bad_cursor", "`after` is the `next` of the page before, as it was given"
    )
