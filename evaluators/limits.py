"""What this process may use of its machine: a container is smaller than the host it runs on."""

import os
from pathlib import Path

import psutil

from evaluators.process import MB

#: A container engine may mount its own group at the root and still tell the host's path.
_MEMORY_FILES = (("sys/fs/cgroup", "memory.max"), ("sys/fs/cgroup/memory", "memory.limit_in_bytes"))
#: What a group holds, and what of it its statistics call unused file pages; version 2 and 1.
_USED_FILES = (
    ("memory.current", "inactive_file"),
    ("memory.usage_in_bytes", "total_inactive_file"),
)


def usable_memory_mb(root: Path = Path("/")) -> float:
    """Memory of this machine or of the tightest control group around us, in units of 2**20 bytes.

    ``root``: where ``proc`` and ``sys`` are.
    """
    return min([psutil.virtual_memory().total / MB, *(limit for limit, _ in _group_limits(root))])


def free_memory_mb(root: Path = Path("/")) -> float:
    """What is left of ``usable_memory_mb`` beside whatever else runs on this machine.

    Files that a control group has in memory, but has not looked at for a while, are free.
    """
    rooms = [limit - _group_used_mb(folder) for limit, folder in _group_limits(root)]
    return max(0.0, min([psutil.virtual_memory().available / MB, *rooms]))


def oom_kills(root: Path = Path("/")) -> int:
    """How often the kernel has killed for want of memory, in our control group or on this host.

    Only differences mean something: in a container without a group of its own others count too.
    """
    for mount, name in (
        ("sys/fs/cgroup", "memory.events"), ("sys/fs/cgroup/memory", "memory.oom_control"),
    ):  # fmt: skip
        for folder in _groups(root, mount, "memory"):
            told = _listed(folder / name).get("oom_kill")
            if told is not None:
                return told
    return _listed(root / "proc/vmstat").get("oom_kill", 0)


def usable_cores(root: Path = Path("/")) -> int:
    """Cores this process may run on: by its affinity, and by the quota of its control groups.

    At least one; a quota of 1.5 cores is one.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return max(1, int(min([float(cores), *_group_cores(root)])))


def used_memory_mb(root: Path = Path("/")) -> float:
    """What is in use of ``usable_memory_mb``, in the same units.

    Of the tightest control group, else of the machine. Page cache that the kernel would give back
    is not in use.
    """
    machine = psutil.virtual_memory()
    known = [(machine.total / MB, (machine.total - machine.available) / MB)]
    known += [(limit, _group_used_mb(folder)) for limit, folder in _group_limits(root)]
    return min(known)[1]


def busy_s(root: Path = Path("/")) -> float:
    """CPU seconds that all processes on our cores have used so far; only differences mean anything.

    Of the control group with the tightest quota of CPU time, else of the cores in our affinity:
    the rest of a shared host is other people's.
    """
    quotas = [
        (cores, used_s)
        for cores, folder in _group_quotas(root)
        if (used_s := _group_busy_s(folder)) is not None
    ]
    if quotas:
        return min(quotas)[1]
    affinity = getattr(os, "sched_getaffinity", None)
    each = psutil.cpu_times(percpu=True)
    ours = [each[n] for n in affinity(0) if n < len(each)] if affinity else each
    return sum(core.user + core.system + getattr(core, "nice", 0.0) for core in ours)


def _group_used_mb(folder: Path) -> float:
    """Memory that a group holds, less file pages that were not used lately."""
    used, cached = 0, 0
    for name, key in _USED_FILES:
        text = _read(folder / name)
        if text.isdigit():
            used = int(text)
            cached = _listed(folder / "memory.stat").get(key, 0)
    return max(0, used - cached) / MB


def _group_busy_s(folder: Path) -> float | None:
    """CPU seconds that a group has used; None where it does not tell."""
    used_us = _listed(folder / "cpu.stat").get("usage_usec")
    if used_us is not None:
        return used_us / 1e6
    text = _read(folder / "cpuacct.usage")  # version 1 mounts the two controllers together
    return int(text) / 1e9 if text.isdigit() else None


def _listed(path: Path) -> dict[str, int]:
    """The numbers of a file with a name and a number in each line."""
    words = [line.split() for line in _read(path).splitlines()]
    return {each[0]: int(each[1]) for each in words if len(each) == 2 and each[1].isdigit()}


def _group_limits(root: Path) -> list[tuple[float, Path]]:
    """Every limit set on the groups we are in, version 2 and version 1, and the group's folder."""
    found = []
    for mount, name in _MEMORY_FILES:
        for folder in _groups(root, mount, "memory"):
            text = _read(folder / name)
            if text.isdigit():  # version 2 says "max" for no limit, version 1 some 2**63
                found.append((int(text) / MB, folder))
    return found


def _group_cores(root: Path) -> list[float]:
    """Every quota of CPU time set on the groups we are in, in cores."""
    return [cores for cores, _ in _group_quotas(root)]


def _group_quotas(root: Path) -> list[tuple[float, Path]]:
    """The same, each with the folder of its group."""
    found = []
    for folder in _groups(root, "sys/fs/cgroup", "cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            found.append((int(quota) / int(period), folder))
    for folder in _groups(root, "sys/fs/cgroup/cpu", "cpu"):
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit():  # no quota is -1
            found.append((int(quota) / int(period), folder))
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
