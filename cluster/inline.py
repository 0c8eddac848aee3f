"""The inline runner: every fit in this process, for debugging with a debugger at hand."""

import os
import time
from dataclasses import replace

import psutil

from cluster.runner import Machine, Workload
from cluster.worker import Worker
from evaluators.crossval import Evaluator
from search.driver import Driver
from search.events import Dispatch, PackReported, PackStarted, SlotFreed


class InlineRunner:
    """One slot, this process. Trial limits are not enforced: there is nothing to end but us."""

    name = "inline"

    def prepare(self) -> Machine:
        """One core and the machine's memory."""
        return Machine(1, psutil.virtual_memory().total / 2**20)

    def run(self, driver: Driver, workload: Workload, slots: int) -> None:
        """One pack after the other."""
        limits = workload.assignment
        if limits.fit_seconds is not None or limits.memory_mb is not None:
            driver.warn(
                "limits_not_enforced",
                "the inline runner enforces neither trial_timeout nor memory_per_trial",
            )
        unlimited = replace(workload.assignment, fit_seconds=None, memory_mb=None)
        began = time.perf_counter()
        evaluator = Evaluator(unlimited, workload.dataset, workload.partitions)
        worker = Worker(evaluator, time.perf_counter() - began)
        while not driver.finished:
            for task in driver.feed(SlotFreed(driver.clock())):
                if isinstance(task, Dispatch):
                    number = task.pack.number
                    driver.feed(PackStarted(driver.clock(), number, f"inline:{os.getpid()}"))
                    for report in worker.work(task.pack):
                        driver.feed(PackReported(driver.clock(), number, report))
                        driver.poll()
                        if driver.finished:
                            return
            driver.poll()

    def close(self) -> None:
        """Nothing was started."""
