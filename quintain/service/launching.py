"""Drivers as child processes of the service, each in a session of its own.

They outlive the service: it finds them again by their leases.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

import psutil

from evaluators.limits import free_memory_mb, usable_cores, usable_memory_mb
from search.lease import Holder, on_this_machine
from search.records import SweepRecord

#: Seconds in which a driver that was launched has taken its sweep; mostly imports.
STARTS_WITHIN_S = 60.0


class Drivers(Protocol):
    """What the keeper asks of whoever starts drivers.

    Attributes:
        far: whether they are on other machines, where the end of one is known before its lease
            has lapsed.
    """

    far: bool

    def nodes(self) -> list[dict[str, Any]]:
        """What trials run on: cores and memory of each node, what is free of it where known.

        Raises:
            ClusterError: nobody can say now.
        """

    def token(self) -> str | None:
        """What a driver posts with; None where it has the store itself."""

    def start(self, record: SweepRecord, launch: str, token: str | None) -> None:
        """Start a driver for a launch that is in the store; sent twice, it is started once.

        Raises:
            QuintainError: it cannot run here, however often it is tried.
        """

    def running(self, launch: str) -> bool | None:
        """Whether the driver of a launch still runs; None where nothing is known of it."""

    def said(self, launch: str) -> bytes:
        """What a driver has said so far that is in no log here yet."""

    def ended(self, sweep: str, launch: str) -> str:
        """How it ended, in words, once it has; what it said is in the sweep's log then."""

    def end(self, launch: str, holder: Holder | None, number: signal.Signals) -> None:
        """Send a signal to a driver."""


class LocalDrivers:
    """The drivers that this service has started on its own machine."""

    far = False

    def __init__(self, records: str | None, folder: Path, slots: int) -> None:
        """``records``: URL of their store; ``folder``: of its files, a driver's log among them."""
        self._records = records
        self._folder = folder
        self._slots = slots
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def nodes(self) -> list[dict[str, Any]]:
        """The one that we are on."""
        return [
            {
                "cores": usable_cores(), "memory_mb": round(usable_memory_mb()),
                "free_memory_mb": round(free_memory_mb()),
                "cores_busy_percent": psutil.cpu_percent(),
            }
        ]  # fmt: skip

    def token(self) -> None:
        """None is needed: the driver has the store itself."""

    def start(self, record: SweepRecord, launch: str, token: str | None) -> None:
        """Start a driver for a launch that is in the store."""
        sweep = record.id
        log = log_of(self._folder, sweep)
        log.parent.mkdir(parents=True, exist_ok=True)
        ours = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (ours, os.environ.get("PYTHONPATH", "")) if part)
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        if self._records is not None:  # with its password: not on the command line
            environment["QUINTAIN_RECORDS"] = self._records
        command = [sys.executable, "-P", "-m", "quintain.service.drive", sweep, launch]
        with log.open("ab") as out:
            self._children[launch] = subprocess.Popen(
                [*command, str(self._slots)], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=log.parent, start_new_session=True, env=environment,
            )  # fmt: skip

    def running(self, launch: str) -> bool | None:
        """Whether the driver of a launch still runs; None where this service did not start it."""
        child = self._children.get(launch)
        return None if child is None else child.poll() is None

    def said(self, launch: str) -> bytes:
        """Nothing: it writes into the log itself."""
        return b""

    def ended(self, sweep: str, launch: str) -> str:
        """How it ended, in words, and forget it."""
        child = self._children.pop(launch, None)
        code = None if child is None else child.poll()
        if code is None:
            return "its driver is gone"
        if code < 0:
            return f"its driver was ended by {signal.Signals(-code).name}"
        return f"its driver ended with exit code {code}"

    def end(self, launch: str, holder: Holder | None, number: signal.Signals) -> None:
        """Send a signal to a driver: our own child, or who holds the lease on this machine."""
        child = self._children.get(launch)
        if child is not None:
            if child.poll() is None:
                child.send_signal(number)
        elif holder is not None and on_this_machine(holder):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.kill(holder.pid, number)


def log_of(folder: Path, sweep: str) -> Path:
    """Where a sweep's drivers write what they say."""
    return folder / sweep / "driver.log"
