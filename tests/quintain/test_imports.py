"""What a command does not need it does not import: seconds, held without a clock."""

import subprocess
import sys

import pytest

#: Each costs a tenth of a second or more.
HEAVY = {"ray", "optuna", "xgboost", "sklearn", "scipy", "pandas", "pyarrow", "sqlalchemy"}

SHOW = "import sys; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
MISSING = """
import sys
from quintain.cli import main
sys.argv = ["quintain", "run", "missing.toml"]
try:
    main()
except SystemExit as left:
    assert left.code == 2
"""


def imported_by(program, folder):
    """The top-level packages that a program has imported at its end."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{SHOW}"], cwd=folder, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "program", ["import quintain.cli", "import quintain.sweeps", MISSING],
    ids=["help", "the running of sweeps", "a missing spec"],
)  # fmt: skip
def test_nothing_heavy_is_imported(program, tmp_path):
    """Not for `--help`, and not before a spec has been read."""
    assert imported_by(program, tmp_path) & HEAVY == set()


def test_help_needs_no_arrays(tmp_path):
    """Not even numpy, nor what checks specs."""
    assert imported_by("import quintain.cli", tmp_path) & {"numpy", "pydantic"} == set()


def test_local_workers_do_not_import_ray_or_what_reads_tables(tmp_path):
    """They start as quickly as scikit-learn lets them."""
    found = imported_by("import cluster.local_worker", tmp_path)
    assert found & (HEAVY | {"rich"}) <= {"scipy"}


def test_ray_can_be_begun_without_tune(tmp_path):
    """Ray's start waits for nothing that the start itself could overlap."""
    found = imported_by("import cluster.early, sys; assert 'ray.tune' not in sys.modules", tmp_path)
    assert found & {"ray", "pandas", "sklearn"} == set()
