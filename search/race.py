"""Racing: which trials are given up before their last fold, told from what a rung says of the end.

At each rung (``evaluators.race``) the trials that went to their end show how the score there goes
with the final one: a straight line by least squares. A further trial ends where the line, raised by
a margin for its error, stays below the incumbent's final score. The line is right whichever trials
were given up before, since those were chosen by the very score that it takes as given.

A model is told from its own trials only: what a fold scores beside the whole differs by model. The
margin is ``MARGIN`` standard errors of a prediction, more while few trials are known. A rung whose
ranks do not go with the final ones (Spearman's correlation under ``LEAST_RANK``) has no bar.
SCIENCE 3.2 has the paired margin rule that this grew from; ``benchmarks/race_margins.py`` measures
what it costs and saves.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import correlation, fmean, linear_regression

from evaluators.race import Bar
from search.policy import Direction
from search.trials import Trial

#: Completed trials that a bar is made from, at least.
LEARNT_FROM = 5
#: Standard errors of a prediction.
MARGIN = 2.0
#: Spearman's rank correlation of a rung with the end, at least.
LEAST_RANK = 0.5
#: Completed trials of a model after which its rung 0 is given up where it misleads and costs a fit.
GIVEN_UP_AFTER = 10
#: Of a model's completed trials as many count, the latest: more would tell nothing else, and a line
#: is drawn anew with each of them.
LATEST = 500


class Race:
    """What completed trials say of each rung. ``direction``: of the rungs' metric."""

    def __init__(self, direction: Direction, objective: Direction) -> None:
        self._direction: Direction = direction
        self._sign = 1.0 if direction == "maximize" else -1.0
        self._final_sign = 1.0 if objective == "maximize" else -1.0
        self._paths: dict[str, deque[tuple[float, tuple[float, ...]]]] = defaultdict(
            lambda: deque(maxlen=LATEST)
        )
        self._cached: dict[str, tuple[float, Bar]] = {}

    def learn(self, trial: Trial) -> None:
        """One more trial that went to its end."""
        if trial.path and trial.score is not None:
            model = trial.configuration.model
            self._paths[model].append((trial.score, trial.path))
            self._cached.pop(model, None)

    def bar(self, model: str, best: float) -> Bar | None:
        """What a further trial of a model has to score; ``best``: the incumbent's final score."""
        if len(self._paths[model]) < LEARNT_FROM:
            return None
        made = self._cached.get(model)
        if made is None or made[0] != best:
            least = tuple(self._least(model, rung, best) for rung in range(self._rungs))
            self._cached[model] = made = best, Bar(least, self._direction, self._earns(model))
        return made[1]

    def _earns(self, model: str) -> bool:
        """Whether rung 0 may still be looked at where that takes a fit on a few rows."""
        x, y = self._pairs(model, 0)
        return len(x) < GIVEN_UP_AFTER or _spearman(x, y) >= LEAST_RANK

    def foreseen(self, trial: Trial) -> float | None:
        """Where a trial that was given up would have ended, by the line; None without one."""
        rung = trial.given_up
        if rung is None:
            return None
        line = self._line(trial.configuration.model, rung)
        if line is None:
            return None
        return self._final_sign * line.at(self._sign * trial.path[rung])

    def ranks(self, model: str) -> tuple[float, ...]:
        """Spearman's correlation of each rung with the end; NaN where too few have both."""
        return tuple(_spearman(*self._pairs(model, rung)) for rung in range(self._rungs))

    def counts(self, model: str) -> tuple[int, ...]:
        """How many trials each of ``ranks`` is from."""
        return tuple(len(self._pairs(model, rung)[0]) for rung in range(self._rungs))

    @property
    def _rungs(self) -> int:
        return max((len(path) for known in self._paths.values() for _, path in known), default=0)

    def _pairs(self, model: str, rung: int) -> tuple[list[float], list[float]]:
        """Scores at a rung and at the end of one model's trials, rising towards the better."""
        known = self._paths[model]
        pairs = [(path[rung], score) for score, path in known if math.isfinite(path[rung])]
        return [self._sign * x for x, _ in pairs], [self._final_sign * y for _, y in pairs]

    def _line(self, model: str, rung: int) -> "_Line | None":
        """From a rung to the end, where enough is known and the rung can be believed."""
        x, y = self._pairs(model, rung)
        if len(x) < LEARNT_FROM or not _spearman(x, y) >= LEAST_RANK:
            return None
        return _Line.through(x, y)

    def _least(self, model: str, rung: int, best: float) -> float:
        """The score at a rung from which the line, with its margin, reaches the incumbent's."""
        line = self._line(model, rung)
        if line is None:
            return math.nan
        return self._sign * line.where(
            self._final_sign * best - MARGIN * line.error(self._final_sign * best)
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """``level + slope * x`` through ``count`` points, off by ``scatter`` (standard deviation).

    ``mean`` and ``spread`` (sum of squares about it) are of the points' x.
    """

    level: float
    slope: float
    scatter: float
    count: int
    mean: float
    spread: float

    @classmethod
    def through(cls, x: Sequence[float], y: Sequence[float]) -> "_Line | None":
        """By least squares; None where it does not rise."""
        slope, level = linear_regression(x, y) if len(set(x)) > 1 else (0.0, 0.0)
        if not slope > 0:
            return None
        off = sum((level + slope * a - b) ** 2 for a, b in zip(x, y, strict=True))
        mean = fmean(x)
        spread = sum((a - mean) ** 2 for a in x)
        return cls(level, slope, math.sqrt(off / (len(x) - 2)), len(x), mean, spread)

    def at(self, x: float) -> float:
        """Its height."""
        return self.level + self.slope * x

    def where(self, y: float) -> float:
        """The place at which it is so high."""
        return (y - self.level) / self.slope

    def error(self, y: float) -> float:
        """Standard error of a prediction where the line is so high.

        Larger by what Student's t has over the normal distribution at ``MARGIN`` (the first term of
        its expansion in one over the degrees of freedom: Abramowitz & Stegun 26.7.5).
        """
        apart = (self.where(y) - self.mean) ** 2 / self.spread
        student = 1 + (MARGIN**2 + 1) / (4 * (self.count - 2))
        return self.scatter * math.sqrt(1 + 1 / self.count + apart) * student


def _spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Correlation of ranks; NaN where there are fewer than three, or one is constant."""
    if len(x) < 3 or len(set(x)) < 2 or len(set(y)) < 2:
        return math.nan
    return correlation(_ranks(x), _ranks(y))


def _ranks(values: Sequence[float]) -> list[float]:
    """From 0, equal values sharing their mean."""
    order = sorted(values)
    return [(bisect_left(order, v) + bisect_right(order, v) - 1) / 2 for v in values]
