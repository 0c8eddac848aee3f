"""Which finalist wins: the best mean of the search's and the fresh folds, of equals the cheaper.

Where a part of the rows was searched, fresh folds alone decide: they have all rows, and a model
that is best with few need not be with many.

Two finalists are equal when the mean of their paired fold differences is within one standard error
of zero, the error being that of the corrected resampled t statistic (Nadeau & Bengio 2003):
``sqrt(var(d) * (1 / J + n_test / n_train))`` over J folds. The plain error of the mean would call
far too many differences real, since the folds' training rows overlap.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from search.policy import Direction

#: A finalist counts as cheaper from so much less CPU time on: timings repeat to a few percent.
CHEAPER = 0.8


@dataclass(frozen=True, slots=True)
class Judged:
    """A finalist with all its scores in the objective.

    Attributes:
        candidate: its place among the finalists.
        name: as a reason names it: "trial 12", "the default configuration".
        search, fresh: scores on the search's folds and on the fresh partition.
        search_folds, fresh_folds: fold by fold, the same folds for every finalist.
        cpu_s: CPU seconds on the fresh partition.
    """

    candidate: int
    name: str
    search: float
    fresh: float
    search_folds: Sequence[float]
    fresh_folds: Sequence[float]
    cpu_s: float

    @property
    def mean(self) -> float:
        """Of both partitions."""
        return (self.search + self.fresh) / 2


@dataclass(frozen=True, slots=True)
class Choice:
    """The winner, and the reason in one sentence."""

    candidate: int
    reason: str


def choose(
    finalists: Sequence[Judged], direction: Direction, test_share: float, *, by_cost: bool = True,
    fresh_only: bool = False,
) -> Choice:  # fmt: skip
    """The finalist to recommend. ``test_share`` is n_test / n_train of a fold.

    ``by_cost=False``: the best score wins, whatever it costs (measured seconds decide nothing in a
    deterministic sweep). ``fresh_only``: that of the fresh folds counts, not the mean of both.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    what = "mean of search and fresh folds"
    if fresh_only:
        what = "score on fresh folds of all rows"
        finalists = [replace(each, search=each.fresh, search_folds=()) for each in finalists]
    top = max(finalists, key=lambda each: (sign * each.mean, -each.candidate))
    led = f"{top.name} has the best {what}, {top.mean:.4f}"
    if not by_cost:
        return Choice(top.candidate, led)
    equal = [each for each in finalists if _equal(top, each, test_share)]
    cheapest = min(equal, key=lambda each: (each.cpu_s, each.candidate))
    if cheapest is top or not cheapest.cpu_s < CHEAPER * top.cpu_s:
        return Choice(top.candidate, led)
    part = cheapest.cpu_s / top.cpu_s
    return Choice(
        cheapest.candidate,
        f"{led}; {cheapest.name} is within one standard error of it ({cheapest.mean:.4f}) and "
        f"costs {part:.0%} of its CPU time: the cheaper wins",
    )


def _equal(top: Judged, other: Judged, test_share: float) -> bool:
    """Whether the folds cannot tell the two apart; a finalist equals itself."""
    pairs = [
        (ours, theirs)
        for one, two in (
            (top.search_folds, other.search_folds),
            (top.fresh_folds, other.fresh_folds),
        )
        for ours, theirs in zip(one, two, strict=True)
    ]
    return other is top or alike(pairs, test_share)


def alike(pairs: Sequence[tuple[float, float]], test_share: float) -> bool:
    """Whether paired fold scores differ by no more than one standard error of their mean.

    Folds without a score count for nothing; fewer than two are alike in nothing.
    """
    differences = [one - two for one, two in pairs if math.isfinite(one) and math.isfinite(two)]
    if len(differences) < 2:
        return False
    folds = len(differences)
    error = math.sqrt(statistics.variance(differences) * (1 / folds + test_share))
    return abs(statistics.fmean(differences)) <= error
