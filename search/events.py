"""What happens to a sweep (past tense) and what it answers (imperative).

Events go in through ``Sweep.handle``; the list that comes back is all that the world has to do.
Every event carries its own time in seconds since the epoch: the sweep has no clock.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evaluators.race import Bar
from evaluators.types import Configuration, FoldResult, NodeUse, Outcome, Resources
from search.entries import Entry, SweepState
from search.room import Node

#: How a worker went away, as far as the runner can tell.
#: killed: a signal from outside or no reason known; segfault: its own fatal signal;
#: memory: killed for the node's memory; node: the whole node went; preempted: it was taken
#: away on purpose; never_started: before its pack.
Loss = Literal["killed", "segfault", "memory", "node", "preempted", "never_started"]


@dataclass(frozen=True, slots=True)
class Item:
    """One configuration of a pack, under the number and attempt that fence its reports.

    ``partition`` is 0 for the folds searched on; of a partition, the first ``folds`` or all.
    ``interval``: whether the outcome is to carry one. ``bar``: what ends it before its last fold.
    ``part``: these of its folds alone, whose results are wanted; ``parts``: what was found so, of
    all its folds, and is to be put together. ``kept``: folds that are done, which are not fitted
    again. ``each``: every fold that took long is wanted as soon as it is done.
    """

    trial: int
    attempt: int
    configuration: Configuration
    partition: int = 0
    folds: int | None = None
    interval: bool = False
    bar: Bar | None = None
    part: tuple[int, ...] = ()
    parts: tuple[Outcome, ...] = field(default=(), repr=False)
    kept: tuple[FoldResult, ...] = field(default=(), repr=False)
    each: bool = False


@dataclass(frozen=True, slots=True)
class Pack:
    """What one worker does in one go.

    Attributes:
        predicted_s: seconds of work; None before the model was ever timed.
        memory_mb: own memory that the worker may take, in units of 2**20 bytes; inf for no limit.
            A worker started for so much is kept for packs that ask for the same.
    """

    number: int
    items: tuple[Item, ...]
    predicted_s: float | None = None
    memory_mb: float = math.inf

    @property
    def limit_mb(self) -> float | None:
        """``memory_mb`` where it is a limit."""
        return None if math.isinf(self.memory_mb) else self.memory_mb


@dataclass(frozen=True, slots=True)
class FoldScored:
    """One fold of one item is done. ``result``: all of it, where that was asked for."""

    trial: int
    attempt: int
    fold: int
    scores: Mapping[str, float]
    resources: Resources
    result: FoldResult | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ItemEnded:
    """One item of a pack has its outcome."""

    trial: int
    attempt: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker sends. ``busy_s``: seconds the worker has spent on the pack so far.

    ``last`` marks the end of the pack; ``spent`` says the worker must end and be replaced.
    ``worker`` is its host and process. ``start_s``: in a worker's first report, the seconds it took
    to become ready (interpreter, imports, fetching the data); waiting for work is not among them.
    ``node``: what its node did since it last told.
    """

    folds: Sequence[FoldScored] = ()
    ended: Sequence[ItemEnded] = ()
    last: bool = False
    spent: bool = False
    busy_s: float = 0.0
    worker: str = ""
    start_s: float = 0.0
    node: NodeUse | None = None


@dataclass(frozen=True, slots=True)
class SlotFreed:
    """A worker could take a pack. ``worker``: its name; "" for one that has yet to start."""

    time: float
    worker: str = ""


@dataclass(frozen=True, slots=True)
class WorkerIdled:
    """The driver has time to prepare suggestions while workers work."""

    time: float


@dataclass(frozen=True, slots=True)
class PackStarted:
    """A worker began a pack."""

    time: float
    pack: int
    worker: str


@dataclass(frozen=True, slots=True)
class PackReported:
    """A worker reported on its pack."""

    time: float
    pack: int
    report: Report


@dataclass(frozen=True, slots=True)
class PackLost:
    """A worker went away before its pack ended.

    ``reached_mb``: the most own memory that was seen of it, in units of 2**20 bytes; NaN if none.
    """

    time: float
    pack: int
    loss: Loss
    detail: str = ""
    reached_mb: float = math.nan


@dataclass(frozen=True, slots=True)
class NodesChanged:
    """Hosts went, or came: what there is to run on now."""

    time: float
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A person or the service asked to stop; what runs may end within ``grace_s`` seconds."""

    time: float
    reason: str
    grace_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BudgetsSet:
    """Other budgets than the spec's from now on; None leaves one as it is."""

    time: float
    trials: int | None
    timeout_s: float | None
    user: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed."""

    time: float


Event = (
    SlotFreed
    | WorkerIdled
    | PackStarted
    | PackReported
    | PackLost
    | NodesChanged
    | StopAsked
    | BudgetsSet
    | Ticked
)


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Give this pack to a worker."""

    pack: Pack


@dataclass(frozen=True, slots=True)
class Cancel:
    """End this pack's worker; nothing it still reports counts."""

    pack: int


@dataclass(frozen=True, slots=True)
class Record:
    """Write this down. ``oof`` belongs to the entry and goes to a file of its own.

    ``kept``: it is there already, by (sweep, file). ``fold``: what the entry tells of, to be had
    again should this driver end before the trial does.
    """

    entry: Entry
    oof: bytes | None = field(default=None, repr=False)
    kept: tuple[str, str] | None = None
    fold: FoldResult | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Finish:
    """The sweep is over; stop the workers."""

    state: SweepState
    reason: str


Instruction = Dispatch | Cancel | Record | Finish
