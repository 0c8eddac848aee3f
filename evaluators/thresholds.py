"""The decision threshold of binary data: chosen on rows that it is not scored on.

Each fold is cut where the outputs of the other folds of its repeat are best by a named label
metric, and the counts of all folds are pooled. Choosing on the very rows that are scored flatters:
F1 .575 where .557 is true, .081 against .062 on pure noise (SCIENCE 1.5). The threshold to use
afterwards comes from all out-of-fold rows and is frozen. It is a value on the scale of the
model's own outputs, before any correction of the shares of classes, so folds whose fits are on
different scales share it badly, as a refit would: the score is low, and rightly so.

Candidates lie halfway between neighbouring distinct scores. A grid between the lowest and the
highest score, as of scikit-learn's TunedThresholdClassifierCV, has next to no point where the
scores of rare positives are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluators.metric_functions import count
from evaluators.metrics import Metric, tuned_name
from evaluators.out_of_fold import OutOfFold
from evaluators.scored_rows import CUTS, labels_of
from evaluators.scoring import Confusion, as_confusion
from evaluators.types import Floats, FoldResult, Ints, Resources, ScoreKind, Split

#: At most so many thresholds are tried, at even steps through the ranks of the positive rows:
#: the best of them is less than one positive in 4,096 from the best of all.
MOST_TRIED = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """One trial at thresholds tuned for one metric; folds in the order given.

    Attributes:
        thresholds: of each fold, chosen on the others; the label is 1 above it.
        labels: (test rows,) codes of each fold at its threshold.
        scores: every label metric from the summed counts, as "f1@tuned"; NaN where undefined.
        by_fold: the same of each fold by itself.
        confusion: the summed counts, ``[true][predicted]``.
        final: the threshold that all rows together choose.
    """

    thresholds: tuple[float, ...]
    labels: tuple[Ints, ...]
    scores: dict[str, float]
    by_fold: dict[str, list[float]]
    confusion: Confusion
    final: float


def tuned(
    metric: Metric,
    target: Ints,
    splits: Sequence[Split],
    folds: Sequence[FoldResult],
    recorded: Sequence[Metric] = (),
) -> Tuned:
    """Thresholds for ``metric``, and ``metric`` and the label metrics of ``recorded`` at them.

    Args:
        metric: reads counts; the larger or smaller value wins, as its direction says.
        target: (rows,) 0 or 1, of the whole dataset.
        splits: all of the partition that ``folds`` number.
        folds: some or all of them, of binary data.
        recorded: those that read counts are scored too.

    A fold that is alone in its repeat, or whose fellows lack a class, is cut at the default.
    """
    kind = folds[0].kind
    truths = [target[splits[fold.fold].test] for fold in folds]
    repeat = np.array([splits[fold.fold].repeat for fold in folds])
    thresholds = np.full(len(folds), CUTS[kind])
    finite = all(np.isfinite(fold.output).all() for fold in folds)
    final = CUTS[kind]
    if finite:
        ranked = _Ranked.of(folds, truths, np.arange(len(folds)))
        final = ranked.best(metric, kind)
        repeats = [np.flatnonzero(repeat == each) for each in np.unique(repeat)]
        for places in repeats:
            if len(repeats) > 1:
                ranked = _Ranked.of(folds, truths, places)
            for place in places:
                thresholds[place] = ranked.best(metric, kind, without=int(place))
    labels = tuple(
        labels_of(fold.output, kind, cut) for fold, cut in zip(folds, thresholds, strict=True)
    )
    counts = np.array([count(true, said, 2) for true, said in zip(truths, labels, strict=True)])
    scored = {each.name: each for each in (metric, *recorded) if each.reads == "counts"}

    def value(each: Metric, cells: NDArray[np.int64]) -> float:
        return float(each.function(cells)) if finite else np.nan

    return Tuned(
        tuple(thresholds.tolist()),
        labels,
        {tuned_name(name): value(each, counts.sum(axis=0)) for name, each in scored.items()},
        {tuned_name(n): [value(each, cells) for cells in counts] for n, each in scored.items()},
        as_confusion(counts.sum(axis=0)),
        float(final),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Ranked:
    """Rows of several folds by rising score, sorted once however many folds are left out in turn.

    ``owner`` is the place of each row's fold.
    """

    score: Floats
    positive: NDArray[np.bool_]
    owner: Ints

    @classmethod
    def of(cls, folds: Sequence[FoldResult], truths: Sequence[Ints], places: Ints) -> "_Ranked":
        """The rows of the folds at ``places``."""
        score = np.concatenate([folds[place].output for place in places])
        positive = np.concatenate([truths[place] for place in places]) == 1
        owner = np.repeat(places.astype(np.int32), [len(truths[place]) for place in places])
        rising = np.argsort(score, kind="stable")
        return cls(score[rising], positive[rising], owner[rising])

    def best(self, metric: Metric, kind: ScoreKind, without: int | None = None) -> float:
        """The threshold that is best on these rows; of equals the one nearest the default."""
        score, positive = self.score, self.positive
        if without is not None:
            kept = self.owner != without
            score, positive = score[kept], positive[kept]
        total = int(np.count_nonzero(positive))
        if not 0 < total < len(score):
            return CUTS[kind]
        starts, missed = _candidates(score, positive)
        kept_out = starts - missed  # negatives below the cut
        cells = np.array([[kept_out, len(score) - total - kept_out], [missed, total - missed]])
        values = metric.function(np.moveaxis(cells, -1, 0))
        values = values if metric.direction == "maximize" else -values
        if np.isnan(values).all():
            return CUTS[kind]
        top = starts[values == np.nanmax(values)]
        cuts = _between(score, top, kind)
        return float(cuts[np.argmin(np.abs(cuts - CUTS[kind]))])


def _candidates(score: Floats, positive: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Where the rows labelled 1 may begin in the rising order, and how many positives lie before.

    Only cuts right below a positive row are worth trying, or one above all rows: moving any other
    one up, past negatives only, loses no hit and takes away false alarms, which every metric of
    counts prefers.
    """
    hits = np.flatnonzero(positive)
    starts = np.append(np.unique(np.searchsorted(score, score[hits])), len(score))
    if len(starts) > MOST_TRIED:
        starts = starts[np.linspace(0, len(starts) - 1, MOST_TRIED).astype(np.int64)]
    return starts, np.searchsorted(hits, starts)


def _between(score: Floats, starts: Ints, kind: ScoreKind) -> Floats:
    """Values that part the rows from ``starts`` on from those before."""
    lower, upper = score[np.maximum(starts - 1, 0)], score[np.minimum(starts, len(score) - 1)]
    middle = lower / 2 + upper / 2
    # Between neighbouring numbers there is none: the lower one parts them too, as labels are 1
    # above the cut.
    cuts = np.where((lower <= middle) & (middle < upper), middle, lower)
    if kind == "proba":
        all_rows, no_row = (0.0 if score[0] > 0 else -1.0), max(1.0, float(score[-1]))
    else:
        all_rows, no_row = min(score[0] - 1, np.nextafter(score[0], -np.inf)), score[-1]
    cuts[starts == 0], cuts[starts == len(score)] = all_rows, no_row
    return cuts


def retuned(metric: Metric, scored: OutOfFold) -> OutOfFold:
    """The same rows with the labels of tuned thresholds, as for a score named "f1@tuned".

    From outputs that were recorded, which are rounded, a row next to its cut may fall on the other
    side of it.
    """
    places = [np.flatnonzero(scored.fold == number) for number in np.unique(scored.fold)]
    splits = [Split(np.arange(0), place, int(scored.repeat[place[0]])) for place in places]
    folds = [
        FoldResult(number, {}, (), Resources(), scored.output[place], scored.kind)
        for number, place in enumerate(places)
    ]
    labels = np.empty(len(scored.rows), dtype=np.int64)
    for place, said in zip(places, tuned(metric, scored.target, splits, folds).labels, strict=True):
        labels[place] = said
    return replace(scored, labels=labels)
