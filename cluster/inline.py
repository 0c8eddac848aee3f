"""The inline runner: every fit in this process, for debugging with a debugger at hand."""

import os
import time
from dataclasses import replace
from math import inf

from cluster.runner import Machine, Workload
from cluster.worker import Worker
from search.driver import Driver
from search.events import Dispatch, PackReported, PackStarted, SlotFreed
from search.room import Node


class InlineRunner:
    """One slot, this process. Trial limits are not enforced: there is nothing to end but us."""

    name = "inline"

    def prepare(self) -> Machine:
        """One core; memory is not reckoned with, since nothing could be ended but us."""
        return Machine((Node(1),))

    def run(self, driver: Driver, workload: Workload, slots: int) -> None:
        """One pack after the other."""
        memory_mb = driver.sweep.policy.memory_mb
        if workload.assignment.fit_seconds is not None or memory_mb is not None:
            driver.warn(
                "limits_not_enforced",
                "the inline runner enforces neither trial_timeout nor memory_per_trial",
            )
        unlimited = replace(workload.assignment, fit_seconds=None)
        began = time.perf_counter()
        evaluator = unlimited.evaluator(workload.dataset, workload.partitions)
        worker = Worker(evaluator, time.perf_counter() - began)
        while not driver.finished:
            for task in driver.feed(SlotFreed(driver.clock())):
                if isinstance(task, Dispatch):
                    number = task.pack.number
                    driver.feed(PackStarted(driver.clock(), number, f"inline:{os.getpid()}"))
                    for report in worker.work(replace(task.pack, memory_mb=inf)):
                        driver.feed(PackReported(driver.clock(), number, report))
                        driver.poll()
                        if driver.finished:
                            return
            driver.poll()

    def close(self) -> None:
        """Nothing was started."""
