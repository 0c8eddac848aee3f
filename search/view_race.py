"""A race as its record tells it: who ended where, what that spared, and which rungs mislead."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluators.race import FEW_ROUNDS
from evaluators.types import Configuration
from search.bodies import number
from search.entries import Entry
from search.policy import Direction
from search.race import LEARNT_FROM, LEAST_RANK, Race
from search.trials import Trial


@dataclass(frozen=True, slots=True)
class RaceView:
    """A race so far.

    Attributes:
        metric: what trials are compared by at a rung.
        pruned: how many trials ended at each rung; those that an earlier sweep knows not counted.
        fitted: which part was fitted of all folds of the trials that completed or were pruned.
        ranks: by model, Spearman's correlation of each rung with the end, over the trials that went
            there; NaN where fewer than three did or there is no such rung.
        counts: by model, how many trials each of these is from.
    """

    metric: str
    pruned: Mapping[int, int]
    fitted: float
    ranks: Mapping[str, tuple[float, ...]]
    counts: Mapping[str, tuple[int, ...]]

    @property
    def misleading(self) -> list[tuple[str, int, float]]:
        """(model, rung, correlation) of each rung that has no bar, since it ranks otherwise."""
        return [
            (model, rung, rank)
            for model, ranks in self.ranks.items()
            for rung, rank in enumerate(ranks)
            if rank < LEAST_RANK and self.counts[model][rung] >= LEARNT_FROM
        ]

    def lines(self) -> list[str]:
        """For the report; empty before anybody has ended early and no rung misleads."""
        told = []
        if self.pruned:
            where = ", ".join(f"{count} {_after(rung)}" for rung, count in self.pruned.items())
            told.append(
                f"racing ended {sum(self.pruned.values())} trials early ({where}): "
                f"{self.fitted:.0%} of all folds were fitted"
            )
        told += [
            f"no bar for {model} {_after(rung)}: scores there rank its trials unlike the end does, "
            f"Spearman {rank:.2f} over {self.counts[model][rung]} trials"
            for model, rung, rank in self.misleading
        ]
        return told

    def to_json(self) -> dict[str, Any]:
        """The object under "race"."""
        return {
            "metric": self.metric,
            "pruned": {str(rung): count for rung, count in self.pruned.items()},
            "fitted_share": self.fitted,
            "ranks": dict(self.ranks),
        }


def _after(rung: int) -> str:
    """Where a rung stands."""
    if rung == 0:
        return "after a few rounds or rows of fold 1"
    return "after fold 1" if rung == 1 else f"after {rung} folds"


@dataclass(slots=True)
class RaceFold:
    """A race while the entries are gone through."""

    models: dict[int, str] = field(default_factory=dict)
    completed: list[Trial] = field(default_factory=list)
    pruned: Counter[int] = field(default_factory=Counter)
    known: int = 0  # of the completed, those that were not fitted here
    rungs: int = 0

    def read(self, entry: Entry, metric: str) -> None:
        """Take over one entry; ``metric``: that ranks the sweep's trials."""
        if entry.kind == "asked":
            self.models[entry.trial] = entry.body["model"]
        elif entry.kind == "ended" and entry.body.get("path"):
            path = tuple(number(score) for score in entry.body["path"])
            self.rungs = max(self.rungs, len(path))
            known = bool(entry.body.get("cached"))
            if entry.body["state"] == "pruned" and not known:
                self.pruned[entry.rung] += 1
            elif entry.body["state"] == "completed":
                self.known += known
                trial = Trial(
                    entry.trial, Configuration(self.models[entry.trial], {}), "", entry.time
                )
                trial.path, trial.score = path, number(entry.body["scores"].get(metric))
                self.completed.append(trial)

    def view(self, raced: Mapping[str, Any] | None, direction: Direction) -> RaceView | None:
        """``raced``: what the header says of it; None where nobody is raced."""
        if raced is None or not self.rungs:
            return None
        race = Race(raced["direction"], direction)
        for trial in self.completed:
            race.learn(trial)
        models = dict.fromkeys(trial.configuration.model for trial in self.completed)
        whole = len(self.completed) - self.known
        fitted = whole + sum(
            count * (rung or FEW_ROUNDS) / self.rungs for rung, count in self.pruned.items()
        )
        every = whole + self.pruned.total()
        return RaceView(
            raced["metric"], dict(sorted(self.pruned.items())),
            fitted / every if every else math.nan,
            {model: race.ranks(model) for model in models},
            {model: race.counts(model) for model in models},
        )  # fmt: skip
