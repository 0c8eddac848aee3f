"""What a sweep took: time with a driver, run by run, and what slots did meanwhile."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from search.entries import Entry
from search.view_finals import FinalsView
from search.view_rows import TrialView


@dataclass(frozen=True, slots=True)
class Cost:
    """What a sweep took.

    Attributes:
        cpu_s: CPU seconds of all trials but cached ones, whose cost was paid earlier.
        peak_mb: the highest own memory of any trial.
        overhead_s: seconds in which a slot did no trial's work: idle, scheduling and start-up.
            Slots x wall time of each run, less the trials' and finalists' wall times; never below
            0.
        max_concurrent: slots of the last run, None before the first.
    """

    cpu_s: float
    peak_mb: float
    overhead_s: float
    max_concurrent: int | None


@dataclass(slots=True)
class Runs:
    """Time with a driver, run by run.

    A run begins at "running" and lasts until its last entry before the next run; what is written
    when nobody drives (a note, the word that it was interrupted) belongs to none.
    """

    wall_s: float = 0.0
    slot_s: float = 0.0
    slots: int | None = None
    _start: float | None = None
    _last: float = 0.0

    def read(self, entry: Entry) -> None:
        """Take over the time of one entry."""
        state = entry.body.get("state") if entry.kind == "state" else None
        if state in ("running", "interrupted", "queued") or entry.kind == "refreshed":
            self.close()
        if state == "running":
            self.slots = entry.body.get("max_concurrent", self.slots)
            self._start = self._last = entry.time
        if self._start is not None:
            self._last = max(self._last, entry.time)
        if entry.kind == "outer":  # a sweep of its own has paid for it
            self.slot_s -= entry.body.get("wall_s", 0.0) * (self.slots or 1)
        if state in ("completed", "stopped", "failed"):
            self.close()

    def close(self) -> None:
        """The run that is open, if any, is over at its last entry."""
        if self._start is not None:
            wall = self._last - self._start
            self.wall_s += wall
            self.slot_s += wall * (self.slots or 1)
            self._start = None


def cost_of(trials: Iterable[TrialView], finals: FinalsView, runs: Runs) -> Cost:
    """Of trials and finalists over all runs."""
    paid = [trial for trial in trials if not trial.cached]
    busy = sum(trial.wall_s for trial in paid) + finals.wall_s
    measured = [trial for trial in paid if not math.isnan(trial.cpu_s)]  # not: lost with a worker
    return Cost(
        cpu_s=sum(trial.cpu_s for trial in measured),
        peak_mb=max((trial.peak_mb for trial in measured), default=finals.peak_mb),
        overhead_s=max(0.0, runs.slot_s - busy),
        max_concurrent=runs.slots,
    )
