"""Whose sweep is next: priority first, then a fair share between users, then who came first."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """A sweep that waits or runs.

    Attributes:
        priority: higher goes first, whoever asks.
        submitted: seconds since the epoch; a sweep whose driver died keeps its place.
    """

    sweep: str
    user: str
    priority: int
    submitted: float


def next_turns(
    waiting: Iterable[Claim],
    running: Iterable[Claim],
    served: Mapping[str, float],
    places: int,
) -> list[str]:
    """Sweeps to start now, in their order, at most ``places``.

    Of equal priority the user with the fewest running sweeps goes first, then the one whose last
    start (``served``, seconds since the epoch by user) is longest ago, then the earliest sweep.
    """
    left = list(waiting)
    holds = Counter(claim.user for claim in running)
    last = dict(served)
    latest = max(last.values(), default=0.0)
    chosen: list[str] = []
    while left and len(chosen) < places:
        turn = min(
            left,
            key=lambda claim: (
                -claim.priority, holds[claim.user], last.get(claim.user, float("-inf")),
                claim.submitted, claim.sweep,
            ),
        )  # fmt: skip
        left.remove(turn)
        chosen.append(turn.sweep)
        holds[turn.user] += 1
        latest += 1.0
        last[turn.user] = latest
    return chosen
