"""A word to somebody's URL when a sweep is over."""

import logging
import queue
import threading
import time
from typing import Any

import httpx

from search.records import Records

#: Tries, and seconds between them.
TRIES, BETWEEN_S = 5, 5.0

log = logging.getLogger("quintain.service")


class Webhook:
    """Posts how a sweep ended, from a thread of its own: nobody waits for the other side.

    Best effort: what could not be posted in five tries, or before the service ended, is only in
    the log. The records have it all.
    """

    def __init__(self, url: str, records: Records, between_s: float = BETWEEN_S) -> None:
        self._url = url
        self._records = records
        self._between_s = between_s
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="webhook", daemon=True).start()

    def over(self, sweep: str) -> None:
        """A sweep is over."""
        self._ended.put(sweep)

    def _run(self) -> None:
        while True:
            sweep = self._ended.get()
            try:
                self._post(self._told(sweep))
            except Exception:
                log.exception("the webhook was not told that %s is over", sweep)

    def _told(self, sweep: str) -> dict[str, Any]:
        """What is posted."""
        found, submission = self._records.sweep(sweep), self._records.submissions.get(sweep)
        summary = found.last.get("summary") or {}
        return {
            "sweep": sweep, "state": found.state, "reason": found.last.get("reason", ""),
            "user": None if submission is None else submission.user,
            "trial_counts": summary.get("counts"), "best": summary.get("best"),
            "estimate": summary.get("estimate"),
        }  # fmt: skip

    def _post(self, told: dict[str, Any]) -> None:
        for turn in range(TRIES):
            if turn:
                time.sleep(self._between_s)
            try:
                if httpx.post(self._url, json=told, timeout=10).is_success:
                    return
            except httpx.TransportError:
                continue
        log.warning("the webhook was not told that %s is over: no answer", told["sweep"])
