"""The simulated runner: virtual clock, planned faults, a thousand workers in a second.

It takes the place of fits, not of decisions: the same driver and sweep run on it.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from cluster.runner import Machine, Workload
from evaluators.types import Failure, Outcome
from search.driver import Driver
from search.events import (
    Cancel,
    Dispatch,
    Event,
    Finish,
    Item,
    ItemEnded,
    Loss,
    Pack,
    PackLost,
    PackReported,
    PackStarted,
    Report,
    SlotFreed,
)
from search.room import Node


@dataclass(frozen=True, slots=True)
class Happening:
    """What one item does to its worker: takes ``seconds``, then ends or takes it down.

    ``spent`` marks an outcome after which the worker must end, as after a timeout.
    """

    seconds: float
    result: Outcome | Loss
    spent: bool = False


@dataclass(slots=True)
class VirtualClock:
    """Seconds that pass only when the simulation says so."""

    now: float = 0.0

    def __call__(self) -> float:
        """The virtual time in seconds."""
        return self.now


@dataclass(slots=True)
class SimulatedRunner:
    """``workers`` slots whose items behave as ``simulate`` plans. The driver needs ``clock``.

    Attributes:
        needs_mb: memory that an item takes; where its pack has less it runs out, half way.
        killed: whether the kernel ends what runs out, and not our watchdog.
        spent_s: real seconds so far, by a clock that ticks while the driver decides. What a
            decision takes by it passes on the virtual clock too, and what happens meanwhile waits
            for its turn; None where decisions take no time.
        busy_s: seconds of all the work that was handed out.
        waited_s: seconds that workers were free until they had the pack they got next, together.
    """

    simulate: Callable[[Item], Happening]
    workers: int
    clock: VirtualClock
    start_s: float = 2.0
    needs_mb: Callable[[Item], float] | None = None
    killed: bool = False
    spent_s: Callable[[], float] | None = None
    name: str = "simulated"
    busy_s: float = 0.0
    waited_s: float = 0.0
    _queue: list[tuple[float, int, Event]] = field(default_factory=list)
    _ticket: "count[int]" = field(default_factory=count)

    def prepare(self) -> Machine:
        """As many cores as workers, and a gigabyte for each."""
        return Machine((Node(self.workers, 1024.0 * self.workers),))

    def run(self, driver: Driver, workload: Workload | None, slots: int) -> None:
        """Play every planned happening in the order of virtual time."""
        for _ in range(min(slots, self.workers)):
            self._later(self.start_s, SlotFreed(self.clock.now + self.start_s))
        starved = 0
        while not driver.finished:
            if not self._queue:
                raise RuntimeError("the simulation has nothing left to happen and is not finished")
            due, _, event = heapq.heappop(self._queue)
            if due < self.clock.now:  # the driver was busy until now
                event = replace(event, time=self.clock.now)
            self.clock.now = max(self.clock.now, due)
            tasks = self._charged(partial(driver.feed, event))
            if isinstance(event, SlotFreed):
                packs = [task.pack for task in tasks if isinstance(task, Dispatch)]
                if not packs:
                    starved += 1
                    continue
                self.waited_s += self.clock.now - due
                for pack in packs:
                    self._play(pack)
            else:
                self._charged(driver.poll)
            if starved:  # what one is refused no other gets: else a thousand would ask each time
                starved -= 1
                self._later(0.0, SlotFreed(self.clock.now))

    def _charged(
        self, decide: Callable[[], list[Dispatch | Cancel | Finish]]
    ) -> list[Dispatch | Cancel | Finish]:
        """What the driver decides; the seconds it takes pass here as well."""
        if self.spent_s is None:
            return decide()
        began = self.spent_s()
        tasks = decide()
        self.clock.now += self.spent_s() - began
        return tasks

    def _play(self, pack: Pack) -> None:
        """Plan the start and the end of one pack."""
        self._later(0.0, PackStarted(self.clock.now, pack.number, "simulated"))
        elapsed, ended = 0.0, list[ItemEnded]()
        for item in pack.items:
            happening = self._happening(item, pack.memory_mb)
            elapsed += happening.seconds
            self.busy_s += happening.seconds
            if not isinstance(happening.result, Outcome):
                lost_at = self.clock.now + elapsed
                self._later(elapsed, PackLost(lost_at, pack.number, happening.result, "simulated"))
                self._free(elapsed + self.start_s)
                return
            ended.append(ItemEnded(item.trial, item.attempt, happening.result))
            if happening.spent:
                self._report(pack, ended, elapsed, spent=True)
                self._free(elapsed + self.start_s)
                return
        self._report(pack, ended, elapsed, spent=False)
        self._free(elapsed)

    def _happening(self, item: Item, memory_mb: float) -> Happening:
        """What the item does with so much memory."""
        planned = self.simulate(item)
        if self.needs_mb is None or self.needs_mb(item) <= memory_mb:
            return planned
        if self.killed:
            return Happening(planned.seconds / 2, "memory")
        said = Failure("out_of_memory", f"reached {memory_mb:.0f} MB")
        return Happening(planned.seconds / 2, Outcome(failure=said), spent=True)

    def _report(self, pack: Pack, ended: list[ItemEnded], elapsed: float, *, spent: bool) -> None:
        report = Report(ended=ended, last=True, spent=spent, busy_s=elapsed, worker="simulated")
        self._later(elapsed, PackReported(self.clock.now + elapsed, pack.number, report))

    def _free(self, seconds: float) -> None:
        self._later(seconds, SlotFreed(self.clock.now + seconds))

    def _later(self, seconds: float, event: Event) -> None:
        heapq.heappush(self._queue, (self.clock.now + seconds, next(self._ticket), event))

    def close(self) -> None:
        """Nothing was started."""
