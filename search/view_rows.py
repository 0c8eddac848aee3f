"""One trial as people and programs see it: a row, folded from the trial's entries."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluators.types import Resources, ScoreKind, together
from search import bodies
from search.bodies import Json, number, resources_of
from search.entries import Entry, TrialState

#: The keys of a row, in the order `quintain trials --json` prints them.
ROW = (
    "trial", "state", "cause", "reason", "model", "params", "scores", "folds", "confusion",
    "wall_s", "queue_s", "start_s", "load_s", "fit_s", "score_s", "overhead_s", "cpu_s",
    "cores_used", "peak_mb", "bytes_read", "measuring_s", "rung", "attempt", "worker", "cached",
    "threshold", "tuned_confusion", "predict_ms_per_1k", "infeasible", "cached_from",
    "saved_cpu_s",
)  # fmt: skip

_COSTS = (
    "wall_s", "load_s", "fit_s", "score_s", "cpu_s", "peak_mb", "bytes_read", "measuring_s",
)  # fmt: skip

#: What `trial_counts` counts, in its order. Those "cached" are among the completed, pruned and
#: failed as well, and those "infeasible" (they break a constraint) among the completed.
COUNTED = ("completed", "cached", "pruned", "failed", "cancelled", "infeasible")

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class TrialView:
    """One trial. Seconds, megabytes and bytes are those of ``evaluators.types.Resources``.

    Of a trial that has not ended, or ended without a word from its worker, the scores per fold
    and the cost are what its folds reported so far.

    Attributes:
        queue_s: from hand-out to a worker's beginning, without ``start_s``.
        start_s: what the worker took to become ready (interpreter, imports, fetching the data),
            borne by the first trial it ran, else 0; NaN in older records.
        scores: the trial's scores by metric, NaN where undefined; empty before its end.
        folds: scores by metric in fold order; NaN where undefined or not reported.
        confusion: counts at 0.5 (decision values: 0) or at the number that the spec gives,
            ``[true][predicted]``; None if not known.
        attempt: the last one that started, from 0; None before the first.
        rung: the last one reached; None where there are no rungs.
        cached: answered from an earlier record; its cost was paid then.
        threshold: the cut that all out-of-fold rows choose; None where none was tuned.
        tuned_confusion: as ``confusion``, each fold cut where the other folds say.
        predict_ms_per_1k: latency of the model's own prediction, median of the folds.
        infeasible: which constraints of the spec it breaks, and by what; None if none.
        kind: whether outputs are probabilities or decision values, which thresholds are, too.
        cached_from: the sweep and trial that it is known from; None where it was run here.
        saved_cpu_s: what it took there; 0 where it was run here.
        score: the one of ``scores`` that the sweep ranks by, NaN without it.
        path: of a raced trial what it scored at each rung, NaN where it has none there.
        threads, origin, warnings, traceback: kept aside, like ``score`` and ``kind`` in no row.
    """

    trial: int
    state: TrialState
    cause: str | None
    reason: str | None
    model: str
    params: Mapping[str, Any]
    scores: Mapping[str, float]
    folds: Mapping[str, tuple[float, ...]]
    confusion: Matrix | None
    wall_s: float
    queue_s: float
    load_s: float
    fit_s: float
    score_s: float
    overhead_s: float
    cpu_s: float
    peak_mb: float
    rung: int | None
    attempt: int | None
    worker: str | None
    cached: bool
    threshold: float | None = None
    tuned_confusion: Matrix | None = None
    predict_ms_per_1k: float = math.nan
    infeasible: str | None = None
    cached_from: tuple[str, int] | None = None
    saved_cpu_s: float = 0.0
    start_s: float = math.nan
    bytes_read: float = math.nan
    measuring_s: float = math.nan
    kind: ScoreKind | None = None
    score: float = math.nan
    threads: int = 0
    origin: str = ""
    warnings: tuple[str, ...] = ()
    traceback: str = ""
    path: tuple[float, ...] = ()

    @property
    def cores_used(self) -> float:
        """Cores kept busy, as a mean over the trial's wall time; NaN where neither is known."""
        return self.cpu_s / self.wall_s if self.wall_s > 0.0 else math.nan

    def to_json(self) -> dict[str, Json]:
        """The row of `quintain trials --json`, NaN as null."""
        return {name: bodies.plain(getattr(self, name), f"$.{name}") for name in ROW}


@dataclass(slots=True)
class TrialFold:
    """A trial while its entries are gone through. ``read`` takes each, ``view`` gives the row."""

    trial: int
    model: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""
    state: TrialState = "waiting"
    attempt: int | None = None
    rung: int | None = None
    worker: str | None = None
    queue_s: float = 0.0
    ended: Mapping[str, Any] = field(default_factory=dict)
    paused: Resources | None = None
    path: Sequence[float | str | None] = ()
    scored: dict[int, tuple[Mapping[str, float], Resources]] = field(default_factory=dict)

    def read(self, entry: Entry) -> None:
        """Take over what one entry of this trial says; kinds not known are passed over."""
        body = entry.body
        match entry.kind:
            case "asked":
                self.model, self.params = body["model"], body["params"]
                self.origin = body.get("origin", "")
            case "started":
                self.state, self.attempt = "running", entry.attempt
                self._where(body)
                kept = body.get("kept", ())  # this attempt starts from nothing else
                self.scored = {fold: each for fold, each in self.scored.items() if fold in kept}
            case "fold":
                self._reach(entry.rung)
                self.scored[entry.fold] = (_numbers(body["scores"]), resources_of(body))
            case "paused":
                self.state, self.paused = "waiting", resources_of(body)
                self.path = body.get("path", ())
                self._where(body)
            case "lost":
                self.state = "waiting"
            case "ended":
                self.state, self.ended = body["state"], body
                self.path = body.get("path") or self.path
                self.attempt = entry.attempt if entry.attempt >= 0 else self.attempt
                self._reach(entry.rung)
                self._where(body)

    def _reach(self, rung: int) -> None:
        """Folds of a lower rung are of another budget, not comparable with those of this one."""
        if rung >= 0 and rung != self.rung:
            self.rung = rung
            self.scored.clear()

    def _where(self, body: Mapping[str, Any]) -> None:
        self.worker = body.get("worker") or self.worker
        self.queue_s = number(body.get("queue_s", self.queue_s))

    def view(self, metric: str) -> TrialView:
        """The row as of the entries read so far, in a sweep that ranks by ``metric``."""
        ended, cost, known = self.ended, self._cost(), self.ended.get("cached")
        folds = {name: _all_numbers(scores) for name, scores in ended.get("folds", {}).items()}
        scores = _numbers(ended.get("scores", {}))
        return TrialView(
            trial=self.trial,
            state=self.state,
            cause=ended.get("cause"),
            reason=ended.get("reason"),
            model=self.model,
            params=self.params,
            scores=scores,
            folds=folds or self._folds(),
            confusion=_matrix(ended.get("confusion")),
            wall_s=cost.wall_s,
            queue_s=self.queue_s,
            load_s=cost.load_s,
            fit_s=cost.fit_s,
            score_s=cost.score_s,
            overhead_s=number(ended.get("overhead_s", 0.0)),
            cpu_s=cost.cpu_s,
            peak_mb=cost.peak_mb,
            rung=self.rung,
            attempt=self.attempt,
            worker=self.worker,
            cached=bool(known),
            cached_from=(known["sweep"], known["trial"]) if isinstance(known, Mapping) else None,
            saved_cpu_s=known["saved_cpu_s"] if isinstance(known, Mapping) else 0.0,
            threshold=ended.get("threshold"),
            tuned_confusion=_matrix(ended.get("tuned_confusion")),
            predict_ms_per_1k=cost.predict_ms_per_1k,
            infeasible=ended.get("infeasible") or None,
            start_s=number(ended.get("start_s")),
            bytes_read=cost.bytes_read,
            measuring_s=cost.measuring_s,
            kind=ended.get("kind"),
            score=scores.get(metric, math.nan),
            threads=cost.threads,
            origin=self.origin,
            warnings=tuple(str(each) for each in ended.get("warnings", ())),
            traceback=ended.get("traceback", ""),
            path=_all_numbers(self.path),
        )

    def _folds(self) -> dict[str, tuple[float, ...]]:
        """Scores by metric of the folds reported so far, in fold order."""
        done = [self.scored[fold][0] for fold in sorted(self.scored)]
        names = dict.fromkeys(name for scores in done for name in scores)
        return {name: tuple(scores.get(name, math.nan) for scores in done) for name in names}

    def _cost(self) -> Resources:
        """What the end said; before it, or where it says nothing, what was done by then."""
        told = resources_of(self.ended)
        if told.wall_s > 0.0:
            return told
        folds = [resources for _, resources in self.scored.values()]
        done = folds if self.paused is None else [self.paused, *folds]
        return together(done) if done else told


def ranked(trials: Iterable[TrialView], direction: str) -> list[TrialView]:
    """Completed trials the best first: by score, of equals the quicker, then the earlier.

    A trial without a score, with NaN, or that breaks a constraint is not among them.
    """
    sign = -1.0 if direction == "maximize" else 1.0
    feasible = [each for each in trials if each.state == "completed" and not each.infeasible]
    scored = [each for each in feasible if not math.isnan(each.score)]
    return sorted(scored, key=lambda each: (sign * each.score, each.wall_s, each.trial))


def counts_of(trials: Iterable[TrialView]) -> dict[str, int]:
    """Trials by state, and those "cached" and "infeasible" once more."""
    counts: Counter[str] = Counter()
    for trial in trials:
        counts[trial.state] += 1
        counts["cached"] += trial.cached
        counts["infeasible"] += bool(trial.infeasible)
    return {name: counts[name] for name in (*COUNTED, "waiting", "running")}


def _matrix(rows: Iterable[Iterable[float]] | None) -> Matrix | None:
    return tuple(tuple(row) for row in rows) if rows else None


def _numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    return {name: number(score) for name, score in scores.items()}


def _all_numbers(values: Iterable[float | str | None]) -> tuple[float, ...]:
    return tuple(number(value) for value in values)
