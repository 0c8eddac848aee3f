"""What this process may use of its machine: a container is smaller than the host it runs on."""

import os
from pathlib import Path

import psutil

from evaluators.process import MB

#: A container engine may mount its own group at the root and still tell the host's path.
_MEMORY_FILES = (("sys/fs/cgroup", "memory.max"), ("sys/fs/cgroup/memory", "memory.limit_in_bytes"))
#: Mount, limit, use, and what is called free of it in memory.stat.
_ROOM_FILES = (
    ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"),
)  # fmt: skip


def usable_memory_mb(root: Path = Path("/")) -> float:
    """Memory of this machine or of the tightest control group around us, in units of 2**20 bytes.

    ``root``: where ``proc`` and ``sys`` are.
    """
    return min([psutil.virtual_memory().total / MB, *_group_limits_mb(root)])


def free_memory_mb(root: Path = Path("/")) -> float:
    """What is left of ``usable_memory_mb`` beside whatever else runs on this machine.

    Files that a control group has in memory, but has not looked at for a while, are free.
    """
    return max(0.0, min([psutil.virtual_memory().available / MB, *_group_rooms_mb(root)]))


def oom_kills(root: Path = Path("/")) -> int:
    """How often the kernel has killed for want of memory, in our control group or on this host.

    Only differences mean something: in a container without a group of its own others count too.
    """
    for mount, name in (
        ("sys/fs/cgroup", "memory.events"), ("sys/fs/cgroup/memory", "memory.oom_control"),
    ):  # fmt: skip
        for folder in _groups(root, mount, "memory"):
            told = _count(_read(folder / name), "oom_kill")
            if told is not None:
                return told
    return _count(_read(root / "proc/vmstat"), "oom_kill") or 0


def usable_cores(root: Path = Path("/")) -> int:
    """Cores this process may run on: by its affinity, and by the quota of its control groups.

    At least one; a quota of 1.5 cores is one.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, int(min([float(cores), *_group_cores(root)])))


def _group_limits_mb(root: Path) -> list[float]:
    """Every limit set on the groups we are in, version 2 and version 1."""
    found = []
    for mount, name in _MEMORY_FILES:
        for folder in _groups(root, mount, "memory"):
            text = _read(folder / name)
            if text.isdigit():  # version 2 says "max" for no limit, version 1 some 2**63
                found.append(int(text) / MB)
    return found


def _group_rooms_mb(root: Path) -> list[float]:
    """What is left of every limit set on the groups we are in."""
    found = []
    for mount, limit, used, files in _ROOM_FILES:
        for folder in _groups(root, mount, "memory"):
            most, now = _read(folder / limit), _read(folder / used)
            if most.isdigit() and now.isdigit():
                idle = _count(_read(folder / "memory.stat"), files) or 0
                found.append((int(most) - int(now) + idle) / MB)
    return found


def _count(text: str, name: str) -> int | None:
    """The number after a name in a file of "name number" lines."""
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _group_cores(root: Path) -> list[float]:
    """Every quota of CPU time set on the groups we are in, in cores."""
    found = []
    for folder in _groups(root, "sys/fs/cgroup", "cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            found.append(int(quota) / int(period))
    for folder in _groups(root, "sys/fs/cgroup/cpu", "cpu"):
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():  # no quota is -1
            found.append(int(quota) / int(period))
    return found


def _groups(root: Path, mount: str, controller: str) -> list[Path]:
    """Our group under ``mount`` and every group around it, up to the mount itself.

    A line of /proc/self/cgroup reads "number:controllers:path", with no controllers in version 2;
    see cgroups(7).
    """
    inner = ""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names == "" and mount.endswith("cgroup"):
            inner = path
        if controller in names.split(",") and not mount.endswith("cgroup"):
            inner = path
    parts = [part for part in inner.split("/") if part not in ("", "..")]
    top = root / mount
    return [top.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _read(path: Path) -> str:
    """What stands in a file of the kernel; nothing where it is hidden or not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
