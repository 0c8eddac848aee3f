"""Latency measured, limited and drawn in a real sweep."""

import textwrap
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

import quintain
from evaluators.errors import QuintainError
from quintain.front_picture import write

SLOW = """
import time
from sklearn.linear_model import LogisticRegression

class Slow(LogisticRegression):
    def predict_proba(self, values):
        time.sleep(0.03)
        return super().predict_proba(values)
"""


@pytest.fixture
def result(tmp_path, monkeypatch):
    """A search over a quick model and one that sleeps 30 ms in each prediction."""
    (tmp_path / "slow.py").write_text(textwrap.dedent(SLOW))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    frame["bought"] = np.where(frame["a"] + rng.normal(size=400) > 0.5, "yes", "no")
    space = {"C": {"float": [0.01, 10.0], "log": True}}
    spec = {
        "name": "front", "data": {"target": "bought"}, "evaluate": {"folds": 3},
        "search": {"trials": 8, "sampler": "random", "constraints": {"predict_ms_per_1k": 150}},
        "model": [
            {"estimator": "logistic_regression", "space": space},
            {"name": "slow", "estimator": "slow.py:Slow", "space": space},
        ],
    }  # fmt: skip
    return quintain.run(spec, frame, runner="inline")


def test_latency_is_measured_limited_and_drawn(result, tmp_path):
    """30 ms a call are seen as such; the slow model never wins; the picture stands alone."""
    rows = result.trials
    slow = rows[rows["model"] == "slow"]
    folds_rows = result.view.header["rows_searched"] / 3
    assert 0 < len(slow) < len(rows)
    assert np.allclose(slow["predict_ms_per_1k"], 30_000 / folds_rows, rtol=0.25)
    assert (rows.loc[rows["model"] != "slow", "predict_ms_per_1k"] < 100).all()
    assert list(slow["state"].unique()) == ["completed"]
    assert slow["infeasible"].str.startswith("predict_ms_per_1k ").all()
    assert result.best_params["model"] == "logistic_regression"
    assert f"{len(slow)} of {len(rows)} over predict_ms_per_1k 150 ms, least" in result.report()
    write(result.view, tmp_path / "front.svg")
    drawn = (tmp_path / "front.svg").read_text()
    ElementTree.fromstring(drawn)  # raises where it is no XML
    assert drawn.count('class="out"') == len(slow) + 1, "each that breaks a limit, and the legend"
    assert "href" not in drawn
    assert "winner: " in drawn
    assert "baseline 0.5" in drawn
    with pytest.raises(QuintainError, match="only SVG"):
        write(result.view, tmp_path / "front.png")
    with pytest.raises(QuintainError, match="cannot be written"):
        write(result.view, tmp_path / "nowhere" / "front.svg")
