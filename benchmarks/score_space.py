"""What the searches of ``time_to_score`` search: the one space, in a form of nobody's.

Apart from the tables, since a search's process imports it: what that needs beside it is imported by
the system that needs it, as in a user's script.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FIXED = {"tree_method": "hist"}


@dataclass(frozen=True, slots=True)
class Range:
    """Values of a parameter, both ends included. ``log``: ratios are equally likely."""

    low: float
    high: float
    whole: bool = False
    log: bool = False


SPACE: Mapping[str, Range] = {
    "n_estimators": Range(30, 200, whole=True, log=True),
    "max_depth": Range(3, 10, whole=True),
    "learning_rate": Range(0.01, 0.3, log=True),
    "min_child_weight": Range(0.1, 30.0, log=True),
    "subsample": Range(0.5, 1.0),
    "colsample_bytree": Range(0.4, 1.0),
    "reg_lambda": Range(0.01, 30.0, log=True),
}
QUICK_SPACE = {**SPACE, "n_estimators": Range(10, 50, whole=True, log=True)}
