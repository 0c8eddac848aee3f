"""Large arrays lie in a file that processes share, and small ones travel as they are."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import evaluators
from evaluators import mapped, refit
from evaluators.assignment import Assignment
from evaluators.mapped import WORTH_MAPPING
from evaluators.types import Column, Configuration, Dataset

ROOT = str(Path(evaluators.__file__).parents[1])


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def dataset(rows=300_000, columns=20):
    values = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)
    target = (values[:, 0] > 0).astype(np.int32)
    return Dataset(values, target, tuple(Column(f"c{n}") for n in range(columns)), ("n", "y"))


def other_process(blob, code):
    """What ``code`` prints where ``found`` is what was pickled."""
    program = f"import pickle, sys; found = pickle.load(sys.stdin.buffer)\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", program], input=blob, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": ROOT},
    )  # fmt: skip
    return done.stdout.decode().strip()


def test_an_equal_object_that_cannot_be_written():
    """All arrays are there, equal, and read-only; what is no array is as it was."""
    before = dataset()
    after = mapped.mapped(before)
    np.testing.assert_array_equal(before.values, after.values)
    np.testing.assert_array_equal(before.target, after.target)
    assert after.columns == before.columns
    assert not after.values.flags.writeable
    assert after.values.flags.c_contiguous


def test_small_objects_stay_as_they_are():
    """Below a limit a file is not worth its while."""
    small = dataset(rows=1000)
    assert mapped.mapped(small) is small
    assert len(mapped.dumps(small)) > small.values.nbytes


def test_processes_share_what_is_mapped():
    """A message names the file; whoever opens it has the data, and no memory of its own for it."""
    whole = mapped.mapped(dataset(rows=2_000_000))
    blob = mapped.dumps((whole, whole.values[100:200], lambda x: x + 1))
    assert len(blob) < 5000
    code = (
        "import os; from evaluators.process import own_memory\n"
        "before = own_memory(os.getpid())\n"
        "data, part, add = found; total = float(data.values.sum(dtype='f8'))\n"
        "print(total, (part == data.values[100:200]).all(), add(1))\n"
        "print((own_memory(os.getpid()) - before) / 2**20)"
    )
    told, own_mb = other_process(blob, code).splitlines()
    assert told == f"{float(whole.values.sum(dtype='f8'))} True 2"
    assert float(own_mb) < 20 < whole.values.nbytes / 2**20


def test_a_copy_of_a_part_travels_by_value():
    """What is cut out of mapped data is no longer in the file."""
    whole = mapped.mapped(dataset())
    cut = whole.values[np.arange(0, 100, 2)]
    assert len(mapped.dumps(cut)) > cut.nbytes
    turned = whole.values.T
    assert len(mapped.dumps(turned)) > turned.nbytes
    np.testing.assert_array_equal(pickle.loads(mapped.dumps(turned)), turned)


def test_files_go_with_their_arrays(tmp_path):
    """The file is there as long as somebody here uses it, and no longer."""
    whole = mapped.mapped(dataset())
    row = whole.values[5]
    del whole
    gc.collect()
    assert len(list(tmp_path.iterdir())) == 1
    del row
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed(tmp_path):
    """The next one that maps something takes the file away; that of a living one stays."""
    code = (
        "import numpy, sys, tempfile, time; tempfile.tempdir = sys.argv[1]\n"
        "from evaluators import mapped\n"
        f"kept = mapped.mapped(numpy.ones({WORTH_MAPPING}))\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": ROOT},
    )  # fmt: skip
    assert other.stdout.readline() == b"ready\n"
    mine = mapped.mapped(dataset())
    assert len(list(tmp_path.iterdir())) == 2
    other.send_signal(signal.SIGKILL)
    other.wait()
    other.stdout.close()
    again = mapped.mapped(dataset(rows=400_000))
    assert len(list(tmp_path.iterdir())) == 2
    assert mine.rows + again.rows == 700_000


def test_a_full_disk_is_no_trouble(monkeypatch):
    """Where the file cannot be written the object stays in memory."""

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    whole = dataset()
    assert mapped.mapped(whole) is whole


def test_a_worker_that_ends_leaves_the_file(tmp_path):
    """Only its writer removes it."""
    whole = mapped.mapped(dataset())
    other_process(mapped.dumps(whole), "print(found.values[0, 0])")
    time.sleep(0.1)
    assert len(list(tmp_path.iterdir())) == 1
    assert whole.values.shape == (300_000, 20)


def test_a_file_that_another_process_tidied_away_is_no_trouble(tmp_path, monkeypatch):
    """Between making a file and locking it, another driver may take it for left behind."""
    made = tempfile.mkstemp

    def tidied(*args, **kwargs):
        handle, path = made(*args, **kwargs)
        os.unlink(path)
        return handle, path

    monkeypatch.setattr(tempfile, "mkstemp", tidied)
    before = dataset()
    assert mapped.mapped(before) is before


class Centred:
    """A model that works in place, as it may on the copy that a fold is."""

    def fit(self, values, target, sample_weight=None):
        values -= values.mean(axis=0)
        target += 0
        return self


def test_a_model_that_works_in_place_is_refitted_on_mapped_data(monkeypatch):
    """Folds are copies; so the fit on all rows must not fail where the search went well."""
    monkeypatch.setattr(refit, "build", lambda *args, **kwargs: Centred())
    data = mapped.mapped(dataset())
    first = data.values[0].copy()
    task = Assignment({"m": None}, ())
    assert isinstance(refit.refit(task, data, Configuration("m", {})).model, Centred)
    np.testing.assert_array_equal(data.values[0], first)
