"""What is costly to make of a fold and the same for many configurations, kept by a worker."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

#: Of the memory that a trial may take, how much may be kept from earlier ones.
SHARE = 0.25
#: Trials since which a thing was not used: one, and what parts of trials are rounded by.
SINCE = 1.001


@dataclass(slots=True)
class _Entry:
    thing: Any
    megabytes: float
    owner: object
    trial: float


class Kept:
    """Things by key, as far as there is room for them.

    Trials come one after the other, and each may ask for the same things in the same order: so the
    newest does not push out what the next one will want. Only what neither this trial nor the one
    before has used makes way. A part of a trial's folds counts as that part: a worker that has one
    fold of each trial keeps those of as many packs as a trial has folds.

    Attributes:
        hits, made: how often a thing was there, and was not.
    """

    def __init__(self, most: int = 0) -> None:
        """``most``: things at a time."""
        self._most = most
        self._bound_mb = 0.0
        self._trial = 0.0
        self._scope: Hashable = None
        self._entries: dict[Hashable, _Entry] = {}
        self.hits = self.made = 0

    @property
    def megabytes(self) -> float:
        """What all that is kept holds, in units of 2**20 bytes."""
        return sum(entry.megabytes for entry in self._entries.values())

    def begin(self, memory_mb: float, scope: Hashable = None, part: float = 1.0) -> None:
        """A new trial, which may take so much own memory; what is of another ``scope`` goes.

        ``part``: which part of its folds this is.
        """
        if scope != self._scope:
            self.clear()
            self._scope = scope
        self._trial += part
        self._bound_mb = SHARE * memory_mb
        self._make_room(0.0)

    def clear(self) -> None:
        """Keep nothing of what there is."""
        self._entries.clear()

    def get(
        self, owner: object, key: Hashable, make: Callable[[], T], megabytes: Callable[[T], float]
    ) -> T:
        """The thing of that key, made now if it is not there.

        ``owner``: what it was made of, as an object; it lives as long as the thing, so that its
        identity may be a part of the key.
        """
        whole = (id(owner), key)
        entry = self._entries.get(whole)
        if entry is not None:
            entry.trial = self._trial
            self.hits += 1
            found: T = entry.thing
            return found
        self.made += 1
        thing = make()
        size = megabytes(thing)
        if self._make_room(size):
            self._entries[whole] = _Entry(thing, size, owner, self._trial)
        return thing

    def _make_room(self, size: float) -> bool:
        """Whether so much more fits, after what is out of use was dropped as far as needed."""
        unused = [key for key, each in self._entries.items() if each.trial < self._trial - SINCE]
        unused.sort(key=lambda key: self._entries[key].trial, reverse=True)
        incoming = 1 if size else 0
        while self.megabytes + size > self._bound_mb or len(self._entries) + incoming > self._most:
            if not unused:
                return False
            del self._entries[unused.pop()]
        return True
