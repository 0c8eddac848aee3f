"""The best that can be had without looking at the features: what every score stands beside."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from evaluators.metrics import Metric, tuned_name
from evaluators.scored_rows import ScoredRows, labels_of
from evaluators.scoring import TrialRows, score_fold, score_rows, score_trial
from evaluators.types import Dataset, Floats, FoldResult, Ints, Resources, Split

#: What a constant predictor calls every row. ``prior`` and ``majority``: the class that was the
#: more frequent in training; ``mean`` and ``median``: of the numbers in training.
BaselineKind = Literal["prior", "all_positive", "all_negative", "majority", "mean", "median"]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Scores of the best constant predictor, by metric name."""

    kind: BaselineKind
    scores: dict[str, float] = field(default_factory=dict)


def baseline(
    metrics: Sequence[Metric],
    dataset: Dataset,
    splits: Sequence[Split],
    tune: Metric | None = None,
) -> Baseline:
    """The constant predictor that is best by ``metrics[0]``, scored by all under the same folds.

    Whatever its labels, its probability is the class shares of each fold's training rows. So the
    Brier score and log loss are those of the prior, F1 of ``all_positive`` is 2p / (1 + p), and
    metrics of ranks are those of one tie: ROC AUC 0.5, average precision the share of positives.
    Of equals the first wins, in the order prior, all_positive, all_negative. With more than two
    classes there is one candidate, ``majority``.

    ``tune``: binary data's label metrics are scored "@tuned" too, by the constant label that is
    best by ``tune``, which is all that a threshold can make of one answer for every row.

    In regression the candidates are the mean and the median of each fold's training rows.
    """
    if dataset.regression:
        return _of_numbers(metrics, dataset, splits)
    kinds: tuple[BaselineKind, ...] = ("majority",)
    if dataset.binary:
        kinds = ("prior", "all_positive", "all_negative")
    # Only a metric that reads labels can tell the candidates apart.
    every = list({metric.name: metric for metric in (*metrics, *([tune] if tune else []))}.values())
    scores = {kind: _scores(every, dataset, splits, kind) for kind in kinds}
    best = _best(scores, metrics[0])
    found = {metric.name: scores[best][metric.name] for metric in metrics}
    if tune is not None:
        cut = scores[_best({kind: scores[kind] for kind in kinds if kind != "prior"}, tune)]
        found |= {tuned_name(each.name): cut[each.name] for each in every if each.reads == "counts"}
    return Baseline(best, found)


def _of_numbers(metrics: Sequence[Metric], dataset: Dataset, splits: Sequence[Split]) -> Baseline:
    """The better of two constants a fold."""
    constants: dict[BaselineKind, Callable[[Floats], Any]] = {"mean": np.mean, "median": np.median}
    scores = {}
    for kind, constant in constants.items():
        folds = []
        for number, split in enumerate(splits):
            output = np.full(len(split.test), float(constant(dataset.target[split.train])))
            found, _ = score_fold(metrics, dataset.target[split.test], output, "value")
            folds.append(FoldResult(number, found, (), Resources(), output, "value"))
        scores[kind] = score_trial(metrics, TrialRows(dataset.target, splits, folds))[0]
    best = _best(scores, metrics[0])
    return Baseline(best, scores[best])


def _best(scores: dict[BaselineKind, dict[str, float]], metric: Metric) -> BaselineKind:
    """The kind that scores best by ``metric``, the first of equals."""
    kinds = iter(scores)
    best = next(kinds)
    for kind in kinds:
        if metric.better(scores[kind][metric.name], scores[best][metric.name]):
            best = kind
    return best


def _scores(
    metrics: Sequence[Metric], dataset: Dataset, splits: Sequence[Split], kind: BaselineKind
) -> dict[str, float]:
    """One constant predictor, scored as a trial is."""
    shares = [_shares(dataset, split) for split in splits]
    # Folds' priors differ by a hair, which is no ranking: ranks see one value for all.
    constant = [np.mean(shares, axis=0)] * len(splits)
    groups = (
        ([m for m in metrics if m.reads == "curve"], constant),
        ([m for m in metrics if m.reads != "curve"], shares),
    )
    scores: dict[str, float] = {}
    for group, prior in groups:
        if group:
            folds = [
                _fold(group, dataset.target, split, number, prior[number], kind)
                for number, split in enumerate(splits)
            ]
            scores |= score_trial(group, TrialRows(dataset.target, splits, folds))[0]
    return {metric.name: scores[metric.name] for metric in metrics}


def _shares(dataset: Dataset, split: Split) -> Floats:
    """Share of each class in the training rows; of the positive class alone if binary."""
    counts = np.bincount(dataset.target[split.train], minlength=len(dataset.classes))
    shares: Floats = counts / counts.sum()
    return shares[1] if dataset.binary else shares


def _fold(
    metrics: Sequence[Metric],
    target: Ints,
    split: Split,
    number: int,
    prior: Floats,
    kind: BaselineKind,
) -> FoldResult:
    """The same answer for every test row of a fold."""
    size = len(split.test)
    output = np.broadcast_to(prior, (size, *np.shape(prior))).astype(np.float64)
    labels = labels_of(output, "proba")
    if kind in ("all_positive", "all_negative"):
        labels = np.full(size, int(kind == "all_positive"))
    rows = ScoredRows(target[split.test], output, "proba", labels)
    confusion = tuple(tuple(int(cell) for cell in row) for row in rows.counts)
    return FoldResult(number, score_rows(metrics, rows), confusion, Resources(), output, "proba")
