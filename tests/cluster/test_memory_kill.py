"""A worker killed by Ray's memory monitor ends its trial, not the sweep."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: Ray's monitor looks at all memory of the machine: what other tests take would be counted too.
pytestmark = pytest.mark.measures
HERE = Path(__file__).parent


def test_a_memory_kill_costs_one_trial(tmp_path):
    """Of a pack of five the greedy one fails as out_of_memory after a second try; four complete."""
    done = subprocess.run(
        [sys.executable, str(HERE / "memory_kill_sweep.py"), str(tmp_path / "hog.db")],
        capture_output=True, text=True, timeout=280, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["state"] == "completed"
    fine = ["completed", None]
    assert told["ended"] == [
        [0, fine], [0.5, fine], [1, ["failed", "out_of_memory"]], [1.5, fine], [2, fine]
    ]  # fmt: skip
