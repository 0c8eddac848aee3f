"""Trials that run out of memory, with real processes: watched, or killed by the kernel."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
GROUPS = Path("/sys/fs/cgroup/memory")


def started(*arguments, cwd, group=None):
    """memory_sweep.py in a process, inside a control group if one is given."""
    command = [sys.executable, str(HERE / "memory_sweep.py"), *map(str, arguments)]
    if group is not None:  # the shell joins the group, then becomes the program
        command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *command]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
        env={**os.environ, "QUINTAIN_RECORDS": str(cwd / f"{arguments[0]}.db")},
    )  # fmt: skip


def told_by(process):
    """What it says at its end, and its trials by the megabytes they asked for."""
    try:
        out, err = process.communicate(timeout=250)
    finally:
        process.kill()
    assert process.returncode == 0, err[-3000:]
    told = json.loads(out.strip().splitlines()[-1])
    return told, {each["asked_mb"]: each for each in told["trials"]}


@pytest.fixture
def small_group():
    """A control group (version 1) of 1 GB; skips where none can be made."""
    group = GROUPS / f"quintain-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(2**30))
        (group / "memory.swappiness").write_text("0")
    except OSError as error:
        pytest.skip(f"no control group can be made here ({error})")
    yield group
    for _ in range(50):  # its processes may still be ending
        try:
            group.rmdir()
            return
        except OSError:
            time.sleep(0.1)


def test_a_trial_that_needs_more_gets_it_once(tmp_path):
    """Of 2 x 1 GB: 100 MB fit beside another, 1.1 GB fit alone at the second try, 3 GB never.

    On both runners, which wait for most of the time: so side by side, each with its own memory.
    """
    asked = (2048, "slowly", 100, 1100, 3000, 120)
    processes = [started(name, *asked, cwd=tmp_path) for name in ("local", "ray")]
    try:
        for answer in [told_by(process) for process in processes]:
            as_promised(*answer)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def as_promised(told, by_size):
    ends = {size: (each["state"], each["cause"]) for size, each in by_size.items()}
    fine, short = ("completed", None), ("failed", "out_of_memory")
    assert ends == {100: fine, 120: fine, 1100: fine, 3000: short}
    assert {size: each["tries"] for size, each in by_size.items()} == {
        100: 1, 120: 1, 1100: 2, 3000: 2
    }  # fmt: skip
    assert 2048 < by_size[3000]["peak_mb"] < 2400
    assert "limit 2048 MB" in by_size[3000]["reason"]
    assert told["workers"] <= told["started"] <= 2 * 2 + told["deaths"]


def test_a_kill_by_the_kernel_is_told_from_other_kills(small_group, tmp_path):
    """A trial that outgrows its container is out_of_memory, with the bytes that were seen."""
    process = started("local", "none", "slowly", 50, 2000, cwd=tmp_path, group=small_group)
    _, by_size = told_by(process)
    assert by_size[50]["state"] == "completed"
    killed = by_size[2000]
    assert (killed["state"], killed["cause"]) == ("failed", "out_of_memory")
    assert "kernel" in killed["reason"]
    assert 400 < killed["peak_mb"] < 1024


def test_a_container_is_planned_for_not_its_host(small_group, tmp_path):
    """In a container of 1 GB a worker's share is of that, whatever the host has."""
    code = (
        "from cluster.local import LocalRunner; r = LocalRunner(2); "
        "print(r.prepare().memory_mb); r.close()"
    )
    shell = f'echo $$ > {small_group}/cgroup.procs && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, "-c", code],
        capture_output=True, text=True, timeout=100, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert 300 < float(done.stdout) < 1024
