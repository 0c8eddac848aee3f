"""Start-up: seconds from a process's start to its first fit, beside a bare ``ray.init``.

Interleaved, each in a process of its own. The model of the spec notes the moment at which its
first fit begins, in whichever process that is; so interpreter, imports, data, folds, baselines,
Ray and a worker's own start are all in the figure. The table is small, and nothing is planned.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

BARE_RAY = "import ray; ray.init(address='local', include_dashboard=False)"
MODEL = """
import os, time
from sklearn.linear_model import LogisticRegression

class First(LogisticRegression):
    def __init__(self, note="", C=1.0):
        super().__init__(C=C)
        self.note = note

    def fit(self, X, y):
        moment = time.time()
        try:
            with open(self.note, "x") as file:
                file.write(repr(moment))
        except FileExistsError:
            pass
        return super().fit(X, y)
"""
SPEC = """
name = "startup"
[data]
source = "table.csv"
target = "target"
[holdout]
test_size = false
[evaluate]
metric = "roc_auc"
metrics = []
[search]
trials = 2
sampler = "random"
[[model]]
estimator = "first.py:First"
params = {{ note = "{note}" }}
space = {{ C = {{ float = [0.01, 10.0] }} }}
"""


def write_work(folder: Path, rows: int) -> None:
    """A table of so many rows and ten columns, a spec and its model."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 10))
    y = (X[:, 0] + rng.normal(size=rows) > 0).astype(int)
    lines = [",".join([*(f"x{i}" for i in range(10)), "target"])]
    lines += [",".join(f"{v:.6f}" for v in row) + f",{t}" for row, t in zip(X, y, strict=True)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    (folder / "first.py").write_text(MODEL)
    (folder / "spec.toml").write_text(SPEC.format(note=folder / "note"))


def run(arguments: list[str], folder: Path) -> tuple[float, float, int, str]:
    """(when it began, when it ended, exit code, standard error) of a Python process."""
    began = time.time()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    return began, time.time(), done.returncode, done.stderr


def first_fit_s(runner: str, folder: Path) -> float:
    """Seconds to the first fit of ``quintain run``."""
    note = folder / "note"
    note.unlink(missing_ok=True)
    began, _, code, said = run(
        ["-m", "quintain.cli", "run", "spec.toml", "--runner", runner, "--no-plan", "--json",
         "--records", "records.db", "--fresh"],
        folder,
    )  # fmt: skip
    if code != 0:
        raise RuntimeError(f"quintain run ended with {code}: {said}")
    return float(note.read_text()) - began


def whole_s(arguments: list[str], folder: Path, code: int = 0) -> float:
    """Seconds that a process takes; RuntimeError where it ends with another exit code."""
    began, ended, found, said = run(arguments, folder)
    if found != code:
        raise RuntimeError(f"{arguments} ended with {found}: {said}")
    return ended - began


def bare_ray_s(folder: Path) -> float:
    """Seconds until ``ray.init`` has returned in a bare process; its own end is not in it."""
    program = f"{BARE_RAY}; import time; open('ray-note', 'w').write(repr(time.time()))"
    began, _, code, said = run(["-c", program], folder)
    if code != 0:
        raise RuntimeError(f"ray.init ended with {code}: {said}")
    return float((folder / "ray-note").read_text()) - began


def ways(folder: Path) -> dict[str, Callable[[], float]]:
    """What is measured, by name."""
    missing = ["-m", "quintain.cli", "run", "missing.toml"]
    return {
        "import ray; ray.init()": lambda: bare_ray_s(folder),
        "run, ray: first fit": lambda: first_fit_s("ray", folder),
        "run, local: first fit": lambda: first_fit_s("local", folder),
        "run on a missing spec": lambda: whole_s(missing, folder, 2),
        "quintain --help": lambda: whole_s(["-m", "quintain.cli", "--help"], folder),
        "python -c pass": lambda: whole_s(["-c", "pass"], folder),
    }


def main() -> None:
    """Interleaved runs, then a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 runs of each in place of 7")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    asked = parser.parse_args()
    runs = asked.runs or (3 if asked.quick else 7)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_work(folder, asked.rows)
        measured = ways(folder)
        for way in measured.values():  # bytecode and the page cache: the first run pays for all
            way()
        for _ in range(runs):
            for told, way in measured.items():
                figures.setdefault(told, []).append(way())
    print(f"{'wall seconds of a process':<26}{'median':>8}{'least':>8}{'most':>8}   ({runs} runs)")
    for told, seconds in figures.items():
        middle = statistics.median(seconds)
        print(f"{told:<26}{middle:>8.2f}{min(seconds):>8.2f}{max(seconds):>8.2f}")
    bare = statistics.median(figures["import ray; ray.init()"])
    ours = statistics.median(figures["run, ray: first fit"])
    print(f"first fit on ray: {ours / bare:.2f} times a bare ray.init, {ours - bare:+.2f} s")
    if asked.json:
        machine = (
            f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        told_all = {"machine": machine, "ray": version("ray"), "rows": asked.rows, "runs": figures}
        asked.json.write_text(json.dumps(told_all, indent=2) + "\n")


if __name__ == "__main__":
    main()
