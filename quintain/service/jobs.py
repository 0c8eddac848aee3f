"""Drivers as jobs of a Ray cluster. They have no database: each posts with a token of its own."""

import os
import platform
import shlex
import signal
import threading
import time
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError
from cluster.jobs import ENDED, ClusterAwayError, Job, Jobs
from quintain.service.drive import DRIVER_CPUS, SERVICE, TOKEN
from quintain.service.launching import log_of
from quintain.service.settings import ServiceError
from search.errors import PlanError
from search.lease import Holder
from search.records import SweepRecord
from search.users import new_token

#: In what a job says whose command is another Python than quintain's, or none.
_NOT_OURS = ("No module named 'quintain'", "python: not found", "python: command not found")
#: Seconds for which what a job has printed is not asked for again.
SAID_FOR_S = 1.0
#: How Ray ends a driver that is stopped: as Ctrl-C does, with time for its record.
STOPPED_BY = {"RAY_JOB_STOP_SIGNAL": "SIGINT", "RAY_JOB_STOP_WAIT_TIME_S": "30"}


class JobDrivers:
    """The drivers of one service, on a cluster; known by the names of their launches."""

    far = True

    def __init__(self, jobs: Jobs, service: str, folder: Path, max_sweeps: int) -> None:
        """``service``: our URL as the cluster reaches it; ``folder``: of the records' files."""
        self._jobs = jobs
        self._service = service
        self._folder = folder
        self._max_sweeps = max_sweeps
        self._lock = threading.Lock()
        self._said = ("", 0.0, b"")

    def nodes(self) -> list[dict[str, Any]]:
        """The cluster's nodes that are alive; Ray tells what they hand out, not what is free."""
        return [
            {
                "cores": node.cores, "memory_mb": node.memory_mb, "free_memory_mb": None,
                "cores_busy_percent": None,
            }
            for node in self._jobs.nodes()
        ]  # fmt: skip

    def token(self) -> str:
        """A token for the driver of one launch."""
        return new_token()

    def start(self, record: SweepRecord, launch: str, token: str | None) -> None:
        """Submit the job of a launch that is in the store.

        Raises:
            PlanError: no node has the cores that a trial asks for.
            ClusterAwayError: the cluster does not answer now.
        """
        resources = record.header.get("spec", {}).get("resources", {})
        cpus = int(resources.get("cpus_per_trial") or 1)
        cores = self._jobs.cores()
        if cpus > max(cores, default=0):
            raise PlanError(
                f"a trial asks for {cpus} cores and no node of the cluster has more than "
                f"{max(cores, default=0)}: lower resources.cpus_per_trial"
            )
        words = entrypoint("quintain.service.drive", record.id, launch, str(self._max_sweeps))
        environment = {SERVICE: self._service, TOKEN: token or "", **STOPPED_BY}
        self._jobs.submit(_job(launch), words, environment, DRIVER_CPUS)

    def running(self, launch: str) -> bool | None:
        """Whether the job of a launch still waits or runs; None where the cluster knows none."""
        try:
            job = self._jobs.get(_job(launch))
        except ClusterAwayError:
            return True  # nothing could be started in its place either
        return None if job is None else job.status not in ENDED

    def said(self, launch: str) -> bytes:
        """What its job has printed so far, as of a second ago."""
        with self._lock:
            of, when, said = self._said
            if of == launch and time.monotonic() - when < SAID_FOR_S:
                return said
        try:
            said = self._jobs.logs(_job(launch)).encode()
        except ClusterError:  # away, or the job's node is gone
            said = b""
        with self._lock:
            self._said = (launch, time.monotonic(), said)
        return said

    def ended(self, sweep: str, launch: str) -> str:
        """How it ended, in words; what it printed is kept in the sweep's log."""
        log = log_of(self._folder, sweep)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            file.write(self.said(launch))
        try:
            job = self._jobs.get(_job(launch))
        except ClusterAwayError:
            return "its driver is gone"
        if job is None:
            return "its driver is gone"
        return f"its job {job.status.lower()}" + told_by(job)

    def end(self, launch: str, holder: Holder | None, number: signal.Signals) -> None:
        """Ask Ray to stop the job; it signals, waits and kills by itself."""
        self._jobs.stop(_job(launch))


def entrypoint(module: str, *arguments: str) -> str:
    """The command of a job that runs one of our modules."""
    return shlex.join(["python", "-P", "-m", module, *arguments])


def told_by(job: Job) -> str:
    """Why a job ended, in brackets, as far as its last line tells; and what to mend, if known."""
    lines = job.message.strip().splitlines()
    if not lines:
        return ""
    if any(sign in job.message for sign in _NOT_OURS):
        return (
            f" ({lines[-1][:200]}): the nodes' own python has no quintain; start Ray there with "
            "quintain's environment first in PATH"
        )
    return f" ({lines[-1][:200]})"


def _job(launch: str) -> str:
    """Our own submission id: sent twice, it is one job."""
    return f"quintain-{launch}"


@cache
def connected(url: str) -> Jobs:
    """The jobs of the cluster at ``url``, which runs our version of Ray.

    Raises:
        ClusterError: nobody answers there, or our token is refused.
        ServiceError: it runs another Ray, or another Python.
    """
    jobs = Jobs(url, os.environ.get("RAY_AUTH_TOKEN"))
    theirs, ours = jobs.ray_version(), version("ray")
    if theirs.split(".")[:2] != ours.split(".")[:2]:
        raise ServiceError(
            f"the cluster at {url} runs Ray {theirs} and this quintain {ours}: install the same "
            "minor version on both"
        )
    their_python, our_python = jobs.python_version(), platform.python_version()
    if their_python and their_python.split(".")[:2] != our_python.split(".")[:2]:
        raise ServiceError(
            f"the cluster at {url} runs Python {their_python} and this quintain {our_python}: "
            "install the same minor version on both"
        )
    return jobs
