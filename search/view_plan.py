"""What was foreseen of a sweep beside what it took: the calibration of its plan."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from search.outlook import Foresight
from search.view_rows import TrialView


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model: of a trial in the middle, and of the memory to plan for; NaN where none ended.

    ``reached_mb`` counts those too that ran out of memory, ``took_s`` only those that completed.
    """

    model: str
    trials: int
    foreseen_s: float
    took_s: float
    foreseen_mb: float
    reached_mb: float


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan and what became of it.

    Attributes:
        took_s: seconds with a driver, planning not included.
        ended: trials that reached an end: only all that were foreseen compare with the plan.
    """

    foreseen: Foresight
    took_s: float
    ended: int
    models: tuple[ModelPlan, ...]

    @classmethod
    def of(cls, foreseen: Foresight, trials: Iterable[TrialView], took_s: float) -> "PlanView":
        """The plan beside the trials of its sweep."""
        known = list(trials)
        models = []
        for name, told in foreseen.models.items():
            tried = [t for t in known if t.model == name and not t.cached]
            ended = [t for t in tried if t.state == "completed"]
            took = sum(t.wall_s for t in ended) / len(ended) if ended else math.nan
            peaks = [t.peak_mb for t in tried if t in ended or t.cause == "out_of_memory"]
            reached = max((mb for mb in peaks if not math.isnan(mb)), default=math.nan)
            models.append(
                ModelPlan(name, len(ended), told.trial_s, took, told.peak_mb, reached)
            )  # fmt: skip
        counted = sum(t.state in ("completed", "pruned", "failed") for t in known)
        return cls(foreseen, took_s, counted, tuple(models))

    def to_json(self) -> dict[str, Any]:
        """The ``plan`` of `quintain run --json`."""
        return {
            "p50_s": self.foreseen.p50_s,
            "p90_s": self.foreseen.p90_s,
            "took_s": self.took_s,
            "max_concurrent": self.foreseen.max_concurrent,
            "planning_s": self.foreseen.planning_s,
            "per_model": {
                each.model: {
                    "trials": each.trials,
                    "trial_s": each.foreseen_s,
                    "took_s": each.took_s,
                    "peak_mb": each.foreseen_mb,
                    "reached_mb": each.reached_mb,
                }
                for each in self.models
            },
        }
