"""A sweep as people and programs see it: folded from its header and entries, nothing else.

Same entries, same view: no clock, no store, no files. A sweep that runs is seen as of its last
entry.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluators.types import Warned
from search import bodies
from search.bodies import Json
from search.choice import alike
from search.entries import BUDGETED, Entry, SweepState
from search.failed_roads import Road, failed_roads
from search.front import front
from search.records import Records
from search.view_cost import Cost, cost_of
from search.view_cuts import NOT_COMPARED
from search.view_finals import FinalsView
from search.view_fold import BaselineView, SweepFold
from search.view_known import KnownView
from search.view_plan import PlanView
from search.view_race import RaceView
from search.view_rows import COUNTED, TrialView, counts_of, ranked

#: What is told of a refresh beside the rest; all of it is in the record.
REFRESHED = ("when", "new_rows", "verdict", "fresh", "next")
#: What is told of each round of steps beside the rest.
VARIED = ("sweep", "param", "from", "start", "kept", "noise", "answer")
#: What two reasons may differ in and be one.
_NUMBER = re.compile(r"\d+(\.\d+)?")
#: What is told of each trial on the front of score against cost.
FRONT = ("trial", "score", "fit_s", "predict_ms_per_1k", "peak_mb")


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Trials that failed alike."""

    cause: str
    reason: str
    trials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SweepView:
    """One sweep.

    Attributes:
        created: seconds since the epoch.
        positive: the positive class as the user wrote it, None if there are more than two.
        wall_s: seconds with a driver: of each run, from "running" to its last entry.
        counts: trials by state, "cached" and "infeasible" ones counted once more; "waiting" and
            "running" too.
        best: the winner among the finalists; before they were compared the completed trial with
            the best score, of equals the quicker, then the earlier. Its ``trial`` is -1 where the
            model's defaults won.
        finals: finalists, winner and estimate.
        doubts: those of ``warnings`` that came of the sweep's result.
        refreshed: each time that rows came later, as `quintain refresh --json` told it.
        varied: each time that one hyperparameter went through steps from here, in order, as
            `quintain vary --json` told it.
        plan: what was foreseen before the first trial, beside what it took.
        race: who ended early, and whether rungs can be believed; None where nobody is raced.
        known: what earlier sweeps knew of it; None where they knew nothing.
        records: where all this is kept, as a URL without a password; ``place``: the same, short.
    """

    id: str
    state: SweepState
    created: float
    header: Mapping[str, Any]
    metric: str
    direction: str
    positive: str | None
    runner: str
    warnings: tuple[Warned, ...]
    baseline: BaselineView | None
    trials: tuple[TrialView, ...]
    counts: Mapping[str, int]
    wall_s: float
    resources: Cost
    best: TrialView | None
    finals: FinalsView = field(default_factory=FinalsView)
    doubts: tuple[Warned, ...] = ()
    refreshed: tuple[Mapping[str, Any], ...] = ()
    varied: tuple[Mapping[str, Any], ...] = ()
    plan: PlanView | None = None
    race: RaceView | None = None
    known: KnownView | None = None
    reason: str = ""
    records: str = ""
    place: str = ""

    @classmethod
    def build(
        cls,
        sweep: str,
        header: Mapping[str, Any],
        entries: Iterable[Entry],
        state: SweepState | None = None,
        *,
        created: float | None = None,
        records: str = "",
        place: str = "",
    ) -> "SweepView":
        """The sweep as its header and entries tell it.

        ``state`` is the recorded one unless given ("interrupted" is not in the entries);
        ``created`` the first entry's time.
        """
        fold = SweepFold.of(str(header.get("metric", "")), header.get("part"))
        for entry in entries:
            fold.read(entry)
        return cls.of(sweep, header, fold, state, created=created, records=records, place=place)

    @classmethod
    def of(
        cls,
        sweep: str,
        header: Mapping[str, Any],
        fold: SweepFold,
        state: SweepState | None = None,
        *,
        created: float | None = None,
        records: str = "",
        place: str = "",
    ) -> "SweepView":
        """The sweep as the entries that ``fold`` has read tell it; it can read on afterwards."""
        direction = str(header.get("direction", "maximize"))
        trials, runs = fold.rows(), fold.runs.as_of_now()
        ended = sum(trial.state in BUDGETED and not trial.cached for trial in trials)
        by_number = {trial.trial: trial for trial in trials}
        finals = fold.finals.view(fold.metric, direction, by_number, ended + fold.tried_elsewhere)
        return cls(
            id=sweep,
            state=state or fold.last.get("state", "queued"),
            created=fold.began if created is None else created,
            header=header,
            metric=fold.metric,
            direction=direction,
            positive=header.get("positive"),
            runner=fold.runner or str(header.get("runner", "")),
            warnings=tuple(fold.warnings),
            baseline=fold.baseline,
            trials=trials,
            counts=counts_of(trials),
            wall_s=runs.wall_s,
            resources=cost_of(
                trials, finals, runs, fold.nodes.view(fold.began), header.get("spec") or {}
            ),
            best=finals.winner or next(iter(ranked(trials, direction)), None),
            finals=finals,
            doubts=tuple(fold.doubts),
            refreshed=tuple(fold.refreshed),
            varied=tuple(fold.varied),
            plan=fold.plan(trials, runs),
            race=fold.race.view(header.get("raced"), header.get("direction", "maximize")),
            known=KnownView.of_trials(trials, finals.runs, header, fold.warm),
            reason=str(fold.last.get("reason") or ""),
            records=records,
            place=place,
        )

    @property
    def threshold(self) -> float | None:
        """Where labels of the winner, fitted on all rows, are cut; None where none was tuned."""
        found = self.finals.threshold
        return self.best.threshold if found is None and self.best is not None else found

    @property
    def name(self) -> str:
        """The spec's name: the id without its serial."""
        return self.id.rpartition("-")[0]

    @property
    def ranked(self) -> list[TrialView]:
        """Completed trials with a score that break no constraint, the best first."""
        return ranked(self.trials, self.direction)

    @property
    def constraints(self) -> dict[str, float]:
        """What a trial may cost to win, by name; empty where nothing is limited."""
        told = self.header.get("spec", {}).get("search", {}).get("constraints") or {}
        return {name: limit for name, limit in told.items() if limit is not None}

    @property
    def front(self) -> list[TrialView]:
        """Trials that no other beats at as little cost, the best score first."""
        return front(self.ranked, self.direction)

    @property
    def cheapest_alike(self) -> TrialView | None:
        """Of the front the quickest to fit within one standard error of the best score.

        None where it is the best itself, or folds cannot tell.
        """
        found, folds = self.front, self.header.get("folds")
        if not found or not folds or folds < 2:
            return None
        best = found[0].folds.get(self.metric, ())
        within = [
            each
            for each in found[1:]
            if alike(
                list(zip(best, each.folds.get(self.metric, ()), strict=False)), 1 / (folds - 1)
            )
        ]
        quickest = min((found[0], *within), key=lambda each: (each.fit_s, each.trial))
        return None if quickest is found[0] else quickest

    @property
    def beats_baseline(self) -> bool | None:
        """Whether the best trial is better than no model at all; None if that is not known."""
        if self.best is None or self.baseline is None or math.isnan(self.baseline.searched):
            return None
        best, baseline = self.best.score, self.baseline.searched
        return best > baseline if self.direction == "maximize" else best < baseline

    @property
    def cuts_told(self) -> str | None:
        """What is known of cuts that the winner shared in the search; None where it shared none."""
        if self.finals.cuts is not None:
            return self.finals.cuts.text
        spec, best = self.header.get("spec") or {}, self.best
        if best is None or not (spec.get("search") or {}).get("shared_cuts"):
            return None
        blocks = {each["name"]: each["estimator"] for each in spec["model"]}
        return NOT_COMPARED if blocks.get(best.model) == "xgboost" else None

    @property
    def failures(self) -> list[FailureGroup]:
        """Failed trials by cause and reason, the most frequent first.

        Reasons that differ in their numbers only are one; the first trial's is told.
        """
        groups: dict[tuple[str, str], list[TrialView]] = {}
        for trial in self.trials:
            if trial.state == "failed":
                key = (trial.cause or "unknown", _NUMBER.sub("#", trial.reason or ""))
                groups.setdefault(key, []).append(trial)
        found = [
            FailureGroup(cause, own[0].reason or "", tuple(each.trial for each in own))
            for (cause, _), own in groups.items()
        ]
        return sorted(found, key=lambda group: -len(group.trials))

    @property
    def failed_roads(self) -> list[Road]:
        """What failures have in common, where that is clearly more than chance."""
        return failed_roads(self.trials)

    @property
    def said_by_fits(self) -> dict[str, tuple[int, ...]]:
        """What fits and their scores warned of: the text, and the trials it came from."""
        said: dict[str, tuple[int, ...]] = {}
        for trial in self.trials:
            for text in trial.warnings:
                said[text] = (*said.get(text, ()), trial.trial)
        return dict(sorted(said.items(), key=lambda item: -len(item[1])))

    def to_json(self) -> dict[str, Json]:
        """The object of `quintain run --json`, every key present, NaN as null."""
        best = self.best
        told: dict[str, Any] = {
            "sweep": self.id,
            "state": self.state,
            "runner": self.runner,
            "metric": self.metric,
            "direction": self.direction,
            "positive": self.positive,
            "wall_s": self.wall_s,
            "trial_counts": {name: self.counts[name] for name in COUNTED},
            "best": None
            if best is None
            else {
                "trial": None if best.trial < 0 else best.trial,
                "model": best.model,
                "params": best.params,
                "selection_score": best.score,
                "folds": best.folds.get(self.metric, ()),
            },
            "estimate": None if best is None else self.finals.to_json(best.score),
            "baseline": None
            if self.baseline is None
            else {"kind": self.baseline.kind, "score": self.baseline.score},
            "warnings": [
                {"code": each.code, "message": each.message, "figure": each.figure}
                for each in self.warnings
            ],
            "resources": self.resources.to_json(),
            "plan": None if self.plan is None else self.plan.to_json(),
            "race": None if self.race is None else self.race.to_json(),
            "known": None if self.known is None else self.known.to_json(),
            "failures": [
                {"cause": each.cause, "reason": each.reason, "trials": each.trials}
                for each in self.failures
            ],
            "failed_roads": [road.to_json() for road in self.failed_roads],
            "front": [{name: getattr(each, name) for name in FRONT} for each in self.front],
            "refreshed": [{key: each[key] for key in REFRESHED} for each in self.refreshed],
            "varied": [{key: each[key] for key in VARIED} for each in self.varied],
            "records": self.records,
        }
        return {key: bodies.plain(value, f"$.{key}") for key, value in told.items()}

    def trials_json(self) -> list[dict[str, Json]]:
        """The list of `quintain trials --json`, in the order of asking."""
        return [trial.to_json() for trial in self.trials]


def read_view(records: Records, sweep: str) -> SweepView:
    """The sweep of that id, as of now."""
    return read_record(records, sweep)[0]


def read_record(records: Records, sweep: str) -> tuple[SweepView, list[Entry]]:
    """The same with its entries, read once: of many trials they are what takes time."""
    found, entries = records.sweep(sweep), list(records.entries(sweep))
    view = SweepView.build(
        sweep, found.header, entries, found.state, created=found.created, records=records.url,
        place=records.place,
    )  # fmt: skip
    return view, entries
