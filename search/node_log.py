"""What workers tell of their nodes, as entries: few, however long a sweep and however many workers.

Pure: reports in, entries out. Nothing is decided by them.
"""

from dataclasses import dataclass
from typing import Any

from evaluators.types import NodeUse
from search.entries import Entry
from search.events import Event, PackReported

#: Seconds that an entry stands for at first, and entries of a node after which it is twice as many:
#: some 350 for twelve hours, 550 for a week.
SPAN_S, SPANS = 5.0, 50


class NodeLog:
    """Joins the reports of all workers of a node into spans of time."""

    def __init__(self) -> None:
        self._spans: dict[str, _Span] = {}

    def heard(self, event: Event) -> list[Entry]:
        """The entry of the reporting worker's node, where its span is over."""
        use = event.report.node if isinstance(event, PackReported) else None
        if use is None:
            return []
        span = self._spans.setdefault(use.host, _Span(event.time - use.seconds))
        span.add(use)
        return [span.entry(event.time)] if event.time - span.since >= span.length_s else []

    def rest(self, now: float) -> list[Entry]:
        """What is left of each node when the sweep ends."""
        return [span.entry(now) for span in self._spans.values() if span.use is not None]


@dataclass(slots=True)
class _Span:
    """One node since ``since``: what its workers said of it together."""

    since: float
    told: int = 0
    use: NodeUse | None = None

    @property
    def length_s(self) -> float:
        """Seconds after which it is written down."""
        return SPAN_S * 2.0 ** (self.told // SPANS)

    def add(self, use: NodeUse) -> None:
        """One more worker's word; a longer look weighs more."""
        self.use = use if self.use is None else joined(self.use, use)

    def entry(self, now: float) -> Entry:
        """What is known, and a new span begins."""
        assert self.use is not None, "a span has heard something before it is written down"
        use = self.use
        body: dict[str, Any] = {
            "host": use.host, "seconds": now - self.since, "cores": use.cores,
            "cores_busy": use.cores_busy, "memory_mb": use.memory_mb,
            "memory_total_mb": use.memory_total_mb,
        }  # fmt: skip
        self.since, self.told, self.use = now, self.told + 1, None
        return Entry("node", now, body)


def joined(one: NodeUse, other: NodeUse) -> NodeUse:
    """Two looks at a node as one: cores busy as the mean over their seconds, the highest memory."""
    seconds = one.seconds + other.seconds
    busy = one.cores_busy * one.seconds + other.cores_busy * other.seconds
    return NodeUse(
        one.host,
        seconds,
        other.cores,
        busy / seconds if seconds > 0.0 else other.cores_busy,
        max(one.memory_mb, other.memory_mb),
        other.memory_total_mb,
    )
