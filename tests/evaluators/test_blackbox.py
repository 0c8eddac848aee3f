"""What a dead worker leaves: how much memory it had reached, and whether the kernel had to kill."""

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import evaluators
from evaluators import blackbox
from evaluators.process import MB


def test_what_was_noted_outlives_the_process(tmp_path):
    """The most memory of the last trial stands there after a SIGKILL; earlier trials do not."""
    path = tmp_path / "box"
    code = (
        "import os, signal, sys; from pathlib import Path; from evaluators import blackbox\n"
        "blackbox.open_box(Path(sys.argv[1]))\n"
        "blackbox.begin(); blackbox.note(900 * 2**20)\n"
        "blackbox.begin(); blackbox.note(300 * 2**20); blackbox.note(200 * 2**20)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], check=False,
        env={**os.environ, "PYTHONPATH": str(Path(evaluators.__file__).parents[1])},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert blackbox.read(path) == blackbox.Remains(300.0, starved=False)


def test_a_kill_for_memory_since_the_trial_began_is_told(tmp_path, monkeypatch):
    """Only kills after the beginning count."""
    kills = [3]
    monkeypatch.setattr(blackbox, "oom_kills", lambda: kills[0])
    box = blackbox.BlackBox(tmp_path / "box")
    assert not blackbox.read(tmp_path / "box").starved, "no trial has begun"
    box.begin()
    box.note(MB)
    assert not blackbox.read(tmp_path / "box").starved
    kills[0] += 1
    assert blackbox.read(tmp_path / "box").starved
    box.begin()
    assert not blackbox.read(tmp_path / "box").starved


def test_no_box_says_nothing(tmp_path):
    """A worker that died before it had a box, or left half of one, leaves no word."""
    (tmp_path / "half").write_bytes(b"1234")
    for name in ("none", "half"):
        left = blackbox.read(tmp_path / name)
        assert math.isnan(left.reached_mb)
        assert not left.starved


def test_a_worker_goes_on_where_no_box_can_be_written(tmp_path):
    """A full disk or a folder that is gone costs the box, not the worker."""
    for path in (Path("/dev/full"), tmp_path / "gone" / "box"):
        blackbox.open_box(path)
