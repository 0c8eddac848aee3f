"""A killed kernel loses nothing: the same fit again finishes from the records."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from search.records import Records

#: A notebook's cells as one script, without an ``if __name__`` guard. Each fit leaves a mark.
PROGRAM = """
import os, sys, time
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from scipy.stats import uniform
from quintain import {name}

class Slow(GaussianNB):
    def __init__(self, marks="", seconds=0.0, priors=None, var_smoothing=1e-9):
        super().__init__(priors=priors, var_smoothing=var_smoothing)
        self.marks = marks
        self.seconds = seconds

    def fit(self, X, y):
        with open(self.marks, "a") as file:
            file.write("%r %d\\n" % (self.var_smoothing, len(X)))
        time.sleep(self.seconds)
        if len(X) == 150 and os.path.exists(self.marks + ".refit"):
            os.kill(os.getpid(), 9)
        return super().fit(X, y)

X, y = load_iris(return_X_y=True)
pipe = Pipeline([("same", FunctionTransformer(lambda values: values)),
                 ("model", Slow(sys.argv[1], {seconds}))])
search = {search}
search.fit(X, y)
print(search.sweep_.sweep, search.best_params_, search.best_score_)
"""
GRID = 'GridSearchCV(pipe, {"model__var_smoothing": [1e-9, 1e-3, 1e-2, 0.1, 1.0, 2.0]}, cv=3'
RANDOM = 'RandomizedSearchCV(pipe, {"model__var_smoothing": uniform(0, 3)}, n_iter=6, cv=3'


def start(tmp_path, search, seconds):
    name = search.partition("(")[0]
    (tmp_path / "program.py").write_text(PROGRAM.format(name=name, search=search, seconds=seconds))
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, "program.py", "marks"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path},
        # tests may run where Ctrl-C is ignored, as behind nohup: a notebook's kernel does not
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def ended(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def trials_ended(records):
    """By sweep."""
    if not Path(records).exists():
        return {}
    with Records.open(records, create=False) as store:
        return {
            each.id: sum(entry.kind == "ended" for entry in store.entries(each.id))
            for each in store.sweeps()
        }


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("search", [GRID, RANDOM], ids=["grid", "random"])
def test_the_same_fit_goes_on_after_a_kill(tmp_path, own_records, search, n_jobs):
    """What had ended is not fitted again, also where draws come from NumPy's global stream."""
    program = f"{search}, n_jobs={n_jobs})"
    process = start(tmp_path, program, 0.3)
    deadline = time.monotonic() + 60
    while sum(trials_ended(own_records).values()) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    time.sleep(1.5)  # workers of a driver that is gone end within a second
    before = trials_ended(own_records)
    marks = (tmp_path / "marks").read_text().splitlines()
    out = ended(start(tmp_path, program, 0.3))
    assert trials_ended(own_records) == {next(iter(before)): 6}
    again = (tmp_path / "marks").read_text().splitlines()[len(marks) :]
    tried = {line.split()[0] for line in again if not line.endswith(" 150")}
    assert len(tried) == 6 - next(iter(before.values()))
    assert again[-1].split()[1] == "150"  # the best one on all rows
    sweep = out.split()[0]
    third = ended(start(tmp_path, program, 0.3))  # it was given back: this is a new search
    assert third.split()[0] != sweep
    if "Random" not in search:
        assert third.split()[1:] == out.split()[1:]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_is_a_keyboard_interrupt_and_the_same_fit_goes_on(tmp_path, own_records, n_jobs):
    """Trials under way are cancelled, and tried again when it goes on."""
    program = f"{GRID}, n_jobs={n_jobs})"
    process = start(tmp_path, program, 0.3)
    deadline = time.monotonic() + 60
    while sum(trials_ended(own_records).values()) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    sweep = ended(start(tmp_path, program, 0.3)).split()[0]
    with Records.open(own_records, create=False) as store:
        assert [each.id for each in store.sweeps()] == [sweep]
        states = [e.body["state"] for e in store.entries(sweep) if e.kind == "ended"]
        assert store.state(sweep) == "completed"
    assert states.count("completed") == 6
    assert states.count("cancelled") == len(states) - 6 <= 4  # those of the packs under way


def test_a_kernel_killed_while_the_best_is_fitted_searches_no_more(tmp_path, own_records):
    """All trials are in the record: only the refit is left to do."""
    program = f"{GRID})"
    (tmp_path / "marks.refit").touch()
    process = start(tmp_path, program, 0.0)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (tmp_path / "marks.refit").unlink()
    fits = len((tmp_path / "marks").read_text().splitlines())
    assert fits == 6 * 3 + 1
    out = ended(start(tmp_path, program, 0.0))
    assert len((tmp_path / "marks").read_text().splitlines()) == fits + 1
    assert out.split()[0] in trials_ended(own_records)


def test_changed_code_or_data_or_seed_is_another_search(tmp_path, own_records):
    """A record answers for nothing but the fit that made it."""
    (tmp_path / "marks.refit").touch()
    for program, seconds in (
        (f"{GRID})", 0.0), (f"{GRID})", 0.001), (GRID.replace("2.0", "3.0") + ")", 0.0),
        (GRID.replace("cv=3", "cv=4") + ")", 0.0), (GRID + ", scoring='f1_macro')", 0.0),
    ):  # fmt: skip
        start(tmp_path, program, seconds).communicate(timeout=60)
    assert list(trials_ended(own_records).values()) == [6] * 5
    source = (tmp_path / "program.py").read_text()
    (tmp_path / "program.py").write_text(source.replace("lambda values: values", "lambda v: v * 2"))
    process = subprocess.Popen(
        [sys.executable, "program.py", "marks"], cwd=tmp_path, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    process.communicate(timeout=60)
    assert list(trials_ended(own_records).values()) == [6] * 6
