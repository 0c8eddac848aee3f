"""What a container may use is what its control groups say, not what its host has."""

import pytest

from evaluators.limits import (
    busy_s,
    free_memory_mb,
    oom_kills,
    usable_cores,
    usable_memory_mb,
    used_memory_mb,
)

GB = 2**30


def put(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{GB // 4}\n"},
        {
            "proc/self/cgroup": "0::/pods/ours\n",
            "sys/fs/cgroup/pods/memory.max": f"{GB // 4}\n",
            "sys/fs/cgroup/pods/ours/memory.max": "max\n",
        },
        {
            "proc/self/cgroup": "5:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GB // 4}\n",
        },
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": f"{GB // 4}\n",
        },
    ],
    ids=["v2", "v2, set on the group around", "v1, own group at the mount", "v1"],
)
def test_the_tightest_control_group_is_the_machine(tmp_path, files):
    """A limit on our group, or on any around it, is what the plan has."""
    put(tmp_path, files)
    assert usable_memory_mb(tmp_path) == 256


def test_without_a_limit_the_machine_is_all_there_is(tmp_path):
    """No group, and a group without a limit, give what the host has; so does version 1's 2**63."""
    bare = usable_memory_mb(tmp_path)
    put(tmp_path, {"proc/self/cgroup": "0::/\n4:memory:/a\n", "sys/fs/cgroup/memory.max": "max"})
    put(tmp_path, {"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712"})
    assert usable_memory_mb(tmp_path) == bare > 100


@pytest.mark.parametrize(
    "files",
    [
        {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"},
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/a",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "150000",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
        },
    ],
    ids=["v2", "v1"],
)
def test_a_quota_of_time_is_a_number_of_cores(tmp_path, files):
    """One and a half cores hold one worker."""
    put(tmp_path, files)
    assert usable_cores(tmp_path) == 1


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/a\n",
            "sys/fs/cgroup/a/memory.max": f"{GB // 4}\n",
            "sys/fs/cgroup/a/memory.current": f"{GB // 8 + 6 * 2**20}\n",
            "sys/fs/cgroup/a/memory.stat": f"anon 1\ninactive_file {6 * 2**20}\nactive_file 9\n",
        },
        {
            "proc/self/cgroup": "4:memory:/a\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{GB // 4}\n",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": f"{GB // 8 + 6 * 2**20}\n",
            "sys/fs/cgroup/memory/a/memory.stat": f"total_inactive_file {6 * 2**20}\n",
        },
    ],
    ids=["v2", "v1"],
)
def test_what_a_group_has_taken_is_not_free(tmp_path, files):
    """Of a limit of 256 MB with 134 in use, 6 of them files nobody looks at, 128 are free."""
    put(tmp_path, files)
    assert free_memory_mb(tmp_path) == 128
    assert usable_memory_mb(tmp_path) == 256


def test_kills_are_counted_where_our_group_tells_them(tmp_path):
    """Our own group, in version 2 or 1, else the whole host; nothing where nobody tells."""
    assert oom_kills(tmp_path) == 0
    put(tmp_path, {"proc/vmstat": "pgfault 1\noom_kill 7\n", "proc/self/cgroup": "0::/a\n"})
    assert oom_kills(tmp_path) == 7
    put(tmp_path, {"sys/fs/cgroup/a/memory.events": "low 0\noom 4\noom_kill 3\n"})
    assert oom_kills(tmp_path) == 3
    put(tmp_path, {"proc/self/cgroup": "4:memory:/b\n"})
    put(tmp_path, {"sys/fs/cgroup/memory/b/memory.oom_control": "under_oom 0\noom_kill 2\n"})
    assert oom_kills(tmp_path) == 2


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/memory.max": f"{GB}",
            "sys/fs/cgroup/memory.current": f"{GB // 2}",
            "sys/fs/cgroup/memory.stat": f"anon {GB // 4}\ninactive_file {GB // 4}\n",
        },
        {
            "proc/self/cgroup": "4:memory:/a",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{GB}",
            "sys/fs/cgroup/memory/a/memory.usage_in_bytes": f"{GB // 2}",
            "sys/fs/cgroup/memory/a/memory.stat": f"total_inactive_file {GB // 4}\n",
        },
    ],
    ids=["v2", "v1"],
)
def test_memory_in_use_is_the_tightest_groups(tmp_path, files):
    """Of a container what it holds, less file pages it has not used; not what its host does."""
    bare = used_memory_mb(tmp_path)
    put(tmp_path, files)
    assert used_memory_mb(tmp_path) == 256 != bare


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/cpu.max": "150000 100000",
            "sys/fs/cgroup/cpu.stat": "usage_usec 2500000\nuser_usec 2000000\n",
        },
        {
            "proc/self/cgroup": "3:cpu,cpuacct:/a",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "150000",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu/a/cpuacct.usage": "2500000000",
        },
    ],
    ids=["v2", "v1"],
)
def test_busy_seconds_are_those_of_the_group_with_a_quota(tmp_path, files):
    """The rest of a shared host is other people's; without a quota our cores' seconds count."""
    bare = busy_s(tmp_path)
    put(tmp_path, files)
    assert busy_s(tmp_path) == 2.5
    assert busy_s(tmp_path / "nothing") >= bare > 2.5
