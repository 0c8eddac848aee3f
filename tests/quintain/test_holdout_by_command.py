"""Locked rows from the first look to the last, by the command line and from Python."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import quintain
from evaluators.data import load
from evaluators.errors import QuintainError
from evaluators.holdout import locked_rows
from quintain import holdout
from quintain.sweeps import open_sweep

SPEC = """
name = "loans"
[data]
source = "loans.csv"
target = "default"
drop = ["key"]
[holdout]
test_size = 0.3
looks = 3
[evaluate]
metric = "roc_auc"
[search]
trials = 2
[[model]]
estimator = "logistic_regression"
"""
KEYS = {
    "sweep", "trial", "look", "score", "low", "high", "level", "remaining", "method", "metric",
    "rows", "who", "when", "why",
}  # fmt: skip


@pytest.fixture
def frame(folder):
    """The table of loans.csv with a key that specs drop."""
    frame = pd.read_csv(folder / "loans.csv")
    frame.insert(0, "key", [f"k{number}" for number in range(len(frame))])
    frame.to_csv(folder / "loans.csv", index=False)
    (folder / "loans.toml").write_text(SPEC)
    return frame


def spec(**sections):
    """Another sweep, from Python."""
    base = {
        "name": "other", "data": {"source": "", "target": "default"},
        "search": {"trials": 2}, "model": [{"estimator": "logistic_regression"}],
        "evaluate": {"metric": "roc_auc"},
    }  # fmt: skip
    return base | sections


def codes(result):
    return {each.code: each.figure for each in result.view.warnings}


def test_looks_are_counted_over_all_sweeps(quintain_cli, frame, own_records):
    """Look 1 is exact, look 2 of another sweep on these rows is not, and none trains on them."""
    begun = quintain.run(
        quintain_cli.folder / "loans.toml", runner="inline", records=own_records, progress=False
    )
    assert "new_ledger" in codes(begun)
    first = quintain_cli.json("holdout", "loans", "--why", "to report it")
    whole = load(frame, "default", drop=("key",))
    locked = locked_rows(whole, 0.3)[1]
    fitted = open_sweep("loans", records=own_records).fit()
    by_hand = roc_auc_score(
        frame["default"][locked], fitted.predict_proba(frame.iloc[locked])[:, 1]
    )
    assert set(first) >= KEYS
    assert first["score"] == pytest.approx(by_hand, abs=1e-12)
    assert (first["look"], first["level"], first["remaining"], first["rows"]) == (
        1, 0.95, 2, len(locked),
    )  # fmt: skip
    assert first["low"] < first["score"] < first["high"]
    assert "DeLong" in first["method"]
    assert (first["why"], first["sweep"]) == ("to report it", "loans-1")
    assert "@" in first["who"]

    moved = quintain_cli.folder / "moved.parquet"
    frame.sample(frac=1, random_state=3).to_parquet(moved)
    data = {"source": str(moved), "target": "default", "drop": ["key", "debt", "age"]}
    other = quintain.run(
        spec(data=data, holdout={"test_size": 0.3, "looks": 3}, search={"trials": 2, "seed": 5}),
        runner="inline", records=own_records, progress=False,
    )  # fmt: skip
    assert not {"new_ledger", "held_back"} & set(codes(other))
    second = holdout.look("other", "fewer columns", records=own_records)
    assert (second["look"], second["level"], second["remaining"]) == (2, 0.975, 1)
    assert second["method"].startswith("ladder")
    assert second["shown_better"] is False
    assert second["score"] == pytest.approx(first["score"], abs=1e-7)
    assert second["low"] < first["low"] < first["high"] < second["high"]
    looks = holdout.ledger("loans-1", records=own_records)
    assert [(each["sweep"], each["why"]) for each in looks] == [
        ("loans-1", "to report it"), ("other-1", "fewer columns"),
    ]  # fmt: skip

    none = quintain.run(
        spec(data=data, holdout={"test_size": False}), runner="inline", records=own_records,
        progress=False,
    )  # fmt: skip
    assert codes(none)["held_back"] == len(locked)
    searched = none._prepared.dataset
    assert searched.rows == none.view.header["rows_searched"] == len(frame) - len(locked)
    assert not np.isin(searched.identity, whole.identity[locked]).any()
    again = open_sweep(none.sweep, records=own_records)
    again.fit()
    assert again._prepared.dataset.rows == searched.rows
    with pytest.raises(QuintainError, match=r"has no hold-out: write test_size = 0.2"):
        holdout.look(none.sweep, "to see", records=own_records)

    assert holdout.look("loans-1", "a third one", records=own_records)["remaining"] == 0
    refused = quintain_cli("holdout", "loans-1", "--why", "a fourth")
    assert refused.returncode == 2
    assert "all 3 looks" in refused.stderr
    assert "quintain refresh loans-1 --data NEWER" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_own_test_rows_go_under_the_ledger(folder, frame, own_records):
    """Rows of a test file are scored, and those that stand in training too are not trained on."""
    frame.iloc[400:].to_parquet(folder / "test.parquet")
    frame.iloc[:440].to_csv(folder / "loans.csv", index=False)
    own = spec(
        data={"source": str(folder / "loans.csv"), "target": "default", "drop": ["key"]},
        holdout={"source": str(folder / "test.parquet")},
    )
    result = quintain.run(own, runner="inline", records=own_records, progress=False)
    assert codes(result)["test_rows_in_training"] == 40
    assert result.view.header["rows_searched"] == 400
    with pytest.raises(QuintainError, match="needs its reason"):
        holdout.look("other", "  ", records=own_records)
    told = holdout.look("other", "to see", records=own_records)
    probabilities = result.fit().predict_proba(frame.iloc[400:])[:, 1]
    assert told["rows"] == 200
    assert told["score"] == pytest.approx(roc_auc_score(frame["default"][400:], probabilities))
    frame.iloc[401:].to_parquet(folder / "test.parquet")
    with pytest.raises(QuintainError, match="its test rows have changed"):
        holdout.look("other", "to see again", records=own_records)
    assert len(holdout.ledger("other", records=own_records)) == 1
