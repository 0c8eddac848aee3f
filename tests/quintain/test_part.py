"""``[data] rows``: the search on a part of the rows, finalists and estimate on all of them."""

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import quintain
from evaluators.errors import DataError, SplitError
from evaluators.oof import decode
from quintain import holdout
from quintain.cli import cli, main
from quintain.part import folds_of, part_within
from quintain.prepare import prepare
from quintain.sameness import must_be_the_same
from quintain.sweeps import resume
from search.finals_plan import CHOICE, ESTIMATE
from search.records import Records
from search.spec import read_spec
from tests.quintain.conftest import table

#: Big enough for a hold-out: more than 500 positives.
ROWS, PART = 2500, 500


def spec(rows=PART, **tables):
    asked = {
        "name": "loans",
        "data": {"source": "(in memory)", "target": "default", "rows": rows},
        "evaluate": {"metric": "roc_auc", "folds": 3},
        "search": {"trials": 4, "sampler": "random"},
        "model": [{"estimator": "logistic_regression"}],
    }
    return {**asked, **tables}


def prepared(rows=PART, data=None, **tables):
    return prepare(read_spec(spec(rows, **tables)), table(ROWS) if data is None else data)


def test_folds_of_a_part_are_those_of_the_part_alone():
    """Every row of the part is tested once, no other row takes part, and the folds are those that
    a table of nothing but these rows would have.
    """
    ready = prepared()
    part = ready.part.rows
    assert len(part) == ready.rows_searched == PART
    assert ready.dataset.rows + ready.division.rows_locked == ROWS
    np.testing.assert_array_equal(np.sort(np.concatenate([s.test for s in ready.splits])), part)
    alone, _ = folds_of(ready.plan, ready.dataset.take(part), None)
    for mapped, own in zip(ready.splits, alone, strict=True):
        np.testing.assert_array_equal(mapped.train, part[own.train])
        np.testing.assert_array_equal(mapped.test, part[own.test])


def test_the_part_depends_on_the_rows_alone():
    """Rows in another order, another seed of the search and a sweep that goes on: one part, by
    identity; it holds no locked row.
    """
    frame = table(ROWS)
    first = prepared(data=frame)
    found = set(first.dataset.identity[first.part.rows])
    assert not found & set(first.division.locked.identity)
    shuffled = prepared(data=frame.sample(frac=1, random_state=1), search={"trials": 4, "seed": 9})
    assert set(shuffled.dataset.identity[shuffled.part.rows]) == found
    header = first.header("inline")
    again = prepare(read_spec(spec()), frame, header=header)
    np.testing.assert_array_equal(again.part.rows, first.part.rows)
    assert again.part.header == header["part"]
    must_be_the_same("loans-1", header, again)
    header["part"] = header["part"] | {"digest": "of other rows"}
    with pytest.raises(DataError, match="another part of the rows than loans-1"):
        must_be_the_same("loans-1", header, again)


def test_all_rows_are_no_part():
    """As many rows as there are to search are all of them; in an outer fold with fewer, too."""
    ready = prepared()
    whole = prepared(rows=ready.dataset.rows)
    assert (whole.part, whole.searched_baseline) == (None, None)
    assert whole.assignment.fresh_dearer == 1.0
    assert part_within(ready.part, ready.dataset.take(np.arange(PART))) is None
    within = part_within(ready.part, ready.dataset.take(np.arange(0, 1500)))
    assert (len(within.rows), within.of) == (PART, 1500)
    assert 1.0 < within.dearer < ready.part.dearer


def test_finalists_are_scored_on_all_rows_and_trials_on_the_part(tmp_path, own_records):
    """By command, on worker processes: together the folds of every trial tested the part and no
    other row, those of the finalists and of the estimate every development row.
    """
    table(ROWS).to_csv(tmp_path / "loans.csv", index=False)
    (tmp_path / "loans.toml").write_text(
        f'name = "loans"\n[data]\nsource = "{tmp_path / "loans.csv"}"\ntarget = "default"\n'
        f'rows = {PART}\n[evaluate]\nmetric = "roc_auc"\nfolds = 3\n'
        '[search]\ntrials = 4\nsampler = "random"\n[[model]]\nestimator = "logistic_regression"\n'
    )
    command = ["run", str(tmp_path / "loans.toml"), "--runner", "local", "--json"]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    told = json.loads(done.stdout)
    assert told["state"] == "completed"
    assert told["estimate"]["optimism"] is None
    with Records.open(own_records, create=False) as store:
        header, entries = store.header("loans-1"), list(store.entries("loans-1"))
        folder = store.folder / "loans-1"
        ready = prepare(read_spec(header["spec"]), None, store, header)

        def rows_of(entry):
            return np.unique(decode((folder / entry.body["oof"]).read_bytes())[0])

        trials = [rows_of(each) for each in entries if each.kind == "ended"]
        finals = [each for each in entries if each.kind == "rescored"]
        assert len(trials) == 4
        assert all(np.array_equal(rows, ready.part.rows) for rows in trials)
        on = [each.body["partition"] for each in finals]
        assert sorted(on) == [CHOICE] * 3 + [ESTIMATE]
        for each in finals:
            np.testing.assert_array_equal(rows_of(each), np.arange(ready.dataset.rows))
    assert (header["rows_searched"], header["part"]["of"]) == (PART, ready.dataset.rows)
    shown = CliRunner().invoke(cli, ["report", "loans-1"], catch_exceptions=False).stdout
    assert f"{PART:,} of {ready.dataset.rows:,} searched, finalists on all" in " ".join(
        shown.split()
    )
    assert f"3 fresh folds of all {ready.dataset.rows:,} rows" in " ".join(shown.split())
    assert "score on fresh folds of all rows" in " ".join(shown.split())


def test_the_winner_is_fitted_and_looked_at_on_all_rows(own_records):
    """``fit`` and a look at the hold-out know every development row, not the part alone."""
    frame = table(ROWS)
    asked = spec(evaluate={"metric": "f1", "threshold": {"maximize": "f1"}, "folds": 3})
    result = quintain.run(asked, frame, runner="inline", progress=False)
    fitted = result.fit()
    assert result._prepared.dataset.rows == ROWS - result.view.header["rows_locked"]
    estimate = result.view.finals.estimate.row
    assert fitted.threshold == estimate.threshold == result.view.threshold
    assert estimate.threshold != result.view.best.threshold
    look = holdout.look("loans", "to see", frame)
    assert look["rows"] == result.view.header["rows_locked"] > 300


def test_what_no_features_score_is_on_the_rows_of_the_estimate(own_records):
    """A rare class is a larger share of the part: the baseline beside the estimate is that of all
    rows, the search is held against the part's own.
    """
    frame = table(4000)
    frame = pd.concat([frame[frame["default"] == 0], frame[frame["default"] == 1][:80]])
    asked = spec(rows=400, evaluate={"metric": "average_precision", "folds": 3},
                 holdout={"test_size": False})  # fmt: skip
    result = quintain.run(asked, frame, runner="inline", progress=False)
    found = result.view.baseline
    assert found.score == pytest.approx(80 / len(frame), abs=1e-3)
    assert found.searched == pytest.approx(50 / 400, abs=5e-3)
    assert result.to_json()["baseline"]["score"] == found.score
    assert "minority_floor" in [each.code for each in result.view.warnings]


@pytest.mark.parametrize(
    ("rows", "folds", "words", "works"),
    [
        (0, 3, "data.rows = 0 is too few", 6),
        (-7, 3, "data.rows = -7 is too few", 6),
        (3, 3, "two of each of 2 classes", 6),
        (8, 5, "is too few for the folds (evaluate.folds = 5: class '0' has 4 rows", 10),
        (2600, 3, "is more than the", None),
    ],
)
def test_a_number_of_rows_that_cannot_be(tmp_path, monkeypatch, capsys, rows, folds, words, works):
    """One line, exit code 2 and a number: it works, and one row further on does not."""
    table(ROWS).to_csv(tmp_path / "loans.csv", index=False)
    (tmp_path / "loans.toml").write_text(
        f'name = "loans"\n[data]\nsource = "loans.csv"\ntarget = "default"\nrows = {rows}\n'
        f'[evaluate]\nfolds = {folds}\n[[model]]\nestimator = "logistic_regression"\n'
    )
    monkeypatch.setattr(sys, "argv", ["quintain", "run", str(tmp_path / "loans.toml")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line
    whole = prepared(rows=None)
    works, beyond = (whole.dataset.rows, +1) if works is None else (works, -1)
    assert f"data.rows = {works}" in line
    evaluate = {"folds": folds}
    assert prepared(rows=works, evaluate=evaluate).rows_searched == works
    with pytest.raises((DataError, SplitError)):
        prepared(rows=works + beyond, evaluate=evaluate)


def test_a_part_that_stands_for_nothing_is_told():
    """Ten rows fail the tests: a warning names them, and a number of rows that passes."""
    ready = prepared(rows=10, evaluate={"folds": 2})
    (warned,) = [each for each in ready.warnings if each.code == "part_not_representative"]
    enough = ready.part.enough
    assert f"rows = {enough} passes" in warned.message
    assert ready.part.redraws == 5
    assert not prepared(rows=enough, evaluate={"folds": 2}).part.failed


def test_a_sweep_of_a_version_that_knew_the_part_alone_goes_on_so(own_records):
    """Its header tells of no part: hold-out, folds and finalists stay within the rows it drew."""
    frame, asked = table(ROWS), read_spec(spec())
    with Records.open(own_records) as store:
        earlier = prepare(asked, frame, store, header={"kept_out": []})
        header = earlier.header("inline")
        assert header.pop("part") is None
        name = store.create("loans", header)
    assert earlier.dataset.rows + earlier.division.rows_locked == PART
    result = resume(name, frame, runner="inline", progress=False)
    assert result.state == "completed"
    assert result.view.header["rows_searched"] == earlier.dataset.rows
    with Records.open(own_records) as store:
        rescored = [each for each in store.entries(name) if each.kind == "rescored"]
        kept = [(store.folder / name / each.body["oof"]).read_bytes() for each in rescored]
    assert all(decode(each)[0].max() < earlier.dataset.rows for each in kept)
    result.fit()
    assert result.to_json()["estimate"]["optimism"] is not None


def test_each_outer_fold_searches_a_part_of_its_own_rows(own_records):
    """Nested: as many rows of each outer fold's training rows, finalists on all of those."""
    asked = spec(evaluate={"metric": "roc_auc", "folds": 2, "nested": True},
                 holdout={"test_size": False})  # fmt: skip
    result = quintain.run(asked, table(1200), runner="inline", progress=False)
    assert result.state == "completed"
    assert result.estimate["method"].startswith("nested")
    with Records.open(own_records, create=False) as store:
        header = store.header("loans-1.outer1of2-1")
    assert (header["rows_searched"], header["part"]["of"]) == (PART, 600)


def test_sweeps_on_a_part_and_on_all_rows_compare(own_records):
    """On the rows that both have scored while searching: the part."""
    for rows in (PART, None):
        quintain.run(spec(rows), table(ROWS), runner="inline", progress=False)
    found = quintain.compare("loans-1", "loans-2", data=table(ROWS))
    assert f"compared on the {PART} rows that both have searched" in found.notes
    assert np.isfinite(found.difference)


def test_a_trial_limit_grows_with_the_rows(own_records):
    """A finalist on five times the rows may take more than five times a trial's limit."""
    from evaluators.crossval import Evaluator

    ready = prepared(search={"trials": 4, "trial_timeout": 10})
    evaluator = Evaluator(ready.assignment, ready.dataset, [ready.splits, ready.splits])
    assert evaluator._limit(0, 3) == 10
    ratio = ready.dataset.rows / PART
    assert evaluator._limit(1, 3) == pytest.approx(10 * ratio**1.2)
    assert evaluator._limit(1, 6) == pytest.approx(20 * ratio**1.2)
    same = Evaluator(replace(ready.assignment, fresh_dearer=1.0), ready.dataset, [ready.splits] * 2)
    assert same._limit(1, 3) == 10


class Accident:
    """Watches a sweep and fails once two trials have ended."""

    ended = 0

    def begin(self, view, machine, budget, slots):
        return self.happened

    def happened(self, sweep, entries):
        self.ended += sum(entry.kind == "ended" for entry in entries)
        if self.ended >= 2:
            raise OSError("the machine went away")

    def end(self):
        pass


def test_a_sweep_on_a_part_goes_on_with_the_same_part(own_records):
    """After an accident: trials of before and after have the same rows, finalists all."""
    frame = table(ROWS)
    with pytest.raises(OSError, match="went away"):
        quintain.run(spec(), frame, runner="inline", watcher=Accident())
    assert resume("loans-1", frame, progress=False).state == "completed"
    with Records.open(own_records, create=False) as store:
        header, entries = store.header("loans-1"), list(store.entries("loans-1"))
        folder = store.folder / "loans-1"
        kept = {
            (each.kind, each.trial): np.unique(decode((folder / each.body["oof"]).read_bytes())[0])
            for each in entries
            if each.body.get("oof")
        }
    trials = [rows for (kind, _), rows in kept.items() if kind == "ended"]
    assert len(trials) == 4
    assert all(np.array_equal(rows, trials[0]) for rows in trials)
    assert len(trials[0]) == header["part"]["rows"] == PART
    finals = [rows for (kind, _), rows in kept.items() if kind == "rescored"]
    assert {len(rows) for rows in finals} == {header["part"]["of"]}
