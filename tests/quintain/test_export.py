"""A sweep in the hands of other programs: pandas, CSV, Parquet, Optuna, MLflow, a user's logger."""

import csv
import json
import math
import sys
import warnings

import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState

import quintain
from quintain.exports import optuna_file
from quintain.exports.evidence import exported
from quintain.exports.study import study_of
from search.entries import Entry
from search.errors import RecordsError
from search.records import Records
from tests.quintain.conftest import table

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import optuna.visualization as draw

SPEC = {
    "name": "loans",
    "data": {"target": "default"},
    "search": {"trials": 40, "sampler": "random", "seed": 3, "stop_when": {"failed": 40}},
    "model": [
        {
            "estimator": "logistic_regression",
            "space": {"C": {"float": [0.01, 10.0], "log": True}, "max_iter": [100, 200, -1]},
        },
        {
            "estimator": "hist_gradient_boosting",
            "params": {"max_iter": 8},
            "space": {
                "max_depth": {"int": [2, 6]},
                "min_samples_leaf": [10, 20, 400],
                "learning_rate": {"float": [0.0001, 0.5], "log": True},
            },
        },
    ],
}
#: Texts that a spreadsheet or pandas would take for something else, and plain ones.
TEXTS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "NA", "None", "", "1e5", "true",
    "012", "a,b", 'a"b', "two\nlines", "Ünly", "=cmd|' /C calc'!A0",
]  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A real sweep with completed, pruned and failed trials; what callbacks heard of it."""
    folder = tmp_path_factory.mktemp("export")
    url, heard = str(folder / "runs.db"), []

    def wrong(sweep, trial):
        raise ValueError(f"no room for {sweep}")

    result = quintain.run(
        SPEC, table(), runner="inline", records=url, progress=False, plan=False,
        callbacks=[wrong, lambda sweep, trial: heard.append((sweep, trial))],
    )  # fmt: skip
    return result, url, heard


@pytest.fixture
def odd(tmp_path):
    """A sweep under way, made by hand: strange texts among parameters, every state of a trial."""
    url = str(tmp_path / "odd.db")
    ends = ["completed", "pruned", "failed", "cancelled", None, None]
    with Records.open(url) as records:
        sweep = records.create("odd", {"metric": "roc_auc", "direction": "minimize"})
        for number, text in enumerate(TEXTS):
            end = ends[min(number, len(ends) - 1)]
            params = {"text": text, "mixed": [3, 0.5, "sqrt", None][number % 4]}
            params |= {"depth": number, "rate": math.pi * 10.0**-number} if number % 2 else {}
            entries = [Entry("asked", 1.0, {"model": "m", "params": params}, number)]
            if number < 5:
                entries.append(Entry("started", 2.0, {"worker": "h/1", "queue_s": 1.0}, number, 0))
            if end:
                folds = {"roc_auc": [0.25, 0.5][: 1 + (end == "completed")]}
                body = {"state": end, "scores": {"roc_auc": 0.375}, "folds": folds}
                body |= {"cause": "numeric", "reason": "=HYPERLINK()"} if end == "failed" else {}
                entries.append(Entry("ended", 3.5, body, number, 0))
            records.append(sweep, entries)
    return url


def test_a_frame_has_a_row_a_trial_and_a_column_for_all(swept):
    """Parameters, each fold's score, cost, state and reason, in types that hold them exactly."""
    result, url, _ = swept
    frame = result.to_pandas()
    with Records.open(url, create=False) as records:
        pd.testing.assert_frame_equal(records.to_pandas(), frame)
        pd.testing.assert_frame_equal(records.to_pandas("loans"), frame)
    assert list(frame["trial"]) == list(range(len(result.view.trials)))
    assert {"completed", "pruned", "failed"} <= set(frame["state"])
    assert frame["params.max_depth"].dtype == "Int64"
    for row, trial in zip(frame.to_dict("records"), result.view.trials, strict=True):
        assert json.loads(row["params"]) == trial.params
        assert row["wall_s"] == trial.wall_s
        for fold, score in enumerate(trial.folds.get("roc_auc", ())):
            assert row[f"folds.roc_auc.{fold}"] == score
        if trial.state == "failed":
            assert (row["cause"], row["reason"]) == (trial.cause, trial.reason)


def test_csv_comes_back_as_it_was(odd, tmp_path):
    """No cell is a formula, and pandas has every text and number again by the rule in the docs."""
    found = exported("odd", odd)
    from quintain.exports.tables import csv_file
    from search.frame import frame

    path = tmp_path / "odd.csv"
    csv_file(found.view, path)
    with path.open(newline="") as file:
        cells = [cell for row in list(csv.reader(file))[1:] for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r")]
    assert not [cell for cell in cells if cell[:1] == "-" and math.isnan(float(cell))]
    read = pd.read_csv(path).replace("^'", "", regex=True)
    kept = frame([found.view])
    assert list(read["params.text"]) == TEXTS == list(kept["params.text"])
    for name in ("trial", "score", "wall_s", "params.depth", "params.rate", "folds.roc_auc.1"):
        one, other = (each[name].astype("float64") for each in (read, kept))
        pd.testing.assert_series_equal(one, other, check_exact=True)
    assert list(read["reason"].dropna()) == ["=HYPERLINK()"]


def test_parquet_keeps_types(odd, tmp_path, quintain_cli):
    """Whole numbers stay whole beside missing ones; a column of several types is text."""
    path = tmp_path / "odd.parquet"
    told = quintain_cli.json("export", "odd", "--to", "parquet", "--out", path, "--records", odd)
    assert told == {"sweep": "odd-1", "to": "parquet", "out": str(path), "trials": len(TEXTS)}
    read = pd.read_parquet(path)
    assert read["params.depth"].dtype == "Int64"
    assert list(read["params.text"]) == TEXTS
    assert list(read["params.mixed"][:3]) == ["3", "0.5", "sqrt"]


def test_no_file_is_replaced_unasked(odd, tmp_path, quintain_cli):
    """What stands there stays until --force says otherwise."""
    path = tmp_path / "mine.csv"
    path.write_text("mine")
    command = ("export", "odd", "--to", "csv", "--out", path, "--records", odd)
    refused = quintain_cli(*command)
    assert (refused.returncode, path.read_text()) == (2, "mine")
    assert "--force" in refused.stderr
    assert quintain_cli(*command, "--force").returncode == 0
    assert path.read_text().startswith("sweep,trial,state")
    nowhere = quintain_cli(*command[:-3], tmp_path / "no" / "a.csv", "--records", odd)
    assert nowhere.returncode == 2
    assert nowhere.stderr.count("\n") == 1


def test_a_study_in_a_file_has_the_right_states(odd, tmp_path, quintain_cli):
    """As optuna-dashboard reads it: states, values on the way, times, direction, attributes."""
    path = tmp_path / "odd.optuna.db"
    command = ("export", "odd", "--to", "optuna", "--out", path, "--records", odd)
    assert quintain_cli(*command).returncode == 0
    study = optuna.load_study(study_name="odd-1", storage=f"sqlite:///{path}")
    assert [trial.state for trial in study.trials[:6]] == [
        TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.FAIL,
        TrialState.RUNNING, TrialState.WAITING,
    ]  # fmt: skip
    assert study.direction.name == "MINIMIZE"
    done, pruned, failed, cancelled = study.trials[:4]
    assert done.value == 0.375
    assert done.intermediate_values == {1: 0.25, 2: 0.375}
    assert pruned.intermediate_values == {1: 0.25}
    assert done.duration.total_seconds() == 1.5
    assert (failed.user_attrs["state"], failed.user_attrs["cause"]) == ("failed", "numeric")
    assert cancelled.user_attrs["state"] == "cancelled"
    assert [trial.params["text"] for trial in study.trials] == TEXTS
    again = quintain_cli(*command)
    assert again.returncode == 2
    assert "there already" in again.stderr
    assert quintain_cli(*command, "--force").returncode == 0
    assert len(optuna.load_study(study_name="odd-1", storage=f"sqlite:///{path}").trials) == 18


def test_a_study_goes_into_no_other_database(odd, tmp_path, quintain_cli):
    """Not into our own records, nor into a file that is no database."""
    text = tmp_path / "notes.txt"
    text.write_text("mine " * 100)
    for path in (odd, text):
        with open(path, "rb") as file:
            before = file.read()
        refused = quintain_cli("export", "odd", "--to", "optuna", "--out", path, "--records", odd)
        assert refused.returncode == 2
        assert refused.stderr.count("\n") == 1
        with open(path, "rb") as file:
            assert file.read() == before


def test_a_study_of_a_real_sweep_says_what_was_tried(swept):
    """Distributions of the spec, scores, pruned trials with what they were compared by."""
    result, _, _ = swept
    study = result.study()
    for told, trial in zip(study.trials, result.view.trials, strict=True):
        assert told.params["model"] == trial.model
        for name, value in trial.params.items():
            assert told.params[f"{trial.model}.{name}"] == value
        if trial.state == "completed":
            assert told.value == trial.score
            assert told.user_attrs["wall_s"] == trial.wall_s
        if trial.state == "pruned":
            assert told.state is TrialState.PRUNED
            assert told.intermediate_values
    assert study.best_trial.number == result.view.ranked[0].trial
    depth = optuna.distributions.IntDistribution(2, 6)
    found = [each.distributions for each in study.trials]
    assert depth in [each.get("hist_gradient_boosting.max_depth") for each in found]


@pytest.mark.parametrize("name", sorted(set(draw.__all__) - {"is_available", "matplotlib"}))
@pytest.mark.filterwarnings("ignore")
def test_every_picture_of_optuna_is_drawn(swept, name):
    """Each function of optuna.visualization draws from a real sweep; two objectives where asked."""
    result, _, _ = swept
    function = getattr(draw, name)
    if name in ("plot_pareto_front", "plot_hypervolume_history"):
        more = {"reference_point": [0.0, 100.0]} if name == "plot_hypervolume_history" else {}
        figure = function(result.study(cost="fit_s"), **more)
    elif name == "plot_terminator_improvement":
        from optuna import terminator as ends

        figure = function(
            result.study(), plot_error=True,
            improvement_evaluator=ends.BestValueStagnationEvaluator(),  # the default needs torch
            error_evaluator=ends.CrossValidationErrorEvaluator(),
        )  # fmt: skip
    else:
        figure = function(result.study())
    assert len(figure.data) > 0
    assert "<div" in figure.to_html(include_plotlyjs=False)


def test_mlflow_has_every_trial(odd, tmp_path, quintain_cli):
    """Real MLflow: a run for the sweep, one a trial under it: status, metrics, params, tags."""
    pytest.importorskip("mlflow", reason="pip install 'quintain[mlflow]'")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.tracking import MlflowClient

        from quintain.exports.mlflow_runs import log_runs

        client = MlflowClient(tracking_uri=uri)
        client.create_experiment("odd", artifact_location=(tmp_path / "files").as_uri())
        _, run = log_runs(exported("odd", odd), uri)
        experiment = client.get_experiment_by_name("odd").experiment_id
        runs = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run}'")
        by_trial = {int(each.data.tags["quintain.trial"]): each for each in runs}
        assert sorted(by_trial) == list(range(len(TEXTS)))
        assert [by_trial[n].info.status for n in range(6)] == [
            "FINISHED", "KILLED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"
        ]  # fmt: skip
        assert by_trial[0].data.metrics["roc_auc"] == 0.375
        assert by_trial[0].data.params["text"] == "=1+1"
        folds = client.get_metric_history(by_trial[0].info.run_id, "folds/roc_auc")
        assert [(each.step, each.value) for each in folds] == [(0, 0.25), (1, 0.5)]
        assert by_trial[2].data.tags["quintain.reason"] == "=HYPERLINK()"
        assert {each.path for each in client.list_artifacts(run)} == {
            "report.txt", "spec.json", "sweep.json", "trials.csv"
        }  # fmt: skip
        with pytest.raises(quintain.QuintainError, match="there already"):
            log_runs(exported("odd", odd), uri)


def test_without_mlflow_one_line_says_what_to_install(odd, quintain_cli, monkeypatch):
    """Only who exports to it needs it."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    refused = quintain_cli("export", "odd", "--to", "mlflow", "--records", odd)
    assert refused.returncode == 2
    assert refused.stderr == "error: exports to MLflow need it: pip install 'quintain[mlflow]'\n"


def test_callbacks_hear_of_each_trial_once(swept):
    """With the row as the record has it, after it was recorded."""
    result, _, heard = swept
    assert {sweep for sweep, _ in heard} == {result.sweep}
    assert sorted(trial.trial for _, trial in heard) == [t.trial for t in result.view.trials]
    rows = {trial.trial: trial for trial in result.view.trials}
    for _, trial in heard:
        assert trial.to_json() == rows[trial.trial].to_json()


def test_what_a_callback_raises_ends_no_sweep(swept):
    """It is among the sweep's warnings, once, with the place."""
    result, _, _ = swept
    assert result.state == "completed"
    told = [each.message for each in result.view.warnings if each.code == "callback_failed"]
    assert len(told) == 1
    assert "ValueError: no room for loans-1" in told[0]
    assert "test_export.py, line" in told[0]


def test_an_unknown_cost_is_refused(odd):
    """With those there are."""
    with pytest.raises(quintain.QuintainError, match="fit_s"):
        study_of(exported("odd", odd), cost="money")
    with pytest.raises(RecordsError):
        exported("even", odd)


def test_a_study_is_whole_or_not_there(odd, tmp_path, monkeypatch):
    """A new file appears when the last trial is in it; one that was there keeps what it had."""
    path = tmp_path / "new.db"
    real = optuna.Study.add_trials

    def broken(study, trials):
        real(study, list(trials)[:3])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "add_trials", broken)
        with pytest.raises(KeyboardInterrupt):
            optuna_file.into(exported("odd", odd), str(path))
        assert not list(tmp_path.glob("*new.db*"))
        optuna.create_study(study_name="other", storage=f"sqlite:///{path}")
        with pytest.raises(KeyboardInterrupt):
            optuna_file.into(exported("odd", odd), str(path))
    assert optuna.get_all_study_names(f"sqlite:///{path}") == ["other"]
    optuna_file.into(exported("odd", odd), str(path))
    assert sorted(optuna.get_all_study_names(f"sqlite:///{path}")) == ["odd-1", "other"]
