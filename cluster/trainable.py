"""What Ray Tune runs: one Tune trial is one worker, which gets pack after pack."""

import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cloudpickle
import ray
from ray import tune

from cluster.autopsy import leave_note_on_fault, take_note_away
from cluster.runner import Workload
from cluster.worker import Worker
from evaluators import mapped
from search.events import Pack, Report


class Parcel:
    """A pack on its way through Tune, which prints, copies and serialises what it carries."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack

    def empty(self) -> None:
        """It has arrived: Tune keeps every parcel until it ends, and folds may be in one."""
        self.pack = replace(self.pack, items=())

    def __repr__(self) -> str:
        return f"pack-{self.pack.number}"

    def __deepcopy__(self, memo: Any) -> "Parcel":
        return self  # a pack is frozen


def put(workload: Workload, *, here: bool) -> Any:
    """The workload in Ray's object store.

    ``here``: all workers are on this host, and what is mapped needs no copy in the store. Else its
    arrays go there, one copy a node, which all of its workers share. The assignment is pickled by
    cloudpickle proper: what came from a user's file is registered to travel by value there, and
    Ray's own copy of it does not know.
    """
    if here:
        return ray.put(mapped.dumps((workload.assignment, workload.dataset, workload.partitions)))
    assignment = cloudpickle.dumps(workload.assignment)
    return ray.put((assignment, workload.dataset, workload.partitions))


def fetched(stored: Any) -> Workload:
    """In a worker: what ``put`` has stored."""
    found = ray.get(stored)
    if isinstance(found, bytes):  # our own driver has pickled it
        return Workload(*pickle.loads(found))
    assignment, dataset, partitions = found
    return Workload(pickle.loads(assignment), dataset, partitions)


def make_trainable(run: str, workload: Any) -> type[tune.Trainable]:
    """A Trainable whose workers fetch ``workload``, the reference that ``put`` gave, once."""

    class QuintainWorker(tune.Trainable):
        """Evaluates packs until its actor ends.

        The first comes with the configuration, each further one by ``take``, called before the
        step that is to begin it. Reports travel under the key ``report``; None of a step that had
        nothing to do, which ends the Tune trial unless ``rest`` was called.
        """

        def setup(self, config: dict[str, Any]) -> None:
            # A process may have waited in Ray's pool, so of its time before now only what it
            # computed (the interpreter, imports) counts as its start.
            begun_s, began = time.process_time(), time.perf_counter()
            leave_note_on_fault(run)
            mine = fetched(workload)
            evaluator = mine.assignment.evaluator(mine.dataset, mine.partitions)
            self._worker = Worker(evaluator, begun_s + time.perf_counter() - began)
            self.reset_config(config)

        def reset_config(self, config: dict[str, Any]) -> bool:
            self._spent = False
            self._rest_s = 0.0
            self.take(config["parcel"])
            self.config: dict[str, Any] = {}  # Tune sends it along with every report
            return True

        def take(self, parcel: Parcel) -> None:
            self._reports: Iterator[Report] | None = self._worker.work(parcel.pack)

        def rest(self, seconds: float) -> None:
            self._rest_s = seconds

        def step(self) -> dict[str, Any]:
            if self._spent:
                os._exit(1)  # a fit that cannot be interrupted is still running here
            rest_s, self._rest_s = self._rest_s, 0.0
            if self._reports is None:
                time.sleep(rest_s)
                return {"report": None, "done": not rest_s}
            report = next(self._reports)
            self._spent = report.spent
            if report.last:
                self._reports = None
            return {"report": report, "done": False}

        def cleanup(self) -> None:
            take_note_away(run)

    return QuintainWorker
