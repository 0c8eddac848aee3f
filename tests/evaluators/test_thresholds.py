"""Thresholds chosen on the other folds: the best there is, and never on the rows they score."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from evaluators.metric_functions import count
from evaluators.metrics import REGISTERED, resolve
from evaluators.scoring import TrialRows, notices
from evaluators.thresholds import tuned
from evaluators.types import FoldResult, Resources, Split

COUNTED = [metric.name.replace("BETA", "2") for metric in REGISTERED if metric.reads == "counts"]


def metric_of(name):
    return resolve(name, binary=True, costs=((0.0, 1.0), (5.0, 0.0)))


def trial(target, output, folds, repeats=1, kind="proba", seed=0):
    """Splits and folds of one model's outputs, dealt at random."""
    generator, everything = np.random.default_rng(seed), np.arange(len(target))
    splits = [
        Split(np.setdiff1d(everything, part), part, repeat)
        for repeat in range(repeats)
        for part in np.array_split(generator.permutation(len(target)), folds)
    ]
    results = [
        FoldResult(number, {}, (), Resources(), output[split.test], kind)
        for number, split in enumerate(splits)
    ]
    return splits, results


def rare(rows, share, seed=0):
    generator = np.random.default_rng(seed)
    target = (generator.random(rows) < share).astype(np.int32)
    return target, 1 / (1 + np.exp(4 - 2 * target - generator.normal(size=rows)))


@st.composite
def few_rows(draw):
    size = draw(st.integers(6, 30))
    target = draw(hnp.arrays(np.int32, size, elements=st.integers(0, 1)))
    steps = draw(hnp.arrays(np.int32, size, elements=st.integers(0, 8)))
    return target, steps / 8


@pytest.mark.parametrize("kind", ["proba", "decision"])
@given(data=few_rows())
@settings(deadline=None, max_examples=25)
def test_no_threshold_is_better_on_the_other_folds(kind, data):
    """Tried one by one: below, between and above all distinct scores, which tie often."""
    target, output = data
    output = output if kind == "proba" else 8 * output - 3
    splits, folds = trial(target, output, 3, kind=kind)
    every = np.arange(len(target))

    def value(metric, rows, cut):
        return metric.function(count(target[rows], (output[rows] > cut) * 1, 2))

    for metric in map(metric_of, COUNTED):
        found = tuned(metric, target, splits, folds)
        chosen = [(split.train, cut) for split, cut in zip(splits, found.thresholds, strict=True)]
        for rows, cut in [*chosen, (every, found.final)]:
            if target[rows].min() == target[rows].max():
                assert cut == (0.5 if kind == "proba" else 0.0)
                continue
            tried = [value(metric, rows, each) for each in (-math.inf, *np.unique(output[rows]))]
            best = value(metric, rows, cut)
            assert not any(metric.better(each, best) for each in tried), metric.name


def test_a_fold_plays_no_part_in_its_own_threshold():
    """Whatever its labels and outputs are, its cut stays; the others' cuts do not."""
    target, output = rare(400, 0.2)
    splits, folds = trial(target, output, 4)
    before = tuned(metric_of("f1"), target, splits, folds)
    turned, moved = target.copy(), output.copy()
    turned[splits[2].test] = 1 - turned[splits[2].test]
    moved[splits[2].test] = moved[splits[2].test] ** 0.5
    folds = trial(turned, moved, 4)[1]
    after = tuned(metric_of("f1"), turned, splits, folds)
    same = [a == b for a, b in zip(before.thresholds, after.thresholds, strict=True)]
    assert same == [False, False, True, False]
    assert before.final != after.final


def test_scores_are_of_the_summed_counts_at_each_folds_own_threshold():
    """Every recorded label metric beside the one that is tuned for; rankings are left out."""
    target, output = rare(600, 0.2)
    splits, folds = trial(target, output, 5)
    recorded = [resolve(name, binary=True) for name in ("precision", "roc_auc", "f1", "f1_macro")]
    found = tuned(metric_of("balanced_accuracy"), target, splits, folds, recorded)
    labels = np.empty(600, dtype=int)
    for split, said, cut in zip(splits, found.labels, found.thresholds, strict=True):
        np.testing.assert_array_equal(said, output[split.test] > cut)
        labels[split.test] = said
    assert set(found.scores) == {"balanced_accuracy@tuned", "precision@tuned", "f1@tuned"}
    assert found.scores["f1@tuned"] == pytest.approx(sk.f1_score(target, labels))
    assert found.scores["precision@tuned"] == pytest.approx(sk.precision_score(target, labels))
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(target, labels))
    each = [sk.f1_score(target[s.test], labels[s.test]) for s in splits]
    assert found.by_fold["f1@tuned"] == pytest.approx(each)


def test_tuning_on_noise_gains_nothing_and_choosing_on_the_scored_rows_would():
    """MCC of outputs that know nothing is 0; the best cut of the same rows seems better."""
    honest, flattered = [], []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        target = (generator.random(200) < 0.1).astype(np.int32)
        output = generator.random(200)
        splits, folds = trial(target, output, 5, seed=seed)
        found = tuned(metric_of("matthews_corrcoef"), target, splits, folds)
        honest.append(found.scores["matthews_corrcoef@tuned"])
        flattered.append(sk.matthews_corrcoef(target, output > found.final))
    assert abs(np.mean(honest)) < 0.03
    assert np.mean(flattered) > 0.1


def test_scores_crowded_near_zero_are_cut_where_the_positives_are():
    """One positive in 200, all outputs but a few far below a grid's first step."""
    generator = np.random.default_rng(3)
    target = (generator.random(20_000) < 0.005).astype(np.int32)
    output = 1e-4 * 10 ** (generator.normal(size=20_000) * 0.2 + 1.0 * target)
    output[generator.integers(0, 20_000, 3)] = 0.99
    splits, folds = trial(target, output, 5)
    found = tuned(metric_of("f1"), target, splits, folds, [metric_of("f1")])
    assert max(found.thresholds) < 2e-3
    grid = np.linspace(output.min(), output.max(), 100)
    by_grid = max(sk.f1_score(target, output > cut) for cut in grid)
    assert found.scores["f1@tuned"] > by_grid + 0.1


def test_the_threshold_of_least_cost_is_bayes_where_probabilities_are_true():
    """Cut = c(false alarm) / (c(false alarm) + c(miss)): a miss at 5 to 1 puts it at one sixth."""
    generator = np.random.default_rng(0)
    proba = generator.beta(1, 4, 60_000)
    target = (generator.random(60_000) < proba).astype(np.int32)
    splits, folds = trial(target, proba, 3)
    found = tuned(metric_of("cost"), target, splits, folds)
    assert found.final == pytest.approx(1 / 6, abs=0.03)
    labels = proba > 1 / 6
    bayes = (5 * (target > labels) + (target < labels)).mean()
    assert found.scores["cost@tuned"] == pytest.approx(bayes, rel=0.01)


def test_of_equally_good_thresholds_the_one_nearest_the_default_is_taken():
    """And where all are as good, as with a class missing or a fold alone, the default itself."""
    target, output = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.7, 0.8])
    splits = [Split(np.arange(0), np.array([0, 2])), Split(np.arange(0), np.array([1, 3]))]
    folds = [
        FoldResult(n, {}, (), Resources(), output[s.test], "proba") for n, s in enumerate(splits)
    ]
    found = tuned(metric_of("accuracy"), target, splits, folds)
    assert found.thresholds == pytest.approx((0.5, 0.4))
    assert found.final == pytest.approx(0.45)
    assert tuned(metric_of("f1"), target, splits, folds[:1]).thresholds == (0.5,)
    assert tuned(metric_of("f1"), np.zeros(4, int), splits, folds).thresholds == (0.5, 0.5)


def test_repeats_choose_apart_and_freeze_one_threshold():
    """A row's other repeat is not another fold: that would let it vote on its own cut."""
    target, output = rare(300, 0.2)
    splits, folds = trial(target, output, 3, repeats=2)
    both = tuned(metric_of("f1"), target, splits, folds)
    first = tuned(metric_of("f1"), target, splits[:3], folds[:3])
    assert both.thresholds[:3] == first.thresholds
    assert np.sum(both.confusion) == 600


def test_folds_on_other_scales_are_told_of():
    """A common threshold reads low then, and the warning names what it harms."""
    target, output = rare(3000, 0.2)
    splits, folds = trial(target, output, 3)
    shifted = [
        FoldResult(n, {}, (), Resources(), fold.output ** (1, 3, 0.3)[n], "proba")
        for n, fold in enumerate(folds)
    ]
    wanted = [metric_of("f1")]
    one, other = (tuned(wanted[0], target, splits, each) for each in (folds, shifted))
    assert other.scores["f1@tuned"] < one.scores["f1@tuned"] - 0.05
    assert notices(wanted, TrialRows(target, splits, shifted)) == ()
    (warned,) = notices(wanted, TrialRows(target, splits, shifted), tuned=True)
    assert warned.code == "fold_scales"
    assert "f1@tuned" in warned.message
    assert notices(wanted, TrialRows(target, splits, folds), tuned=True) == ()


def test_an_output_that_is_no_number_leaves_no_tuned_score():
    """As for the scores at the default threshold."""
    target, output = rare(100, 0.3)
    output[3] = math.nan
    found = tuned(metric_of("f1"), target, *trial(target, output, 2))
    assert math.isnan(found.scores["f1@tuned"])
    assert found.thresholds == (0.5, 0.5)


def test_neighbouring_numbers_are_parted():
    """Halfway between them is one of the two: labels are what was chosen all the same."""
    high = np.nextafter(0.25, 1)
    target, output = np.tile([0, 1], 20), np.tile([0.25, high], 20)
    found = tuned(metric_of("f1"), target, *trial(target, output, 2))
    assert found.scores["f1@tuned"] == 1.0


def test_a_hundred_thousand_rows_take_under_a_tenth_of_a_second():
    """CPU time of six choices, the best of three; more positives than are tried cost nothing."""
    taken = []
    target, output = rare(100_000, 0.3)
    splits, folds = trial(target, output, 5)
    recorded = [metric_of(name) for name in COUNTED]
    for _ in range(3):
        started = time.process_time()
        found = tuned(metric_of("f1"), target, splits, folds, recorded)
        taken.append(time.process_time() - started)
    assert min(taken) < 0.1
    precision, recall, _ = sk.precision_recall_curve(target, output)
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
    assert sk.f1_score(target, output > found.final) == pytest.approx(best, abs=2e-4)
