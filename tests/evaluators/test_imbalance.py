"""What a trial on skewed data is scored by: thresholds, true priors, folds that lack a class."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from evaluators.assignment import Assignment
from evaluators.bootstrap import bootstrap, from_file, out_of_fold
from evaluators.crossval import Evaluator
from evaluators.metric_functions import log_loss
from evaluators.metrics import resolve
from evaluators.models import make_recipe
from evaluators.oof import decode
from evaluators.prior import corrected
from evaluators.refit import refit
from evaluators.scored_rows import ScoredRows, labels_of
from evaluators.scorers import apply_function
from evaluators.thresholds import retuned
from evaluators.types import Column, Configuration, Dataset, FoldResult, Split

RECORDED = ("roc_auc", "f1", "precision", "log_loss", "brier", "calibration_error", "neg_log_loss")


def skewed(rows=2000, share=0.1, classes=2, seed=0):
    """Two columns that say something of the class."""
    generator = np.random.default_rng(seed)
    shares = [1 - share, *[share / (classes - 1)] * (classes - 1)]
    target = generator.choice(classes, rows, p=shares).astype(np.int32)
    values = generator.normal(size=(rows, 2)) + np.eye(classes)[target][:, -2:]
    names = tuple(f"class {code}" for code in range(classes))
    return Dataset(values.astype(np.float32), target, (Column("a"), Column("b")), names)


def splits_of(rows, folds=4):
    everything = np.arange(rows)
    parts = np.array_split(np.random.default_rng(1).permutation(rows), folds)
    return [Split(np.setdiff1d(everything, part), np.sort(part)) for part in parts]


def assignment(*names, model="logistic_regression", weight=None, binary=True, **more):
    recipe = make_recipe("m", model, {}, weight, Path())
    return Assignment({"m": recipe}, tuple(resolve(n, binary=binary) for n in names), **more)


def evaluated(task, data, splits=None):
    """The folds, then the outcome, of the model's defaults."""
    evaluator = Evaluator(task, data, [splits or splits_of(data.rows)])
    *folds, outcome = evaluator.evaluate(Configuration("m", {}))
    assert all(isinstance(fold, FoldResult) for fold in folds)
    return folds, outcome


def outputs_of(data, outcome):
    index, _, output = decode(outcome.oof)
    placed = np.empty(data.rows)
    placed[index] = output
    return placed


def test_a_trial_has_label_metrics_at_both_thresholds_and_a_confusion_for_each():
    """Rankings and probabilities have one value: no threshold is asked of them."""
    data = skewed()
    task = assignment(*RECORDED, tune=resolve("f1", binary=True))
    _, outcome = evaluated(task, data)
    assert set(outcome.scores) == {*RECORDED, "f1@tuned", "precision@tuned"}
    assert set(outcome.folds) == set(outcome.scores)
    assert outcome.scores["f1@tuned"] > outcome.scores["f1"] + 0.05
    output = outputs_of(data, outcome)
    at_half = sk.confusion_matrix(data.target, output > 0.5)
    np.testing.assert_array_equal(outcome.confusion, at_half)
    (_, alarms), (missed, hits) = outcome.tuned_confusion
    assert np.sum(outcome.tuned_confusion) == data.rows
    assert outcome.scores["f1@tuned"] == 2 * hits / (2 * hits + alarms + missed)
    assert (outcome.kind, 0.0 < outcome.threshold < 0.5) == ("proba", True)


def test_decision_values_are_cut_on_their_own_scale():
    """A linear SVM's threshold is not a probability."""
    task = assignment("f1", model="linear_svm", tune=resolve("f1", binary=True))
    _, outcome = evaluated(task, skewed())
    assert outcome.kind == "decision"
    assert outcome.threshold < 0
    assert outcome.scores["f1@tuned"] > outcome.scores["f1"]


def test_the_objective_can_be_the_tuned_value():
    """Named so in the scores, and its interval is of the tuned labels."""
    data, name = skewed(), "balanced_accuracy"
    tune = resolve(name, binary=True)
    task = assignment(name, "roc_auc", tune=tune, tuned_objective=True)
    assert (task.objective.name, task.objective.direction) == (f"{name}@tuned", "maximize")
    evaluator = Evaluator(task, data, [splits_of(data.rows)])
    *_, outcome = evaluator.evaluate(Configuration("m", {}), interval=True)
    assert outcome.failure is None
    assert outcome.interval.low < outcome.scores[f"{name}@tuned"] < outcome.interval.high
    assert outcome.interval.low > outcome.scores[name]


def test_a_number_cuts_labels_everywhere():
    """In the folds, the scores and the matrix; nothing is tuned beside it."""
    data = skewed()
    folds, outcome = evaluated(assignment("f1", "roc_auc", cut=0.2), data)
    output = outputs_of(data, outcome)
    assert outcome.scores["f1"] == pytest.approx(sk.f1_score(data.target, output > 0.2), abs=2e-3)
    assert np.sum(outcome.confusion, axis=0)[1] == np.sum([f.confusion for f in folds], (0, 1))[1]
    assert (outcome.threshold, outcome.tuned_confusion) == (None, ())
    _, refused = evaluated(assignment("f1", model="linear_svm", cut=0.2), data)
    assert "threshold = 0.2 is a probability" in refused.failure.reason


@pytest.mark.parametrize("classes", [2, 3])
def test_class_weights_do_not_bend_what_probability_metrics_read(classes):
    """Weighted and plain agree once corrected; labels and recorded outputs stay the model's own."""
    data = skewed(3000, 0.1, classes)
    plain, weighted = (
        evaluated(assignment(*RECORDED, weight=weight, binary=classes == 2), data)
        for weight in (None, "balanced")
    )
    for name in ("log_loss", "brier", "calibration_error", "neg_log_loss"):
        scores = [outcome.scores[name] for _, outcome in (plain, weighted)]
        assert scores[1] == pytest.approx(scores[0], abs=0.01), name
    assert weighted[1].scores["neg_log_loss"] == pytest.approx(-weighted[1].scores["log_loss"])
    assert plain[0][0].log_prior_shift is None
    shift = weighted[0][0].log_prior_shift
    share = np.bincount(data.target) / data.rows
    np.testing.assert_allclose(shift, np.log(share * classes), atol=0.1)
    rows = np.concatenate([split.test for split in splits_of(data.rows)])
    raw = np.concatenate([fold.output for fold in weighted[0]])
    bent = log_loss(data.target[rows], raw)
    assert bent > weighted[1].scores["log_loss"] + 0.15
    said = labels_of(raw, "proba")
    assert weighted[1].scores["precision"] == pytest.approx(
        sk.precision_score(data.target[rows], said, average="binary" if classes == 2 else "macro")
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_recorded_outputs_know_what_bent_them(classes):
    """Fresh or read back from a file, probability metrics of a weighted trial are the trial's."""
    data = skewed(1500, 0.2, classes)
    task = assignment("log_loss", "roc_auc", "f1", weight="balanced", binary=classes == 2)
    splits = splits_of(data.rows)
    folds, outcome = evaluated(task, data, splits)
    fresh = out_of_fold(data.target, splits, folds)
    read = from_file(outcome.oof, data.target, splits)
    for metric in task.metrics:
        expected = pytest.approx(outcome.scores[metric.name], rel=1e-9)
        assert fresh.score(metric) == expected
        assert read.score(metric) == pytest.approx(outcome.scores[metric.name], abs=1e-4)
    interval = bootstrap(task.metrics[0], fresh, draws=100)
    assert interval.low < outcome.scores["log_loss"] < interval.high
    assert interval.width < 0.1


def test_tuned_labels_can_be_had_again_from_recorded_outputs():
    """For intervals and comparisons of a score at tuned thresholds; and those at a number."""
    data, tune = skewed(), resolve("f1", binary=True)
    splits = splits_of(data.rows)
    folds, outcome = evaluated(assignment("f1", "roc_auc", tune=tune), data, splits)
    fresh = retuned(tune, out_of_fold(data.target, splits, folds))
    assert fresh.score(tune) == outcome.scores["f1@tuned"]
    read = retuned(tune, from_file(outcome.oof, data.target, splits))
    assert read.score(tune) == pytest.approx(outcome.scores["f1@tuned"], abs=0.02)
    folds, outcome = evaluated(assignment("f1", cut=0.2), data, splits)
    assert out_of_fold(data.target, splits, folds).score(tune) == outcome.scores["f1"]
    assert from_file(outcome.oof, data.target, splits).score(tune) == outcome.scores["f1"]


def test_resampling_is_corrected_like_weights():
    """Half of what the model learnt was positive, and a tenth is."""
    data = skewed(3000)
    task = assignment(*RECORDED)
    recipe = task.recipes["m"]
    resampled = replace(recipe, resampling=replace(recipe.resampling, method="random_under"))
    _, plain = evaluated(task, data)
    folds, outcome = evaluated(replace(task, recipes={"m": resampled}), data)
    np.testing.assert_allclose(folds[0].log_prior_shift, np.log([1.8, 0.2]), atol=0.1)
    assert outcome.scores["log_loss"] == pytest.approx(plain.scores["log_loss"], abs=0.01)
    assert outcome.scores["calibration_error"] < 0.03


def test_a_users_function_reads_what_it_asked_for():
    """Corrected where it needs probabilities, the model's own outputs where it needs scores."""
    output, shift = np.array([0.2, 0.6, 0.9]), (0.5, -1.0)
    labels = labels_of(output, "proba")
    rows = ScoredRows(np.array([0, 1, 1]), output, "proba", labels, corrected(output, shift))
    seen = {}

    def keep(needs):
        def function(_truth, predicted):
            seen[needs] = predicted
            return 0.0

        return function

    for needs in ("label", "score", "proba"):
        apply_function(rows, keep(needs), "mine", needs)
    np.testing.assert_array_equal(seen["score"], rows.output)
    np.testing.assert_array_equal(seen["proba"], rows.corrected)
    assert not np.array_equal(seen["score"], seen["proba"])


def test_a_refitted_model_gives_true_probabilities_and_cuts_where_it_is_told():
    """predict_proba is corrected; labels are of the model's own outputs, as in the sweep."""
    data = skewed(3000)
    task = assignment("f1", weight="balanced")
    frame = pd.DataFrame(data.values, columns=["a", "b"])
    model = refit(task, data, Configuration("m", {}))
    proba = model.predict_proba(frame)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert proba[:, 1].mean() == pytest.approx(data.target.mean(), abs=0.01)
    assert (model.predict(frame) == "class 1").mean() > 0.2  # the weighted model's own labels
    strict = refit(task, data, Configuration("m", {}), threshold=0.9)
    raw = model.model.predict_proba(data.values)[:, 1]
    np.testing.assert_array_equal(strict.predict(frame) == "class 1", raw > 0.9)


@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr", "roc_auc_ovo"])
def test_a_fold_of_one_class_is_a_failure_and_no_mean_of_the_others(name):
    """scikit-learn's NaN, or a nanmean of the folds that suit the trial, would hide it."""
    data = skewed(400)
    negative, positive = (np.flatnonzero(data.target == code) for code in (0, 1))
    tests = [negative[:50], np.r_[negative[50:100], positive[:20]], positive[20:]]
    splits = [Split(np.setdiff1d(np.arange(400), test), test) for test in tests]
    _, outcome = evaluated(assignment(name, "average_precision", "log_loss"), data, splits)
    assert outcome.failure.cause == "numeric"
    assert outcome.failure.reason == f"{name} is undefined on fold 1, 3"
    assert np.isnan(outcome.folds["average_precision"]).tolist() == [True, False, True]
    assert np.isfinite(outcome.folds["log_loss"]).all()
    assert np.isfinite(outcome.scores["average_precision"])
