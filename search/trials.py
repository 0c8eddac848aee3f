"""Every trial of a sweep and where it stands: one table, one way to change it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from evaluators.types import Configuration, Outcome, Resources, together
from search.bodies import number, resources_of
from search.constraints import broken
from search.entries import BUDGETED, Entry, TrialState
from search.policy import Policy
from search.strategy import Verdict

#: The only moves a trial can make.
MOVES: frozenset[tuple[TrialState, TrialState]] = frozenset(
    {
        ("waiting", "running"),
        ("waiting", "cancelled"),
        ("running", "waiting"),  # its worker was lost, or it is paused
        ("waiting", "pruned"),  # those it waited with have shown where it would end
        ("waiting", "completed"),  # as it did in an earlier sweep
        ("waiting", "failed"),
        ("running", "completed"),
        ("running", "pruned"),
        ("running", "failed"),
        ("running", "cancelled"),
    }
)


@dataclass(slots=True)
class Trial:
    """One configuration on its way.

    Attributes:
        attempt: fences reports: only those of the current attempt count.
        deaths: workers that died while this trial was alone on them.
        alone: to be run in a pack of its own, since a pack with it was lost.
        memory_mb: what it is to be given after it ran out of memory; 0 before.
        asked_at: seconds since the epoch.
        score: the objective, once completed.
        folds: the objective fold by fold, once completed.
        wall_s: seconds it took, once completed.
        infeasible: which constraints it breaks, once completed; empty if none.
        path: what a raced trial scored at each rung, once it has ended (``evaluators.race``).
        given_up: the rung at which it was pruned.
        paused: whether it waits at rung 0 for others to be compared with (``search.opening``).
        spent: what it took until it was paused, if it ever was.
    """

    number: int
    configuration: Configuration
    origin: str
    asked_at: float
    state: TrialState = "waiting"
    attempt: int = 0
    deaths: int = 0
    alone: bool = False
    memory_mb: float = 0.0
    score: float | None = None
    cause: str | None = None
    folds: tuple[float, ...] = ()
    wall_s: float = math.nan
    infeasible: str = ""
    path: tuple[float, ...] = ()
    given_up: int | None = None
    paused: bool = False
    spent: Resources | None = None

    def costs(self, used: Resources) -> Resources:
        """``used`` since it went on, and what it took before."""
        return used if self.spent is None else together([self.spent, used])

    def scored(self, outcome: Outcome, policy: Policy) -> None:
        """Take over what an outcome without a failure says."""
        self.path, self.given_up = outcome.path, outcome.given_up
        if self.given_up is not None:
            return
        self.score = outcome.scores[policy.objective]
        self.folds = tuple(outcome.folds[policy.objective])
        self.wall_s = outcome.resources.wall_s
        self.infeasible = broken(policy.constraints, outcome.resources)

    def took(self, body: Mapping[str, Any], objective: str, rung: int) -> None:
        """Take over what the body of an "ended" entry says; ``rung``: of the entry."""
        self.score = (body.get("scores") or {}).get(objective)
        self.cause = body.get("cause")
        told = (body.get("folds") or {}).get(objective, ())
        self.folds = tuple(number(each) for each in told)
        self.infeasible = body.get("infeasible") or ""
        self.path = tuple(number(each) for each in body.get("path") or ())
        self.given_up = rung if body["state"] == "pruned" else None
        self.wall_s = number((body.get("resources") or {}).get("wall_s"))

    @property
    def live(self) -> bool:
        """Whether it has not reached an end."""
        return self.state in ("waiting", "running")

    @property
    def verdict(self) -> Verdict:
        """How it ended, in a sampler's words.

        A failure that would come again tells it to stay away; told as a plain failure, TPE goes
        back to the same region and the sweep ends of its failures.
        """
        if self.infeasible:
            return "infeasible"
        if self.state == "failed" and self.cause not in ("worker_lost", "preempted"):
            return "infeasible"
        if self.state == "waiting" or self.state == "running":
            raise RuntimeError(f"it has not ended: {self}")
        return self.state


class Trials:
    """The table of trials; numbers are given in the order of asking, from 0."""

    def __init__(self) -> None:
        self._trials: dict[int, Trial] = {}
        self._counts: dict[TrialState, int] = dict.fromkeys(get_args(TrialState), 0)

    def __getitem__(self, number: int) -> Trial:
        return self._trials[number]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._trials.values())

    def __len__(self) -> int:
        return len(self._trials)

    def add(self, configuration: Configuration, origin: str, asked_at: float) -> Trial:
        """A new trial, waiting."""
        trial = Trial(len(self._trials), configuration, origin, asked_at)
        self._trials[trial.number] = trial
        self._counts["waiting"] += 1
        return trial

    def move(self, trial: Trial, state: TrialState) -> None:
        """The one place where a trial changes its state.

        Raises:
            RuntimeError: the move is not in ``MOVES``: a bug, with the trial's story.
        """
        if (trial.state, state) not in MOVES:
            raise RuntimeError(f"no move from {trial.state} to {state}: {trial}")
        self._counts[trial.state] -= 1
        self._counts[state] += 1
        trial.state = state

    def begin(self, number: int, attempt: int) -> bool:
        """Whether a trial is under way by its worker's beginning: it waited for that attempt."""
        trial = self[number]
        begins = trial.state == "waiting" and trial.attempt == attempt
        if begins:
            self.move(trial, "running")
        return begins

    def again(self, trial: Trial) -> None:
        """Back to waiting, under a new attempt; a worker can be lost before it began."""
        if trial.state == "running":
            self.move(trial, "waiting")
        trial.attempt += 1

    def cancel(self) -> list[Trial]:
        """All that have not reached an end are cancelled: which they were."""
        live = [trial for trial in self if trial.live]
        for trial in live:
            self.move(trial, "cancelled")
        return live

    def pause(self, trial: Trial, path: Sequence[float], spent: Resources) -> None:
        """It has been looked at, and waits. What still comes of this attempt counts no more."""
        trial.path, trial.spent, trial.paused = tuple(path), spent, True
        trial.attempt += 1
        self.move(trial, "waiting")

    def count(self, *states: TrialState) -> int:
        """How many trials are in any of these states."""
        counts = self._counts  # asked for at every event: a loop takes half of what sum() does
        found = 0
        for state in states:
            found += counts[state]
        return found

    @property
    def ended(self) -> int:
        """Trials that count against the budget."""
        return self.count(*BUDGETED)

    @property
    def live(self) -> int:
        """Trials waiting or running."""
        return self.count("waiting", "running")

    @classmethod
    def from_entries(cls, entries: Sequence[Entry], objective: str) -> "Trials":
        """The table as the record tells it; trials in flight wait again under a new attempt."""
        trials = cls()
        for entry in entries:
            if entry.kind == "asked":
                body = entry.body
                trials.add(Configuration(body["model"], body["params"]), body["origin"], entry.time)
                continue
            if entry.trial < 0:
                continue
            trial = trials[entry.trial]
            if entry.kind == "started":
                trial.attempt, trial.paused = entry.attempt, False
                if trial.state != "running":  # its driver was killed, and the next one as well
                    trials.move(trial, "running")
            elif entry.kind == "lost":
                trial.deaths += bool(entry.body["guilty"])
                trial.alone = bool(entry.body.get("alone"))
                trial.memory_mb = entry.body.get("memory_mb") or 0.0
                trial.attempt = entry.attempt + 1
                if trial.state == "running":  # a worker can be lost before it began
                    trials.move(trial, "waiting")
            elif entry.kind == "paused":
                trial.attempt = entry.attempt
                spent = resources_of(entry.body)
                trials.pause(trial, [number(each) for each in entry.body["path"]], spent)
            elif entry.kind == "ended":
                trials.move(trial, entry.body["state"])
                trial.took(entry.body, objective, entry.rung)
        for trial in trials:
            if trial.state == "running":
                trial.attempt += 1
                trials.move(trial, "waiting")
        return trials
