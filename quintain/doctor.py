"""``quintain doctor``: what a sweep stands on, looked at, each with what to mend."""

import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from evaluators.errors import QuintainError
from evaluators.limits import free_memory_mb, usable_cores, usable_memory_mb

State = Literal["ok", "warn", "fail"]

#: Below so many megabytes a worker and its driver do not fit beside each other.
LEAST_MB = 1024
#: Shared memory under which Ray keeps objects on disk: a container's default is 64 MB.
LEAST_SHM_MB = 1024
#: Bytes of disk under which a store is about to stop.
LEAST_DISK = 1_000_000_000
#: Seconds between two clocks that leases bear; they lapse after thirty.
CLOCKS_APART_S = 5.0
#: File systems over a network, on which SQLite's write-ahead log does not work.
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph", "lustre")


@dataclass(frozen=True, slots=True)
class Finding:
    """One look; ``mend`` says what to do, empty where nothing has to be done."""

    name: str
    state: State
    said: str
    mend: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        return asdict(self)


def look(records: str | None, cluster: str | None, service: str | None) -> list[Finding]:
    """Every look; one that fails by itself is a finding too."""
    looks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("packages", _packages), ("machine", _machine), ("shared memory", _shared),
        ("records", lambda: _records(records)), ("redis", _redis),
    ]  # fmt: skip
    if cluster:
        looks.append(("cluster", lambda: _cluster(cluster)))
    if service:
        looks.append(("service", lambda: _service(service)))
    found: list[Finding] = []
    for name, one in looks:
        try:
            found += one()
        except QuintainError as error:
            found.append(Finding(name, "fail", str(error)))
    return found


def _packages() -> Iterator[Finding]:
    """Python, and what we stand on, in the ranges that we were tested with."""
    from packaging.requirements import Requirement

    python = ".".join(str(part) for part in sys.version_info[:3])
    wrong = []
    for text in metadata.requires("quintain") or ():
        needed = Requirement(text)
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            has = metadata.version(needed.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{needed.name} is missing")
            continue
        if not needed.specifier.contains(has, prereleases=True):
            wrong.append(f"{needed.name} is {has}, not {needed.specifier}")
    if wrong:
        mend = "pip install --upgrade quintain"
        yield Finding("packages", "fail", f"Python {python}; {'; '.join(wrong)}", mend)
    else:
        said = f"Python {python}, quintain {metadata.version('quintain')}, Ray "
        yield Finding("packages", "ok", said + metadata.version("ray"))
    if sys.flags.dont_write_bytecode:
        yield Finding(
            "bytecode", "warn", "Python keeps no compiled files, so workers may start two to "
            "three times as slowly", "unset PYTHONDONTWRITEBYTECODE, or compile once: "
            "python -m compileall on the site-packages",
        )  # fmt: skip


def _machine() -> Iterator[Finding]:
    """Cores, memory and room for temporary files, as our control group leaves them."""
    cores, total, free = usable_cores(), usable_memory_mb(), free_memory_mb()
    said = f"{cores} cores, {free:,.0f} of {total:,.0f} MB of memory free"
    if free < LEAST_MB:
        yield Finding(
            "machine", "warn", said, f"a search wants {LEAST_MB} MB: end other programs, or raise "
            "the container's limit",
        )  # fmt: skip
    else:
        yield Finding("machine", "ok", said)
    folder = tempfile.gettempdir()
    left = shutil.disk_usage(folder).free
    if left < LEAST_DISK:
        mend = "free some, or name another folder in TMPDIR: workers map the data from there"
        yield Finding("temporary files", "warn", f"{left / 1e9:.1f} GB left in {folder}", mend)


def _shared() -> Iterator[Finding]:
    """What Ray keeps its objects in."""
    folder = Path("/dev/shm")
    if folder.is_dir():
        size = shutil.disk_usage(folder).total / 2**20
        small = size < LEAST_SHM_MB
        yield Finding(
            "shared memory", "warn" if small else "ok", f"{size:,.0f} MB in /dev/shm",
            "Ray falls back to disk: start the container with --shm-size=2g or more, or use "
            "--runner local" if small else "",
        )  # fmt: skip


def _records(url: str | None) -> Iterator[Finding]:
    """The store: readable, with room, on a disk of this machine, its clock ours."""
    from search.location import locate
    from search.records import Records

    location = locate(url)
    with Records.open(url, create=False) as store:
        sweeps = len(store.sweeps())
        ahead = store.statements.clock() - time.time()
        users = len(store.users.all())
    who = f", {users} users of a service" if users else ""
    yield Finding("records", "ok", f"{sweeps} sweeps in {location.place}{who}")
    if abs(ahead) > CLOCKS_APART_S:
        yield Finding(
            "clock", "warn", f"the database's clock is {ahead:+.0f} s from this machine's",
            "set both by NTP: what a sweep took is told by this one",
        )  # fmt: skip
    if location.file is None:
        return
    folder = next(each for each in location.file.parents if each.is_dir())
    left = shutil.disk_usage(folder).free
    if left < LEAST_DISK:
        mend = "free some: a sweep stops where nothing can be written"
        yield Finding("disk", "warn", f"{left / 1e9:.1f} GB left for the records", mend)
    kind = _file_system(folder)
    if kind in NETWORK:
        yield Finding(
            "disk", "fail", f"the records lie on {kind}, where SQLite is not safe",
            "name a file on a local disk, or a PostgreSQL URL, with --records",
        )  # fmt: skip


def _file_system(folder: Path) -> str:
    """The kind of file system of a folder; empty where the system does not tell."""
    try:
        lines = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return ""
    mounts = [(line.split()[1], line.split()[2]) for line in lines if len(line.split()) > 2]
    around = [(Path(place), kind) for place, kind in mounts if folder.is_relative_to(place)]
    return max(around, key=lambda found: len(found[0].parts), default=(folder, ""))[1]


def _redis() -> Iterator[Finding]:
    """Where Ray's head keeps what must outlive it, if it was told to."""
    told = os.environ.get("RAY_REDIS_ADDRESS")
    if not told:
        return
    host, _, port = re.sub(r"^rediss?://(.*@)?", "", told).partition(":")
    try:
        socket.create_connection((host, int(port or 6379)), timeout=5).close()
    except (OSError, ValueError) as error:
        mend = "start Redis, or correct RAY_REDIS_ADDRESS: without it a head that restarts forgets"
        yield Finding("redis", "fail", f"nothing answers at {host}:{port or 6379} ({error})", mend)
    else:
        yield Finding("redis", "ok", f"answers at {host}:{port or 6379}")


def _cluster(url: str) -> Iterator[Finding]:
    """A Ray cluster, by its dashboard."""
    from cluster.jobs import Jobs

    jobs = Jobs(url, os.environ.get("RAY_AUTH_TOKEN"))
    try:
        theirs, ours = jobs.ray_version(), metadata.version("ray")
        same = theirs.split(".")[:2] == ours.split(".")[:2]
        yield Finding(
            "cluster", "ok" if same else "fail", f"Ray {theirs} at {url}, {ours} here",
            "" if same else "install the same minor version on both",
        )  # fmt: skip
        python, own = jobs.python_version(), platform.python_version()
        if python and python.split(".")[:2] != own.split(".")[:2]:
            yield Finding(
                "python", "fail", f"Python {python} on the cluster, {own} here",
                "install the same minor version on both",
            )  # fmt: skip
        cores = jobs.cores()
        yield Finding(
            "nodes", "ok" if any(cores) else "fail", f"{len(cores)} alive, {sum(cores)} cores",
            "" if any(cores) else "no node has a core for a driver: start workers",
        )  # fmt: skip
        if not jobs.guarded():
            yield Finding(
                "auth", "warn", "the cluster asks for no token: whoever reaches it runs code there",
                "start it with RAY_AUTH_MODE=token (ray get-auth-token --generate)",
            )  # fmt: skip
        ahead = jobs.ahead_s()
        if ahead is not None and abs(ahead) > CLOCKS_APART_S:
            said = f"the head's clock is {ahead:+.0f} s from this machine's"
            yield Finding("clock", "warn", said, "set both by NTP")
    finally:
        jobs.close()


def _service(url: str) -> Iterator[Finding]:
    """A service of ours."""
    from quintain.service.client import Client

    with Client.at(url) as client:
        theirs, ours = client.version(), metadata.version("quintain")
        same = theirs == ours
        yield Finding(
            "service", "ok" if same else "warn", f"quintain {theirs} at {url}, {ours} here",
            "" if same else "install the same version on both",
        )  # fmt: skip
        yield Finding("token", "ok", f"{len(client.rows())} sweeps can be seen")
