"""The proportional memory of a whole tree of processes, looked at from outside."""

import re
import threading
import time
from pathlib import Path

import psutil

_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.M)


def proportional_mb(pid: int) -> float:
    """What a process holds, shared pages by its share of them, in units of 2**20 bytes; 0 if gone.

    Memory of an object store counts, with whoever maps it.
    """
    try:
        told = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0.0
    return int(told[1]) / 1024 if told else 0.0


class Footprint(threading.Thread):
    """Adds up a process and its descendants again and again until told to end.

    A process seen once is counted for as long as it lives, also when its parent has gone.

    Attributes:
        looks: (seconds since the epoch, MB) of each look.
    """

    def __init__(self, pid: int, every_s: float) -> None:
        super().__init__(daemon=True)
        self.looks: list[tuple[float, float]] = []
        self._root = psutil.Process(pid)
        self._seen: dict[int, psutil.Process] = {pid: self._root}
        self._every_s = every_s
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(self._every_s):
            self._look()

    def _look(self) -> None:
        try:
            self._seen |= {each.pid: each for each in self._root.children(recursive=True)}
        except psutil.Error:  # it has ended between two looks
            return
        self._seen = {pid: each for pid, each in self._seen.items() if each.is_running()}
        self.looks.append((time.time(), sum(map(proportional_mb, self._seen))))

    def peak_mb(self, until: float = float("inf")) -> float:
        """The most of the looks so far; ``until``: seconds since the epoch."""
        return max((mb for at, mb in self.looks if at <= until), default=0.0)

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()
