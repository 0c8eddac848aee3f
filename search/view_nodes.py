"""How a sweep's nodes were used over time, folded from its "node" entries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluators.types import NodeUse
from search.bodies import number
from search.entries import Entry
from search.node_log import joined

#: Points told of one node at most: a sweep resumed many times has more entries.
POINTS = 400


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node while the sweep ran; MB of 2**20 bytes.

    Attributes:
        whole: all of its time as one: mean of the cores busy, highest memory in use.
        use: the same span by span, each with its end in seconds since the sweep began.
    """

    whole: NodeUse
    use: tuple[tuple[float, NodeUse], ...]

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        return {
            "cores": self.whole.cores,
            "memory_total_mb": self.whole.memory_total_mb,
            "cores_busy": self.whole.cores_busy,
            "memory_mb": self.whole.memory_mb,
            "use": [
                {"t": t, "cores_busy": each.cores_busy, "memory_mb": each.memory_mb}
                for t, each in self.use
            ],
        }


@dataclass(slots=True)
class NodesFold:
    """The same while the entries are gone through."""

    _spans: dict[str, list[tuple[float, NodeUse]]] = field(default_factory=dict)

    def read(self, entry: Entry) -> None:
        """Take over one entry; other kinds are passed over."""
        if entry.kind != "node":
            return
        body = entry.body
        use = NodeUse(
            body["host"], number(body["seconds"]), int(body["cores"]), number(body["cores_busy"]),
            number(body["memory_mb"]), number(body["memory_total_mb"]),
        )  # fmt: skip
        self._spans.setdefault(use.host, []).append((entry.time, use))

    def view(self, began: float) -> dict[str, NodeView]:
        """By host, in the order they were first heard of; ``began``: when the sweep did."""
        return {host: _of([(at - began, use) for at, use in spans])
                for host, spans in self._spans.items()}  # fmt: skip


def _of(spans: Sequence[tuple[float, NodeUse]]) -> NodeView:
    """A node with its whole time, no more than POINTS spans of it told."""
    while len(spans) > POINTS:
        pairs = [spans[place : place + 2] for place in range(0, len(spans), 2)]
        spans = [(pair[-1][0], _whole([use for _, use in pair])) for pair in pairs]
    return NodeView(_whole([use for _, use in spans]), tuple(spans))


def _whole(uses: Sequence[NodeUse]) -> NodeUse:
    """Several spans of a node as one."""
    whole = uses[0]
    for use in uses[1:]:
        whole = joined(whole, use)
    return whole
