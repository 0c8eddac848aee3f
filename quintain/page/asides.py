"""What takes seconds and much memory is made in a process of its own, and kept.

The notebook reads outputs and data again and grows forests; a comparison resamples rows. Neither
belongs into the process that answers everybody: one child at a time, at low priority, and whoever
asks meanwhile is told that it is being made.
"""

import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

#: Pages kept, and seconds that one may take.
HELD, LONGEST_S = 32, 600.0
#: Seconds after which what failed is tried again: data that was away may be back.
AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Made:
    """HTML from our own renderers; or why there is none, in plain text."""

    html: str = ""
    failure: str = ""
    at: float = field(default_factory=time.monotonic)

    @property
    def stale(self) -> bool:
        """Whether it is to be tried again."""
        return bool(self.failure) and time.monotonic() - self.at > AGAIN_S


class Asides:
    """Pages that children of this service have made, each for one state of the records."""

    def __init__(self, records: str | None) -> None:
        """``records``: URL of their store."""
        self._records = records
        self._kept: OrderedDict[tuple[str, ...], Future[Made]] = OrderedDict()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="asides")
        self._child: subprocess.Popen[str] | None = None

    def get(self, words: tuple[str, ...], version: str) -> Made | None:
        """What ``quintain.page.made`` makes of these words; None while it is being made.

        ``version`` of what it rests on: another one, and it is made anew.
        """
        key = (*words, version)
        with self._lock:
            found = self._kept.get(key)
            if found is None or (found.done() and not found.cancelled() and found.result().stale):
                found = self._kept[key] = self._pool.submit(self._make, words)
            self._kept.move_to_end(key)
            while len(self._kept) > HELD:
                self._kept.popitem(last=False)[1].cancel()
        return found.result() if found.done() and not found.cancelled() else None

    def close(self) -> None:
        """The service ends: the child that works is ended too."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        child = self._child
        if child is not None and child.poll() is None:
            child.kill()

    def _make(self, words: tuple[str, ...]) -> Made:
        ours = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (ours, os.environ.get("PYTHONPATH", "")) if part)
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        if self._records is not None:  # with its password: not on the command line
            environment["QUINTAIN_RECORDS"] = self._records
        command = [sys.executable, "-P", "-m", "quintain.page.made", *words]
        self._child = child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8", env=environment,
        )  # fmt: skip
        try:
            out, err = child.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            return Made(failure=f"it took more than {LONGEST_S / 60:.0f} minutes and was given up")
        if child.returncode == 0:
            return Made(out)
        last = (err.strip().splitlines() or [f"exit code {child.returncode}"])[-1]
        return Made(failure=last)
