"""What more threads do is measured on fits that can tell, and told only of models that use them."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from cluster.pilot_worker import PilotWorker
from cluster.pilots import Fit
from evaluators.limits import usable_cores
from evaluators.pilot import parts
from evaluators.types import Configuration
from quintain.others import OthersLoad
from quintain.prepare import prepare
from quintain.speed_text import lines
from quintain.speeding import speed
from quintain.thread_speeds import Threaded, by_threads, telling_rows, uses_threads
from search.spec import read_spec

from .conftest import table


def fits(*seconds):
    """Fits of 1,000, 2,000, ... rows that took so long."""
    return [
        Fit("default", {}, 1000 * place, took, took, 0.0, 1, took, 1.0, {})
        for place, took in enumerate(seconds, start=1)
    ]


def test_threads_are_tried_on_the_smallest_fit_of_a_second():
    """Longer ones tell no more; where time allows no second, the longest that it does allow."""
    assert telling_rows(fits(0.1, 0.4, 1.2, 3.0), seconds=100) == 3000
    assert telling_rows(fits(0.1, 0.4, 1.2, 3.0), seconds=1.5) == 2000
    assert telling_rows(fits(0.1, 0.4), seconds=100) == 2000
    assert telling_rows(fits(0.1, 0.4), seconds=0.1) is None


@pytest.fixture(scope="module")
def measured():
    """A small table, one algorithm, a second."""
    return speed(table(1000), "default", ["gaussian_nb"], measured_s=1.0)


@pytest.mark.skipif(usable_cores() < 2, reason="one core")
@pytest.mark.parametrize(("model", "shares"), [("random_forest", True), ("gaussian_nb", False)])
def test_only_a_model_that_shares_out_its_work_is_told_to_use_threads(measured, model, shares):
    """A forest does; what the table has beside each says so, with the cores kept busy."""
    spec = {
        "name": "loans", "data": {"source": "(in memory)", "target": "default"},
        "model": [{"estimator": model}],
    }  # fmt: skip
    ready = prepare(read_spec(spec), table(3000))
    pieces = parts(ready.dataset, ready.splits[:1])
    largest = replace(fits(0.1)[0], rows=pieces[-1].rows)
    name = next(iter(ready.assignment.recipes))
    threads, rows, said = by_threads(ready, pieces, name, [largest], seconds=120.0)
    assert (rows, said) == (pieces[-1].rows, "")
    assert set(threads) >= {1, 2}
    assert uses_threads(threads) == shares
    told = lines(replace(measured, speeds=(replace(measured.speeds[0], threads=threads),)))[1]
    assert (f"({threads[max(threads)].cores:.1f} cores)" in told) == shares


def test_a_gain_is_told_against_the_same_fit_with_one_thread(measured):
    """1.0 s and 0.4 s are 2.5x; without any figures the table says that there are none."""
    known = measured.speeds[0]
    gained = replace(known, threads={1: Threaded(1.0, 1.0, 1.0), 2: Threaded(0.4, 1.9, 0.5)})
    untried = replace(known, threads={})
    assert "2: 2.5x (1.9 cores)" in lines(replace(measured, speeds=(gained,)))[1]
    assert "not measured" in lines(replace(measured, speeds=(untried,)))[1]


@pytest.mark.parametrize(("theirs", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_of_a_worker_sleep_while_they_wait_unless_the_user_says_otherwise(
    tmp_path, monkeypatch, theirs, found
):
    """OpenMP's threads spin by default, which stops them all where one has no core to itself."""
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if theirs:
        monkeypatch.setenv("OMP_WAIT_POLICY", theirs)
    (tmp_path / "telling.py").write_text(
        "import os\n"
        "from sklearn.naive_bayes import GaussianNB\n"
        "class Telling(GaussianNB):\n"
        "    def fit(self, X, y):\n"
        f"        with open({str(tmp_path / 'policy')!r}, 'w') as file:\n"
        "            file.write(os.environ.get('OMP_WAIT_POLICY', ''))\n"
        "        return super().fit(X, y)\n"
    )
    spec = {
        "name": "loans", "data": {"source": "(in memory)", "target": "default"},
        "resources": {"cpus_per_trial": 2},
        "model": [{"estimator": f"{tmp_path}/telling.py:Telling", "space": {}}],
    }  # fmt: skip
    ready = prepare(read_spec(spec), table(300))
    pieces = parts(ready.dataset, ready.splits[:1])
    with PilotWorker(ready.assignment, ready.dataset, pieces) as worker:
        worker.fit(Configuration(next(iter(ready.assignment.recipes)), {}), 0, 60.0)
    assert (tmp_path / "policy").read_text() == found


def test_what_another_program_burns_is_told_apart_from_our_own():
    """A child counts with the others while it runs, and as our own once it was waited for."""
    load, began = OthersLoad(), time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(2.0)
        running = load.cores()
    finally:
        child.kill()
        child.wait()
    ended, wall_s = load.cores(), time.monotonic() - began
    assert running > 0.2
    assert ended < running - 0.3 * 1.0 / wall_s


def test_a_busy_machine_is_named_under_the_table(measured):
    """Its figures are no fault of the models."""
    cores = os.cpu_count() or 1
    busy = "\n".join(lines(replace(measured, others=float(cores))))
    assert f"other programs kept {cores:.1f} of {cores} cores busy" in busy
    assert "other programs" not in "\n".join(lines(replace(measured, others=0.0)))
