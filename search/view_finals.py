"""What followed the search, as people and programs see it: finalists, winner, estimate."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evaluators.types import Interval
from search import bodies
from search.bodies import Json, number
from search.entries import Entry
from search.finals_plan import CHOICE, ESTIMATE, EXACT, SEARCH, Candidate
from search.view_cuts import CutsView
from search.view_rows import TrialFold, TrialView


@dataclass(frozen=True, slots=True)
class FinalistView:
    """One finalist; scores in the sweep's metric, NaN where there is none.

    Attributes:
        trial: None for the default configuration.
        search, fresh: scores on the folds searched on and on the fresh partition.
        fresh_folds: the latter fold by fold.
        cpu_s: CPU seconds on the fresh partition.
        threshold: that was tuned where it was scored first in the finals, or on all rows where a
            part of them was searched; None where none was.
        failure: why it could not be scored, empty where it was.
    """

    trial: int | None
    model: str
    params: Mapping[str, Any]
    search: float
    fresh: float
    search_folds: tuple[float, ...]
    fresh_folds: tuple[float, ...]
    cpu_s: float
    failure: str
    won: bool
    threshold: float | None = None

    @property
    def name(self) -> str:
        """As a sentence names it."""
        return "the default configuration" if self.trial is None else f"trial {self.trial}"

    def to_json(self) -> dict[str, Json]:
        """As a program reads it."""
        names = ("trial", "model", "params", "search", "fresh", "cpu_s", "won")
        told = {name: getattr(self, name) for name in names}
        if self.failure:
            told["failure"] = self.failure
        return {name: bodies.plain(value, f"$.{name}") for name, value in told.items()}


#: Share of distinct rows in a bootstrap draw: 1 - 1 / e.
DRAWN = 0.632


@dataclass(frozen=True, slots=True)
class OptimismView:
    """What best-of-N scores where its choice did not look: BBC-CV over all trials.

    ``bounds``: lowest and highest value of the metric.
    """

    score: float
    interval: Interval
    bounds: tuple[float, float]

    def reached(
        self, score: float, interval: Interval, direction: str, share: float = 1.0
    ) -> Interval:
        """An estimate's interval, reaching further by most of what BBC-CV takes off its score.

        Fresh folds take away the luck of how rows were dealt, not that of the rows themselves:
        those chose the winner. On labels that are noise a third of the optimism stays, and only
        BBC-CV, which leaves rows out of the choice, sees it (``benchmarks/honesty.py``). It
        chooses by the 63.2% of distinct rows that a draw has, and so takes off too much; its
        weight is that of the .632 bootstrap (Efron 1983).

        Args:
            score: the estimate's; where a part of the rows was searched, what the winner scored on
                that part: nothing else there stands beside BBC-CV, and it flatters the more.
            interval: of the estimate.
            direction: of the score.
            share: of the estimate's rows, those that were searched. Only they owe anything to the
                choice.
        """
        off = score - self.score if direction == "maximize" else self.score - score
        off *= DRAWN * share
        if not off > 0:
            return interval
        low, high = interval.low, interval.high
        if direction == "maximize":
            low = max(low - off, self.bounds[0])
        else:
            high = min(high + off, self.bounds[1])
        method = f"{interval.method}, reaching further by {DRAWN:.0%} of what BBC-CV takes off"
        if share < 1:
            method += f" on the part searched, times that part's share of the rows ({share:.1%})"
        return Interval(low, high, interval.level, method)


@dataclass(frozen=True, slots=True)
class EstimateView:
    """What the winner scores on folds that chose nothing.

    Attributes:
        score: in the sweep's metric, with its ``interval``.
        tried: configurations that reached an end on this data, in any sweep of the store.
        method: how the score came to be, and what it cannot promise.
        row: the winner's scores, folds and confusion on that partition, as a trial's; None where
            nested folds gave the score.
    """

    score: float
    interval: Interval
    tried: int
    method: str
    row: TrialView | None


@dataclass(frozen=True, slots=True)
class FinalsView:
    """Everything after the search. ``choice`` says why the winner won.

    ``part``: as the header tells it, which part of the rows was searched; None for all.
    ``threshold``: tuned for the winner on all rows, where a part of them was searched.
    ``runs``: each finalist on each partition; costs are of those that were run here.
    ``cuts``: where they were shared in the search, and the winner's were compared.
    """

    finalists: tuple[FinalistView, ...] = ()
    choice: str = ""
    winner: TrialView | None = None
    estimate: EstimateView | None = None
    failure: str = ""
    optimism: OptimismView | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0
    measuring_s: float = 0.0
    peak_mb: float = 0.0
    part: Mapping[str, Any] | None = None
    threshold: float | None = None
    runs: tuple[TrialView, ...] = ()
    cuts: CutsView | None = None

    @property
    def cuts_raise(self) -> float:
        """By how much shared cuts raise the selection score, as far as that is known."""
        return 0.0 if self.cuts is None else self.cuts.apart

    def to_json(self, selection: float) -> dict[str, Json] | None:
        """The ``estimate`` of `quintain run --json`; None where there is none."""
        found = self.estimate
        if found is None:
            return None
        bbc = self.optimism
        told: dict[str, Any] = {
            "score": found.score,
            "low": found.interval.low,
            "high": found.interval.high,
            "level": found.interval.level,
            "method": found.method,
            "tried": found.tried,
            # on a part of the rows scores differ for other reasons too
            "optimism": math.nan if self.part else selection - self.cuts_raise - found.score,
            "choice": self.choice,
            "bbc": None
            if bbc is None
            else {
                "score": bbc.score,
                "low": bbc.interval.low,
                "high": bbc.interval.high,
                "method": bbc.interval.method,
            },
        }
        told["finalists"] = [each.to_json() for each in self.finalists]
        if self.cuts is not None:
            told["cuts"] = self.cuts.to_json()
        return {name: bodies.plain(value, f"$.estimate.{name}") for name, value in told.items()}


@dataclass(slots=True)
class FinalsFold:
    """The same while the entries are gone through."""

    candidates: list[Candidate] = field(default_factory=list)
    deals: int = 1
    rows: dict[tuple[int, int], TrialFold] = field(default_factory=dict)
    bodies: dict[tuple[int, int], Mapping[str, Any]] = field(default_factory=dict)
    winner: int | None = None
    choice: str = ""
    optimism: OptimismView | None = None
    nested: Mapping[str, Any] | None = None
    part: Mapping[str, Any] | None = None

    def read(self, entry: Entry) -> None:
        """Take over one entry; kinds of the search are passed over."""
        body = entry.body
        match entry.kind:
            case "finalists":
                self.candidates = [Candidate.read(each) for each in body["candidates"]]
                self.deals = body["plan"]["repeats"]
            case "rescored":
                place = body["candidate"], body["partition"]
                found = self.candidates[place[0]]
                row = TrialFold(-1 if found.trial is None else found.trial)
                asked = {"model": found.model, "params": found.params, "origin": "finalist"}
                row.read(Entry("asked", entry.time, asked))
                row.read(Entry("ended", entry.time, body, attempt=entry.attempt))
                self.rows[place], self.bodies[place] = row, body
            case "winner":
                self.winner, self.choice = body["candidate"], body["reason"]
            case "optimism":
                bounds = number(body["bounds"][0]), number(body["bounds"][1])
                self.optimism = OptimismView(number(body["score"]), _interval(body), bounds)
            case "nested":
                self.nested = body

    def view(
        self, metric: str, direction: str, trials: Mapping[int, TrialView], tried: int
    ) -> FinalsView:
        """As of the entries read so far."""
        rows = {place: row.view(metric) for place, row in self.rows.items()}
        winner, estimate, failure, cuts = None, None, "", None
        if self.winner is not None:
            number_of = self.candidates[self.winner].trial
            own = rows.get((self.winner, SEARCH))
            winner = own if number_of is None else trials.get(number_of)
            again, row = rows.get((self.winner, EXACT)), rows.get((self.winner, ESTIMATE))
            if winner is not None and again is not None:
                cuts = CutsView.of(winner, again, metric)
            if self.nested is not None:
                estimate = _of_nested(self.nested, tried)
            elif row is not None and row.cause:
                failure = f"{row.cause}: {row.reason}"
            elif row is not None:
                interval = _interval(self.bodies[self.winner, ESTIMATE]["interval"])
                raised = 0.0 if cuts is None else cuts.apart
                interval = self._reaching(row, winner, interval, direction, raised)
                several = len(self.candidates) > 1
                estimate = _of_partition(
                    row, metric, interval, self.deals, tried, self.part, several
                )
        here = [row for row in rows.values() if not row.cached]
        return FinalsView(
            tuple(self._finalist(place, rows, metric) for place in range(len(self.candidates))),
            self.choice, winner, estimate, failure, self.optimism,
            cpu_s=sum(row.cpu_s for row in here if not math.isnan(row.cpu_s)),
            wall_s=sum(row.wall_s for row in here),
            measuring_s=sum(row.measuring_s for row in here if not math.isnan(row.measuring_s)),
            peak_mb=max((row.peak_mb for row in here), default=0.0),
            part=self.part, threshold=self._threshold(rows), runs=tuple(rows.values()), cuts=cuts,
        )  # fmt: skip

    def _reaching(
        self, row: TrialView, winner: TrialView | None, interval: Interval, direction: str,
        raised: float,
    ) -> Interval:  # fmt: skip
        """The estimate's interval with the optimism of the search in it, as far as it is known.

        ``raised``: by shared cuts, what BBC-CV and the winner score on the folds searched on.
        """
        if self.optimism is None:
            return interval
        if self.part is None:
            return self.optimism.reached(row.score + raised, interval, direction)
        if winner is None:
            return interval
        share = self.part["rows"] / self.part["of"]
        return self.optimism.reached(winner.score, interval, direction, share)

    def _threshold(self, rows: Mapping[tuple[int, int], TrialView]) -> float | None:
        """The winner's, tuned on all rows where a part of them was searched."""
        if self.part is None or self.winner is None:
            return None
        found = (rows.get((self.winner, partition)) for partition in (ESTIMATE, CHOICE))
        return next((row.threshold for row in found if row is not None and not row.cause), None)

    def _finalist(
        self, place: int, rows: Mapping[tuple[int, int], TrialView], metric: str
    ) -> FinalistView:
        """One candidate with what is known of it."""
        found, fresh = self.candidates[place], rows.get((place, CHOICE))
        own = rows.get((place, SEARCH))
        failed = next((row for row in (own, fresh) if row is not None and row.cause), None)
        failure = "" if failed is None else f"{failed.cause}: {failed.reason}"
        first = own or fresh
        if self.part is not None and fresh is not None:
            first = fresh
            failure = failure or (f"on all rows {fresh.infeasible}" if fresh.infeasible else "")
        return FinalistView(
            found.trial, found.model, found.params,
            search=found.score if own is None else own.score,
            fresh=math.nan if fresh is None else fresh.score,
            search_folds=found.folds if own is None else own.folds.get(metric, ()),
            fresh_folds=() if fresh is None else fresh.folds.get(metric, ()),
            cpu_s=math.nan if fresh is None else fresh.cpu_s,
            failure=failure,
            won=place == self.winner,
            threshold=None if first is None else first.threshold,
        )  # fmt: skip


def _of_partition(
    row: TrialView, metric: str, interval: Interval, deals: int, tried: int,
    part: Mapping[str, Any] | None, compared: bool,
) -> EstimateView:  # fmt: skip
    """The winner alone, on the partition kept for it."""
    folds = len(row.folds.get(metric, ())) // deals
    again = f", dealt {deals} times" if deals > 1 else ""
    of_all, searched = "", "the rows themselves were searched on"
    if part is not None:
        of_all = f" of all {part['of']:,} rows"
        searched = f"{part['rows']:,} of the rows were searched on"
        searched += ", and finalists met on all of them" if compared else ""
    method = (
        f"{folds} fresh folds{of_all}{again}, which chose nothing; interval: {interval.method}; "
        f"{searched}: only a hold-out is fully clean"
    )
    return EstimateView(row.score, interval, tried, method, row)


def _of_nested(told: Mapping[str, Any], tried: int) -> EstimateView:
    """The search itself, run inside outer folds."""
    interval = _interval(told)
    method = (
        f"nested: the whole search ran inside each of {len(told['folds'])} outer folds, and its "
        f"winner was scored on the rows left out; interval: {interval.method}"
    )
    return EstimateView(number(told["score"]), interval, tried, method, None)


def _interval(told: Mapping[str, Any]) -> Interval:
    """As it was recorded."""
    low, high = number(told["low"]), number(told["high"])
    return Interval(low, high, told["level"], told["method"])
