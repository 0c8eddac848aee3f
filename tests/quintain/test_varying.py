"""One hyperparameter at a time: what a step is, when it is real, and the diary of steps."""

import json
import math

import numpy as np
import pytest

import quintain
from quintain.varying.judging import judge
from quintain.varying.steps import Start, parsed, spread, stepped
from search.domains import Choice, Fixed, Float, Int
from search.entries import Entry
from search.records import Records
from search.space import Parameter
from search.view_rows import TrialFold
from tests.quintain.conftest import table

SPEC = {
    "name": "loans",
    "data": {"target": "default"},
    "holdout": {"test_size": 0.2},
    "search": {"trials": 3, "pruner": "none", "seed": 1},
    "model": [
        {
            "estimator": "hist_gradient_boosting",
            "params": {"max_iter": 6},
            "space": {"max_depth": {"int": [1, 2]}, "min_samples_leaf": [200]},
        },
    ],
}
START = Start("m", {"depth": 4, "rate": 0.1, "kind": "a"}, {"rounds": 50}, "trial 1")
SPACE = (
    Parameter("depth", Int(2, 9)),
    Parameter("rate", Float(0.001, 1.0, log=True)),
    Parameter("kind", Choice(("a", "b"))),
    Parameter("drop", Float(0.0, 0.5), (("kind", ("b",)),)),
    Parameter("seed", Fixed(7)),
)


@pytest.mark.parametrize(
    ("param", "over", "values"),
    [
        ("depth", None, [2, 3, 5, 6, 7, 8, 9]),
        ("depth", "3..6", [3, 5, 6]),
        ("depth", "1..1000", [1, 10, 100, 1000]),
        ("rate", "0.001..1", [0.001, 0.01, 1.0]),
        ("rate", "1,2", [1.0, 2.0]),
        ("rounds", "10,50,200", [10, 200]),
        ("other", "auto,0.5,null", ["auto", 0.5, None]),
    ],
)
def test_values_have_the_type_of_the_parameter(param, over, values):
    """Ranges hold their ends, wide ones go by ratios; the start's own value is no step."""
    steps = 8 if param == "depth" and over != "1..1000" else 4
    assert stepped(START, param, SPACE, over, steps) == values


def test_a_whole_space_is_walked_from_end_to_end():
    """Steps and options of the space are kept."""
    assert spread(Int(2, 20, 3), 4) == [2, 8, 14, 20]
    assert spread(Float(0.0, 1.0, 0.25), 3) == [0.0, 0.5, 1.0]
    assert spread(Choice(("x", None, 3)), 2) == ["x", None, 3]
    assert parsed("b", SPACE[2].domain, "a", 8) == ["b"]


@pytest.mark.parametrize(
    ("param", "over", "said"),
    [
        ("kind", None, "decides whether drop counts"),
        ("drop", None, "under a condition that does not hold"),
        ("seed", None, "is not searched"),
        ("depth", "9..3", "the lower end comes first"),
        ("depth", "a..b", "two numbers"),
        ("depth", "deep", "is no number"),
        ("depth", "4", "no value but 4"),
        ("depth", ",", "names no value"),
        ("rate", ",".join(map(str, range(50))), "more than 40"),
    ],
)
def test_a_step_that_cannot_be_is_refused_in_one_line(param, over, said):
    """Two changes at once, and values that cannot be read."""
    params = {**START.params, "seed": 7} if param == "seed" else START.params
    with pytest.raises(quintain.QuintainError, match=said) as refused:
        stepped(Start("m", params, START.fixed, "trial 1"), param, SPACE, over)
    assert "\n" not in str(refused.value)


def trial(number, folds, state="completed"):
    """A trial of that number with these scores on its folds."""
    fold = TrialFold(number, state=state)
    fold.ended = {"state": state, "folds": {"auc": list(folds)}, "scores": {"auc": np.mean(folds)}}
    return fold.view("auc")


def test_steps_are_judged_together():
    """By hand: corrected resampled t over the folds, Holm over the steps, all intervals at once."""
    base = [0.80, 0.82, 0.81, 0.79, 0.83]
    small = [0.01, -0.02, 0.015, 0.0, 0.01]
    large = [0.050, 0.052, 0.048, 0.051, 0.049]
    trials = [trial(n, np.add(base, gap)) for n, gap in enumerate([0.0, small, large])]
    found = judge(trials, [1, 2], "auc", "maximize", 0.25)
    spread_ = np.std(large, ddof=1) * math.sqrt(1 / 5 + 0.25)
    step = found.steps[1]
    assert step.difference == pytest.approx(0.05)
    assert (step.high - step.low) / 2 == pytest.approx(3.4954 * spread_, rel=1e-3)  # t4, 0.9875
    assert step.p_holm == pytest.approx(2 * step.p)
    assert found.steps[0].p_holm == pytest.approx(found.steps[0].p)
    assert [each.verdict for each in found.steps] == ["may be noise", "better"]
    assert found.kept == 1
    down = judge(trials, [1, 2], "auc", "minimize", 0.25)
    assert [each.verdict for each in down.steps] == ["may be noise", "worse"]
    assert down.kept is None
    assert found.least == pytest.approx(found.noise * math.sqrt(0.25 / 0.45))


def test_a_parameter_that_changes_nothing_is_never_real():
    """The same score on every fold: p is 1, whatever the number of steps."""
    base = [0.8, 0.7, 0.9]
    found = judge([trial(n, base) for n in range(4)], [1, 2, 3], "auc", "maximize", 0.5)
    assert {each.verdict for each in found.steps} == {"may be noise"}
    assert (found.kept, found.noise) == (None, 0.0)


def test_a_step_without_a_score_is_told_and_does_not_count():
    """It neither joins the steps that Holm counts nor hides why."""
    base = [0.8, 0.7, 0.9]
    lost = trial(2, [0.9], "failed")
    found = judge([trial(0, base), trial(1, np.add(base, 0.1)), lost], [1, 2], "auc", "maximize", 0)
    assert found.steps[1].verdict == "cannot tell"
    assert found.steps[1].reason == "trial 2 is failed"
    assert found.steps[0].p_holm == found.steps[0].p


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """A sweep, two parameters taken from it in steps, and where all that is."""
    url = str(tmp_path_factory.mktemp("vary") / "runs.db")
    more = {"records": url, "runner": "inline", "progress": False}
    frame = table(400)
    quintain.run(SPEC, frame, plan=False, **more)
    more["data"] = frame
    first = quintain.vary("loans", "min_samples_leaf", over="200,20,10", repeats=2, **more)
    second = quintain.vary("loans", "max_bins", over="255,254", repeats=2, **more)
    return url, first, second


def test_steps_change_one_thing_on_paired_folds(varied):
    """Candidates differ in the parameter alone; all are on the same folds, and these are fresh."""
    url, first, _ = varied
    with Records.open(url, create=False) as records:
        parent, steps = records.header("loans-1"), records.header("loans-vary-1")
        used = {entry.kind for entry in records.entries("loans-vary-1")}
        looks = records.looks(parent["source_columns"])
    start = first.told["params"]
    for row in first.result.view.trials[1:]:
        changed = {name for name in row.params if row.params[name] != start.get(name)}
        assert changed == {"min_samples_leaf"}
        assert len(row.folds["roc_auc"]) == parent["folds"] * 2
    assert steps["folds_seed"] != parent["folds_seed"]
    assert steps["holdout"] == parent["holdout"] is not None
    assert (looks, used & {"finalists", "rescored"}) == ([], set())


def test_a_real_step_is_kept_and_the_next_starts_there(varied):
    """Leaves that can split beat those that cannot; then a null parameter stays."""
    url, first, second = varied
    assert first.told["from"] == 200
    assert first.told["start"] == 0.5
    assert first.told["kept"] in (10, 20)
    assert second.told["start_at"] == "what loans-vary-1 kept"
    assert second.told["params"] == first.told["kept_params"]
    assert second.told["kept"] == second.told["from"] is None
    assert [each["verdict"] for each in second.told["steps"]] == ["may be noise"] * 2
    assert "of 0.01 is" in second.told["answer"]
    with Records.open(url, create=False) as records:
        kinds = [e.body["sweep"] for e in records.entries("loans-1") if e.kind == "varied"]
    assert kinds == ["loans-vary-1", "loans-vary-2"]


def test_the_diary_is_in_the_reports(varied, quintain_cli, tmp_path):
    """A line for each in the terminal, pictures on the page, the picture of steps in their own."""
    url, first, _ = varied
    text = quintain_cli("report", "loans", "--records", url).stdout
    assert "loans-vary-1: min_samples_leaf 200 becomes" in text
    assert "loans-vary-2: max_bins default stays" in text
    page = tmp_path / "loans.html"
    assert quintain_cli("report", "loans", "--records", url, "--html", page).returncode == 0
    assert "One at a time" in page.read_text()
    own = quintain_cli("report", "loans-vary-1", "--records", url).stdout
    assert "░" in own
    assert "●" in own
    assert "> 200" in own
    shown = quintain_cli.json("show", "loans", "--records", url)["varied"]
    assert [each["kept"] for each in shown] == [first.told["kept"], None]


def test_what_it_will_take_is_told_without_a_fit(varied, quintain_cli):
    """--check writes nothing; a trial that is not there is refused."""
    url, _, _ = varied
    command = ("vary", "loans-1", "--param", "max_depth", "--records", url)
    told = quintain_cli.json(*command, "--over", "1..5", "--trial", "0", "--check")
    assert "s of work in all" in told["told"]
    assert set(told["values"]) < {1, 2, 3, 4, 5}
    refused = quintain_cli(*command, "--trial", "9")
    assert refused.returncode == 2
    assert "its trials are 0 to 1" in refused.stderr
    with Records.open(url, create=False) as records:
        assert len(records.sweeps()) == 3


def test_a_parameter_of_another_model_names_a_trial_of_it(tmp_path, quintain_cli):
    """Where the winner's model has it not, though the sweep searched one that has."""
    url = str(tmp_path / "two.db")
    other = {"estimator": "logistic_regression", "space": {"C": [1.0, 2.0]}}
    models = [SPEC["model"][0], other]
    header = {
        "metric": "roc_auc", "direction": "maximize", "folds": 5, "tuned_for": None,
        "spec": {**SPEC, "data": {"source": "a.csv", "target": "y"}, "model": models},
        "folder": str(tmp_path),
    }  # fmt: skip
    with Records.open(url) as records:
        sweep = records.create("two", header)
        for number, (model, score) in enumerate(
            [("hist_gradient_boosting", 0.7), ("logistic_regression", 0.8)]
        ):
            body = {"state": "completed", "scores": {"roc_auc": score}}
            asked = {"model": model, "params": {}}
            records.append(sweep, [Entry("asked", 1.0, asked, number)])
            records.append(sweep, [Entry("ended", 2.0, body, number, 0)])
    refused = quintain_cli("vary", "two", "--param", "max_depth", "--check", "--records", url)
    assert refused.returncode == 2
    assert "logistic_regression, which has no max_depth; start at the best" in refused.stderr
    assert refused.stderr.endswith("hist_gradient_boosting: --trial 0\n")


def test_steps_go_on_after_a_stop(tmp_path):
    """Resumed, what was scored is not scored again, and the diary has it once."""
    url = str(tmp_path / "runs.db")
    more = {"records": url, "runner": "inline", "progress": False}
    frame = table(300)
    quintain.run({**SPEC, "search": {**SPEC["search"], "trials": 1}}, frame, plan=False, **more)

    class Stops:
        """A watcher that stops the sweep of steps when a trial has ended."""

        def begin(self, view, machine, budget, slots):
            def listen(sweep, entries):
                if sweep.trials.count("completed"):
                    raise KeyboardInterrupt

            return listen

        def say(self, line):
            pass

        def end(self):
            pass

    with pytest.raises(KeyboardInterrupt):
        quintain.vary(
            "loans", "max_depth", over="1..3", repeats=1, data=frame, watcher=Stops(), **more
        )
    with Records.open(url, create=False) as records:
        before = [e for e in records.entries("loans-vary-1") if e.kind == "ended"]
    result = quintain.resume("loans-vary", frame, **more)
    assert result.state == "completed"
    assert 0 < len(before) < 3
    with Records.open(url, create=False) as records:
        ended = [e.trial for e in records.entries("loans-vary-1") if e.kind == "ended"]
        diary = [e for e in records.entries("loans-1") if e.kind == "varied"]
    assert len(set(ended)) == len(ended)
    assert [each.body["sweep"] for each in diary] == ["loans-vary-1"]
    assert json.dumps(diary[0].body) == json.dumps(result.view.varied[0])
