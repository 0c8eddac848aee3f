"""Hosts on this machine: network namespaces on a bridge, each with processes and a disk of its own.

It takes root and ``ip netns``. A host's cable can be cut and healed, its power cut and restored. In
a host /tmp is its own disk, and /tmp/shared is seen by all of them: what a cluster has on NFS.
Nothing of this machine's own network is changed, but for one interface that leads to the hosts.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

HERE = Path(__file__).resolve().parent


class HostsError(RuntimeError):
    """Hosts cannot be made on this machine."""


def why_not() -> str | None:
    """Why no hosts can be made here; None where they can."""
    if os.getuid() != 0:
        return "network namespaces take root"
    for program in ("ip", "unshare", "nsenter", "mount"):
        if shutil.which(program) is None:
            return f"there is no program {program}: install iproute2 and util-linux"
    probe = f"qp{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True)
    if made.returncode:
        return f"ip netns: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", probe], check=True)
    return None


class Host:
    """One host; ``address`` is its own."""

    def __init__(self, network: "Network", name: str, number: int) -> None:
        self.name = name
        self.address = f"{network.prefix}.{number}"
        self.folder = network.folder / name
        self._network = network
        self._space = f"{network.tag}{name}"
        self._port = f"{network.tag}{number}"  # of the switch; names have 15 characters at most
        self._first: subprocess.Popen[str] | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        _ip("netns", "add", self._space)
        _ip("link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", self._space)
        _ip("link", "set", self._port, "netns", network.switch)
        _ip("-n", network.switch, "link", "set", self._port, "master", "br0", "up")
        _ip("-n", self._space, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", self._space, "link", "set", "lo", "up")
        _ip("-n", self._space, "link", "set", "eth0", "up")
        _ip("-n", self._space, "route", "add", "default", "via", network.address)
        self.power_on()

    def power_on(self) -> None:
        """Start the host; its disk is as it was."""
        self.heal_cable()
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            "ip", "netns", "exec", self._space, "unshare", "--mount", "--pid", "--uts", "--ipc",
            "--fork", "--kill-child", sys.executable, str(HERE / "first_process.py"),
            str(self.folder), str(self._network.shared), self.name,
        ]  # fmt: skip
        self._first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._first.stdout is not None
        if self._first.stdout.readline() != "up\n":
            raise HostsError(f"{self.name} has not come up")

    @property
    def pid(self) -> int:
        """Its first process, as this machine counts."""
        assert self._first is not None
        children = Path(f"/proc/{self._first.pid}/task/{self._first.pid}/children")
        return int(children.read_text().split()[0])

    def start(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, log: str = "log"
    ) -> "subprocess.Popen[bytes]":
        """Start a command on the host; what it says goes to a file of the host's folder."""
        entered = [
            "nsenter", "--target", str(self.pid), "--net", "--mount", "--pid", "--uts", "--ipc",
            "--wd=/tmp", *command,
        ]  # fmt: skip
        given = {"PATH": os.environ["PATH"], "HOME": "/tmp/home", "LANG": "C.UTF-8"}
        with (self.folder / log).open("ab") as out:
            started = subprocess.Popen(
                entered, env={**given, **(environment or {})}, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out,
            )  # fmt: skip
        self._started.append(started)
        return started

    def said(self, log: str = "log") -> str:
        """What the commands of the host have said."""
        file = self.folder / log
        return file.read_text(errors="replace") if file.exists() else ""

    def cut_cable(self) -> None:
        """Nothing reaches it, and it reaches nobody; it runs on."""
        _ip("-n", self._network.switch, "link", "set", self._port, "down")

    def heal_cable(self) -> None:
        """As before."""
        _ip("-n", self._network.switch, "link", "set", self._port, "up")

    def cut_power(self) -> None:
        """All its processes are gone at once, and nobody hears of it: no connection is closed."""
        if self._first is None:
            return
        self.cut_cable()
        with contextlib.suppress(ProcessLookupError, IndexError, FileNotFoundError):
            os.kill(self.pid, signal.SIGKILL)
        self._first.kill()
        self._first.communicate()
        self._first = None
        while self._started:  # what entered the host has gone with it
            self._started.pop().wait(20)

    def remove(self) -> None:
        """Power off and out of the rack."""
        self.cut_power()
        _ip("netns", "del", self._space, check=False)


class Network:
    """A switch with hosts; this machine is on it too, at ``address``. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        """``folder``: for the hosts' disks and logs."""
        self.folder = folder
        self.shared = folder / "shared"
        self.shared.mkdir(parents=True, exist_ok=True)
        number = os.getpid() % 60_000
        self.tag = f"q{number:x}"
        self.prefix = f"10.{200 + number // 256 % 50}.{number % 256}"
        self.address = f"{self.prefix}.1"
        self.switch = f"{self.tag}sw"
        self.hosts: dict[str, Host] = {}
        self._ours = f"{self.tag}us"

    def __enter__(self) -> Self:
        _ip("netns", "add", self.switch)
        try:
            _ip("-n", self.switch, "link", "add", "br0", "type", "bridge")
            _ip("-n", self.switch, "link", "set", "br0", "up")
            port = f"{self.tag}p"
            _ip(
                "link",
                "add",
                self._ours,
                "type",
                "veth",
                "peer",
                "name",
                port,
                "netns",
                self.switch,
            )
            _ip("-n", self.switch, "link", "set", port, "master", "br0", "up")
            _ip("addr", "add", f"{self.address}/24", "dev", self._ours)
            _ip("link", "set", self._ours, "up")
        except BaseException:
            self._removed()
            raise
        return self

    def host(self, name: str) -> Host:
        """One more host."""
        found = self.hosts[name] = Host(self, name, 10 + len(self.hosts))
        return found

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._removed()

    def _removed(self) -> None:
        for host in self.hosts.values():
            host.remove()
        _ip("link", "del", self._ours, check=False)
        _ip("netns", "del", self.switch, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        raise HostsError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
