"""Who may run beside whom: packs placed by the memory they may take, in a few classes.

Ray Tune keeps an actor for another trial only where that asks for exactly the same resources, and
a new one costs two seconds. So what a pack may take is rounded up to a class, and a worker that was
started for a class stays with it. The base class is a worker's even share of its node: trials that
take no more all have that class, and lose nothing, since cores would allow no further neighbour.
Each class above is twice the one below, so that a node holds half as many.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: The smallest class in units of 2**20 bytes: interpreter and libraries alone take a third of it.
SMALLEST_MB = 512.0
#: Of the memory that is free on a node, what trials may take; the rest is the system's.
PLANNABLE = 0.9


@dataclass(frozen=True, slots=True)
class Node:
    """One host: cores and memory (units of 2**20 bytes) that trials may use."""

    cores: int
    memory_mb: float = math.inf

    def by_memory(self, worker_mb: float) -> int:
        """Workers of so much memory that fit, as many as cores where memory is not known."""
        known = worker_mb > 0 and not math.isinf(self.memory_mb)
        return int(self.memory_mb / worker_mb) if known else self.cores

    def places(self, threads: int, worker_mb: float) -> int:
        """Workers of so many threads and so much memory that fit."""
        return min(self.cores // threads, self.by_memory(worker_mb))


@dataclass(frozen=True, slots=True)
class Share:
    """What one search may use of the cores there are, now and when nodes join.

    Attributes:
        most: trials at a time, however many nodes join; None: as many as there is room for.
        sharers: searches that have an even part each.
        reserved: cores that each of them takes beside its trials.
    """

    most: int | None = None
    sharers: int = 1
    reserved: float = 0.0

    def places(self, nodes: Sequence[Node], threads: int) -> int:
        """Trials of so many threads at a time; at least one where any node has room for it."""
        whole = sum(node.cores // threads for node in nodes)
        cores = sum(node.cores for node in nodes) - self.sharers * self.reserved
        mine = max(min(1, whole), int(cores // self.sharers // threads))
        return min(whole, mine, whole if self.most is None else self.most)


class Room:
    """The workers there are, by memory class, and which of them are busy.

    Workers are started, used again, and ended only to make room. Never more are started than
    ``most`` for each class in use, and one for each that died.

    Attributes:
        most: workers at a time.
        base: the smallest class in use, in units of 2**20 bytes; inf where memory is not known.
        largest: what the largest node has for one worker.
        started: workers so far, as far as this room knows.
        deaths: of those, how many died.
        held_by_memory: whether memory has ever kept a worker from starting that cores allowed.
    """

    def __init__(
        self, nodes: Sequence[Node], threads: int, most: int, *, fixed_mb: float | None = None,
        foreseen_mb: float = 0.0, share: Share | None = None,
    ) -> None:  # fmt: skip
        """``share``: what it may use where nodes may join; ``most`` says nothing then.

        ``fixed_mb``: what every trial may take, where the user says so: then one class.

        ``foreseen_mb``: what trials are expected to take: the base class holds so much.
        """
        self._threads = threads
        self._fixed_mb = fixed_mb
        self._asked = most
        self._allowed = share
        self._open: Counter[float] = Counter()
        self._busy: Counter[float] = Counter()
        self._classes: set[float] = set()
        self.move(tuple(nodes) or (Node(most * threads),))
        # where others search too each worker has its core's part, or one search had all memory
        few = (
            self.most if share is None or share.sharers == 1 else sum(n.cores for n in self._nodes)
        )
        shares = [_share(node, threads, few, foreseen_mb) for node in self._nodes]
        self.base = min(shares) if fixed_mb is None else fixed_mb
        self.started = self.deaths = 0
        self.held_by_memory = False

    def move(self, nodes: Sequence[Node]) -> None:
        """These are the nodes now. Classes stay as they are, but none is larger than a node."""
        self._nodes = tuple(nodes)
        able = [node for node in nodes if node.cores >= self._threads]
        self.largest = max((node.memory_mb for node in able), default=0.0)
        allowed = self._allowed or Share(most=self._asked)
        self.most = allowed.places(nodes, self._threads)
        for size in [size for size in self._open if size > self.largest]:
            self._open[size] = self._busy[size]  # the idle ones went with their node
            self._classes.discard(size)

    @property
    def nowhere(self) -> bool:
        """Whether no node has room for even the smallest class."""
        return self.most == 0 or self.largest < (0.0 if math.isinf(self.base) else self.base)

    def class_of(self, megabytes: float) -> float:
        """The class for a trial that takes so much; the largest node where none holds it."""
        if megabytes <= self.base or self._fixed_mb is not None:
            return self.base
        doublings = math.ceil(math.log2(megabytes / self.base))
        return min(self.base * 2.0**doublings, self.largest)

    def next_class(self, megabytes: float) -> float | None:
        """The class above the one of so much; None where no node has more."""
        if self._fixed_mb is not None or megabytes >= self.largest:
            return None
        return min(2.0 * self.class_of(megabytes), self.largest)

    def concurrency(self, megabytes: float) -> int:
        """How many workers fit that each take so much, if all are alike."""
        size = self.class_of(megabytes)
        return min(self.most, sum(node.places(self._threads, size) for node in self._nodes))

    def take(self, megabytes: float) -> float | None:
        """A worker for a trial that takes so much: its class, or None while there is no room."""
        needed = self.class_of(megabytes)
        idle = [size for size in self._open if self._open[size] > self._busy[size]]
        fitting = min((size for size in idle if size >= needed), default=None)
        if fitting is not None and not self._better_small(fitting, needed):
            return self._use(fitting)
        for size in (needed, max(self._classes, default=needed)):  # the second is always allowed
            if size >= needed and self._start(size):
                return self._use(size)
        return None

    def has_room(self, megabytes: float) -> bool:
        """Whether ``take`` would give a worker that is free or can be started now."""
        needed = self.class_of(megabytes)
        idle = any(self._open[s] > self._busy[s] for s in self._open if s >= needed)
        sizes = {needed, max(self._classes, default=needed)}
        return idle or any(s >= needed and self._kept_beside(s) is not None for s in sizes)

    def leave(self, size: float, *, died: bool = False) -> None:
        """A pack of this class is over; ``died``: its worker went with it."""
        self._busy[size] -= 1
        if not died:
            return
        self._open[size] -= 1
        self.deaths += 1
        if self._busy[size] > self._open[size]:  # who waited for that worker gets a new one
            self._open[size] += 1
            self.started += 1

    def _use(self, size: float) -> float:
        self._busy[size] += 1
        return size

    def _better_small(self, size: float, needed: float) -> bool:
        """Whether an idle worker larger than needed had better make way for smaller ones.

        Only where memory keeps cores idle, and one that large is left for whoever needs it.
        """
        if size == needed or self._open[size] < 2:
            return False
        if not self._may_start(needed, closing=1):
            return False
        without = list(self._open.elements())
        without.remove(size)
        now = sum(self._open.values())
        return now < self.most and self._fit([*without, needed, needed])

    def _start(self, size: float) -> bool:
        """Start a worker of this class if there is room, ending idle ones as far as needed."""
        kept = self._kept_beside(size)
        if kept is None:
            memory = self._may_start(size) and sum(self._open.values()) < self.most
            self.held_by_memory = self.held_by_memory or memory
            return False
        self._open = kept
        self._open[size] += 1
        self._classes.add(size)
        self.started += 1
        return True

    def _kept_beside(self, size: float) -> Counter[float] | None:
        """The workers that could stay beside a new one of this class; None if it cannot be."""
        if not self._may_start(size):
            return None
        kept = Counter(self._open)
        idle = sorted((s for s in kept for _ in range(kept[s] - self._busy[s])), reverse=True)
        while not self._fit([*kept.elements(), size]):
            if not idle:
                return None
            kept[idle.pop()] -= 1
        return kept

    def _may_start(self, size: float, *, closing: int = 0) -> bool:
        """Within the bound on workers started.

        Of the largest class there is always leave: once all workers are of it, none need be
        started but for those that died. So one of another class may be started only while enough
        starts are left to come to that. ``closing``: how many of the largest would go for it.
        """
        classes = self._classes | {size}
        largest = max(classes)
        if size == largest:
            return True
        still = self.most - self._open[largest] + closing
        return self.started + 1 + still <= self.most * len(classes) + self.deaths

    def _fit(self, sizes: Iterable[float]) -> bool:
        """Whether workers of these sizes fit on the nodes, the largest placed first."""
        wanted = sorted(sizes, reverse=True)
        if len(wanted) > self.most:
            return False
        free = [[node.cores // self._threads, node.memory_mb] for node in self._nodes]
        for size in wanted:
            memory = 0.0 if math.isinf(size) else size
            place = next((each for each in free if each[0] >= 1 and each[1] >= memory), None)
            if place is None:
                return False
            place[0] -= 1
            place[1] -= memory
        return True


def _share(node: Node, threads: int, most: int, foreseen_mb: float) -> float:
    """A worker's even share of a node in whole units; more of it for fewer, where one needs more.

    At least ``SMALLEST_MB`` and what is foreseen, if the node has it.
    """
    if math.isinf(node.memory_mb):
        return node.memory_mb
    by_memory = int(node.memory_mb // max(SMALLEST_MB, foreseen_mb))
    return math.floor(node.memory_mb / max(1, min(node.cores // threads, most, by_memory)))
