"""A stop that lets what runs end: nothing new is handed out, and what is late is cancelled."""

from dataclasses import dataclass

from search.entries import Entry
from search.events import Event, Instruction, Record, StopAsked


@dataclass(frozen=True, slots=True)
class Stopping:
    """A stop that was asked for; ``until``: when what still runs is cancelled."""

    reason: str
    until: float


def asked(before: Stopping | None, event: Event) -> tuple[Stopping, list[Instruction]]:
    """How a stop stands after ``event``, which asks for one unless one was asked for ``before``.

    The first word of it is recorded where something may still run for a while; asked once more,
    the earlier end holds.
    """
    if not isinstance(event, StopAsked):
        assert before is not None
        return before, []
    until = event.time + event.grace_s
    if before is not None:
        return Stopping(before.reason, min(before.until, until)), []
    body = {"state": "stopping", "reason": event.reason}
    told: list[Instruction] = [Record(Entry("state", event.time, body))] if event.grace_s else []
    return Stopping(event.reason, until), told
