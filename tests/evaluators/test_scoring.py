"""From folds to a trial: what is pooled, what is averaged, and what is undefined."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from evaluators.errors import MetricError
from evaluators.metrics import resolve, standard_set
from evaluators.scoring import (
    TrialRows,
    check_output,
    labels_of,
    notices,
    score_fold,
    score_trial,
)
from evaluators.types import FoldResult, Resources, Split


def metrics(*names, binary=True):
    return [resolve(name, binary=binary) for name in names]


def folds_of(wanted, target, splits, outputs, kind="proba"):
    results = []
    for number, (split, output) in enumerate(zip(splits, outputs, strict=True)):
        scores, confusion = score_fold(wanted, target[split.test], output, kind)
        results.append(FoldResult(number, scores, confusion, Resources(), output, kind))
    return results


def splits_of(rows, folds, repeats=1, seed=0):
    generator, everything = np.random.default_rng(seed), np.arange(rows)
    return [
        Split(np.setdiff1d(everything, part), part, repeat)
        for repeat in range(repeats)
        for part in np.array_split(generator.permutation(rows), folds)
    ]


def imbalanced(rows=600, share=0.1, seed=0):
    generator = np.random.default_rng(seed)
    target = (generator.random(rows) < share).astype(np.int32)
    return target, 1 / (1 + np.exp(-(generator.normal(size=rows) + 2.5 * target - 2)))


MODELS = [
    LogisticRegression(),
    GaussianNB(),
    DecisionTreeClassifier(min_samples_leaf=4, random_state=0),
    RandomForestClassifier(10, random_state=0),
    KNeighborsClassifier(2),
    KNeighborsClassifier(4),
    LinearSVC(),
    RidgeClassifier(),
]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_labels_are_those_of_scikit_learns_predict(model, classes):
    """Ties go to the lower class: pairs of neighbours and leaves of four rows are full of them."""
    matrix, target = make_classification(
        400, 6, n_informative=4, n_classes=classes, flip_y=0.3, random_state=1
    )
    model.fit(matrix[:200], target[:200])
    kind = "proba" if hasattr(model, "predict_proba") else "decision"
    method = model.predict_proba if kind == "proba" else model.decision_function
    output = method(matrix)
    output = output[:, 1] if kind == "proba" and classes == 2 else output
    np.testing.assert_array_equal(labels_of(output, kind), model.predict(matrix))


@given(st.integers(0, 10_000), st.integers(2, 6))
@settings(deadline=None, max_examples=25)
def test_f1_is_of_the_summed_counts(seed, folds):
    """2 TP / (2 TP + FP + FN) over all folds, not the mean of the folds' F1."""
    target, output = imbalanced(80, 0.4, seed)
    target[:2] = (0, 1)
    splits = splits_of(80, folds, seed=seed)
    wanted = metrics("f1", "precision", "matthews_corrcoef", "g_mean")
    results = folds_of(wanted, target, splits, [output[s.test] for s in splits])
    scores, by_fold, confusion = score_trial(wanted, TrialRows(target, splits, results))
    (tn, fp), (fn, tp) = confusion
    assert scores["f1"] == pytest.approx(2 * tp / max(2 * tp + fp + fn, 1))
    labels = (output > 0.5) * 1
    np.testing.assert_array_equal(confusion, sk.confusion_matrix(target, labels, labels=[0, 1]))
    assert tn + fp + fn + tp == 80
    assert scores["precision"] == sk.precision_score(target, labels, zero_division=0)
    assert scores["matthews_corrcoef"] == pytest.approx(sk.matthews_corrcoef(target, labels))
    assert len(by_fold["f1"]) == folds


def test_roc_auc_is_the_mean_of_the_folds_and_ap_is_pooled():
    """Each as scikit-learn computes it on the fold, or on all rows together."""
    target, output = imbalanced()
    splits = splits_of(600, 5)
    wanted = metrics("roc_auc", "average_precision", "brier", "log_loss", "recall_at_precision@0.5")
    results = folds_of(wanted, target, splits, [output[s.test] for s in splits])
    scores, by_fold, _ = score_trial(wanted, TrialRows(target, splits, results))
    areas = [sk.roc_auc_score(target[s.test], output[s.test]) for s in splits]
    assert by_fold["roc_auc"] == pytest.approx(areas)
    assert scores["roc_auc"] == pytest.approx(np.mean(areas))
    assert scores["roc_auc"] != pytest.approx(sk.roc_auc_score(target, output), abs=1e-6)
    assert scores["average_precision"] == pytest.approx(sk.average_precision_score(target, output))
    assert scores["average_precision"] != pytest.approx(np.mean(by_fold["average_precision"]))
    assert scores["brier"] == pytest.approx(sk.brier_score_loss(target, output))
    assert scores["log_loss"] == pytest.approx(sk.log_loss(target, output))


def test_repeats_pool_each_and_then_average_while_counts_add_up():
    """The matrix is the sum over repeats: an exact number of times the rows."""
    target, output = imbalanced()
    other = np.clip(output + np.random.default_rng(1).normal(0, 0.2, 600), 0, 1)
    splits = splits_of(600, 4, repeats=2)
    outputs = [(output, other)[s.repeat][s.test] for s in splits]
    wanted = metrics("average_precision", "f1", "roc_auc")
    results = folds_of(wanted, target, splits, outputs)
    scores, by_fold, confusion = score_trial(wanted, TrialRows(target, splits, results))
    pooled = [sk.average_precision_score(target, each) for each in (output, other)]
    assert scores["average_precision"] == pytest.approx(np.mean(pooled))
    assert scores["roc_auc"] == pytest.approx(np.mean(by_fold["roc_auc"]))
    both = sum(sk.confusion_matrix(target, each > 0.5) for each in (output, other))
    np.testing.assert_array_equal(confusion, both)
    assert np.sum(confusion) == 1200
    twice = np.concatenate((target, target)), np.concatenate((output, other)) > 0.5
    assert scores["f1"] == pytest.approx(sk.f1_score(*twice))


def test_more_classes_are_pooled_into_one_matrix_and_macro_averaged():
    """F1 is the mean of the classes' F1 of the summed counts; ROC AUC one against the rest."""
    generator = np.random.default_rng(4)
    target = generator.choice(3, 300, p=[0.6, 0.3, 0.1]).astype(np.int32)
    raw = np.exp(generator.normal(size=(300, 3)) + 1.5 * np.eye(3)[target])
    output = raw / raw.sum(axis=1, keepdims=True)
    splits = splits_of(300, 3)
    wanted = metrics("f1", "roc_auc", "balanced_accuracy", "log_loss", binary=False)
    results = folds_of(wanted, target, splits, [output[s.test] for s in splits])
    scores, _, confusion = score_trial(wanted, TrialRows(target, splits, results))
    labels = output.argmax(axis=1)
    np.testing.assert_array_equal(confusion, sk.confusion_matrix(target, labels))
    assert scores["f1"] == pytest.approx(sk.f1_score(target, labels, average="macro"))
    assert scores["balanced_accuracy"] == sk.balanced_accuracy_score(target, labels)
    areas = [sk.roc_auc_score(target[s.test], output[s.test], multi_class="ovr") for s in splits]
    assert scores["roc_auc"] == pytest.approx(np.mean(areas))
    assert scores["log_loss"] == pytest.approx(sk.log_loss(target, output))


def test_a_fold_of_one_class_makes_a_mean_nan_and_leaves_what_is_pooled():
    """A nanmean would score the trial on the folds that suit it; AP of such a fold is not 0.0."""
    target, output = np.array([0, 1, 0, 1, 0, 0]), np.array([0.1, 0.9, 0.3, 0.6, 0.2, 0.7])
    splits = [Split(np.arange(0), np.array(part)) for part in ([0, 1], [2, 3], [4, 5])]
    names = ("roc_auc", "average_precision", "recall", "log_loss")
    results = folds_of(metrics(*names), target, splits, [output[s.test] for s in splits])
    scores, by_fold, _ = score_trial(metrics(*names), TrialRows(target, splits, results))
    assert math.isnan(scores["roc_auc"])
    assert math.isnan(by_fold["average_precision"][2])
    assert math.isnan(by_fold["recall"][2])
    assert by_fold["log_loss"][2] == pytest.approx(
        sk.log_loss(target[4:], output[4:], labels=[0, 1])
    )
    assert scores["average_precision"] == pytest.approx(sk.average_precision_score(target, output))
    assert scores["recall"] == 1.0


def test_some_folds_score_as_a_trial_of_those_folds():
    """A raced trial: pooled over the rows seen so far, and in any order of folds."""
    target, output = imbalanced()
    splits = splits_of(600, 5)
    wanted = metrics("average_precision", "roc_auc", "f1")
    results = folds_of(wanted, target, splits, [output[s.test] for s in splits])
    part = [results[3], results[1]]
    scores, by_fold, confusion = score_trial(wanted, TrialRows(target, splits, part))
    rows = np.concatenate([splits[3].test, splits[1].test])
    expected = sk.average_precision_score(target[rows], output[rows])
    assert scores["average_precision"] == pytest.approx(expected)
    assert by_fold["roc_auc"] == [fold.scores["roc_auc"] for fold in part]
    assert np.sum(confusion) == 240


def test_a_metric_named_later_is_computed_from_the_outputs():
    """Old folds can be scored by a metric they were not recorded with."""
    target, output = imbalanced()
    splits = splits_of(600, 3)
    results = folds_of(metrics("f1"), target, splits, [output[s.test] for s in splits])
    scores, by_fold, _ = score_trial(
        metrics("roc_auc", "f1_macro"), TrialRows(target, splits, results)
    )
    areas = [sk.roc_auc_score(target[s.test], output[s.test]) for s in splits]
    assert by_fold["roc_auc"] == pytest.approx(areas)
    macro = [sk.f1_score(target[s.test], output[s.test] > 0.5, average="macro") for s in splits]
    assert scores["f1_macro"] == pytest.approx(np.mean(macro))


def test_decision_values_rank_and_label_but_give_no_probability_metric():
    """Brier and log loss are NaN with a word about it; ranks and labels are scored."""
    target, output = imbalanced()
    decision = np.log(output / (1 - output))
    splits = splits_of(600, 3)
    wanted = metrics(*standard_set(True))
    results = folds_of(wanted, target, splits, [decision[s.test] for s in splits], "decision")
    scores, _, _ = score_trial(wanted, TrialRows(target, splits, results))
    assert {name for name, score in scores.items() if math.isnan(score)} == {"brier", "log_loss"}
    assert scores["average_precision"] == pytest.approx(sk.average_precision_score(target, output))
    assert scores["f1"] == pytest.approx(sk.f1_score(target, output > 0.5))
    (warned,) = notices(wanted, TrialRows(target, splits, results))
    assert (warned.code, warned.figure) == ("needs_probabilities", 2.0)
    assert "brier, log_loss" in warned.message


def test_an_objective_that_needs_probabilities_is_refused_by_models_without():
    """The message names the models, and what to choose instead."""
    (log_loss, auc) = metrics("log_loss", "roc_auc")
    kinds = {"linear_svm": "decision", "xgboost": "proba"}
    with pytest.raises(MetricError, match=r"'log_loss' needs probabilities, and linear_svm gives"):
        check_output(log_loss, kinds)
    check_output(auc, kinds)
    with pytest.raises(MetricError, match="this model gives decision values only"):
        score_fold([log_loss, auc], np.array([0, 1]), np.array([-1.0, 1.0]), "decision")
    scores, _ = score_fold([auc, log_loss], np.array([0, 1]), np.array([-1.0, 1.0]), "decision")
    assert scores["roc_auc"] == 1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_output_that_is_no_number_leaves_no_score(bad):
    """Not even a label metric: a NaN would count as class 0."""
    target, output = imbalanced()
    output[7] = bad
    splits = splits_of(600, 3)
    wanted = metrics(*standard_set(True))
    results = folds_of(wanted, target, splits, [output[s.test] for s in splits])
    scores, by_fold, _ = score_trial(wanted, TrialRows(target, splits, results))
    assert all(math.isnan(score) for score in scores.values())
    assert np.isnan(by_fold["f1"]).sum() == 1


def test_undefined_folds_are_counted():
    """How many, and for which metrics."""
    target, output = np.array([0, 1, 0, 0, 0, 0]), np.array([0.1, 0.9, 0.3, 0.6, 0.2, 0.7])
    splits = [Split(np.arange(0), np.array(part)) for part in ([0, 1], [2, 3], [4, 5])]
    wanted = metrics("roc_auc", "recall", "brier")
    results = folds_of(wanted, target, splits, [output[s.test] for s in splits])
    (warned,) = notices(wanted, TrialRows(target, splits, results))
    assert (warned.code, warned.figure) == ("undefined_folds", 2.0)
    assert "up to 2 of 3 folds: roc_auc, recall" in warned.message


def test_folds_on_different_scales_are_noticed_where_ranks_are_pooled():
    """A fold whose probabilities are all shifted ranks well alone and badly in company."""
    target, output = imbalanced(3000)
    splits = splits_of(3000, 3)
    wanted = metrics("average_precision", "roc_auc")
    outputs = [output[s.test] for s in splits]
    agreed = folds_of(wanted, target, splits, outputs)
    assert notices(wanted, TrialRows(target, splits, agreed)) == ()
    shifted = folds_of(wanted, target, splits, [0.3 * outputs[0], outputs[1], outputs[2] ** 0.2])
    (warned,) = notices(wanted, TrialRows(target, splits, shifted))
    assert warned.code == "fold_scales"
    assert warned.figure > 0.02
    assert notices(metrics("roc_auc"), TrialRows(target, splits, shifted)) == ()


def test_kinds_are_never_pooled_together():
    """A mix of probabilities and decision values is a bug of the caller's."""
    target, output = imbalanced()
    splits = splits_of(600, 2)
    wanted = metrics("average_precision")
    one, other = (
        folds_of(wanted, target, splits, [output[s.test] for s in splits], kind)[number]
        for number, kind in enumerate(("proba", "decision"))
    )
    with pytest.raises(ValueError, match="cannot be pooled"):
        score_trial(wanted, TrialRows(target, splits, [one, other]))
    with pytest.raises(ValueError, match="no fold"):
        score_trial(wanted, TrialRows(target, splits, []))


def test_pooled_average_precision_of_100_000_rows_takes_under_50_ms():
    """CPU time, the best of five; it is about 10 ms."""
    target, output = imbalanced(100_000, 0.03)
    splits = splits_of(100_000, 5)
    wanted = metrics("average_precision")
    results = folds_of(wanted, target, splits, [output[s.test] for s in splits])
    taken = []
    for _ in range(5):
        started = time.process_time()
        score_trial(wanted, TrialRows(target, splits, results))
        taken.append(time.process_time() - started)
    assert min(taken) < 0.05
