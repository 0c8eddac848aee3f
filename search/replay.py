"""A sweep that stands in the store, told once more: its trials, finalists and estimate, no fit.

Pure: entries in, entries out. Nothing is decided anew, so that what was honest stays so: the
finalists keep the fresh partitions that they were scored on, and the estimate chose nothing more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search.bodies import resources_of
from search.entries import Entry

#: What is told again as it was.
_AGAIN = ("asked", "finalists", "winner", "optimism", "outer", "nested")
#: What had to be run then, and is marked as known.
_RUN = ("ended", "rescored")
#: Of their bodies, what belongs to the run that was.
_OF_ITS_RUN = ("queue_s", "start_s", "overhead_s", "worker", "parts")


@dataclass(frozen=True, slots=True)
class Retold:
    """The entries of a replayed sweep, and the files beside its source that they name."""

    entries: tuple[Entry, ...]
    files: tuple[str, ...]


def retold(source: str, entries: Sequence[Entry], now: float) -> Retold:
    """What a completed sweep has recorded, as a new sweep of the same spec records it.

    ``source``: the sweep's id, which each trial is marked with unless it was known there already.
    """
    made = list(_retold(source, entries, now))
    files = [str(entry.body["oof"]) for entry in made if entry.body.get("oof")]
    return Retold(tuple(made), tuple(files))


def _retold(source: str, entries: Sequence[Entry], now: float) -> Iterator[Entry]:
    chosen = False
    for entry in entries:
        body = dict(entry.body)
        chosen = chosen or entry.kind == "winner"
        if entry.kind in _RUN and body.get("state") != "cancelled":
            body = {name: each for name, each in body.items() if name not in _OF_ITS_RUN}
            saved_s = resources_of(body).cpu_s
            told = entry.body.get("cached") or {"sweep": source, "trial": entry.trial}
            body["cached"] = {**told, "saved_cpu_s": saved_s if saved_s == saved_s else 0.0}
        doubt = entry.kind == "warning" and chosen
        if entry.kind in _AGAIN or entry.kind in _RUN or doubt:
            yield _at(entry, body, now)
    last = [e for e in entries if e.kind == "state" and e.body.get("state") == "completed"][-1]
    yield _at(last, dict(last.body), now)


def _at(entry: Entry, body: dict[str, Any], now: float) -> Entry:
    return Entry(entry.kind, now, body, entry.trial, entry.attempt, entry.rung, entry.fold)
