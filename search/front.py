"""Score against cost: the trials that no other beats at as little cost.

Timings and memory repeat to a few percent only, so with plain Pareto dominance every trial that
was lucky by a millisecond would stand on the front. Here a trial of no better score has to be
*clearly* cheaper, in at least one cost, than each trial of the front that scores at least as much:
by ``NOISE`` of that cost, and by at least ``LEAST``. Scores are taken as they are: all trials have
the same folds.
"""

from collections.abc import Sequence

from search.policy import Direction
from search.view_rows import TrialView

#: What is weighed against the score, by the share of it that is noise: fields of a trial's row.
NOISE = {"fit_s": 0.10, "predict_ms_per_1k": 0.10, "peak_mb": 0.05}
#: Smaller differences are ties, whatever their share: the clock and the profiler are no better.
LEAST = {"fit_s": 0.01, "predict_ms_per_1k": 0.05, "peak_mb": 5.0}


def front(trials: Sequence[TrialView], direction: Direction | str) -> list[TrialView]:
    """Of completed trials with a score those on the front, the best score first.

    A trial is left out when one of the front scores at least as well and is not clearly dearer in
    anything. Of equal scores the quicker fit comes first. A cost that is NaN makes nothing cheaper.
    """
    sign = -1.0 if direction == "maximize" else 1.0
    kept: list[TrialView] = []
    for trial in sorted(trials, key=lambda each: (sign * each.score, each.fit_s, each.trial)):
        if all(_cheaper(trial, better) for better in kept):
            kept.append(trial)
    return kept


def _cheaper(one: TrialView, other: TrialView) -> bool:
    """Whether ``one`` costs clearly less than ``other`` in at least one way."""
    for name, noise in NOISE.items():
        less, more = float(getattr(one, name)), float(getattr(other, name))
        if more - less > max(noise * more, LEAST[name]):
            return True
    return False
