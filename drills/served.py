"""A service under drill, and what is asked of it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx

from drills.backing import free_port
from quintain.service.client import Client
from search.entries import BUDGETED, Entry
from search.records import Records
from search.spec import read_spec

QUINTAIN = str(Path(sys.executable).parent / "quintain")


class Served:
    """`quintain serve` on a store of its own, started and killed at will."""

    def __init__(
        self, folder: Path, records: str, host: str = "127.0.0.1",
        options: Iterable[str] = (), environment: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """``records``: of its store; ``host``: where it listens; elsewhere it has one user."""
        self.records = records
        self._log = folder / "service.log"
        self._environment = {
            **os.environ, "QUINTAIN_RECORDS": records, "OMP_NUM_THREADS": "1",
            **(environment or {}),
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.token: str | None = None
        near = host == "127.0.0.1"
        if not near:
            command = [QUINTAIN, "users", "--add", "drill", "--role", "admin"]
            told = subprocess.run(command, env=self._environment, capture_output=True, text=True)
            self.token = told.stdout.strip()
            assert self.token, told.stderr
        port = free_port(host)
        self.url = f"http://{host}:{port}"
        self._command = [
            QUINTAIN, "serve", "--host", host, "--port", str(port), *([] if near else
            ["--behind-proxy"]), *options,
        ]  # fmt: skip
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def start(self) -> float:
        """Start it; the seconds until it was ready."""
        began = time.monotonic()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True,
            )  # fmt: skip
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - began > 60:
                raise RuntimeError(f"the service has not come up: {self.said()}")
            time.sleep(0.02)
        return time.monotonic() - began

    def _ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/ready").status_code == 200
        return False

    def said(self) -> str:
        """The end of its log."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it; its drivers go on."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def submit(self, spec: Mapping[str, Any], folder: Path, key: str | None = None) -> str:
        """Queue a sweep, its table and its modules sent along; its id."""
        with Client(self.url, self.token) as client:
            asked = read_spec(spec).in_folder(folder)
            told = client.submit(asked, upload_data=True, key=key, fresh=True)
        return str(told["sweep"])

    def view(self, sweep: str) -> dict[str, Any]:
        """As the service tells it; nothing where it does not answer now."""
        with contextlib.suppress(httpx.TransportError):
            answer = self.http.get(f"/v1/sweeps/{sweep}")
            if answer.is_success:
                told: dict[str, Any] = answer.json()
                return told
        return {}

    def state(self, sweep: str) -> str:
        """As the service tells it."""
        return str(self.view(sweep).get("state"))

    def entries(self, sweep: str) -> list[Entry]:
        """From the store itself."""
        with Records.open(self.records, create=False) as store:
            return store.entries(sweep)

    def ended(self, sweep: str) -> int:
        """Trials that have reached an end."""
        return sum(e.kind == "ended" and e.body["state"] in BUDGETED for e in self.entries(sweep))

    def driver(self, sweep: str) -> tuple[str, int] | None:
        """Host and process of who drives it now."""
        with Records.open(self.records, create=False) as store:
            found = store.sweep(sweep).driver
        return None if found is None else (found.host, found.pid)

    def close(self) -> None:
        """End it, and drivers of its sweeps on this machine."""
        self.kill()
        with contextlib.suppress(Exception), Records.open(self.records, create=False) as store:
            pids = [each.driver.pid for each in store.sweeps() if each.driver is not None]
            for pid in pids:
                with contextlib.suppress(OSError):
                    line = Path(f"/proc/{pid}/cmdline").read_bytes()
                    if b"quintain.service.drive" in line:
                        os.kill(pid, signal.SIGKILL)
        self.http.close()
