"""Nothing is run twice: what a store knows is told again, and no estimate gets rosier by it."""

import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest

import quintain
from evaluators.crossval import Evaluator
from evaluators.metrics import resolve
from quintain import sweeps, upkeep
from quintain.notebook.evidence import gathered
from quintain.prepare import prepare
from search.errors import SpecError
from search.records import Records
from search.spec import read_spec


def table():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(1500, 4)), columns=list("abcd"))
    frame["y"] = (frame.a + frame.b * frame.c + rng.normal(size=1500) > 0.3).astype(int)
    return frame


def spec(name="small", source="(in memory)", holdout=None, evaluate=None, **search):
    """Twelve small trees, of which eight are tried."""
    space = {"min_samples_leaf": [1, 5, 20, 40], "criterion": ["gini", "entropy", "log_loss"]}
    return {
        "name": name,
        "data": {"source": source, "target": "y"},
        "holdout": holdout or {},
        "evaluate": {"metric": "roc_auc"} | (evaluate or {}),
        "search": {"trials": 8, "sampler": "random", "pruner": "none"} | search,
        "model": [
            {
                "estimator": "sklearn.tree:DecisionTreeClassifier",
                "params": {"max_depth": 3},
                "space": space,
            }
        ],
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A store in which the sweep of ``spec()`` has completed, and what it told."""
    folder = tmp_path_factory.mktemp("known")
    url = str(folder / "r.db")
    return run(url).to_json(), folder


@pytest.fixture
def store(first, tmp_path):
    """A copy of that store."""
    shutil.copytree(first[1], tmp_path / "copy")
    return str(tmp_path / "copy" / "r.db")


def run(url, told=None, data=None, **more):
    return quintain.run(
        told or spec(), table() if data is None else data, runner="inline", records=url,
        progress=False, plan=False, **more,
    )  # fmt: skip


@pytest.fixture
def fits(monkeypatch):
    """Every evaluation that is begun from here on, by (configuration, partition)."""
    begun = []
    evaluate = Evaluator.evaluate

    def noted(self, configuration, partition=0, *args, **kwargs):
        begun.append((configuration, partition))
        return evaluate(self, configuration, partition, *args, **kwargs)

    monkeypatch.setattr(Evaluator, "evaluate", noted)
    return begun


def test_a_resubmitted_sweep_runs_nothing_and_says_so(first, store, fits):
    again = run(store)
    told, before = again.to_json(), first[0]
    assert fits == []
    assert told["sweep"] == "small-2"
    assert told["runner"] == "none"
    assert told["known"]["replays"] == "small-1"
    assert told["known"]["trials"] == before["trial_counts"]["completed"] == 8
    assert told["trial_counts"]["cached"] == 8
    assert told["known"]["saved_cpu_s"] > 0
    assert told["resources"]["cpu_s"] == told["resources"]["finalists_cpu_s"] == 0
    assert told["best"] == before["best"]
    # the same estimate, out of as many configurations: nothing was tried again
    assert told["estimate"] == {
        **before["estimate"], "finalists": told["estimate"]["finalists"],
    }  # fmt: skip
    assert told["estimate"]["tried"] == 8
    assert told["baseline"] == before["baseline"]
    assert "0 fits: small-1 was this very sweep" in again.report()


def test_a_replay_of_a_replay_names_the_sweep_that_paid_and_outlives_it(store, fits):
    run(store)
    with Records.open(store) as records:
        shutil.rmtree(records.folder / "small-1")
    third = run(store)
    assert fits == []
    assert set(third.to_json()["known"]["from"]) == {"small-1"}
    with Records.open(store, create=False) as records:
        ended = [e for e in records.entries("small-3") if e.kind == "ended"]
        assert all((records.folder / "small-3" / e.body["oof"]).is_file() for e in ended)


def test_the_page_of_a_replay_reads_the_outputs_of_the_estimate_again(store):
    """They lie beside it, and belong to the fresh folds of the sweep that it tells again."""
    again = run(store)
    with Records.open(store, create=False) as records:
        entries = records.entries("small-2")
        found = gathered(again.view, entries, (), records, table())
    assert found.missing == ""
    assert found.of == "fresh folds, which chose nothing"
    scored = found.outputs.score(resolve("roc_auc", binary=True))
    assert scored == pytest.approx(again.view.finals.estimate.score, abs=2e-4)


def test_a_larger_budget_runs_what_is_new_and_estimates_on_folds_nobody_has_seen(store, fits):
    """Trials that are known need no fit; finalists and estimate do, on partitions of their own."""
    told = run(store, spec(trials=11)).to_json()
    searched = [configuration for configuration, partition in fits if partition == 0]
    assert len(searched) == 3
    assert {partition for _, partition in fits} > {0}
    assert told["known"]["trials"] == 8
    assert told["known"]["replays"] is None
    assert told["trial_counts"]["completed"] == 11
    assert told["estimate"]["tried"] == 11
    with Records.open(store, create=False) as records:
        drawn = [
            records.draw_partition(records.header(name)["table"], name, "estimate")
            for name in ("small-1", "small-2")
        ]
    assert drawn[0] != drawn[1]


def test_scores_of_known_trials_are_those_that_a_fit_gives(store, fits):
    known = run(store, spec(trials=9)).trials.set_index("trial")
    fresh = run(store, spec(trials=9), fresh=True).trials.set_index("trial")
    assert known.cached.sum() == 8
    assert fresh.cached.sum() == 0
    for trial in range(8):
        assert known.params[trial] == fresh.params[trial]
        assert known.scores[trial] == fresh.scores[trial]
        assert known.folds[trial] == fresh.folds[trial]


def test_another_spec_knows_the_same_configurations_by_what_they_are(store, fits):
    """Another name, block and sampler; one parameter searched that was fixed: only content counts.

    All eight known points of the grid are found, whoever asks in which order.
    """
    other = spec(name="other", sampler="grid", trials=100)
    other["model"][0]["name"] = "tree"
    other["model"][0]["space"]["max_depth"] = [3, 4]
    other["model"][0]["params"] = {}
    told = run(store, other).to_json()
    assert told["known"]["trials"] == 8
    assert told["known"]["replays"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"evaluate": {"metric": "f1"}},
        {"evaluate": {"folds": 4}},
        {"holdout": {"test_size": 0.3}},
        {"seed": 5},
    ],
)
def test_what_changes_a_score_makes_another_trial(store, change):
    """Another objective, other folds, other rows locked away, another seed."""
    assert run(store, spec(**change)).to_json()["known"] is None


def test_fresh_runs_everything(store, fits):
    told = run(store, fresh=True).to_json()
    assert told["known"] is None
    assert len(fits) > 8
    assert told["estimate"]["tried"] == 16


def test_edited_code_is_other_code(tmp_path, fits):
    """A comment too: what a file's text does is not for us to judge."""
    url = str(tmp_path / "r.db")
    (tmp_path / "mine.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def make(max_depth=3):\n    return DecisionTreeClassifier(max_depth=max_depth)\n"
    )
    own = spec()
    own["model"] = [{"estimator": f"{tmp_path}/mine.py:make", "space": {"max_depth": [1, 2, 3]}}]
    run(url, own)
    assert run(url, own).to_json()["known"]["replays"] == "small-1"
    fits.clear()
    with (tmp_path / "mine.py").open("a") as file:
        file.write("# better\n")
    assert run(url, own).to_json()["known"] is None
    assert fits


def test_a_module_that_goes_along_is_part_of_what_a_trial_is(tmp_path, fits):
    """The estimator's own file is the same; what it takes from beside it is not."""
    url, folder = str(tmp_path / "r.db"), tmp_path / "src"
    folder.mkdir()
    (folder / "quintain_known_depths.py").write_text("DEPTH = 2\n")
    (tmp_path / "mine.py").write_text(
        "from quintain_known_depths import DEPTH\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def make(min_samples_leaf=1):\n"
        "    return DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=min_samples_leaf)\n"
    )
    own = spec() | {"code": {"include": [str(folder)]}}
    own["model"] = [
        {"estimator": f"{tmp_path}/mine.py:make", "space": {"min_samples_leaf": [1, 5, 9]}}
    ]
    before = run(url, own).to_json()
    assert run(url, own).to_json()["known"]["replays"] == "small-1"
    fits.clear()
    (folder / "quintain_known_depths.py").write_text("DEPTH = 9\n")
    after = run(url, own).to_json()
    assert after["known"] is None
    assert fits
    assert after["best"]["selection_score"] != before["best"]["selection_score"]


def test_a_sweep_whose_estimate_was_ended_by_chance_is_not_told_again(store, fits):
    """Its trials are known; the finalists run, and this time there is an estimate."""
    with Records.open(store) as records:
        gone = next(e for e in records.entries("small-1") if e.kind == "rescored")
    with sqlite3.connect(store) as file:
        file.execute(
            "UPDATE entries SET body = replace(body, ?, ?) WHERE kind = 'rescored' AND trial = ?",
            ('"state":"completed"', '"state":"failed","cause":"worker_lost"', gone.trial),
        )
    told = run(store).to_json()
    assert told["known"]["replays"] is None
    assert told["known"]["trials"] == 8
    assert fits


def test_who_was_given_up_depends_on_what_the_winner_may_cost():
    """Other limits, other order: the digest by which a sweep replays another one."""
    asked = [
        prepare(read_spec(spec(**more)), table()).header("inline")["content"]["search"]
        for more in ({}, {}, {"constraints": {"fit_s": 9.0}}, {"trial_timeout": "9m"})
    ]
    assert asked[0] == asked[1]
    assert len(set(asked)) == 3


def test_what_was_tried_is_counted_after_the_sweep_that_tried_it_is_gone(store):
    """Once, by whichever of its copies is left."""
    run(store)
    assert run(store).to_json()["estimate"]["tried"] == 8
    with Records.open(store) as records:
        table_name = records.header("small-1")["table"]
        assert records.tried(table_name) == 8
        upkeep.delete(records, "small-1", "me")
        assert records.tried(table_name) == 8


def test_a_sweep_of_the_service_is_told_again_as_well(store, fits):
    """Its driver takes the lease of what was queued, and finds it in the records."""
    with Records.open(store) as records:
        folder = records.folder.parent
        table().to_csv(folder / "small.csv", index=False)
        asked = read_spec(spec(source="small.csv")).in_folder(folder)
        for expected in ("small-2", "small-3"):
            header = {"spec": asked.to_json(), "folder": str(folder), "metric": "", "runner": ""}
            name, _ = records.submissions.submit("small", header, "ada")
            assert name == expected
            with records.acquire(name) as lease:
                sweeps.drive(
                    records, lease, runner="inline", address=None, slots=None, heard=0, watcher=None
                )
            assert records.state(name) == "completed"
        assert fits == []
        assert records.header("small-3")["replays"] in ("small-1", "small-2")


def test_a_killed_replay_is_told_to_its_end(store, fits, monkeypatch):
    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("quintain.knowing.tell_again", killed)
        with pytest.raises(KeyboardInterrupt):
            run(store)
    result = sweeps.resume("small-2", table(), records=store, progress=False)
    assert result.state == "completed"
    assert fits == []


def test_a_warm_start_learns_from_sweeps_whose_scores_compare(tmp_path):
    """Its trials are told, not counted; who cannot be learnt from is named with the reason.

    The first sweep ran before any row was locked: its scores tell of rows that are locked now.
    """
    store = str(tmp_path / "r.db")
    run(store, spec(name="open", holdout={"test_size": False}))
    run(store)
    run(store, spec(name="thirds", evaluate={"folds": 3}))
    run(store, spec(name="other", evaluate={"metric": "f1"}))
    names = ["open-1", "small-1", "thirds-1", "other-1"]
    warm = spec(name="warm", sampler="tpe", trials=5, warm_start=names)
    told = run(store, warm, fresh=True).to_json()
    assert told["trial_counts"]["completed"] == 5
    learnt = {each["sweep"]: each["trials"] for each in told["known"]["warm_start"]}
    assert learnt == {"small-1": 8, "thirds-1": 8}
    refused = [w["message"] for w in told["warnings"] if w["code"] == "warm_start_refused"]
    assert len(refused) == 2
    assert "open-1: it has searched on rows that are locked now" in refused[0]
    assert "other-1: it ranks by f1" in refused[1]


def test_a_warm_start_from_nowhere_is_refused_before_anything_is_written(store):
    wrong = read_spec(spec(sampler="tpe", warm_start=["small", "nothing-1"]))
    with Records.open(store, create=False) as records, pytest.raises(SpecError) as refused:
        prepare(wrong, table(), records)
    assert refused.value.problems[0].endswith("did you mean 'small-1'?")
    assert "unknown sweep 'nothing-1'" in refused.value.problems[1]
