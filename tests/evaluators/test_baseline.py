"""What can be had without looking at the features."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from evaluators.baseline import baseline
from evaluators.metrics import resolve, standard_set
from evaluators.scoring import TrialRows, score_fold, score_trial
from evaluators.types import Column, Dataset, FoldResult, Resources, Split


def dataset_of(target, classes=2):
    names = tuple(f"class {code}" for code in range(classes))
    return Dataset(
        np.empty((len(target), 0), np.float32), np.asarray(target, np.int32), (Column("x"),), names
    )


def splits_of(rows, folds=5, repeats=1):
    generator, everything = np.random.default_rng(0), np.arange(rows)
    return [
        Split(np.setdiff1d(everything, part), part, repeat)
        for repeat in range(repeats)
        for part in np.array_split(generator.permutation(rows), folds)
    ]


def rare(rows=1000, share=0.1):
    return (np.random.default_rng(3).random(rows) < share).astype(np.int32)


def of(objective, target, *others, classes=2, splits=None, **told):
    wanted = [resolve(objective, binary=classes == 2, **told)]
    wanted += [resolve(name, binary=classes == 2) for name in others]
    return baseline(wanted, dataset_of(target, classes), splits or splits_of(len(target)))


@given(st.integers(2, 50), st.integers(2, 50))
@settings(deadline=None, max_examples=30)
def test_ap_is_the_share_of_positives_and_auc_one_half(positives, negatives):
    """Exactly, though the folds' priors differ: they are no ranking."""
    target = np.tile(np.repeat([1, 0], (positives, negatives)), 5)
    block = positives + negatives
    splits = [
        Split(np.setdiff1d(np.arange(len(target)), part), part)
        for part in np.array_split(np.arange(len(target)), [block, 2 * block + 1, 3 * block + 2])
    ]
    share = positives / block
    found = of("average_precision", target, "roc_auc", "precision_at_recall@0.5", splits=splits)
    assert found.kind == "prior"
    assert found.scores["average_precision"] == pytest.approx(share)
    assert found.scores["precision_at_recall@0.5"] == pytest.approx(share)
    assert found.scores["roc_auc"] == 0.5


@pytest.mark.parametrize("beta", [1, 2])
def test_calling_every_row_positive_is_the_baseline_of_f(beta):
    """F1 = 2p / (1 + p), in general (1 + b²) p / (1 + b² p), and not the prior's 0."""
    target = rare()
    share = target.mean()
    found = of(f"fbeta@{beta}", target, *standard_set(True))
    assert found.kind == "all_positive"
    expected = (1 + beta**2) * share / (1 + beta**2 * share)
    assert found.scores[f"fbeta@{beta}"] == pytest.approx(expected)
    assert found.scores["f1"] == pytest.approx(2 * share / (1 + share))
    assert found.scores["recall"] == 1.0
    assert found.scores["precision"] == pytest.approx(share)
    assert found.scores["matthews_corrcoef"] == 0.0


def test_the_prior_is_that_of_the_training_rows():
    """Brier and log loss as a model that answers each fold with its training share."""
    target, splits = rare(), splits_of(1000, 4)
    found = of("log_loss", target, "brier", "accuracy", splits=splits)
    answer = np.empty(1000)
    for split in splits:
        answer[split.test] = target[split.train].mean()
    assert found.kind == "prior"
    assert found.scores["log_loss"] == pytest.approx(sk.log_loss(target, answer))
    assert found.scores["brier"] == pytest.approx(sk.brier_score_loss(target, answer))
    assert found.scores["accuracy"] == pytest.approx(1 - target.mean())


def test_the_probabilities_stay_the_priors_whatever_the_labels():
    """All positive as labels is no claim of certainty: log loss is not that of p = 1."""
    target = rare()
    as_labels, as_prior = of("f1", target, "log_loss"), of("log_loss", target)
    assert as_labels.kind == "all_positive"
    assert as_labels.scores["log_loss"] == as_prior.scores["log_loss"]


def test_the_best_constant_is_chosen_in_the_objectives_direction():
    """With 60% ones the prior already says positive, and specificity wants the opposite."""
    target = (np.arange(500) % 5 < 3).astype(np.int32)
    assert of("f1", target).kind == "prior"
    assert of("f1", target).scores["f1"] == pytest.approx(2 * 0.6 / 1.6)
    assert of("specificity", target).kind == "all_negative"
    assert of("specificity", target).scores["specificity"] == 1.0
    assert of("balanced_accuracy", target).scores["balanced_accuracy"] == 0.5


def test_more_classes_answer_with_the_majority():
    """Labels of the most frequent class, probabilities of the training shares."""
    target = np.random.default_rng(1).choice(3, 900, p=[0.2, 0.7, 0.1])
    found = of("f1", target, "accuracy", "roc_auc", "log_loss", "average_precision", classes=3)
    share = (target == 1).mean()
    assert found.kind == "majority"
    assert found.scores["accuracy"] == pytest.approx(share)
    assert found.scores["f1"] == pytest.approx(2 * share / (1 + share) / 3)
    assert found.scores["roc_auc"] == 0.5
    assert found.scores["average_precision"] == pytest.approx(1 / 3)
    assert 0.7 < found.scores["log_loss"] < 0.9


def test_a_users_cost_gets_the_constant_that_costs_least(tmp_path):
    """A missed positive at 20 to 1 makes calling all positive cheaper than the majority."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "def cost(y_true, y_pred):\n"
        "    return np.mean(20 * (y_true > y_pred) + (y_true < y_pred))\n"
    )
    target = rare()
    told = {"direction": "minimize", "folder": tmp_path}
    found = of("mine.py:cost", target, "f1_macro", **told)
    assert found.kind == "all_positive"
    assert found.scores["mine.py:cost"] == pytest.approx(1 - target.mean())
    assert found.scores["f1_macro"] < 0.2


def test_every_metric_of_ours_has_a_baseline_that_a_good_model_beats():
    """Under the same folds and repeats, each in its own direction."""
    target = rare()
    generator = np.random.default_rng(0)
    good = 1 / (1 + np.exp(-(4 * target - 2 + generator.normal(0, 0.5, 1000))))
    splits = splits_of(1000, 5, repeats=2)
    names = (*standard_set(True), "accuracy", "g_mean", "recall_at_precision@0.5")
    for name in set(names) - {"recall"}:  # calling all positive has a recall of 1
        metric = resolve(name, binary=True)
        folds = []
        for number, split in enumerate(splits):
            scores, confusion = score_fold([metric], target[split.test], good[split.test], "proba")
            folds.append(
                FoldResult(number, scores, confusion, Resources(), good[split.test], "proba")
            )
        score = score_trial([metric], TrialRows(target, splits, folds))[0][name]
        assert metric.better(score, baseline([metric], dataset_of(target), splits).scores[name])


def test_a_fold_of_one_class_has_no_auc_without_features_either():
    """NaN as for any model, and the prior is kept."""
    target = np.array([0, 1, 0, 1, 0, 0])
    splits = [
        Split(np.setdiff1d(np.arange(6), part), np.array(part)) for part in ([0, 1], [2, 3], [4, 5])
    ]
    found = of("roc_auc", target, "average_precision", splits=splits)
    assert found.kind == "prior"
    assert math.isnan(found.scores["roc_auc"])
    assert found.scores["average_precision"] == pytest.approx(1 / 3)
