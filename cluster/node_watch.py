"""A thread that asks Ray which nodes there are: an answer may take as long as a head that restarts.

Whoever drives a sweep must not wait for it: reports come from workers without the head.
"""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)


class NodeWatch(Generic[T]):
    """Asks every so often, and when told to."""

    def __init__(self, ask: Callable[[], T], every_s: float) -> None:
        """``ask``: what may take its time, or fail while there is nobody to answer."""
        self._ask = ask
        self._every_s = every_s
        self._changed = threading.Condition()
        self._wanted = threading.Event()
        self._over = False
        self._asked = 0  # questions that have begun
        self._news: tuple[int, T] | None = None  # the question that was answered last
        self._thread = threading.Thread(target=self._run, name="node-watch", daemon=True)
        self._thread.start()

    def news(self, wait_s: float = 0.0) -> T | None:
        """The last answer, told once; with ``wait_s`` one to a question of now, if it comes."""
        with self._changed:
            if wait_s:
                first = self._asked + 1
                self._wanted.set()
                self._changed.wait_for(lambda: self._news and self._news[0] >= first, wait_s)
            news, self._news = self._news, None
        return None if news is None else news[1]

    def close(self) -> None:
        """Ask no more; a question under way is waited for a while."""
        self._over = True
        self._wanted.set()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while not self._wanted.wait(self._every_s) or not self._over:
            self._wanted.clear()
            with self._changed:
                self._asked += 1
                number = self._asked
            try:
                found = self._ask()
            except Exception as error:  # the head is away, and its nodes are not therefore
                log.debug("no answer about nodes: %s", error)
                continue
            with self._changed:
                self._news = number, found
                self._changed.notify_all()
