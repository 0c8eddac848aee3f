"""What the winner scores with cuts of each fold's own, where those were shared in the search."""

import math
import statistics
from dataclasses import dataclass
from typing import Any

from search import bodies
from search.view_rows import TrialView

#: Said where the winner was not scored again: no fresh folds, or no time left.
NOT_COMPARED = "shared in the search; not compared with each fold's own"


@dataclass(frozen=True, slots=True)
class CutsView:
    """The winner on the folds searched on, twice; scores in the sweep's metric.

    Attributes:
        shared, exact: with the cuts of the search, and with each fold's own; the latter NaN where
            it could not be scored, and ``failure`` says why.
        noise: standard deviation over folds of what lies between them, over the root of their
            number; NaN of fewer than two folds.
    """

    shared: float
    exact: float
    noise: float
    failure: str = ""

    @classmethod
    def of(cls, winner: TrialView, again: TrialView, metric: str) -> "CutsView":
        """``winner``: as it was searched; ``again``: on the same folds with their own cuts."""
        if again.cause:
            return cls(winner.score, math.nan, math.nan, f"{again.cause}: {again.reason}")
        pairs = zip(winner.folds.get(metric, ()), again.folds.get(metric, ()), strict=False)
        apart = [one - other for one, other in pairs]
        noise = statistics.stdev(apart) / math.sqrt(len(apart)) if len(apart) > 1 else math.nan
        return cls(winner.score, again.score, noise)

    @property
    def apart(self) -> float:
        """By how much shared cuts raise the score; 0 where that is not known."""
        return 0.0 if math.isnan(self.exact) else self.shared - self.exact

    @property
    def text(self) -> str:
        """In one line."""
        began = f"shared in the search: the winner scored {self.shared:.4f} there"
        if self.failure:
            return f"{began}; with each fold's own it could not be scored ({self.failure})"
        told = f"{began}, {self.exact:.4f} with each fold's own"
        noise = "" if math.isnan(self.noise) else f", ± {self.noise:.4f} over the folds"
        return f"{told} (difference {self.shared - self.exact:+.4f}{noise})"

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        told: dict[str, Any] = {name: getattr(self, name) for name in ("shared", "exact", "noise")}
        if self.failure:
            told["failure"] = self.failure
        return {name: bodies.plain(value, f"$.cuts.{name}") for name, value in told.items()}
