"""What a lost worker means for the trial that was alone on it."""

from math import isnan

from evaluators.types import Failure
from search.events import PackLost

#: Workers a trial may lose, alone on them, before it is given up. A fatal signal of its own comes
#: back; a kill from outside may not; a node is hardly the trial's fault. To be preempted costs
#: nothing, however often.
DEATHS_ALLOWED = {"killed": 2, "memory": 2, "segfault": 1, "node": 4}


def judged(
    event: PackLost, *, deaths: int, elapsed_s: float, limit_s: float | None
) -> Failure | None:
    """The trial's failure, or None if it is to be tried once more.

    ``deaths`` counts this one; ``elapsed_s`` is how long the worker had had the trial. A worker
    that ended after the trial's time limit was ended for it, whatever it looked like.
    """
    if limit_s is not None and elapsed_s >= limit_s:
        return Failure("timeout", f"held its worker for {elapsed_s:.1f} s, limit {limit_s:g} s")
    if event.loss == "preempted" or deaths < DEATHS_ALLOWED.get(event.loss, 2):
        return None
    match event.loss:
        case "memory":
            return Failure("out_of_memory", f"{event.detail}{_reached(event)}")
        case "segfault":
            return Failure("crashed", event.detail)
    return Failure("worker_lost", f"{deaths} workers lost: {event.detail}")


def _reached(event: PackLost) -> str:
    """The most memory that was seen of it, in words."""
    return "" if isnan(event.reached_mb) else f"; it had reached {event.reached_mb:.0f} MB"
