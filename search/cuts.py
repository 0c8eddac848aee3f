"""What to ask less of, where a sweep does not fit into its time or its memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from search.plan import Demand, Limits, ModelCost, Plan, forecast

#: Advice never goes below so many rows.
FEWEST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Cut:
    """One thing to ask less of, and the most of it that still fits."""

    what: str
    now: int
    to: int
    plan: Plan

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` tells it."""
        return {"cut": self.what, "from": self.now, "to": self.to, "p50_s": self.plan.p50_s,
                "p90_s": self.plan.p90_s, "peak_mb": self.plan.peak_mb}  # fmt: skip


def cuts(costs: Sequence[ModelCost], demand: Demand, limits: Limits) -> list[Cut]:
    """For each of trials, folds and rows, the most of it, all else as asked, that fits.

    Empty where all fits, or where nothing alone would do. "rows" are those searched on (``[data]
    rows``); where they do not help since finalists take all, "table rows" are a smaller table. Both
    are told in two digits, at least ``FEWEST_ROWS``; folds are at least two.
    """
    if limits.hold(forecast(costs, demand, limits)):
        return []
    ways: list[tuple[str, int, int, Callable[[int], Demand]]] = [
        ("trials", demand.trials, 1, lambda to: replace(demand, trials=to)),
        ("folds", demand.folds, 2, demand.with_folds),
        ("rows", demand.rows, FEWEST_ROWS, demand.with_rows),
        ("table rows", demand.rows_held, FEWEST_ROWS, demand.with_table),
    ]
    found: list[Cut] = []
    for what, now, least, asked in ways:
        if what == "table rows" and found and found[-1].what == "rows":
            break

        def fits(to: int, asked: Callable[[int], Demand] = asked) -> bool:
            return limits.hold(forecast(costs, asked(to), limits))

        most = _most(fits, least, now)
        if most is not None and what.endswith("rows"):
            most = max(least, _two_digits(most))
        if most is not None:
            found.append(Cut(what, now, most, forecast(costs, asked(most), limits)))
    return found


def _most(fits: Callable[[int], bool], least: int, below: int) -> int | None:
    """The largest whole number from ``least`` on, and under ``below``, that fits; None if none."""
    if least >= below or not fits(least):
        return None
    low, high = least, below
    while high - low > 1:
        between = (low + high) // 2
        if fits(between):
            low = between
        else:
            high = between
    return low


def _two_digits(number: int) -> int:
    """Rounded down."""
    unit = int(10 ** max(0, len(str(number)) - 2))
    return number // unit * unit
