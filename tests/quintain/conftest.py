"""A small imbalanced table on disk, and the command line as a user calls it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search.records import Records

SPEC = """
name = "loans"
[data]
source = "loans.csv"
target = "default"
[search]
trials = {trials}
[[model]]
estimator = "logistic_regression"
[[model]]
estimator = "hist_gradient_boosting"
"""


def table(rows=600, seed=0):
    """A quarter of ones, three numbers and a category with missing values."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["income", "age", "debt"]).round(4)
    frame["city"] = rng.choice(["Bern", "Ulm", "Graz"], rows)
    frame.loc[rng.random(rows) < 0.05, "city"] = None
    logit = 1.5 * frame["income"] + (frame["city"] == "Ulm") - 1.8
    frame["default"] = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype(int)
    return frame


@pytest.fixture
def folder(tmp_path):
    """A user's folder with loans.csv and loans.toml (6 trials)."""
    here = tmp_path / "user"
    here.mkdir()
    table().to_csv(here / "loans.csv", index=False)
    (here / "loans.toml").write_text(SPEC.format(trials=6))
    return here


class Quintain:
    """The command line in a child process, as a user calls it."""

    def __init__(self, folder, records):
        self.folder = folder
        self.environment = {**os.environ, "QUINTAIN_RECORDS": records, "OMP_NUM_THREADS": "1"}

    def start(self, *arguments, **options):
        command = [str(Path(sys.executable).parent / "quintain"), *map(str, arguments)]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
        )  # fmt: skip

    def __call__(self, *arguments, timeout=240):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def json(self, *arguments):
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def trials_ended(self, sweep):
        """Read from the store itself: a command each time would take the cores from the sweep."""
        time.sleep(0.1)
        with Records.open(self.environment["QUINTAIN_RECORDS"], create=False) as store:
            if sweep not in [found.id for found in store.sweeps()]:
                return 0
            entries = store.entries(sweep)
        return sum(e.kind == "ended" and e.body["state"] == "completed" for e in entries)

    def interrupted_in_mid_sweep(self, number, *arguments, ended=2, sweep="loans-1"):
        """Start a sweep, wait until some trials ended, send the signal to that process alone."""
        process = self.start(*arguments)
        try:
            deadline = time.monotonic() + 120
            while self.trials_ended(sweep) < ended:
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
            sent = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err), (
            time.monotonic() - sent
        )


@pytest.fixture
def quintain_cli(folder, own_records):
    return Quintain(folder, own_records)
