"""What the entries of a sweep have said so far; it reads one after another, as they come."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluators.types import Warned
from search.bodies import number
from search.entries import Entry
from search.outlook import Foresight
from search.view_cost import Runs
from search.view_finals import FinalsFold
from search.view_nodes import NodesFold
from search.view_plan import PlanView
from search.view_race import RaceFold
from search.view_rows import TrialFold, TrialView


@dataclass(frozen=True, slots=True)
class BaselineView:
    """What a model without features scores; ``score`` in the sweep's metric, NaN if undefined.

    It is of all rows, as the estimate is; ``searched`` of the rows and folds searched on.
    """

    kind: str
    score: float
    scores: Mapping[str, float]
    searched: float


@dataclass(slots=True)
class SweepFold:
    """Everything the entries have said so far, of a sweep that ranks by ``metric``."""

    metric: str
    trials: dict[int, TrialFold] = field(default_factory=dict)
    warnings: dict[Warned, None] = field(default_factory=dict)  # each once, in order
    doubts: list[Warned] = field(default_factory=list)
    refreshed: list[Mapping[str, Any]] = field(default_factory=list)
    varied: list[Mapping[str, Any]] = field(default_factory=list)
    baseline: BaselineView | None = None
    last: Mapping[str, Any] = field(default_factory=dict)
    runner: str = ""
    began: float = 0.0
    runs: Runs = field(default_factory=Runs)
    nodes: NodesFold = field(default_factory=NodesFold)
    finals: FinalsFold = field(default_factory=FinalsFold)
    race: RaceFold = field(default_factory=RaceFold)
    tried_elsewhere: int = 0
    foreseen: Foresight | None = None
    warm: Sequence[Mapping[str, Any]] = ()
    _rows: dict[int, TrialView] = field(default_factory=dict)

    @classmethod
    def of(cls, metric: str, part: Mapping[str, Any] | None) -> "SweepFold":
        """Before the first entry; ``part``: of the rows, as the header has it."""
        return cls(metric, finals=FinalsFold(part=part))

    def read(self, entry: Entry) -> None:
        """Take over one entry; kinds not known are passed over."""
        body = entry.body
        self.began = self.began or entry.time
        self.runs.read(entry)
        self.nodes.read(entry)
        self.finals.read(entry)
        self.race.read(entry, self.metric)
        if entry.trial >= 0:
            self.trials.setdefault(entry.trial, TrialFold(entry.trial)).read(entry)
            self._rows.pop(entry.trial, None)
        match entry.kind:
            case "warning":
                warned = Warned(body["code"], body["message"], body.get("figure"))
                self.warnings[warned] = None
                if self.finals.winner is not None:
                    self.doubts.append(warned)
            case "baseline":
                scores = {name: number(score) for name, score in body["scores"].items()}
                score = scores.get(self.metric, math.nan)
                on_part = body.get("searched", body)["scores"].get(self.metric, math.nan)
                self.baseline = BaselineView(body["kind"], score, scores, number(on_part))
            case "refreshed":
                self.refreshed.append(body)
            case "varied":
                self.varied.append(body)
            case "known":
                self.warm = body.get("warm_start", ())
            case "plan":
                self.foreseen = Foresight.read(body)
            case "state":
                self.last = body
                self.runner = body.get("runner", self.runner)
                self.tried_elsewhere = body.get("tried_elsewhere", self.tried_elsewhere)

    def rows(self) -> tuple[TrialView, ...]:
        """A row for each trial; one that nothing was heard of since is not made anew."""
        for each, trial in self.trials.items():
            if each not in self._rows:
                self._rows[each] = trial.view(self.metric)
        return tuple(self._rows[trial] for trial in sorted(self.trials))

    def plan(self, trials: tuple[TrialView, ...], runs: Runs) -> PlanView | None:
        """What was foreseen beside these trials."""
        if self.foreseen is None:
            return None
        return PlanView.of(self.foreseen, trials, runs.wall_s)
