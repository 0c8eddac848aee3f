"""One trial in full, from the record: every attempt, what each fold took, how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from search import bodies
from search.bodies import Json, number, resources_of
from search.entries import Entry
from search.view_rows import TrialView


@dataclass(frozen=True, slots=True)
class Spent:
    """A fold, or what was done when the trial ended; in the units of ``Resources``.

    ``what``: "fold 1", or "in all" at the end. ``score``: of a fold in the sweep's metric.
    """

    what: str
    at_s: float
    score: float
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(slots=True)
class Attempt:
    """One try at a worker.

    Attributes:
        began_s: seconds after the trial was asked; NaN where it is not known to have begun.
        memory_mb: that it was given, in units of 2**20 bytes; None for no limit.
        kept: folds, from 1, that it took over from attempts before.
        ended: why it ended: the trial's own end, or how its worker was lost.
        trace: what it took, fold by fold up to its end.
    """

    number: int
    worker: str = ""
    began_s: float = float("nan")
    memory_mb: float | None = None
    kept: tuple[int, ...] = ()
    ended: str = ""
    trace: list[Spent] = field(default_factory=list)


def attempts(entries: Iterable[Entry], trial: int, metric: str) -> list[Attempt]:
    """Every try at a trial, in order; none where it is known from an earlier sweep."""
    found: dict[int, Attempt] = {}
    asked = 0.0

    def at(entry: Entry) -> Attempt:
        return found.setdefault(entry.attempt, Attempt(entry.attempt))

    for entry in entries:
        if entry.trial != trial or entry.kind == "rescored":
            continue
        body, since = entry.body, entry.time - asked
        match entry.kind:
            case "asked":
                asked = entry.time
            case "started":
                mine = at(entry)
                mine.worker, mine.began_s = body["worker"], since
                mine.memory_mb = body.get("memory_mb")
                mine.kept = tuple(fold + 1 for fold in body.get("kept", ()))
            case "fold":
                score = number(body["scores"].get(metric))
                at(entry).trace.append(_spent(f"fold {entry.fold + 1}", since, score, body))
            case "paused":
                mine = at(entry)
                mine.ended = "looked at, then waited for others to be compared with"
                mine.trace.append(_spent("paused", since, number(body["path"][0]), body))
            case "lost":
                at(entry).ended = f"lost: {body['reason']}"
            case "ended" if not body.get("cached"):
                mine = at(entry)
                mine.ended = body["state"]
                mine.worker = mine.worker or body.get("worker") or ""
                mine.trace.append(_spent("in all", since, float("nan"), body))
    return [found[each] for each in sorted(found)]


def _spent(what: str, at_s: float, score: float, body: Any) -> Spent:
    used = resources_of(body)
    return Spent(what, at_s, score, used.wall_s, used.cpu_s, used.peak_mb)


def last_line(trial: TrialView) -> str:
    """The last line of its traceback, which names the exception; empty without one."""
    lines = [line for line in trial.traceback.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def trial_json(trial: TrialView, tried: list[Attempt]) -> dict[str, Json]:
    """The object of ``quintain show --trial``."""
    told = trial.to_json()
    told["attempts"] = bodies.plain([_told(each) for each in tried])
    told["last_line"], told["traceback"] = last_line(trial), trial.traceback
    return told


def _told(attempt: Attempt) -> dict[str, Any]:
    names = ("number", "worker", "began_s", "memory_mb", "kept", "ended")
    trace = [{name: getattr(each, name) for name in each.__slots__} for each in attempt.trace]
    return {name: getattr(attempt, name) for name in names} | {"trace": trace}
