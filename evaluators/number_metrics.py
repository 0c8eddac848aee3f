"""The formulas of the metrics of numbers: how far predictions are from a numeric target.

Each is a function of the rows' targets and predictions; NaN where the rows cannot define it. Each
that is made of sums over rows also says of which (``SUMS``), so that thousands of resamples of the
rows are one product (see ``evaluators.weighing``).
"""

import math
from collections.abc import Callable

import numpy as np

from evaluators.types import Floats


def rmse(target: Floats, predicted: Floats) -> float:
    """Root of the mean square error, in the target's unit."""
    return math.sqrt(float(np.mean((target - predicted) ** 2)))


def mae(target: Floats, predicted: Floats) -> float:
    """Mean absolute error, in the target's unit."""
    return float(np.mean(np.abs(target - predicted)))


def median_absolute_error(target: Floats, predicted: Floats) -> float:
    """Half of the rows are nearer than this, in the target's unit."""
    return float(np.median(np.abs(target - predicted)))


def r2(target: Floats, predicted: Floats) -> float:
    """1 - the square error over that of the rows' own mean; NaN where all targets are equal."""
    spread = float(np.sum((target - target.mean()) ** 2))
    return 1.0 - float(np.sum((target - predicted) ** 2)) / spread if spread else math.nan


def _square(target: Floats, predicted: Floats) -> Floats:
    return ((target - predicted) ** 2)[None]


def _absolute(target: Floats, predicted: Floats) -> Floats:
    return np.abs(target - predicted)[None]


def _squares(target: Floats, predicted: Floats) -> Floats:
    apart = target - target.mean()  # centred, or the variance would drown in rounding
    return np.stack([(target - predicted) ** 2, apart, apart**2])


def _rmse_of(sums: Floats, rows: Floats) -> Floats:
    found: Floats = np.sqrt(sums[0] / rows)
    return found


def _mae_of(sums: Floats, rows: Floats) -> Floats:
    found: Floats = sums[0] / rows
    return found


def _r2_of(sums: Floats, rows: Floats) -> Floats:
    spread = sums[2] - sums[1] ** 2 / rows
    found: Floats = np.full(len(rows), np.nan)
    # one row drawn many times has no spread but for rounding
    np.divide(sums[0], spread, out=found, where=spread > 1e-12 * sums[2])
    return 1.0 - found


#: Metrics of sums: what is summed over rows, (terms, rows), and the value from (terms, draws) of
#: sums and (draws,) of rows, both above zero.
SUMS: dict[
    Callable[..., float],
    tuple[Callable[[Floats, Floats], Floats], Callable[[Floats, Floats], Floats]],
] = {
    rmse: (_square, _rmse_of),
    mae: (_absolute, _mae_of),
    r2: (_squares, _r2_of),
}
