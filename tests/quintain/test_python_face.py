"""Quintain from Python: a dict for the spec, a table or arrays for the data."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

import quintain

MODEL = {
    "estimator": "logistic_regression",
    "space": {"C": {"float": [0.01, 10.0], "log": True}},
}


def frame(rows=400):
    rng = np.random.default_rng(1)
    made = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.choice(["x", "y"], rows)})
    made["bought"] = np.where(made["a"] + rng.normal(size=rows) > 1, "yes", "no")
    return made


def spec(**data):
    return {
        "name": "face",
        "data": data,
        "search": {"trials": 3},
        "model": [MODEL],
    }


def test_a_table_in_place_of_a_file():
    """A dict and a DataFrame run; the result has params, trials, a report and a model to use."""
    table = frame()
    result = quintain.run(spec(target="bought"), table, runner="inline")
    assert result.state == "completed"
    assert set(result.best_params) == {"model", "C"}
    assert len(result.trials) == 3
    assert {"scores", "cpu_s", "peak_mb", "wall_s"} <= set(result.trials.columns)
    assert result.report().startswith("positive class: yes")
    assert result.estimate["low"] < result.estimate["score"] < result.estimate["high"]
    model = result.fit()
    labels = model.predict(table.drop(columns="bought"))
    assert set(labels) <= {"yes", "no"}
    assert (labels == table["bought"]).mean() > 0.75
    odd = table.drop(columns="bought").assign(b="never seen")
    assert model.predict_proba(odd).shape == (400, 2)


def test_arrays_in_place_of_a_file():
    """(X, y) needs no column names and no target in the spec."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 3))
    y = (X[:, 0] > 0.8).astype(int)
    result = quintain.run(spec(), (X, y), runner="inline")
    assert result.to_json()["trial_counts"]["completed"] == 3
    assert result.fit().predict(X).shape == (300,)


def test_a_recorded_sweep_is_opened_again():
    """open_sweep gives the same as run did."""
    result = quintain.run(spec(target="bought"), frame(), runner="inline")
    again = quintain.open_sweep(result.sweep)
    assert again.to_json() == result.to_json()


def test_a_completed_sweep_has_nothing_to_resume():
    """What has ended is not begun again by accident."""
    result = quintain.run(spec(target="bought"), frame(), runner="inline")
    with pytest.raises(quintain.QuintainError, match="nothing to resume"):
        quintain.resume(result.sweep, frame())


def test_a_script_needs_no_main_guard(tmp_path, own_records):
    """A script that calls quintain.run at its top level works with child processes."""
    script = tmp_path / "plain.py"
    script.write_text(
        textwrap.dedent("""
        import numpy as np
        import quintain
        rng = np.random.default_rng(0)
        X = rng.normal(size=(200, 2))
        spec = {"name": "plain", "search": {"trials": 2},
                "model": [{"estimator": "gaussian_nb", "space": {"var_smoothing":
                           {"float": [1e-6, 1e-2], "log": True}}}]}
        print(quintain.run(spec, (X, (X[:, 0] > 0).astype(int)), runner="local").state)
        """)
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "completed"


@pytest.mark.parametrize("name", ["search", "cluster", "evaluators"])
def test_a_folder_that_hides_ours_is_refused(tmp_path, name):
    """A user's folder with one of our names beside the script: one clear line, not a riddle."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    script = tmp_path / "mine.py"
    script.write_text("import quintain\n")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert f"quintain needs its own package '{name}'" in done.stderr


def test_importing_quintain_is_light():
    """`import quintain` loads no library but Python's own."""
    heavy = "('numpy', 'ray', 'sklearn', 'pandas')"
    code = f"import sys, quintain; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_everything_there_is():
    """``help(quintain)`` tells of every public name, though none is imported before its use."""
    assert all(f"\n{name} " in quintain.__doc__ for name in quintain.__all__)


def test_a_table_in_memory_is_asked_for_again():
    """What reads the rows again says that they were not kept, and takes them as data=."""
    result = quintain.run(spec(target="bought"), table := frame(), runner="inline")
    pair = [f"{result.sweep}:{trial}" for trial in (0, 1)]
    with pytest.raises(quintain.QuintainError, match=r"given in memory .* data="):
        quintain.compare(*pair)
    assert quintain.compare(*pair, data=table).a == pair[0]
