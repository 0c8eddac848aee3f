"""Sweeps in a list: what is claimed of each, beside its baseline, without reading its trials."""

import json
import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quintain.service.shown import Shown
from search.entries import BUDGETED, Kind
from search.records import Records, SweepRecord
from search.submissions import Submission
from search.told import told_after
from search.view import SweepView
from search.view_fold import SweepFold

#: What the claim is folded from; the rest of the record is its trials.
TOLD: tuple[Kind, ...] = (
    "baseline", "finalists", "rescored", "winner", "optimism", "nested", "state",
)  # fmt: skip
#: Sweeps whose headline is kept.
HELD = 5000


@dataclass(frozen=True, slots=True)
class Headline:
    """One sweep in a row; NaN where nothing is known.

    Attributes:
        best: selection score of the winner, or of the best so far.
        done: trials that ended.
    """

    id: str
    state: str
    created: float
    user: str
    metric: str
    note: str
    done: int
    failed: int
    budget: int | None
    estimate: float
    low: float
    high: float
    baseline: float
    best: float


class Headlines:
    """Of the sweeps of one store; of those that are over each is made once."""

    def __init__(self, records: Records, views: Shown) -> None:
        self._records = records
        self._views = views
        self._kept: OrderedDict[tuple[str, str], Headline] = OrderedDict()

    def of(self, found: SweepRecord, submission: Submission | None) -> Headline:
        """One sweep's."""
        if found.state in ("running", "stopping", "interrupted") or not found.last:
            return self._live(found, submission)
        key = found.id, json.dumps(found.last, sort_keys=True)
        if key not in self._kept:
            self._kept[key] = self._over(found, submission)
            while len(self._kept) > HELD:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _live(self, found: SweepRecord, submission: Submission | None) -> Headline:
        if not found.last:  # nothing of it has begun
            return _headline(found, submission, {}, math.nan, None)
        view = self._views.view(found.id)
        best = math.nan if view.best is None else view.best.score
        return _headline(found, submission, view.counts, best, view)

    def _over(self, found: SweepRecord, submission: Submission | None) -> Headline:
        summary: Mapping[str, Any] | None = found.last.get("summary")
        if summary is None:  # stopped before its driver could tell
            return self._live(found, submission)
        fold = SweepFold.of(str(found.header.get("metric", "")), found.header.get("part"))
        for _, entry in told_after(self._records, found.id, 0, TOLD):
            fold.read(entry)
        told = SweepView.of(found.id, found.header, fold, found.state, created=found.created)
        best = (summary.get("best") or {}).get("score")
        return _headline(
            found, submission, summary.get("counts") or {},
            math.nan if best is None else float(best), told,
        )  # fmt: skip


def _headline(
    found: SweepRecord, submission: Submission | None, counts: Mapping[str, int], best: float,
    view: SweepView | None,
) -> Headline:  # fmt: skip
    estimate = None if view is None else view.finals.estimate
    baseline = None if view is None else view.baseline
    return Headline(
        found.id, found.state, found.created, "" if submission is None else submission.user,
        str(found.header.get("metric") or ""), str(found.header.get("note") or ""),
        sum(counts.get(state, 0) for state in BUDGETED), counts.get("failed", 0),
        found.header.get("budget"),
        math.nan if estimate is None else estimate.score,
        math.nan if estimate is None else estimate.interval.low,
        math.nan if estimate is None else estimate.interval.high,
        math.nan if baseline is None else baseline.score, best,
    )  # fmt: skip
