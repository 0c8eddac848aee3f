"""A nested sweep estimates the search itself, on rows that no part of it saw."""

import numpy as np
import pandas as pd
import pytest

from evaluators.errors import QuintainError
from quintain import driving, nested
from quintain.sweeps import resume, run
from search.records import Records

SPEC = {
    "name": "nested",
    "evaluate": {"metric": "roc_auc", "nested": True, "folds": 3},
    "search": {"trials": 7, "sampler": "random"},
    "model": [{"estimator": "gaussian_nb"}],
}


def table(rows=240):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, 3))
    return values, (values[:, 0] + rng.normal(size=rows) > 0).astype(int)


class Accident:
    """Watches sweeps begin, and fails at the third."""

    begun = 0
    store = ""

    def begin(self, view, machine, budget, slots):
        self.begun += 1
        if self.begun == 3:
            raise OSError("the machine went away")
        return lambda sweep, entries: None

    def say(self, line):
        pass

    def end(self):
        pass


class Ordered(Accident):
    """Orders the whole to stop when its second search begins."""

    def begin(self, view, machine, budget, slots):
        self.begun += 1
        if self.begun == 2:
            with Records.open(self.store) as records:
                records.changes.add("bo", "nested-1", "stop", {"reason": "enough"})
        return lambda sweep, entries: None


def test_an_order_to_stop_reaches_the_search_inside(tmp_path):
    """Stopped among its outer folds it is stopped; resumed, the order is done with."""
    store = str(tmp_path / "records.db")
    watcher = Ordered()
    watcher.store = store
    told = run(SPEC, table(), runner="inline", records=store, watcher=watcher)
    assert told.state == "stopped"
    with Records.open(store) as records:
        assert records.state("nested-1.outer1of3-1") == "completed"
        assert records.sweep("nested-1.outer2of3-1").last["reason"] == "enough"
    assert resume("nested-1", table(), records=store, progress=False).state == "completed"
    with Records.open(store) as records:
        records.submissions.delete("nested-1", "bo", "completed")
        assert records.sweeps() == []


def test_each_outer_fold_is_a_sweep_of_its_own_and_stays_done(tmp_path):
    """Three searches inside, one outside; what was searched before an accident stays searched."""
    store = str(tmp_path / "records.db")
    with pytest.raises(OSError, match="went away"):
        run(SPEC, table(), runner="inline", records=store, watcher=Accident())
    with Records.open(store) as records:
        assert records.state("nested-1") == "interrupted"
        before = records.entries("nested-1.outer1of3-1")
        assert records.header("nested-1.outer1of3-1")["rows_searched"] < 240
    told = resume("nested-1", table(), records=store, progress=False).to_json()
    assert told["state"] == "completed"
    assert told["estimate"]["method"].startswith("nested")
    assert told["estimate"]["low"] < told["estimate"]["score"] < told["estimate"]["high"]
    assert told["estimate"]["tried"] == 28
    assert told["baseline"]["score"] == 0.5
    with Records.open(store) as records:
        assert records.entries("nested-1.outer1of3-1") == before
        names = sorted(found.id for found in records.sweeps())
    assert names == ["nested-1", *(f"nested-1.outer{n}of3-1" for n in (1, 2, 3))]


def test_outer_folds_that_cannot_be_searched_are_found_first(tmp_path):
    """Groups of one class that are too few for inner folds: refused before any fit."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 6)
    table = pd.DataFrame({"x": rng.normal(size=240), "who": groups, "y": (groups < 4).astype(int)})
    spec = {**SPEC, "data": {"target": "y", "group_column": "who"}}
    spec["evaluate"] = {**SPEC["evaluate"], "folds": 4}
    store = str(tmp_path / "records.db")
    with pytest.raises(QuintainError, match=r"evaluate\.nested"):
        run(spec, table, runner="inline", records=store, progress=False)
    with Records.open(store) as records:
        assert [(found.id, found.state) for found in records.sweeps()] == [("nested-1", "failed")]


def test_workers_share_the_rows_of_an_outer_fold(tmp_path, monkeypatch):
    """Each outer fold's rows and folds are mapped once, not copied into every worker."""
    seen = []

    def watched(inside, *rest, **named):
        seen.append((inside.dataset.values, inside.splits[0].train))
        return driving.search(inside, *rest, **named)

    monkeypatch.setattr("evaluators.mapped.WORTH_MAPPING", 1)
    monkeypatch.setattr(nested, "search", watched)
    run(SPEC, table(), runner="inline", records=str(tmp_path / "records.db"), progress=False)
    assert len(seen) == 3
    assert not any(array.flags.writeable for pair in seen for array in pair)
