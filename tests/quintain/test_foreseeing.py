"""A long sweep plans by itself, says so, keeps the plan, and is held against it at its end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

import quintain
from quintain import foreseeing
from quintain.driving import given_up_by_signals
from quintain.foreseeing import LARGE_MB, LONGEST_S, SHORTEST_S, foresee, pilots_s
from search.records import Records
from search.room import PLANNABLE, Node

from .conftest import table

FITS = [{"estimator": "logistic_regression"}, {"estimator": "gaussian_nb"}]
SKIPPED = "--no-plan leaves them out"


def a_spec(models=FITS, trials=4, **search):
    data = {"source": "(in memory)", "target": "default"}
    return {"name": "loans", "data": data, "search": {"trials": trials, **search}, "model": models}


class Watching:
    """Hears what is said before a sweep; may interrupt it after so many trials."""

    def __init__(self, interrupt_after=None):
        self.said = []
        self.foreseen_mb = None
        self._after = interrupt_after

    def begin(self, view, machine, budget, slots):
        self.plan = view.plan
        return self._event

    def _event(self, sweep, entries):
        if self._after is not None and sweep.trials.ended >= self._after:
            self._after = None
            os.kill(os.getpid(), signal.SIGINT)

    def say(self, line):
        self.said.append(line)

    def end(self):
        pass


@pytest.fixture
def always_planned(monkeypatch):
    """Sweeps of seconds are planned, in pilot fits of two seconds."""
    monkeypatch.setattr(foreseeing, "PLANNED_FROM_S", 0.0)
    monkeypatch.setattr(foreseeing, "SHORTEST_S", 2.0)


def ready(megabytes=1.0, trials=1000, timeout=None, size=None):
    """As much of what was prepared as the decision reads."""
    return SimpleNamespace(
        spec=SimpleNamespace(search=SimpleNamespace(trials=trials, timeout=timeout)),
        space=SimpleNamespace(cardinality=lambda: size),
        dataset=SimpleNamespace(values=np.empty(int(megabytes * 2**20 / 4), np.float32)),
    )


def test_work_of_seconds_is_not_planned():
    """1,000 trials of 0.1 s on two slots are 50 s; a thousand seconds of a space of 4 are 4 s."""
    assert pilots_s(ready(), 0.1, 2) is None
    assert pilots_s(ready(size=4), 1.0, 1) is None


def test_long_work_is_worth_a_bounded_share_of_it():
    """One twentieth, from 8 s to 45 s."""
    assert pilots_s(ready(), 0.14, 1) == SHORTEST_S
    assert pilots_s(ready(), 0.5, 1) == pytest.approx(25.0)
    assert pilots_s(ready(), 0.5, 2) == pytest.approx(12.5)
    assert pilots_s(ready(), 3600.0, 1) == LONGEST_S


def test_a_timeout_bounds_what_a_plan_is_worth():
    """Hours of trials that a timeout ends after 300 s are worth 15 s, after 60 s nothing."""
    assert pilots_s(ready(timeout=300.0), 3600.0, 1) == pytest.approx(15.0)
    assert pilots_s(ready(timeout=60.0), 3600.0, 1) is None


def test_of_the_users_own_model_the_size_of_the_data_decides():
    """Nobody tried it out: large data is planned, small data is not."""
    assert pilots_s(ready(megabytes=LARGE_MB - 1), None, 2) is None
    assert SHORTEST_S <= pilots_s(ready(megabytes=LARGE_MB + 1), None, 2) <= LONGEST_S


def test_a_sweep_plans_by_itself_and_its_report_holds_the_plan_against_it(always_planned):
    """It says so and how to skip it; the record and the report have foreseen beside taken."""
    watching = Watching()
    result = quintain.run(a_spec(), table(), runner="local", watcher=watching)
    assert "planning first" in watching.said[0]
    assert SKIPPED in watching.said[0]
    assert watching.said[-1].startswith("plan: ")
    told = result.to_json()["plan"]
    assert 0.0 < told["p50_s"] <= told["p90_s"]
    assert set(told["per_model"]) == {"logistic_regression", "gaussian_nb"}
    assert sum(each["trials"] for each in told["per_model"].values()) == 4
    for each in told["per_model"].values():
        if each["trials"]:
            assert 0.0 < each["reached_mb"] < each["peak_mb"]
            assert each["took_s"] > 0.0
    report = result.report()
    assert "Plan and what became of it" in report
    assert "trials. A trial" not in " ".join(report.split())  # all four ended
    with Records.open(create=False) as store:
        [entry] = [e for e in store.entries(result.sweep) if e.kind == "plan"]
    assert entry.body["trials"] == 4
    assert entry.trial == -1


def test_without_a_plan_there_is_none(always_planned):
    """``plan=False``: nothing is measured, said or recorded."""
    watching = Watching()
    result = quintain.run(a_spec(), table(), runner="local", watcher=watching, plan=False)
    assert watching.said == []
    assert result.to_json()["plan"] is None
    assert "Plan and what became of it" not in result.report()


def test_a_resumed_sweep_keeps_its_plan(always_planned, monkeypatch):
    """It is not planned anew, and trials are placed by the memory that the record foresees."""
    first = quintain.run(
        a_spec(trials=60), table(), runner="local", watcher=Watching(interrupt_after=2)
    )
    assert first.state == "stopped"
    assert "of 60 trials. A trial" in " ".join(first.report().split())
    placed = []
    policy = quintain.prepare.Prepared.policy
    monkeypatch.setattr(
        quintain.prepare.Prepared, "policy",
        lambda self, *given: placed.append(given[-1]) or policy(self, *given),
    )  # fmt: skip
    watching = Watching()
    second = quintain.resume(first.sweep, table(), watcher=watching)
    assert (second.state, watching.said) == ("completed", [])
    plans = [each.to_json()["plan"] for each in (first, second)]
    assert plans[0]["p50_s"] == plans[1]["p50_s"]
    assert placed == [{name: each["peak_mb"] for name, each in plans[0]["per_model"].items()}]


def test_a_model_that_cannot_be_piloted_does_not_keep_the_sweep_from_running(
    always_planned, monkeypatch, tmp_path
):
    """One that raises among others is left out of the plan; alone it is a sweep without one."""
    (tmp_path / "sour.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n"
        "class Sour(GaussianNB):\n"
        "    def fit(self, X, y, sample_weight=None):\n"
        "        raise RuntimeError('no milk today')\n"
    )
    sour = {"estimator": f"{tmp_path / 'sour.py'}:Sour", "name": "sour", "space": {}}
    monkeypatch.setattr(foreseeing, "LARGE_MB", 0.0)  # of the user's own code the size decides
    monkeypatch.setattr(foreseeing, "LONGEST_S", 6.0)
    mixed, alone = Watching(), Watching()
    result = quintain.run(a_spec([*FITS, sour]), table(), runner="local", watcher=mixed)
    assert result.state == "completed"
    assert set(result.to_json()["plan"]["per_model"]) == {"logistic_regression", "gaussian_nb"}
    failed = quintain.run(a_spec([sour]), table(), runner="local", watcher=alone)
    assert any("no plan" in line and "no milk today" in line for line in alone.said)
    assert failed.to_json()["plan"] is None
    assert failed.to_json()["trial_counts"]["failed"] == 1


def test_a_node_too_small_for_a_worker_is_said_before_the_sweep(always_planned):
    """The sweep goes on all the same; what would fit is told."""
    from cluster.runner import Machine
    from quintain.prepare import prepare
    from search.spec import read_spec

    prepared = prepare(read_spec(a_spec(FITS[:1])), table())
    said = []
    machine = Machine((Node(2, 60.0 * PLANNABLE),))
    assert foresee(prepared, "local", machine, 2, 2.0, said.append) is None
    assert said[-1].startswith("no plan: ")
    assert "smallest that would do" in said[-1]


PLANNING = """
from quintain import foreseeing
foreseeing.PLANNED_FROM_S = 0.0
from quintain.cli import main
main()
"""


def planning(folder, records, *arguments):
    """The command line with a sweep of seconds planned."""
    return subprocess.Popen(
        [sys.executable, "-c", PLANNING, *arguments], cwd=folder, text=True,
        env={**os.environ, "QUINTAIN_RECORDS": records}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def local_workers(parent):
    """Worker processes without Ray, and those that fork them."""
    found = []
    for child in psutil.Process(parent).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [child] * ("cluster.forking" in child.cmdline())
    return found


@pytest.mark.parametrize("looks", [True, False])
def test_an_interrupt_that_a_library_swallows_is_raised_all_the_same(looks):
    """By the next look, else at the end of the block."""
    came_so_far = []

    def planned():
        with given_up_by_signals() as look:
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            came_so_far.append("swallowed")
            if looks:
                look()
                came_so_far.append("looked")

    with pytest.raises(KeyboardInterrupt):
        planned()
    assert came_so_far == ["swallowed"]


def test_no_plan_by_command_leaves_it_out(quintain_cli, always_planned):
    """Nothing about a plan is said, and --json has none."""
    done = quintain_cli("run", "loans.toml", "--runner", "local", "--no-plan", "--json")
    assert done.returncode == 0, done.stderr
    assert "planning first" not in done.stderr
    assert "measuring" not in done.stderr
    assert '"plan": null' in done.stdout


@pytest.mark.parametrize(
    ("sent", "runner"),
    [(signal.SIGINT, "local"), (signal.SIGTERM, "local"), (signal.SIGTERM, "ray")],
)
def test_an_interrupt_while_planning_leaves_no_sweep(folder, own_records, sent, runner):
    """Exit code 130, nothing on the screen but what was said, no worker, no sweep in the store."""
    process = planning(folder, own_records, "run", "loans.toml", "--runner", runner)
    try:
        said = []
        while not said or not said[-1].startswith("measuring"):
            said.append(process.stderr.readline())
            assert said[-1], said
        most = time.monotonic() + 60
        workers = 2 + 3 * (runner == "local")  # the pilot's, and those that wait for trials
        while len(local_workers(process.pid)) < workers:
            assert time.monotonic() < most
            time.sleep(0.05)
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, err
    assert SKIPPED in "".join(said)
    assert (out, [line for line in err.splitlines() if line.strip()]) == ("", [])
    with Records.open(own_records) as store:
        assert list(store.sweeps()) == []
