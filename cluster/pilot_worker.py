"""A worker process for pilot fits: the local runner's, without its queue."""

import os
import pickle
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from cluster.fork_server import ForkServer, ServerGoneError
from cluster.local import FOLDERS, Child
from cluster.runner import Workload
from evaluators import mapped
from evaluators.assignment import Assignment
from evaluators.pilot import Part
from evaluators.types import Configuration, Dataset, Outcome
from search.events import Item, Pack

#: A process that cannot say in so many seconds that it is ready never will.
READY_S = 120.0


class UnmeasuredError(Exception):
    """A pilot fit did not end with a score. ``over``: the process is gone."""

    def __init__(self, reason: str, *, over: bool) -> None:
        super().__init__(reason)
        self.over = over


class PilotWorker:
    """A worker process for one model; ``with`` ends it."""

    def __init__(self, assignment: Assignment, dataset: Dataset, parts: Sequence[Part]) -> None:
        self._folds = [len(part.splits) for part in parts]
        self._workload = Workload(
            replace(assignment, fit_seconds=None),
            dataset,
            mapped.mapped([list(part.splits) for part in parts]),
        )
        self._threads = assignment.threads
        self._asked = 0

    def __enter__(self) -> Self:
        work = self._workload
        with ExitStack() as ending:
            folder = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-"))
            ending.callback(shutil.rmtree, folder, ignore_errors=True)
            self._server = ForkServer(folder, self._threads)
            ending.callback(self._server.end)
            try:
                self._child = Child(self._server, folder, 0)
            except ServerGoneError:
                said = "the process that forks workers has ended"
                raise UnmeasuredError(said, over=True) from None
            ending.callback(self._child.kill)
            self._child.send(mapped.dumps((work.assignment, work.dataset, work.partitions)))
            self._answer(READY_S)
            self._ending = ending.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ending.close()

    def fit(self, configuration: Configuration, part: int, seconds: float) -> Outcome:
        """Fit and score a configuration on a part.

        Raises:
            UnmeasuredError: it failed, died, or took longer than so many seconds.
        """
        self._asked += 1
        item = Item(self._asked, 0, configuration, partition=part)
        self._child.send(pickle.dumps(Pack(self._asked, (item,))))
        until = time.monotonic() + seconds
        while True:
            report = self._answer(max(0.01, until - time.monotonic()))
            if report.ended:
                outcome: Outcome = report.ended[0].outcome
                if outcome.failure is not None:
                    raise UnmeasuredError(outcome.failure.reason, over=report.spent)
                return outcome

    def thread_seconds(self) -> dict[int, float]:
        """CPU seconds, by thread, of those that live in the process now; to 10 ms."""
        threads = psutil.Process(self._child.process.pid).threads()
        return {each.id: each.user_time + each.system_time for each in threads}

    def _answer(self, seconds: float) -> Any:
        """The next message of the process; UnmeasuredError if none comes."""
        if not wait([self._child.pipe], timeout=seconds):
            raise UnmeasuredError(f"no end after {seconds:.0f} s", over=True)
        try:
            return pickle.loads(self._child.pipe.recv_bytes())
        except (EOFError, OSError):
            logs = self._child.log, self._server.log
            texts = [log.read_text(errors="replace").strip() for log in logs]
            said = next((text.splitlines() for text in texts if text), [])
            how = self._child.loss()[1]
            raise UnmeasuredError(f"{how} ({said[-1]})" if said else how, over=True) from None
