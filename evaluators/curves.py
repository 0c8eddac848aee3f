"""Seconds and memory of a fit against the rows it learns from, fitted on parts of the data.

Time: the geometric mean of two predictions. A non-negative least squares curve over [1, n, n log n]
knows the overhead that every fit has, but sees too little of what begins late (caches run full,
trees grow deeper); the slope of the last three points in log-log sees that, but also the overhead,
which flattens it: less and less on the way to more rows, by as much as it flattens the curve.

Where passes over the rows are not fixed, or rows meet rows, or nobody knows, the curve has n^2
too. It then errs upward under noise and the slope, left as it is, downward. On 1,319 fits of LCDB
(Mohr et al., ECML PKDD 2022: 20 scikit-learn learners, 248 data sets) that geometric mean from at
most 10% of the rows was within a factor of 1.39 in the median and 2.7 in nine of ten cases, the
best all-round of the rules tried; see SCIENCE 4.1 and 4.2. One straight line through all sizes in
log-log is the classic mistake: median factor 3.2.

Memory: a line, and never less than three times the data that is fitted (SCIENCE 4.1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluators.types import Floats

#: Fits shorter than so many seconds tell of overhead and of the clock, not of rows.
SHORTEST_S = 0.02
#: Costs that grow slower than n^0.7 or faster than n^2.2 at the last sizes are noise.
GENTLEST, STEEPEST = 0.7, 2.2
#: Where two of the last three points are missing: a little more than in proportion.
ASSUMED_SLOPE = 1.15
#: How far off a prediction for 6.25 times the largest part may be beyond the spread of its two
#: halves, upward and downward, nine times in ten (SCIENCE 4.2, until there is a history).
UP, DOWN = 1.8, 1.5
REACH = 6.25
#: The same where nothing is extrapolated: two fits of the same rows differ by so much.
AGAIN = 1.1
#: Least memory of a fit, in bytes per byte of the rows it learns from, and what the line may miss.
DATA_COPIES = 3.0
MEMORY_MARGIN = 1.5
BASE_MARGIN = 1.1


@dataclass(frozen=True, slots=True)
class Range:
    """A prediction, and where the truth should lie nine times in ten."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Range":
        """The same in another unit, or so many of it."""
        return Range(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class TimeCurve:
    """Seconds by rows.

    Attributes:
        rows: of the parts measured, ascending.
        seconds: of each; above zero.
        steady: they are known to grow like n log n at most. Then there is no n^2: it would fit
            noise alone, and multiply it by 40 on the way from 16% of the rows to all.
    """

    rows: tuple[float, ...]
    seconds: tuple[float, ...]
    steady: bool = False

    @cached_property
    def _weights(self) -> Floats:
        """Of ``_terms``, from relative errors: half a second off is nothing at a minute."""
        from scipy.optimize import nnls

        seconds = np.array(self.seconds)
        weights: Floats = nnls(self._terms(np.array(self.rows)) / seconds[:, None],
                               np.ones(len(seconds)))[0]  # fmt: skip
        return weights

    def _terms(self, rows: Floats) -> Floats:
        """(sizes, 3 or 4) [1, n, n log n] and n^2, n in units of the largest part, so that none
        dwarfs another.
        """
        n = rows / self.rows[-1]
        n_log_n = n * np.log(np.maximum(rows, 2.0)) / math.log(max(self.rows[-1], 2.0))
        squares = [] if self.steady else [n**2]
        return np.column_stack([np.ones_like(n), n, n_log_n, *squares])

    @cached_property
    def slope(self) -> float:
        """The power of n by which the last three sizes grow."""
        if len(self.rows) < 2:
            return ASSUMED_SLOPE
        x, y = np.log(self.rows[-3:]), np.log(self.seconds[-3:])
        return float(np.clip(np.polyfit(x, y, 1)[0], GENTLEST, STEEPEST))

    def smooth(self, rows: float) -> float:
        """Seconds by the least squares curve; by the slope alone where there are few points."""
        if len(self.rows) < 3:
            return self.steep(rows)
        return float((self._terms(np.array([float(rows)])) @ self._weights)[0])

    def steep(self, rows: float) -> float:
        """Seconds by the last three points.

        The power of n is their slope; of a steady model the curve's own from the last point to
        ``rows``, and what the three grow faster by than the curve does among them.
        """
        last, power = self.rows[-1], self.slope
        if self.steady and len(self.rows) >= 3 and rows != last:
            there = math.log(self.smooth(rows) / self.smooth(last)) / math.log(rows / last)
            power = float(np.clip(there + self._faster, GENTLEST, STEEPEST))
        return float(self.seconds[-1] * (rows / last) ** power)

    @cached_property
    def _faster(self) -> float:
        """By which power of n the last three sizes grow faster than the curve through all."""
        x, y = np.log(self.rows[-3:]), np.log(self.seconds[-3:])
        return float(np.polyfit(x, y - np.log([self.smooth(n) for n in self.rows[-3:]]), 1)[0])

    def at(self, rows: float) -> Range:
        """Seconds for so many rows.

        The value is the geometric mean of ``smooth`` and ``steep``. The interval is their spread
        times a residual factor that grows with the distance from the largest part: ``UP`` and
        ``DOWN`` at ``REACH`` times its rows, ``AGAIN`` at itself. Two points have no spread, so
        their residual factor counts twice.
        """
        pair = self.smooth(rows), self.steep(rows)
        distance = abs(math.log(rows / self.rows[-1])) / math.log(REACH)
        if len(self.rows) < 3:
            distance *= 2
        up, down = (max(AGAIN, factor**distance) for factor in (UP, DOWN))
        return Range(math.sqrt(pair[0] * pair[1]), min(pair) / down, max(pair) * up)


def time_curve(
    rows: Sequence[float], seconds: Sequence[float], *, steady: bool = False
) -> TimeCurve:
    """The curve through these fits, in any order; fits under ``SHORTEST_S`` are left out.

    Where fewer than three are longer, the three of the most rows count, however short they are.

    Raises:
        ValueError: no fit, or one that took no time or had no rows.
    """
    points = sorted(zip(rows, seconds, strict=True))
    if not points or min(points)[0] <= 0 or min(seconds) <= 0:
        raise ValueError("a curve needs at least one fit, with rows and seconds above zero")
    telling = [point for point in points if point[1] >= SHORTEST_S]
    kept = telling if len(telling) >= 3 else points[-3:]
    return TimeCurve(
        tuple(float(each) for each, _ in kept), tuple(float(each) for _, each in kept), steady
    )


@dataclass(frozen=True, slots=True)
class MemoryCurve:
    """Own memory of a worker in units of 2**20 bytes, by the rows of a fit.

    Attributes:
        base_mb: interpreter, libraries and the fit of next to nothing.
        per_row_mb: what the measured line adds for a row.
        offset_mb: what it adds whatever the rows.
        data_row_mb: what a row takes as the model sees it (``evaluators.pilot.shown_row_mb``).
        measured: rows of the largest part.
    """

    base_mb: float
    per_row_mb: float
    offset_mb: float
    data_row_mb: float
    measured: float

    def at(self, rows: float) -> Range:
        """The peak for so many rows; ``high`` is what to plan for.

        The value is the line. ``high`` takes at least ``DATA_COPIES`` times the data instead, and
        a margin on top: on parts of at most 16% the line gave 0.4 to 2.0 times the truth
        (SCIENCE 4.1). Within what was measured the line alone has the margin.
        """
        line = self.offset_mb + self.per_row_mb * rows
        floor = DATA_COPIES * self.data_row_mb * rows if rows > self.measured else 0.0
        return Range(
            self.base_mb + line,
            self.base_mb + line / MEMORY_MARGIN,
            BASE_MARGIN * self.base_mb + MEMORY_MARGIN * max(line, floor),
        )


def memory_curve(
    rows: Sequence[float], peaks_mb: Sequence[float], base_mb: float, data_row_mb: float
) -> MemoryCurve:
    """The line through these peaks, both of its parts at least zero.

    Raises:
        ValueError: no peak.
    """
    from scipy.optimize import nnls

    if not rows:
        raise ValueError("a line needs at least one peak")
    n, most = np.array(rows, dtype=float), float(max(rows))
    growth = np.maximum(np.array(peaks_mb, dtype=float) - base_mb, 0.0)
    offset, slope = nnls(np.column_stack([np.ones_like(n), n / most]), growth)[0]
    return MemoryCurve(base_mb, float(slope) / most, float(offset), data_row_mb, most)
