"""What Ray Tune's searcher and callbacks share: the driver, and which worker has which pack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray

from cluster.ray_session import RaySession
from cluster.trainable import Parcel
from search.driver import Driver
from search.events import (
    Cancel,
    Dispatch,
    Event,
    Finish,
    NodesChanged,
    Pack,
    PackStarted,
    SlotFreed,
)

Tasks = Sequence[Dispatch | Cancel | Finish]

#: Seconds to learn which nodes there are now.
NOW_S = 2.0
#: A worker without a pack asks again after the first of these, then half as often each time; once
#: it has waited for the second in all it gives back what it holds.
FIRST_REST_S, RESTS_S = 0.02, 1.0


@dataclass(slots=True)
class Seat:
    """A Tune trial: one worker, from its first pack until there is none for it.

    Attributes:
        limit_mb: what was asked of Ray for it, and what each of its packs may take.
        pack: the number of the one that it has, None between two.
        actor: its handle, None before it has started.
        worker: host and process, as records name it.
        node: Ray's name of its node.
        rested_s: how long it has been without a pack.
    """

    limit_mb: float | None
    pack: int | None
    actor: Any = None
    worker: str = ""
    node: str | None = None
    rested_s: float = field(default=0.0)


class Flow:
    """Carries events to the driver and packs to workers. ``seats`` are Tune's trials by their id.

    What fails in here is kept in ``error`` until Tune has ended, which would bury it.
    """

    def __init__(self, driver: Driver, session: RaySession, slots: int, run: str) -> None:
        """``slots``: packs that run at a time, on the nodes that there are now."""
        self.driver = driver
        self.slots = slots
        self.run = run
        self.seats: dict[str, Seat] = {}
        self.cancelled: set[int] = set()
        self.error: BaseException | None = None
        self._session = session
        self._held: list[Pack] = []  # for a worker of another memory class, to be started

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its searcher and callbacks into files that are never read back."""
        return {}

    @property
    def over(self) -> bool:
        """Whether Tune has to end: the sweep has finished, or something went wrong here."""
        return self.driver.finished or self.error is not None

    def feed(self, event: Event) -> Tasks:
        """An event to the driver."""
        return self._carried_out(self._kept(lambda: self.driver.feed(event)))

    def poll(self) -> None:
        """Let time pass."""
        self._carried_out(self._kept(self.driver.poll))

    def look(self, wait_s: float = 0.0) -> None:
        """Tell of nodes that went or came; ``wait_s``: for who must know it as it is now."""
        nodes = self._session.moved(wait_s)
        if nodes is not None:
            self.feed(NodesChanged(self.driver.clock(), nodes))

    def seat_for(self, tune_id: str) -> Pack | None:
        """The pack with which a further worker is to begin, if there is one."""
        pack = self._held.pop(0) if self._held else self._ask()
        if pack is None or pack.number in self.cancelled:
            return None
        self.seats[tune_id] = Seat(pack.limit_mb, pack.number)
        return pack

    def seated(self, tune_id: str, actor: Any) -> None:
        """A worker has started, with its first pack."""
        seat = self.seats[tune_id]
        seat.actor = actor
        found = ray._private.state.actors(actor._actor_id.hex())
        address = found.get("Address", {})
        seat.node = address.get("NodeID")
        seat.worker = f"{address.get('IPAddress', '')}:{found.get('Pid', '')}"
        self._begun(seat)

    def _begun(self, seat: Seat) -> None:
        """Its worker has the pack."""
        assert seat.pack is not None
        if seat.pack in self.cancelled:
            ray.kill(seat.actor)
            return
        self.feed(PackStarted(self.driver.clock(), seat.pack, seat.worker))

    def go_on(self, seat: Seat) -> None:
        """The next pack for a worker that has none, or a rest; with neither its Tune trial ends.

        Called before Tune asks the actor for its next step: calls of one caller arrive in order.
        """
        if seat.node in self._session.drained:
            ray.kill(seat.actor)  # Tune would give it another trial, which the node's end cuts off
            return
        pack = self._ask(seat.worker)
        if pack is not None and pack.limit_mb == seat.limit_mb:
            seat.pack, seat.rested_s = pack.number, 0.0
            seat.actor.take.remote(Parcel(pack))
            self._begun(seat)
        elif pack is not None:
            self._held.append(pack)
        elif self._may_rest(seat):
            rest_s = max(FIRST_REST_S, seat.rested_s)
            seat.rested_s += rest_s
            seat.actor.rest.remote(rest_s)

    def _may_rest(self, seat: Seat) -> bool:
        """Not while others wait for a place that it might be holding."""
        unplaced = any(other.actor is None for other in self.seats.values())
        return not (self.over or unplaced or self._held) and seat.rested_s < RESTS_S

    def _ask(self, worker: str = "") -> Pack | None:
        """Ask the sweep for a pack, if there is a slot for it; ``worker``: for whom."""
        taken = (seat.pack for seat in self.seats.values())
        under_way = sum(pack is not None and pack not in self.cancelled for pack in taken)
        most = max(self.slots, self.driver.places)  # more since nodes joined
        if under_way + len(self._held) >= most:
            return None
        for task in self.feed(SlotFreed(self.driver.clock(), worker)):
            if isinstance(task, Dispatch):
                return task.pack
        return None

    def _carried_out(self, tasks: Tasks) -> Tasks:
        """End the actors of packs that are not wanted any more; at the end Tune ends them all."""
        for task in tasks:
            if isinstance(task, Cancel) and not self.over:
                self.cancelled.add(task.pack)
                for seat in self.seats.values():
                    if seat.pack == task.pack and seat.actor is not None:
                        ray.kill(seat.actor)
        return tasks

    def _kept(self, act: Callable[[], Tasks]) -> Tasks:
        if self.error is not None:
            return []
        try:
            return act()
        except BaseException as error:
            self.error = error
            return []
