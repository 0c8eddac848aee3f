"""The ray runner by the command line: what a user's folder holds, and the driver's accidents."""

import signal

import pytest

SPEC = """
name = "loans"
[data]
source = "loans.csv"
target = "default"
[evaluate]
metric = "mine.py:gain"
direction = "maximize"
[search]
trials = {trials}
[[model]]
estimator = "mine.py:make"
[model.space]
C = {{ float = [0.001, 100.0], log = true }}
slow = [{slow}]
"""
MINE = """
import time
from sklearn.linear_model import LogisticRegression

class Slow(LogisticRegression):
    def __init__(self, C=1.0, slow=0.0):
        super().__init__(C=C)
        self.slow = slow
    def fit(self, X, y, sample_weight=None):
        time.sleep(self.slow)
        return super().fit(X, y, sample_weight)

def make(C, slow):
    return Slow(C=C, slow=slow)

print("a module that talks")

def gain(y_true, y_pred):
    print("a metric that talks")
    return float((y_true == y_pred).mean())
"""


@pytest.fixture
def own_code(quintain_cli):
    """A folder with the user's own model and metric, and a folder called like one of ours."""
    (quintain_cli.folder / "mine.py").write_text(MINE)
    (quintain_cli.folder / "search").mkdir()
    (quintain_cli.folder / "search" / "__init__.py").write_text("raise RuntimeError('not ours')\n")

    def write(trials, slow):
        (quintain_cli.folder / "loans.toml").write_text(SPEC.format(trials=trials, slow=slow))

    write(5, 0.0)
    quintain_cli.write = write
    return quintain_cli


def test_own_code_and_a_folder_that_is_named_like_ours(own_code):
    """A model and a metric from the user's file reach Ray's workers; a folder search/ does not."""
    told = own_code.process_json("run", "loans.toml", "--runner", "ray")
    assert told["runner"] == "ray"
    assert told["trial_counts"]["completed"] == 5
    assert told["best"]["selection_score"] > told["baseline"]["score"]
    rows = own_code.json("trials", "loans-1")
    assert all(row["worker"].count(":") == 1 and row["cpu_s"] > 0 for row in rows)


def test_ctrl_c_on_ray(own_code):
    """One Ctrl-C while fits run on Ray: exit 130 within 10 s, what is finished stays."""
    own_code.write(500, 0.1)
    done, seconds = own_code.interrupted_in_mid_sweep(
        signal.SIGINT, "run", "loans.toml", "--runner", "ray", "--json"
    )
    assert done.returncode == 130
    assert seconds < 10
    told = own_code.json("show", "loans-1")
    assert told["state"] == "stopped"
    assert told["trial_counts"]["completed"] >= 2


def test_a_killed_driver_is_resumed_on_ray(own_code):
    """SIGKILL in mid-sweep on Ray, then resume: the budget adds up and no trial ended twice."""
    own_code.write(16, 0.1)
    own_code.interrupted_in_mid_sweep(
        signal.SIGKILL, "run", "loans.toml", "--runner", "ray", "--json", ended=4
    )
    before = {r["trial"]: r for r in own_code.json("trials", "loans-1")}
    told = own_code.process_json("resume", "loans-1")
    assert told["state"] == "completed"
    counts = told["trial_counts"]
    assert counts["completed"] + counts["pruned"] == 16
    after = own_code.json("trials", "loans-1")
    assert len({str(row["params"]) for row in after}) == 16
    assert all(
        row == before[row["trial"]]
        for row in after
        if before.get(row["trial"], {}).get("state") == "completed"
    )
