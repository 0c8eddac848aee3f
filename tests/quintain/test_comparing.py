"""Comparing two trials or sweeps: better, worse or cannot tell, and never of what does not pair."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import quintain
from evaluators.errors import QuintainError
from quintain.cli import cli
from search.records import Records
from search.view import read_view
from tests.quintain.conftest import table

KEYS = {
    "a", "b", "metric", "a_score", "b_score", "difference", "low", "high", "level", "verdict",
    "method", "notes",
}  # fmt: skip


class Store:
    """Sweeps of two trials each on one table of 500 rows, searched in this process."""

    def __init__(self, folder):
        self.folder = folder
        self.records = str(folder / "records.db")
        table(500).to_csv(folder / "loans.csv", index=False)
        table(500, seed=1).to_csv(folder / "others.csv", index=False)

    def sweep(self, name, *, trials=2, data=None, **parts):
        spec = {
            "name": name,
            "data": {"source": str(self.folder / "loans.csv"), "target": "default", **(data or {})},
            "search": {"trials": trials},
            "evaluate": {"folds": 3, **parts.pop("evaluate", {})},
            "model": [{"estimator": "logistic_regression", **parts.pop("model", {})}],
            **parts,
        }
        quintain.run(spec, runner="inline", records=self.records, progress=False)

    def compare(self, *arguments, **options):
        return quintain.compare(*arguments, records=self.records, **options)

    def view(self, sweep):
        with Records.open(self.records, create=False) as store:
            return read_view(store, sweep)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("user"))
    made.sweep("all")
    made.sweep("blind", data={"drop": ["income"]})
    made.sweep("dealt", evaluate={"folds_seed": 7})
    made.sweep("loss", evaluate={"metric": "log_loss"})
    return made


def test_what_lacks_the_main_feature_is_worse(store):
    """Of sweeps on one table with other columns; the other way round the signs turn."""
    found, turned = store.compare("all", "blind"), store.compare("blind", "all")
    assert (found.verdict, turned.verdict) == ("better", "worse")
    assert found.low > 0 > turned.high
    assert found.difference == pytest.approx(found.a_score - found.b_score) == -turned.difference
    best = store.view("all-1").best
    assert (found.a, found.a_score) == (f"all-1:{best.trial}", best.score)
    assert found.low < found.difference < found.high


def test_a_trial_is_not_different_from_itself(store):
    """Difference 0, interval 0 to 0: cannot tell."""
    found = store.compare("all-1:0", "all:0")
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.verdict == "cannot tell"
    assert found.notes == ("both are the same trial",)


def test_trials_of_one_sweep_are_compared_fold_by_fold(store):
    """Their own scores, and the word that the best of several read high."""
    found = store.compare("all:0", "all:1")
    scores = [trial.score for trial in store.view("all-1").trials]
    assert [found.a_score, found.b_score] == scores
    assert "corrected resampled t (3 folds)" in found.method
    assert "optimistic" in found.notes[0]


def test_other_folds_are_paired_by_rows_and_named(store):
    """One space on other folds: both sides' folds tell how fits vary, and no winner is found."""
    found = store.compare("all", "dealt")
    assert found.verdict == "cannot tell"
    assert "different folds" in found.notes[0]
    assert "(6 folds)" in found.method


def test_lower_is_better_where_less_is_wanted(store):
    """By log loss the side without the feature has the higher score and is the worse one."""
    found = store.compare("blind", "all", metric="log_loss")
    assert found.a_score > found.b_score
    assert found.low > 0
    assert found.verdict == "worse"


def test_any_metric_that_can_be_computed_will_do(store):
    """One that was not recorded, and labels at tuned thresholds as recorded."""
    assert store.compare("all", "blind", metric="fbeta@2.0").metric == "fbeta@2"
    found = store.compare("all:0", "all:1", metric="f1@tuned")
    assert found.a_score == store.view("all-1").trials[0].scores["f1@tuned"]


def test_rows_locked_by_one_sweep_are_left_out_for_both(tmp_path):
    """Its hold-out is not searched: compared on the rest, scores computed anew."""
    mine = Store(tmp_path)
    mine.sweep("all", trials=1, holdout={"test_size": False})
    mine.sweep("locked", trials=1, holdout={"test_size": 0.2})
    found = mine.compare("all:0", "locked:0")
    assert any("rows that both have searched" in note for note in found.notes)
    assert found.a_score != mine.view("all-1").trials[0].score
    assert found.b_score == pytest.approx(mine.view("locked-1").trials[0].score, abs=1e-4)


def test_the_default_configuration_can_be_the_winner(store):
    """It is no trial of the search: its outputs on the search's folds are those of the finals."""
    space = {"C": {"float": [1e-6, 1e-5], "log": True}}
    store.sweep("shrunk", trials=34, model={"space": space}, evaluate={"metric": "log_loss"})
    found = store.compare("shrunk", "shrunk:0")
    assert found.a == "shrunk-1:default"
    assert found.a_score == store.view("shrunk-1").best.score
    assert found.low < found.difference < -0.1


@pytest.mark.parametrize(
    ("a", "b", "metric", "said"),
    [
        ("all", "loss", None, "all-1 was searched by roc_auc and loss-1 by log_loss: say which"),
        ("all", "none", None, "unknown sweep 'none'"),
        ("all:9", "blind", None, "all-1 has no trial 9: its trials are 0 to 1"),
        ("all:x", "blind", None, "'all:x': write SWEEP:TRIAL, as all-1:0"),
        ("all", "blind", "roc", "unknown metric 'roc'"),
        ("all", "blind", "roc_auc@tuned", "only metrics of labels"),
    ],
)
def test_what_cannot_be_compared_is_one_line(store, a, b, metric, said):
    """Unknown sweeps, trials and metrics, and sweeps that rank differently."""
    with pytest.raises(QuintainError, match=said) as raised:
        store.compare(a, b, metric=metric)
    assert "\n" not in str(raised.value)


def test_other_data_lost_outputs_and_failed_trials_are_refused(tmp_path):
    """Scores on different rows do not compare; without outputs nothing pairs."""
    mine = Store(tmp_path)
    mine.sweep("one", trials=1)
    mine.sweep("other", trials=1, data={"source": str(tmp_path / "others.csv")})
    with pytest.raises(QuintainError, match="different data"):
        mine.compare("one", "other")
    with Records.open(mine.records, create=False) as records:
        shutil.rmtree(records.folder / "one-1")
    with pytest.raises(QuintainError, match="outputs of one-1:0 cannot be read"):
        mine.compare("one:0", "one:0")
    Path(tmp_path / "loans.csv").write_text((tmp_path / "others.csv").read_text())
    with pytest.raises(QuintainError, match="data of one-1 has changed"):
        mine.compare("one:0", "one:0")


def test_by_command(store):
    """--json prints one object with every key; people get the verdict first."""
    command = ["compare", "all", "blind", "--records", store.records]
    told = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)
    assert set(told) == KEYS
    assert told["verdict"] == "better"
    said = CliRunner().invoke(cli, command).stdout.splitlines()
    assert said[0] == f"{told['a']} is better than {told['b']} by roc_auc"
    assert f"{told['low']:+.4f} to {told['high']:+.4f}" in said[1]
