"""What must be true after every accident, read from the store and asked of the service."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from drills.served import Served
from search.entries import BUDGETED, Entry
from search.records import Records
from search.view import read_view


@dataclass(frozen=True, slots=True)
class Loss:
    """What one accident has cost the trials that it hit, in seconds.

    Attributes:
        trials: that lost their worker.
        away_s: from the accident until the last of them ran again.
        thrown_away_s: work on them before the accident that was done again, the longest of them;
            folds that the next attempt took over were not.
    """

    trials: int
    away_s: float
    thrown_away_s: float


def problems(served: Served, sweep: str, asked: int | None, state: str = "completed") -> list[str]:
    """What is wrong with a sweep that is over; ``asked``: trials that must have ended, if known."""
    with Records.open(served.records, create=False) as store:
        entries = store.entries(sweep)  # every body is read: a torn one raises
        record, submission = store.sweep(sweep), store.submissions.get(sweep)
        view = read_view(store, sweep).to_json()
    found = [f"it is {record.state}, not {state}"] if record.state != state else []
    found += _trials(entries, asked)
    if submission is None or submission.state != "ended":
        found.append(f"the queue has it as {submission and submission.state}")
    told = served.view(sweep)
    for key in ("state", "trial_counts", "best", "estimate"):
        if told.get(key) != view.get(key):
            found.append(f"{key}: the service tells {told.get(key)}, the store {view.get(key)}")
    return [f"{sweep}: {each}" for each in found]


def _trials(entries: list[Entry], asked: int | None) -> list[str]:
    """Each ended once, under the attempt that it was at, with all that an end has."""
    found = []
    ends: Counter[int] = Counter()
    attempts: defaultdict[int, int] = defaultdict(int)
    known, over = set(), set()
    for entry in entries:
        trial = entry.trial
        if trial is None or trial < 0:
            continue
        if entry.kind == "asked":
            known.add(trial)
        elif trial not in known:
            found.append(f"trial {trial}: {entry.kind} before it was asked for")
        if entry.kind in ("fold", "started", "ended", "lost") and entry.attempt < attempts[trial]:
            found.append(f"trial {trial}: {entry.kind} of attempt {entry.attempt} counted late")
        if entry.kind == "lost":
            attempts[trial] = entry.attempt + 1
        if entry.kind in ("fold", "started") and trial in over:
            found.append(f"trial {trial}: {entry.kind} after its end")
        if entry.kind == "ended":
            cancelled = entry.body["state"] == "cancelled"
            ends[trial] += not cancelled
            if not cancelled:
                over.add(trial)
            if entry.body["state"] in ("completed", "pruned") and not entry.body.get("resources"):
                found.append(f"trial {trial}: its end tells no resources")
    found += [f"trial {trial} has ended {n} times" for trial, n in ends.items() if n > 1]
    if asked is not None and sum(ends.values()) != asked:
        found.append(f"{sum(ends.values())} trials have ended, {asked} were asked for")
    return found


def loss(entries: list[Entry], accident: float, until: float) -> Loss:
    """What an accident has cost; ``accident``, ``until``: seconds since the epoch it shows in."""
    began: dict[int, float] = {}
    scored: dict[int, float] = {}
    hit: dict[int, float] = {}
    again: dict[int, float] = {}
    for entry in entries:
        if entry.trial is None:
            continue
        if entry.kind == "started":
            if entry.trial in hit and entry.trial not in again:
                again[entry.trial] = entry.time
                if entry.body.get("kept"):
                    hit[entry.trial] = max(hit[entry.trial], scored.get(entry.trial, 0.0))
            began[entry.trial] = entry.time
        if entry.kind == "fold":
            scored[entry.trial] = entry.time
        if entry.kind == "lost" and accident <= entry.time <= until:
            hit[entry.trial] = began.get(entry.trial, entry.time)
    return Loss(
        len(hit),
        max((again.get(trial, until) - accident for trial in hit), default=0.0),
        max((max(0.0, accident - at) for at in hit.values()), default=0.0),
    )


def causes(entries: list[Entry]) -> dict[str, int]:
    """Why attempts were lost, and trials failed, by the reason that the record has."""
    told: Counter[str] = Counter()
    for entry in entries:
        body: Any = entry.body
        if entry.kind == "lost":
            told[f"lost: {body['reason'][:80]}"] += 1
        if entry.kind == "ended" and body["state"] not in ("completed", "pruned"):
            told[f"{body['state']}: {body.get('cause') or body.get('reason')}"] += 1
    return dict(told)


def in_budget(entries: list[Entry]) -> int:
    """Trials that have reached an end."""
    return sum(e.kind == "ended" and e.body["state"] in BUDGETED for e in entries)
