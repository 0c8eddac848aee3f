"""What the store knows of a sweep's trials before it starts: of sweeps that evaluate alike."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluators.trial_key import TrialKeys
from evaluators.types import Configuration
from quintain.content import limits_of
from quintain.warm import warmth
from search import bodies
from search.driver import share
from search.entries import Entry
from search.errors import RecordsError
from search.known import Ending, Known, lasts
from search.records import Lease, Records, SweepRecord
from search.replay import retold
from search.strategy import Told

if TYPE_CHECKING:
    from quintain.prepare import Prepared

#: Trials of other sweeps that are looked through at most, those of the newest sweeps first: 20,000
#: take half a second.
MOST_TRIALS = 20_000


@dataclass(slots=True)
class _Sweep:
    """What one earlier sweep asked, and how that ended.

    ``finals``: how its finalists ended; ``other``: it was given other budgets than its spec's.
    """

    id: str
    last: int = 0
    asked: dict[int, Configuration] = field(default_factory=dict)
    ends: dict[int, Ending] = field(default_factory=dict)
    finals: list[dict[str, Any]] = field(default_factory=list)
    other: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a search has before its first trial.

    Attributes:
        known: how its configurations ended in earlier sweeps; None where nothing is known.
        warm: what the sampler is told besides.
    """

    known: Known | None = None
    warm: tuple[Told, ...] = ()

    @property
    def replayed(self) -> tuple[Configuration, ...]:
        """Configurations that come first, as an earlier sweep of the same spec has asked them."""
        return () if self.known is None else self.known.replayed


def knowledge(
    prepared: "Prepared", store: Records, lease: Lease, header: Mapping[str, Any],
    entries: Sequence[Entry],
) -> Knowledge:  # fmt: skip
    """What the store knows of this sweep's trials; recorded once, before the first of them.

    A sweep that goes on knows what it knew when it began, whatever the store has learnt since.
    """
    content = header.get("content")
    told = next((entry.body for entry in entries if entry.kind == "known"), None)
    begun = told is None and any(entry.kind == "asked" for entry in entries)
    if content is None or begun or "vary" in header:  # each repeat of a step has its own seed
        return Knowledge()
    records = {each.id: each for each in store.sweeps()}
    warm = warmth(prepared, store, header, None if told is None else told["warm_start"])
    if told is None:
        fresh = bool(header.get("fresh"))
        sources = [] if fresh else _sources(store, lease.sweep, content, records)
        replay = _replay_of(sources, content, header, records, prepared)
        body = {
            "sweeps": [{"sweep": each.id, "upto": each.last} for each in sources],
            "replay": None if replay is None else replay.id,
            "warm_start": list(warm.noted),
        }
        now = time.time()
        noted = [Entry("known", now, body)] if sources or warm.noted else []
        noted += [Entry("warning", now, asdict(each)) for each in warm.refused]
        store.append(lease.sweep, noted, lease)
    else:
        upto = {each["sweep"]: each["upto"] for each in told["sweeps"] if each["sweep"] in records}
        sources = [_read(store, records[name], last, header) for name, last in upto.items()]
        replay = next((each for each in sources if each.id == told["replay"]), None)
    if not sources:
        return Knowledge(None, warm.told)
    keys = TrialKeys.read(content)
    ends: dict[str, Ending] = {}
    for source in sources:
        theirs = TrialKeys.read(records[source.id].header["content"])
        for number, ending in source.ends.items():
            key = theirs.of(source.asked[number])
            if key not in ends or ends[key].worth < ending.worth:
                ends[key] = ending
    asked = () if replay is None else tuple(replay.asked.values())
    return Knowledge(Known(keys.of, ends, asked, {} if replay is None else replay.ends), warm.told)


def _sources(
    store: Records, own: str, content: Mapping[str, Any], records: Mapping[str, SweepRecord]
) -> list[_Sweep]:
    """Sweeps with ends that this one may know, the newest first."""
    header, found, trials = records[own].header, [], 0
    for each in records.values():
        same = (each.header.get("content") or {}).get("evaluation") == content["evaluation"]
        if not same or each.id == own or "vary" in each.header or trials >= MOST_TRIALS:
            continue
        source = _read(store, each, 2**62, header)
        trials += len(source.ends)
        if source.ends:
            found.append(source)
    return found


def _read(store: Records, record: SweepRecord, upto: int, header: Mapping[str, Any]) -> _Sweep:
    """One of them, up to an entry."""
    found = _Sweep(record.id)
    same = limits_of(record.header) == limits_of(header)
    for seq, kind, trial, rung, body in store.ends(record.id, upto):
        found.last = seq
        if kind == "asked":
            told = bodies.read(body)
            found.asked[trial] = Configuration(told["model"], told["params"])
        elif kind == "budgets":
            found.other = True
        elif kind == "rescored":
            found.finals.append(bodies.read(body))
        elif '"state":"cancelled"' not in body:
            found.ends[trial] = Ending(record.id, trial, rung, body, same)
    return found


def _replay_of(
    sources: Sequence[_Sweep], content: Mapping[str, Any], header: Mapping[str, Any],
    records: Mapping[str, SweepRecord], prepared: "Prepared",
) -> _Sweep | None:  # fmt: skip
    """The sweep of the same spec that got furthest.

    A deterministic sweep needs none, since it asks the same of itself; one that continues another
    has first trials of its own.
    """
    if prepared.spec.search.deterministic or "first" in header:
        return None
    same = [s for s in sources if records[s.id].header["content"]["search"] == content["search"]]
    return max(same, key=lambda each: len(each.ends), default=None)


def whole_of(header: Mapping[str, Any], store: Records) -> str | None:
    """A completed sweep that the one with this header would only repeat, every end of it.

    None where there is none, or where one of its trials was ended by chance.
    """
    for each in store.sweeps():
        theirs = each.header.get("content") or {}
        if theirs.get("whole") != header["content"]["whole"] or each.state != "completed":
            continue
        if {"refreshed_from", "outer_of", "vary"} & each.header.keys() or each.driver is not None:
            continue  # its last words are not said while it has a driver
        found, same = _read(store, each, 2**62, header), limits_of(each.header) == limits_of(header)
        ends = [*(ending.body for ending in found.ends.values()), *found.finals]
        if found.ends and not found.other and all(lasts(body, same) for body in ends):
            return each.id
    return None


def tell_again(store: Records, lease: Lease, source: str) -> None:
    """Everything that a completed sweep of the same spec has recorded, in one transaction.

    Raises:
        RecordsError: it has been deleted meanwhile.
    """
    try:
        entries = store.entries(source)
    except RecordsError as error:
        raise RecordsError(
            f"{lease.sweep} was to be told from {source}, which is gone: start a new sweep with "
            "quintain run"
        ) from error
    made = retold(source, entries, time.time())
    gone = set()
    for name in made.files:
        file = Path(name).name  # a record may have come over a network: no path is followed
        try:
            share(store.folder / source / file, store.folder / lease.sweep / file)
        except OSError:
            gone.add(name)
    kept = [each if each.body.get("oof") not in gone else _without(each) for each in made.entries]
    store.append(lease.sweep, kept, lease)


def _without(entry: Entry) -> Entry:
    body = {name: value for name, value in entry.body.items() if name != "oof"}
    return Entry(entry.kind, entry.time, body, entry.trial, entry.attempt, entry.rung, entry.fold)
