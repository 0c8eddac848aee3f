"""Packs under way, and what a report about one becomes in the record."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from evaluators.types import Failure, Outcome, Resources
from search.entries import Entry
from search.events import (
    Dispatch,
    FoldScored,
    Item,
    ItemEnded,
    Pack,
    PackReported,
    PackStarted,
    Report,
)
from search.trials import Trial, Trials

#: The numbers of a trial's folds that are done.
FoldsOf = Callable[[int], Iterable[int]]


@dataclass(slots=True)
class Flight:
    """A pack that was handed out. ``handed_in``: it was a share, and that is done."""

    pack: Pack
    dispatched_at: float
    started_at: float | None = None
    worker: str = ""
    start_s: float = 0.0
    handed_in: bool = False
    _start_borne: bool = False

    @property
    def items(self) -> tuple[Item, ...]:
        """The configurations on board."""
        return self.pack.items

    def pauses(self, trial: int) -> bool:
        """Whether a trial on board was only to be looked at."""
        return any(
            item.trial == trial and item.bar is not None and item.bar.pauses for item in self.items
        )

    def began(self, event: PackStarted, trials: Trials, kept: FoldsOf) -> list[Entry]:
        """Its worker began, after it had waited for it.

        Told of what is under way by that. Of one that several workers share the first is told,
        whichever that is; and a share may begin after its trial has ended, or was lost elsewhere.
        ``kept``: the folds that a trial begins with.
        """
        self.started_at, self.worker = event.time, event.worker
        body = {
            "worker": event.worker,
            "queue_s": event.time - self.dispatched_at,
            "memory_mb": self.pack.limit_mb,
        }
        found = []
        for item in self.items:
            if trials.begin(item.trial, item.attempt):
                had = sorted(kept(item.trial))
                told = body | ({"kept": had} if had else {})
                found.append(Entry("started", event.time, told, item.trial, item.attempt))
        return found

    def heard(self, report: Report) -> None:
        """Note who reports, and what it took to become ready."""
        self.worker = self.worker or report.worker  # by one name from its start to its end
        self.start_s += report.start_s

    def waited_s(self) -> float:
        """From hand-out to the worker's start, less what that worker took to become ready."""
        started_at = self.dispatched_at if self.started_at is None else self.started_at
        return max(0.0, started_at - self.dispatched_at - self.start_s)

    def bear_start(self) -> float:
        """The start of the worker, told once: the first trial that ends on board bears it."""
        told = 0.0 if self._start_borne else self.start_s
        self._start_borne = True
        return told


class Flights(dict[int, Flight]):
    """Every flight by its pack's number.

    The sum of what is on board is kept and not counted: it is asked for at every free worker, of
    which there may be a thousand.

    Attributes:
        on_board: configurations of all flights together.
    """

    def __init__(self) -> None:
        super().__init__()
        self.on_board = 0

    def depart(self, pack: Pack, now: float) -> Dispatch:
        """One more is under way."""
        self[pack.number] = Flight(pack, now)
        self.on_board += len(pack.items)
        return Dispatch(pack)

    def land(self, pack: int) -> Flight | None:
        """It is under way no more; None where it was not."""
        flight = self.pop(pack, None)
        if flight is not None:
            self.on_board -= len(flight.items)
        return flight

    def homeless(self, largest_mb: float) -> list[Flight]:
        """Those not begun that need more memory than any worker can have now."""
        sized = [(flight, flight.pack.limit_mb) for flight in self.values()]
        return [
            flight for flight, size in sized
            if flight.started_at is None and size is not None and size > largest_mb
        ]  # fmt: skip

    def ground(self) -> None:
        """None is under way."""
        self.clear()
        self.on_board = 0


def unfinished(flight: Flight, trials: Trials) -> list[Trial]:
    """Trials on board that have no verdict under the attempt it carries."""
    if flight.handed_in:
        return []
    carried = ((trials[item.trial], item.attempt) for item in flight.items)
    return [trial for trial, attempt in carried if trial.live and trial.attempt == attempt]


def fold_entry(scored: FoldScored, now: float) -> Entry:
    """A fold of a trial that goes on."""
    body = {"scores": dict(scored.scores), "resources": asdict(scored.resources)}
    return Entry("fold", now, body, scored.trial, scored.attempt, fold=scored.fold)


def ended_body(flight: Flight, outcome: Outcome, event: PackReported) -> dict[str, Any]:
    """The body of an "ended" entry, but for state and cause.

    ``queue_s``: from hand-out to the worker's beginning, less ``start_s``, the seconds a new worker
    took to become ready: 0 for all but the first trial it ran. ``overhead_s``: what the pack took
    beyond the worker's own time on it, shared by its items.
    """
    started_at = event.time if flight.started_at is None else flight.started_at
    overhead = max(0.0, event.time - started_at - event.report.busy_s)
    return {
        "scores": dict(outcome.scores),
        "folds": {name: list(scores) for name, scores in outcome.folds.items()},
        "confusion": [list(row) for row in outcome.confusion],
        "kind": outcome.kind,
        "threshold": outcome.threshold,
        "tuned_confusion": [list(row) for row in outcome.tuned_confusion],
        "resources": asdict(outcome.resources),
        "queue_s": flight.waited_s(),
        "start_s": flight.bear_start(),
        "overhead_s": overhead / len(flight.items),
        "worker": flight.worker,
        "warnings": list(outcome.warnings),
    }


def paused_entry(flight: Flight, item: ItemEnded, event: PackReported) -> Entry:
    """A trial of the opening was looked at, and waits to be compared."""
    told = ended_body(flight, item.outcome, event)
    kept = "resources", "queue_s", "start_s", "overhead_s", "worker"
    body = {"path": list(item.outcome.path), **{name: told[name] for name in kept}}
    return Entry("paused", event.time, body, item.trial, item.attempt, rung=0)


def paused_end(trial: Trial) -> dict[str, Any]:
    """The body of its "ended" entry where it never goes on."""
    return {"path": list(trial.path), "resources": asdict(trial.costs(Resources()))}


def lost_body(
    flight: Flight, before: Resources, elapsed_s: float, reached_mb: float
) -> dict[str, Any]:
    """The same for a trial that went down with its worker: time, and memory where it was seen.

    ``before``: what it took elsewhere.
    """
    return {
        "resources": {"wall_s": elapsed_s + before.wall_s, "peak_mb": reached_mb},
        "queue_s": flight.waited_s(),
        "start_s": flight.bear_start(),
        "worker": flight.worker,
    }


def lost_entry(trial: Trial, now: float, reason: str, guilty: bool) -> Entry:
    """That an attempt ended without a verdict."""
    body = {"reason": reason, "guilty": guilty, "alone": trial.alone}
    body |= {"memory_mb": trial.memory_mb} if trial.memory_mb else {}
    return Entry("lost", now, body, trial.number, trial.attempt)


def cancelled_entry(trial: Trial, now: float, reason: str) -> Entry:
    """That a trial was ended before it had a verdict."""
    body = {"state": "cancelled", "reason": reason}
    return Entry("ended", now, body, trial.number, trial.attempt)


def failed_body(failure: Failure) -> dict[str, Any]:
    """What the end of a failed trial has besides."""
    return {"cause": failure.cause, "reason": failure.reason, "traceback": failure.traceback}
