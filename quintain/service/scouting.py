"""The service's end of its scout: a question goes to the cluster and comes back with its answer."""

import asyncio
import contextlib
import hmac
import itertools
import logging
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError
from cluster.jobs import ENDED, Jobs
from quintain.service.drive import SERVICE, TOKEN
from quintain.service.errors import RefusedError
from quintain.service.jobs import entrypoint, told_by
from search.users import new_token

#: Seconds for which a question waits for its answer: then the driver has to find out.
ANSWERED_WITHIN_S = 5.0
#: Seconds for which the scout's request for questions is kept open.
HELD_S = 10.0
#: Seconds of silence after which a scout is looked for, and another started if it is gone.
SILENT_S = 25.0
#: Seconds until another is started for one that ended.
AGAIN_S = 30.0
#: Cores that Ray sets aside for it: enough that it is put on a worker where there is one.
SCOUT_CPUS = 0.001

log = logging.getLogger("quintain.service")


class Scouting:
    """A ``quintain.service.ground.Ground`` that is the cluster, seen by a job on it."""

    def __init__(self, jobs: Jobs, service: str, roots: Iterable[Path] = ()) -> None:
        """``service``: our URL as the cluster reaches it; ``roots``: where files must lie."""
        self._roots = [str(root) for root in roots]
        self._jobs = jobs
        self._service = service
        self._token = new_token()
        self._job: str | None = None
        self._not_before = 0.0
        self._heard = -SILENT_S
        self._numbers = itertools.count(1)
        self._asked: dict[str, dict[str, list[str]]] = {}
        self._answers: dict[str, Mapping[str, str]] = {}
        self._changed = threading.Condition()
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scouting", daemon=True)
        self.theirs: str | None = None

    def start(self) -> None:
        """See to it that there is a scout."""
        self._thread.start()

    def close(self) -> None:
        """Need it no more."""
        self._over.set()
        self._thread.join()
        if self._job is not None:
            with contextlib.suppress(ClusterError):
                self._jobs.stop(self._job)

    @property
    def there(self) -> bool:
        """Whether a scout has asked for questions lately."""
        return time.monotonic() - self._heard < SILENT_S

    def look(self, sources: Iterable[str], modules: Iterable[str]) -> Mapping[str, str]:
        """What cannot be used on the cluster; nothing where the scout is not there to say.

        Raises:
            RefusedError: the cluster has another quintain.
        """
        if not self.there:
            return {}
        if self.theirs != version("quintain"):
            raise RefusedError(
                409, "other_version", f"the cluster has quintain {self.theirs} and this service "
                f"{version('quintain')}: install the same on both",
            )  # fmt: skip
        number = str(next(self._numbers))
        with self._changed:
            self._asked[number] = {
                "sources": list(sources),
                "modules": list(modules),
                "roots": self._roots,
            }
            self._wake()
            self._changed.wait_for(lambda: number in self._answers, ANSWERED_WITHIN_S)
            self._asked.pop(number, None)
            return self._answers.pop(number, {})

    def known(self, token: str) -> bool:
        """Whether this is our scout's token."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    async def talk(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """What the scout has found, and what it is asked next; held until there is something."""
        event = asyncio.Event()
        with self._changed:
            self._heard, self.theirs = time.monotonic(), str(told["quintain"])
            self._answers |= {n: a for n, a in told["answers"].items() if n in self._asked}
            for number in told["answers"]:
                self._asked.pop(number, None)
            self._changed.notify_all()
            self._waiting = asyncio.get_running_loop(), event
            if self._asked:
                event.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), HELD_S)
        with self._changed:
            self._heard = time.monotonic()
            return {"questions": dict(self._asked)}

    def _wake(self) -> None:
        if self._waiting is not None:
            loop, event = self._waiting
            loop.call_soon_threadsafe(event.set)

    def _run(self) -> None:
        said = ""
        while not self._over.wait(1.0 if self._job is None else 5.0):
            if self.there or time.monotonic() < self._not_before:
                continue
            try:
                self._see_to_it()
                said = ""
            except ClusterError as error:  # told once
                if str(error) != said:
                    log.warning("no scout on the cluster: %s", error)
                said = str(error)

    def _see_to_it(self) -> None:
        job = None if self._job is None else self._jobs.get(self._job)
        if job is not None and job.status not in ENDED:
            return
        if job is not None:
            self._job, self._not_before = None, time.monotonic() + AGAIN_S
            raise ClusterError(f"its job {job.status.lower()}{told_by(job)}")
        self._job = f"quintain-scout-{uuid.uuid4().hex}"
        words = entrypoint("quintain.service.scout")
        environment = {SERVICE: self._service, TOKEN: self._token}
        self._jobs.submit(self._job, words, environment, SCOUT_CPUS)
