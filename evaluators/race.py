"""The worker's side of a race: where a trial is looked at before its end, and what ends it there.

A rung is such a place. Rung 0 is a booster's first fold after a few of its rounds, of any other
model that fold learnt from a few of its rows (``evaluators.few_rows``); rung k the first k folds.
Which score is enough to go on is decided elsewhere (``search.race``) and travels as a ``Bar``; what
a trial scored at each rung travels back as its path.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

from evaluators.metrics import Metric, resolve

#: Rounds of a booster that rung 0 waits for, as a share of all. On 100,000 rows a ninth of the
#: rounds of one fold ranked 40 configurations as all rounds of all five did: correlation .93.
FEW_ROUNDS = 1 / 9
#: Boosters of fewer rounds have no rung 0: a look costs as much as a round or two.
FEWEST_ROUNDS = 18


@dataclass(frozen=True, slots=True)
class Bar:
    """What a trial has to score to go on.

    Attributes:
        least: by rung, the lowest score (where less is better, the highest) that goes on; NaN
            where everything does.
        direction: of the scores.
        few_rows: whether rung 0 is worth what it costs a model that is not fitted in rounds.
    """

    least: tuple[float, ...]
    direction: Literal["maximize", "minimize"]
    few_rows: bool = True

    @classmethod
    def pausing(cls, direction: Literal["maximize", "minimize"]) -> "Bar":
        """Ends every trial that has a rung 0 there: what it scores says whether it goes on."""
        return cls((math.inf if direction == "maximize" else -math.inf,), direction)

    @property
    def pauses(self) -> bool:
        """Whether nobody passes rung 0."""
        return bool(self.least) and math.isinf(self.least[0])

    def falls_short(self, rung: int, score: float) -> bool:
        """Whether a trial with this score ends at this rung. Without a score it goes on."""
        least = self.least[rung] if rung < len(self.least) else math.nan
        return score < least if self.direction == "maximize" else score > least


def raced_metric(objective: Metric, *, tuned: bool, binary: bool) -> Metric:
    """What trials are compared by at a rung: the objective, where a single fold has it.

    At a threshold that other folds choose one fold has no score, and labels are a coarse reading of
    what a model has learnt: there trials race by what the labels are cut from.
    """
    if not tuned and objective.needs != "label":
        return objective
    return resolve("average_precision" if binary else "log_loss", binary=binary)


def rounds_watched(estimator: Any) -> int | None:
    """After how many of its rounds a booster is looked at; None for what is not looked at."""
    if not hasattr(estimator, "stop_after"):
        return None
    rounds = estimator.get_num_boosting_rounds()
    known = isinstance(rounds, int) and rounds >= FEWEST_ROUNDS  # not where they are left open
    return math.ceil(rounds * FEW_ROUNDS) if known else None
