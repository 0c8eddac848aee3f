"""What a whole node did between two looks: cores busy and memory in use, whoever used them."""

import socket
import time
from pathlib import Path

from evaluators.limits import busy_s, usable_cores, usable_memory_mb, used_memory_mb
from evaluators.types import NodeUse

#: Seconds between two looks at least: the kernel counts CPU time in hundredths.
LOOK_EVERY_S = 1.0


class NodeMeter:
    """Looks at the node it runs on. A look takes 0.2 ms; nothing runs between two of them."""

    def __init__(self, root: Path = Path("/")) -> None:
        """``root``: where ``proc`` and ``sys`` are."""
        self._root = root
        self._host = socket.gethostname()
        self._cores = usable_cores(root)
        self._looked_at, self._busy_s = time.monotonic(), busy_s(root)

    def look(self) -> NodeUse | None:
        """Since the last look that told something; None where that is less than a second ago."""
        now = time.monotonic()
        seconds = now - self._looked_at
        if seconds < LOOK_EVERY_S:
            return None
        before, self._busy_s, self._looked_at = self._busy_s, busy_s(self._root), now
        return NodeUse(
            self._host,
            seconds,
            self._cores,
            max(0.0, self._busy_s - before) / seconds,
            used_memory_mb(self._root),
            usable_memory_mb(self._root),
        )
