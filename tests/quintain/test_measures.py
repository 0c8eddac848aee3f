"""What [evaluate] asks to be scored: resolved for the data, or refused in a line before any fit."""

import numpy as np
import pandas as pd
import pytest

import quintain
from evaluators.metrics import standard_set
from evaluators.types import Column, Dataset
from quintain.measures import measures
from quintain.prepare import prepare, spec_of
from search.errors import SpecError
from search.spec import read_spec

COSTS = {"yes": {"no": 5.0}, "no": {"yes": 1.0}}


def dataset(classes=("no", "yes"), share=0.1):
    target = np.tile([*[0] * round(1 / share - 1), *range(1, len(classes))], 20).astype(np.int32)
    return Dataset(np.zeros((len(target), 1), np.float32), target, (Column("a"),), classes)


def spec_with(**evaluate):
    part = {"source": "a.csv", "target": "y"}
    model = [{"estimator": "logistic_regression"}]
    return read_spec({"name": "a", "data": part, "model": model, "evaluate": evaluate})


def asked(classes=("no", "yes"), **evaluate):
    return measures(spec_with(**evaluate), dataset(classes))


def names(found):
    return [metric.name for metric in found.metrics]


def test_by_default_thresholds_are_tuned_for_reporting_only():
    """For balanced accuracy, which the standard set records; ranking goes by a ranking."""
    found = asked()
    assert names(found) == list(dict.fromkeys(["average_precision", *standard_set(True)]))
    assert (found.tune.name, found.tuned_objective, found.cut) == ("balanced_accuracy", False, None)


@pytest.mark.parametrize(
    ("evaluate", "tune"),
    [
        ({"metric": "f1"}, "f1"),
        ({"metric": "roc_auc", "metrics": ["brier", "fbeta@2", "f1"]}, "fbeta@2"),
        ({"metrics": ["f1_macro", "g_mean"]}, "g_mean"),
        ({"costs": COSTS}, "cost"),
        ({"metric": "f1", "costs": COSTS}, "f1"),
        ({"metric": "cost", "costs": COSTS, "metrics": ["f1"]}, "cost"),
    ],
)
def test_the_first_label_metric_that_the_user_names_is_tuned_for(evaluate, tune):
    """A default set names nothing; costs name theirs; the objective stays at one half."""
    found = asked(**evaluate)
    assert (found.tune.name, found.tuned_objective) == (tune, False)
    assert ("cost" in names(found)) is ("costs" in evaluate)


def test_a_written_threshold_makes_a_label_objective_the_tuned_one():
    """A ranking stays a ranking; the metric that is tuned for is recorded."""
    found = asked(metric="precision", threshold={"maximize": "g_mean"})
    assert (found.tune.name, found.tuned_objective) == ("g_mean", True)
    assert "g_mean" in names(found)
    assert not asked(metric="roc_auc", threshold={"maximize": "f1"}).tuned_objective
    assert not asked(metric="f1_macro", threshold={"maximize": "f1"}).tuned_objective
    cost = asked(metric="cost", costs=COSTS, threshold={"minimize": "cost"})
    assert cost.metrics[0].function(np.array([[8, 2], [1, 0]])) == 7 / 11
    number = asked(metric="f1", threshold=0.3)
    assert (number.cut, number.tune, number.tuned_objective) == (0.3, None, False)


def test_more_than_two_classes_have_no_threshold():
    """None is tuned, and costs are of all pairs."""
    three = ("a", "b", "c")
    assert asked(three).tune is None
    costs = {one: {other: 2.0 for other in three if other != one} for one in three}
    found = asked(three, metric="cost", costs=costs)
    assert found.metrics[0].function(np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0]])) == 1.0


MISTAKES = {
    "a ranking": ({"threshold": {"maximize": "roc_auc"}}, ".maximize: 'roc_auc' ranks rows and "),
    "probabilities": ({"threshold": {"minimize": "brier"}}, "reads probabilities and needs no thr"),
    "a scorer": ({"threshold": {"maximize": "f1_macro"}}, "too slow to be tried at every thresho"),
    "the wrong way": ({"threshold": {"minimize": "f1"}}, "'f1' is maximized: write { maxim"),
    "a misspelled one": ({"threshold": {"maximize": "f2"}}, ".threshold.maximize: unknown metric"),
    "cost without costs": ({"metric": "cost"}, "$.evaluate.metric: metric 'cost' needs the costs"),
    "costs of others": (
        {"costs": {"1": {"0": 2.0}}, "metric": "cost"}, "$.evaluate.costs: the target has no label",
    ),
    "costs left out": ({"costs": {"yes": {"no": 2.0}}}, "$.evaluate.costs: no cost of calling"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_one_line(mistake):
    """With where it stands and what to write."""
    evaluate, said = MISTAKES[mistake]
    with pytest.raises(SpecError) as caught:
        asked(**evaluate)
    (line,) = caught.value.problems
    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize("threshold", [0.5, {"maximize": "f1"}])
def test_a_written_threshold_is_refused_with_more_classes(threshold):
    """The class with the highest output wins there."""
    with pytest.raises(SpecError, match=r"\$\.evaluate\.threshold: there are 3 classes"):
        asked(("a", "b", "c"), threshold=threshold)


def table():
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(200, 2)), columns=["a", "b"])
    return frame.assign(y=np.where(generator.random(200) < 0.3, "yes", "no"))


def test_a_number_is_refused_where_a_model_gives_no_probability():
    """Before any trial, with what else to write."""
    spec = read_spec(
        {
            "name": "a",
            "data": {"source": "a.csv", "target": "y"},
            "model": [{"estimator": "linear_svm"}],
            "evaluate": {"threshold": 0.3},
        }
    )
    with pytest.raises(Exception, match=r"threshold = 0\.3 is a probability, and linear_svm gives"):
        prepare(spec, table())


def test_a_tuned_objective_is_named_so_wherever_it_ranks():
    """In the header, the policy and the baseline, whose threshold is a constant label."""
    prepared = prepare(
        spec_with(metric="f1", threshold={"maximize": "f1"}, metrics=["roc_auc"]), table()
    )
    header = prepared.header("inline")
    assert header["metric"] == prepared.policy(1).objective == "f1@tuned"
    assert (header["metrics"], header["tuned_for"]) == (["f1", "roc_auc"], "f1")
    share = prepared.positive_share
    assert prepared.baseline.scores["f1@tuned"] == pytest.approx(2 * share / (1 + share))
    assert spec_of(header) == prepared.spec


def test_a_sweep_from_before_there_were_thresholds_can_be_read():
    """Its record says 0.5, which was the only value and so no choice of the user's."""
    header = prepare(spec_with(), table()).header("inline")
    del header["tuned_for"]
    header["spec"]["evaluate"]["threshold"] = 0.5
    assert spec_of(header).evaluate.threshold == "auto"


def test_a_whole_sweep_can_go_by_the_tuned_score():
    """Search, BBC-CV and the nested estimate: all of labels at tuned thresholds, none at 0.5."""
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(800, 3)).round(4), columns=["a", "b", "c"])
    odds = np.exp(1.5 * frame["a"] - 2.2)
    frame["y"] = (generator.random(800) < odds / (1 + odds)).astype(int)
    spec = {
        "name": "a",
        "data": {"target": "y"},
        "evaluate": {
            "metric": "f1", "threshold": {"maximize": "f1"}, "nested": True, "folds": 3,
        },
        "search": {"trials": 3},
        "model": [{"estimator": "logistic_regression"}, {"estimator": "linear_svm"}],
    }  # fmt: skip
    result = quintain.run(spec, frame, runner="inline", progress=False)
    told, trials = result.to_json(), result.view.trials
    assert told["metric"] == "f1@tuned"
    assert told["best"]["selection_score"] == max(each.scores["f1@tuned"] for each in trials)
    at_half = max(each.scores["f1"] for each in trials)
    assert told["baseline"]["score"] < at_half
    for score in (told["best"]["selection_score"], result.estimate["score"]):
        assert score > at_half + 0.03
    assert result.estimate["bbc"]["score"] > at_half + 0.03
    assert {each.kind for each in trials} == {"proba", "decision"}
    for each in trials:
        low, high = (0.0, 0.5) if each.kind == "proba" else (-1.0, 0.0)
        assert low < each.threshold < high
