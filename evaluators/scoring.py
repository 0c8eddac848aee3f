"""From outputs to scores: one fold, and a trial out of its folds.

How folds are put together decides whether a score can be believed (Forman & Scholz 2010). Metrics
of labels are computed once, from the confusion counts summed over all folds. Metrics with pooling
``pool`` that read scores or probabilities are computed from all the out-of-fold rows of a repeat
at once, then averaged over the repeats: the mean of small folds' average precision is 1.2 to 2.1
times too high. The others, ROC AUC above all, are the mean of the folds' values, since they must
not compare scores of two different fits. A NaN fold makes that mean NaN: leaving it out would
score a trial on the folds that suit it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.errors import MetricError
from evaluators.metric_functions import roc_auc
from evaluators.metrics import Metric, tuned_name
from evaluators.prior import corrected
from evaluators.rows import Rows
from evaluators.scored_rows import ScoredRows, labels_of
from evaluators.types import Floats, FoldResult, Ints, ScoreKind, Split, Warned

__all__ = [
    "Confusion",
    "TrialRows",
    "as_confusion",
    "check_output",
    "labels_of",
    "notices",
    "outputs",
    "score_fold",
    "score_rows",
    "score_trial",
    "value_of",
]

#: Counts, ``[true][predicted]``.
Confusion = tuple[tuple[int, ...], ...]

#: Pooled ROC AUC this far below the folds' mean tells that the folds' scores do not compare.
SCALE_GAP = 0.02


def score_fold(
    metrics: Sequence[Metric],
    target: Ints,
    output: Floats,
    kind: ScoreKind,
    *,
    cut: float | None = None,
    log_prior_shift: tuple[float, ...] | None = None,
) -> tuple[dict[str, float], Confusion]:
    """Every metric on one fold's test rows, and the confusion matrix at ``cut`` (none of numbers).

    ``metrics[0]`` is the objective. NaN: undefined on these rows, or not to be had from outputs of
    this kind (log loss from decision values), or an output is not finite. ``cut`` and
    ``log_prior_shift`` are those of ``FoldResult``.

    Raises:
        MetricError: the objective, or ``cut``, needs probabilities and there are none.
    """
    check_output(metrics[0] if metrics else None, {"this model": kind}, cut)
    rows = _scored(target, output, kind, cut, log_prior_shift)
    confusion = () if kind == "value" else as_confusion(rows.counts)
    return score_rows(metrics, rows), confusion


def score_rows(metrics: Sequence[Metric], rows: ScoredRows) -> dict[str, float]:
    """Every metric on these rows taken as one."""
    return {metric.name: value_of(metric, rows) for metric in metrics}


def value_of(metric: Metric, rows: ScoredRows) -> float:
    """One metric on these rows taken as one; NaN where undefined."""
    if not rows.finite or (metric.needs == "proba" and rows.kind == "decision"):
        return np.nan
    if metric.reads == "counts":
        return float(metric.function(rows.counts))
    if metric.reads == "curve":
        return float(np.mean([metric.function(curve) for curve in rows.curves]))
    if metric.reads in ("proba", "numbers"):
        return metric.function(rows.target, rows.proba)
    return metric.function(rows)


@dataclass(frozen=True, eq=False)
class TrialRows:
    """The folds of one trial, and their rows pooled, which is done once, where it is asked for.

    ``target`` is that of the whole dataset; ``folds`` may be some of ``splits`` (a raced trial):
    what is pooled is then pooled over those.
    """

    target: Ints
    splits: Sequence[Split]
    folds: Sequence[FoldResult]

    @cached_property
    def pooled(self) -> list[ScoredRows]:
        """The out-of-fold rows of each repeat together."""
        kinds = {fold.kind for fold in self.folds}
        if len(kinds) > 1:
            raise ValueError("probabilities and decision values cannot be pooled")
        repeats: dict[int, list[FoldResult]] = {}
        for fold in self.folds:
            repeats.setdefault(self.splits[fold.fold].repeat, []).append(fold)
        return [_together([self.of(fold) for fold in part]) for part in repeats.values()]

    def of(self, fold: FoldResult) -> ScoredRows:
        """A fold's test rows with its outputs."""
        test = self.target[self.splits[fold.fold].test]
        return _scored(test, fold.output, fold.kind, fold.cut, fold.log_prior_shift)

    def value(self, metric: Metric, fold: FoldResult) -> float:
        """As recorded with the fold, or computed now for a metric it was not scored by."""
        recorded = fold.scores.get(metric.name)
        return value_of(metric, self.of(fold)) if recorded is None else recorded


def score_trial(
    metrics: Sequence[Metric], rows: TrialRows
) -> tuple[dict[str, float], dict[str, list[float]], Confusion]:
    """A trial's scores, the folds' scores in the order given, and the summed confusion matrix.

    With repeats each row is counted once per repeat, in the matrix too: divide it by the number of
    repeats to show it, the sum alone is exact. Label metrics do not change with that factor.
    """
    folds = rows.folds
    if not folds:
        raise ValueError("no fold to score a trial from")
    by_fold = {m.name: [rows.value(m, fold) for fold in folds] for m in metrics}
    counts: NDArray[np.int64] = np.array([fold.confusion for fold in folds]).sum(axis=0)
    finite = all(np.isfinite(fold.output).all() for fold in folds)

    def score(metric: Metric) -> float:
        if metric.pooling == "mean":
            return float(np.mean(by_fold[metric.name]))
        if metric.reads == "counts":
            return float(metric.function(counts)) if finite else np.nan
        return float(np.mean([value_of(metric, repeat) for repeat in rows.pooled]))

    return {m.name: score(m) for m in metrics}, by_fold, as_confusion(counts)


def check_output(
    objective: Metric | None, kinds: Mapping[str, ScoreKind], cut: float | None = None
) -> None:
    """Refuse what a model's outputs cannot give; ``kinds`` is by model name.

    Raises:
        MetricError: the objective, or a threshold that the user gave, needs probabilities; names
            the models that give decision values only.
    """
    without = [name for name, kind in kinds.items() if kind == "decision"]
    if not without:
        return
    models = f"{', '.join(without)} {'give' if len(without) > 1 else 'gives'} decision values only"
    if objective is not None and objective.needs == "proba":
        raise MetricError(
            f"metric {objective.name!r} needs probabilities, and {models}: choose a metric of "
            f"ranks or labels (roc_auc, average_precision, f1) or a model with predict_proba"
        )
    if cut is not None:
        raise MetricError(
            f"threshold = {cut:g} is a probability, and {models}: leave it out, write "
            f'{{ maximize = "f1" }}, or take a model with predict_proba'
        )


def notices(
    metrics: Sequence[Metric], rows: TrialRows, *, tuned: bool = False
) -> tuple[Warned, ...]:
    """What a reader of these scores should know; ``tuned``: folds are cut where others say.

    Codes: ``needs_probabilities`` (scores that are NaN because of the kind of output),
    ``undefined_folds`` (figure: how many folds, of the metric that misses most) and
    ``fold_scales`` (figure: by how much pooling lowers the ROC AUC; pooled ranks then read low).
    """
    found, folds = [], rows.folds
    lacking = [m.name for m in metrics if m.needs == "proba" and folds[0].kind == "decision"]
    if lacking:
        found.append(
            Warned(
                "needs_probabilities",
                f"not scored, as this model gives decision values only: {', '.join(lacking)}",
                float(len(lacking)),
            )
        )
    undefined = {
        m.name: int(np.isnan([rows.value(m, fold) for fold in folds]).sum())
        for m in metrics
        if m.name not in lacking
    }
    if most := max(undefined.values(), default=0):
        names = ", ".join(name for name, number in undefined.items() if number)
        message = f"undefined on up to {most} of {len(folds)} folds: {names}"
        found.append(Warned("undefined_folds", message, float(most)))
    pooled = [m.name for m in metrics if m.reads == "curve" and m.pooling == "pool"]
    pooled += [tuned_name(m.name) for m in metrics if m.reads == "counts" and tuned]
    if pooled and (gap := _scale_gap(rows)) > SCALE_GAP:
        message = (
            f"the folds' scores are on different scales (pooling lowers ROC AUC by {gap:.3f}), "
            f"so these read low: {', '.join(pooled)}"
        )
        found.append(Warned("fold_scales", message, gap))
    return tuple(found)


def _scale_gap(rows: TrialRows) -> float:
    """Mean of the folds' ROC AUC less the pooled one: 0 if fits of all folds rank on one scale.

    NaN, which is above no limit, where a fold has no AUC.
    """

    def area(ranked: ScoredRows) -> float:
        return float(np.mean([roc_auc(curve) for curve in ranked.curves]))

    apart = np.mean([area(rows.of(fold)) for fold in rows.folds])
    return float(apart - np.mean([area(repeat) for repeat in rows.pooled]))


def _scored(
    target: Ints,
    output: Floats,
    kind: ScoreKind,
    cut: float | None,
    log_prior_shift: tuple[float, ...] | None,
) -> ScoredRows:
    """Rows of one fold: labels at its cut, probabilities for the true shares of the classes."""
    bent = log_prior_shift is not None and kind == "proba"
    proba = corrected(output, log_prior_shift) if bent else None
    return ScoredRows(target, output, kind, labels_of(output, kind, cut), proba)


def _together(parts: Sequence[ScoredRows]) -> ScoredRows:
    """Several folds' rows as one table."""
    bent = any(part.corrected is not None for part in parts)
    return ScoredRows(
        np.concatenate([part.target for part in parts]),
        np.concatenate([part.output for part in parts]),
        parts[0].kind,
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.proba for part in parts]) if bent else None,
    )


def as_confusion(counts: NDArray[np.int64]) -> Confusion:
    """An array of counts as it is recorded."""
    return tuple(tuple(int(cell) for cell in row) for row in counts)


def outputs(model: Any, values: Floats | Rows, classes: int) -> tuple[Floats, ScoreKind]:
    """A model's scores of rows: (rows,) of the positive class if binary, else (rows, classes).

    Without classes (rows,) predicted numbers.

    Raises:
        FloatingPointError: the model returned NaN.
    """
    output: Floats
    kind: ScoreKind
    if not classes:
        output, kind = np.asarray(model.predict(values), dtype=np.float64), "value"
    elif hasattr(model, "predict_proba"):
        output, kind = np.asarray(model.predict_proba(values), dtype=np.float64), "proba"
        if classes == 2:
            output = output[:, 1]
    else:
        output, kind = np.asarray(model.decision_function(values), dtype=np.float64), "decision"
    if not np.isfinite(output).all():
        raise FloatingPointError("the model's scores contain NaN or infinite values")
    return output, kind
