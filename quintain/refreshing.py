"""``quintain refresh``: the finalists on rows that came later, then the search on all rows."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators.errors import QuintainError
from evaluators.types import Configuration, Warned
from quintain.driving import Watcher
from search.bodies import plain
from search.entries import Entry
from search.records import Records
from search.view import SweepView, read_view
from search.view_finals import FinalistView

if TYPE_CHECKING:  # scikit-learn and pandas are imported when there is something to score
    from evaluators.fingerprint import Hashes
    from evaluators.out_of_fold import OutOfFold
    from evaluators.types import Dataset, Interval
    from quintain.growth import Judgement
    from quintain.newer import NewRows
    from quintain.prepare import Prepared
    from quintain.result import Result


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What ``quintain.refresh`` found.

    Attributes:
        told: the object of ``quintain refresh --json``.
        result: the sweep that went on; None where none was asked for.
    """

    told: Mapping[str, Any]
    result: "Result | None" = None

    @property
    def verdict(self) -> str:
        """Whether the claim held: "held", "did not hold" or "cannot tell"."""
        return str(self.told["verdict"])

    def to_json(self) -> dict[str, Any]:
        """The object of ``quintain refresh --json``."""
        return dict(self.told)


@dataclass(frozen=True, slots=True, eq=False)
class _Finalist:
    """A finalist on the new rows: what it says of them, its score, or why there is none."""

    trial: int | None
    model: str
    params: Mapping[str, Any]
    won: bool
    threshold: float | None
    scored: "OutOfFold | None" = None
    score: float = math.nan
    interval: "Interval | None" = None
    failure: str = ""

    @property
    def name(self) -> str:
        return "the default configuration" if self.trial is None else f"trial {self.trial}"

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "trial": self.trial, "model": self.model, "params": dict(self.params),
            "won": self.won, **_ends(self.score, self.interval),
        }  # fmt: skip
        return told | ({"failure": self.failure} if self.failure else {})


def refresh(
    sweep: str,
    data: Any,
    *,
    why: str = "",
    go_on: bool = True,
    runner: str = "auto",
    address: str | None = None,
    records: str | None = None,
    progress: bool = True,
    watcher: Watcher | None = None,
    tell: Callable[[Mapping[str, Any]], None] = lambda told: None,
) -> Refreshed:
    """Hold a sweep's claim against rows that came later, then continue it on all of them.

    Args:
        sweep: id or name.
        data: the grown table, old rows included: a path or URL, a DataFrame, or (X, y).
        why: a word on it, kept in the record.
        go_on: whether a new sweep of the same name goes on; its first trials are the finalists.
        runner: where trials run, as for ``quintain.run``.
        address: a running Ray cluster to join.
        records: where the record is.
        progress: whether to show it, on standard error.
        watcher: shows progress in a way of its own.
        tell: called with the verdict before the search goes on.

    Raises:
        QuintainError: the sweep runs or has no winner, the table has no new rows, lacks the old
            ones, or has other columns or labels; nothing was written.
    """
    from quintain.sweeps import default_watcher, placed, start

    if go_on:
        watcher = watcher or (default_watcher() if progress else None)
    with Records.open(records, create=False) as store:
        view = read_view(store, store.resolve(sweep))
        prepared, given, told, finalists = _compared(view, data, store)
        told |= {"why": " ".join(why.split()), "next": None}
        tell(told)
        if not go_on:
            store.append(view.id, [Entry("refreshed", time.time(), told)])
            return Refreshed(told)

        def begun(name: str) -> None:
            told["next"] = name
            store.append(view.id, [Entry("refreshed", time.time(), told)])

        result = start(
            placed(prepared, runner, address), given, store, watcher=watcher,
            further=_continues(view, store, finalists), begun=begun,
        )  # fmt: skip
    return Refreshed(told, result)


def _compared(
    view: SweepView, data: Any, store: Records
) -> "tuple[Prepared, Any, dict[str, Any], list[_Finalist]]":
    """What can go on, its table where that is no file, what is told, and the finalists scored."""
    from quintain.newer import new_rows, prepare_newer
    from quintain.sameness import refuse_other_code

    known = _known(view, store)
    prepared, given = prepare_newer(view, data, store)
    code = prepared.code | dict(view.header.get("code") or {})  # its data may come of new code
    refuse_other_code(view.id, {"code": code}, prepared)
    rows = new_rows(view, prepared, known)
    finalists = [_scored(prepared, rows, each) for each in _finalists(view)]
    return prepared, given, _told(view, prepared, rows, finalists), finalists


def _known(view: SweepView, store: Records) -> "Hashes":
    """The rows of the table that the sweep had, sorted by identity."""
    from search.ledger import unpacked

    if (whole := view.header.get("outer_of")) is not None:
        raise QuintainError(f"{view.id} is one outer fold of {whole}: quintain refresh {whole}")
    if view.state in ("running", "stopping"):
        raise QuintainError(f"{view.id} is {view.state}: refresh it when it has ended")
    if view.best is None:
        raise QuintainError(f"no trial of {view.id} has completed: see quintain trials {view.id}")
    kept = store.source(str(view.header.get("table", "")))
    if kept is None:
        raise QuintainError(
            f"which rows {view.id} had was not kept in {store.place}, so new ones cannot be told: "
            f"run its spec on the newer table with quintain run"
        )
    return unpacked(kept)


def _finalists(view: SweepView) -> list[_Finalist]:
    """Those that were compared, the winner first; the best trial where none were."""
    best, trials = view.best, {each.trial: each for each in view.trials}
    assert best is not None  # refused before
    on_all = view.finals.part is not None

    def cut(each: FinalistView) -> float | None:
        """Tuned on the folds searched on; of a part of the rows in the finals, which had all."""
        if each.trial is None or (on_all and each.threshold is not None):
            return each.threshold
        return trials[each.trial].threshold

    found = [
        _Finalist(
            each.trial, each.model, each.params, each.won,
            view.threshold if each.won else cut(each),
        )
        for each in view.finals.finalists
    ]  # fmt: skip
    if not any(each.won for each in found):
        number = None if best.trial < 0 else best.trial
        found = [_Finalist(number, best.model, best.params, True, view.threshold)]
    return sorted(found, key=lambda each: not each.won)


def _scored(prepared: "Prepared", rows: "NewRows", finalist: _Finalist) -> _Finalist:
    """A finalist, fitted on the old rows, with its score on the new ones."""
    from evaluators.ladder import interval_of
    from quintain.holdout import submit
    from search.ledger import as_scored

    metric, fresh = prepared.objective, rows.fresh
    if not fresh.rows:
        return finalist
    found = Configuration(finalist.model, finalist.params)
    try:
        said = submit(prepared.assignment, rows.training, fresh, found, finalist.threshold)
    except QuintainError as error:
        return replace(finalist, failure=str(error))
    scored = as_scored(metric, np.arange(fresh.rows), fresh.target, said)
    score = scored.score(metric)
    interval = None if math.isnan(score) else interval_of(metric, scored, 1, fresh.groups)
    return replace(finalist, scored=scored, score=score, interval=interval)


def _told(
    view: SweepView, prepared: "Prepared", rows: "NewRows", finalists: Sequence[_Finalist]
) -> dict[str, Any]:
    """The object of ``quintain refresh --json``."""
    winner, fresh = finalists[0], rows.fresh
    if winner.failure:
        raise QuintainError(f"the winner of {view.id} cannot be fitted again: {winner.failure}")
    estimate = view.finals.estimate
    judged = _judged(view, rows, winner)
    method = None if winner.interval is None else winner.interval.method
    told = {
        "sweep": view.id,
        "data": prepared.spec.data.source,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "new_rows": rows.new,
        "gone_rows": rows.gone,
        "scored_rows": fresh.rows,
        "locked_rows_added": rows.locked,
        "metric": view.metric,
        "claim": _ends(math.nan, None)
        if estimate is None
        else _ends(estimate.score, estimate.interval),
        "fresh": _ends(winner.score, winner.interval) | {"method": method},
        "verdict": judged.verdict,
        "change": judged.change,
        "noticeable": judged.noticeable,
        "reason": judged.reason,
        "still_best": _still_best(prepared, fresh, finalists),
        "finalists": [each.to_json() for each in finalists],
        "warnings": [
            {"code": each.code, "message": each.message, "figure": each.figure}
            for each in _warnings(prepared, rows)
        ],
    }
    return {key: plain(value, f"$.{key}") for key, value in told.items()}


def _judged(view: SweepView, rows: "NewRows", winner: _Finalist) -> "Judgement":
    """Whether the winner's estimate held."""
    from quintain.growth import Scored, judge

    estimate, nothing = view.finals.estimate, Scored(math.nan, math.nan, math.nan)
    claim, fresh = nothing, nothing
    if estimate is not None:
        claim = Scored(estimate.score, estimate.interval.low, estimate.interval.high)
    if winner.interval is not None:
        fresh = Scored(winner.score, winner.interval.low, winner.interval.high)
    counts = rows.fresh.counts(slice(None))
    rarest = rows.fresh.of_class(int(np.argmin(counts)))
    return judge(claim, fresh, view.direction, counts.tolist(), rarest)


def _still_best(
    prepared: "Prepared", fresh: "Dataset", finalists: Sequence[_Finalist]
) -> dict[str, Any]:
    """Whether another finalist is better on the new rows than the winner, and whether it shows.

    ``verdict`` "yes": none is; "no": ``rival`` is, and the interval of the paired difference is on
    its side of zero; "cannot tell": it is, but by no more than chance explains. ``lead`` is the
    rival's, in the metric's own direction.
    """
    from evaluators.bootstrap import bootstrap_difference

    winner, metric = finalists[0], prepared.objective
    sign = 1.0 if metric.direction == "maximize" else -1.0
    others = [each for each in finalists[1:] if not math.isnan(each.score)]
    nothing = {"verdict": "yes", "rival": None, "lead": None, "low": None, "high": None}
    if math.isnan(winner.score):
        return nothing | {"verdict": "cannot tell"}
    rival = max(others, key=lambda each: sign * each.score, default=winner)
    if sign * (rival.score - winner.score) <= 0:
        return nothing
    assert rival.scored is not None
    assert winner.scored is not None
    found = bootstrap_difference(metric, rival.scored, winner.scored, groups=fresh.groups)
    shown = (found.low if sign > 0 else -found.high) > 0
    return {
        "verdict": "no" if shown else "cannot tell", "rival": rival.trial,
        "lead": rival.score - winner.score, "low": found.low, "high": found.high,
    }  # fmt: skip


def _warnings(prepared: "Prepared", rows: "NewRows") -> list[Warned]:
    found = []
    where = prepared.spec.data.source
    if rows.gone:
        text = (
            f"{rows.gone} rows of the old table are not in {where}: the finalists were fitted "
            f"without them"
        )
        found.append(Warned("gone_rows", text, float(rows.gone)))
    if rows.repeated:
        text = (
            f"{rows.repeated} of the {rows.fresh.rows} new rows that were scored repeat an old "
            f"row, which the finalists know by heart"
        )
        found.append(Warned("new_rows_repeat", text, float(rows.repeated)))
    return found


def _continues(view: SweepView, store: Records, finalists: Sequence[_Finalist]) -> dict[str, Any]:
    """What the header of the sweep that goes on tells besides.

    The default configuration is none of the search space: it competes at the end, as always.
    """
    estimate = view.finals.estimate
    tried = store.tried(str(view.header["table"]))
    return {
        "refreshed_from": view.id,
        "first": [
            {"model": each.model, "params": dict(each.params)}
            for each in finalists
            if each.trial is not None
        ],
        "asked_before": len(view.trials) + view.header.get("asked_before", 0),
        "tried_before": tried if estimate is None else max(tried, estimate.tried),
    }


def _ends(score: float, interval: "Interval | None") -> dict[str, Any]:
    low, high = (math.nan, math.nan) if interval is None else (interval.low, interval.high)
    return {"score": score, "low": low, "high": high}
