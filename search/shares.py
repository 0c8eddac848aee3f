"""One configuration whose folds several workers share: who has which, and what came of them.

Nothing else is gained by it than time: the folds are the same, each is fitted as it would be alone,
and what is put together of them (``Evaluator.put_together``) is equal to the last digit. Its cost
is the sum over the folds, as if one worker had done them, and so is what its time limit is held
against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from evaluators.types import Failure, FoldResult, Outcome, Resources, together
from search.events import Item, PackReported
from search.flights import Flight, ended_body

#: What a part's way through a worker costs beside its folds; told of the whole as a sum.
_SUMMED = "queue_s", "start_s", "overhead_s"

#: Results of folds by number.
Kept = Mapping[int, FoldResult]


@dataclass(slots=True)
class Shares:
    """The parts of one configuration under one attempt.

    Attributes:
        waiting: folds of the parts that nobody has yet.
        left: parts that are not done.
        found: what the parts that are done came to; those of an attempt before are one of them.
        stays: of each, worker, beginning and end, in seconds since the epoch.
        joined: whether all of it was handed out to be put together.
    """

    waiting: list[tuple[int, ...]]
    left: int
    found: list[Outcome] = field(default_factory=list)
    stays: list[tuple[str, float, float]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(_SUMMED, 0.0))
    joined: bool = False

    @classmethod
    def of(cls, folds: int, fold_s: float, part_s: float, kept: Kept) -> "Shares | None":
        """Parts of about ``part_s`` seconds each; None where that is all there is to do.

        ``kept``: folds that are done.
        """
        left = [number for number in range(folds) if number not in kept]
        each = max(1, ceil(part_s / fold_s)) if fold_s > 0 else folds
        if each >= len(left):
            return None
        parts = [tuple(left[at : at + each]) for at in range(0, len(left), each)]
        cost = together([result.resources for result in kept.values()])
        found = [Outcome(resources=cost, parts=tuple(kept.values()))] if kept else []
        return cls(parts, len(parts), found)

    @property
    def ready(self) -> bool:
        """Whether there is something to hand out: a part, or all of them to be put together."""
        return bool(self.waiting) or (self.left == 0 and not self.joined)

    def next(self, whole: Item, place: int = 0) -> Item:
        """What is handed out next; ``place``: of those that wait."""
        if self.waiting:
            return replace(whole, part=self.waiting.pop(place), interval=False)
        self.joined = True
        return replace(whole, parts=tuple(self.found))

    def hand_in(
        self, flight: Flight, outcome: Outcome, event: PackReported, limit_s: float | None
    ) -> Outcome | None:
        """A part is done: how all ends by that, where one worker would have reached its limit."""
        done = [*self.found, outcome]
        took_s = sum(each.resources.wall_s for each in done)
        if limit_s is not None and took_s > limit_s:
            folds = sum(len(each.parts) for each in done)
            said = f"{folds} folds took {took_s:.1f} s together, limit {limit_s:g} s"
            return replace(outcome, parts=(), failure=Failure("timeout", said))
        body = ended_body(flight, outcome, event)
        for name in _SUMMED:
            self.sums[name] += body[name]
        started_at = event.time if flight.started_at is None else flight.started_at
        self.stays.append((flight.worker, started_at, event.time))
        self.found.append(outcome)
        self.left -= 1
        flight.handed_in = True
        return None


def before(shares: Shares | None, item: Item) -> Resources:
    """What the folds of a configuration took that are done, those of an item apart."""
    found = [] if shares is None else [done.resources for done in shares.found]
    return together([*(result.resources for result in item.kept), *found])


def ended(
    shares: Shares | None, flight: Flight, outcome: Outcome, event: PackReported
) -> tuple[Outcome, dict[str, Any]]:
    """How a configuration ended, with all that it cost, and the body of its entry.

    Of one that was shared the entry tells too what its parts took beside their folds, and where
    they ran. Where a part failed, those still under way are not waited for, nor is their cost told.
    """
    if shares is None:
        return outcome, ended_body(flight, outcome, event)
    if not shares.joined:  # what is put together has the cost of its parts already
        parts = [each.resources for each in shares.found]
        outcome = replace(outcome, resources=together([*parts, outcome.resources]))
    body = ended_body(flight, outcome, event)
    for name, seconds in shares.sums.items():
        body[name] += seconds
    body["parts"] = [list(stay) for stay in shares.stays]
    return outcome, body
