"""The bootstrap: exact resampling of rows for every metric, and intervals that cover."""

import math
from dataclasses import replace

import numpy as np
import pytest

from evaluators.bootstrap import (
    OutOfFold,
    bootstrap,
    bootstrap_difference,
    drawn,
    drawn_weights,
    from_file,
    out_of_fold,
    strata_of,
)
from evaluators.metrics import REGISTERED, resolve
from evaluators.oof import encode
from evaluators.scored_rows import labels_of
from evaluators.scoring import TrialRows, score_fold, score_trial, value_of
from evaluators.thresholds import retuned, tuned
from evaluators.types import FoldResult, Resources, Split
from evaluators.weighing import BINS, weigher

NOWHERE = np.arange(0)
#: A member of each family whose name stands for a number.
MEMBERS = {"fbeta": "2", "recall_at_precision": "0.4", "precision_at_recall": "0.6"}


def registered(binary=True):
    """Every metric of ours that these classes have."""
    for metric in REGISTERED:
        stem, _, number = metric.name.partition("@")
        if not number or stem in MEMBERS:
            name = f"{stem}@{MEMBERS[stem]}" if number else stem
            if binary or not metric.binary_only:
                costs = ((0.0, 1.0, 2.0), (5.0, 0.0, 3.0), (1.0, 4.0, 0.0))
                costs = tuple(row[:2] for row in costs[:2]) if binary else costs
                yield resolve(name, binary=binary, costs=costs)


def a_trial(rows=240, classes=2, repeats=2, folds=4, seed=0, signal=1.5, cut=None, bent=False):
    """Target, splits and the fold results of a model that knows something; scores with ties."""
    rng = np.random.default_rng(seed)
    target = rng.permutation(np.arange(rows) % (4 if classes == 2 else classes))
    target = (target == 0).astype(int) if classes == 2 else target
    splits = [
        Split(NOWHERE, part, repeat)
        for repeat in range(repeats)
        for part in np.array_split(rng.permutation(rows), folds)
    ]
    logits = rng.normal(size=(repeats, rows, classes)) + signal * np.eye(classes)[target]
    proba = np.round(np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True), 2)
    proba = proba / proba.sum(axis=2, keepdims=True)
    results = []
    for number, split in enumerate(splits):
        output = proba[split.repeat, split.test]
        output = output[:, 1] if classes == 2 else output
        _, confusion = score_fold([], target[split.test], output, "proba", cut=cut)
        shift = tuple(-0.3 * code * (number + 1) for code in range(classes)) if bent else None
        result = FoldResult(number, {}, confusion, Resources(), output, "proba", cut, shift)
        results.append(result)
    return target, splits, results


def a_table(**options):
    return out_of_fold(*a_trial(**options))


def one_fold(target, output, kind="decision"):
    """A single test set."""
    nothing = np.zeros(len(target), dtype=int)
    rows = np.arange(len(target))
    return OutOfFold(rows, nothing, nothing, target, output, kind, labels_of(output, kind))


@pytest.mark.parametrize("options", [{}, {"classes": 3}, {"cut": 0.3}, {"bent": True}])
def test_weights_of_one_give_the_trial_score_itself(options):
    """For every registered metric, with and without bins, as ``score_trial`` has it."""
    target, splits, folds = a_trial(**options)
    classes = options.get("classes", 2)
    table = out_of_fold(target, splits, folds)
    metrics = list(registered(binary=classes == 2))
    scores = score_trial(metrics, TrialRows(target, splits, folds))[0]
    ones = np.ones((len(target), 1), dtype=np.int32)
    for metric in metrics:
        assert table.score(metric) == scores[metric.name], metric.name
        for bins in (2048, 20):
            found = weigher(metric, table, np.arange(len(target)), bins)(ones)
            assert found == pytest.approx([scores[metric.name]], abs=1e-14), metric.name


@pytest.mark.parametrize("classes", [2, 3])
def test_a_weight_of_two_is_the_row_twice(classes):
    """For every registered metric and two of others: drawn rows written out give the same."""
    table = a_table(classes=classes, bent=True)
    weights = np.random.default_rng(1).integers(0, 3, (240, 3), dtype=np.int32)
    scorers = [resolve(name, binary=classes == 2) for name in ("neg_log_loss", "jaccard_macro")]
    for metric in [*registered(binary=classes == 2), *scorers]:
        found = weigher(metric, table, np.arange(240))(weights)
        for times, value in zip(weights.T, found, strict=True):
            parts = [np.repeat(part, times[table.rows[part]]) for part in table.parts(metric)]
            expected = np.mean([value_of(metric, table.part(part)) for part in parts])
            assert value == pytest.approx(expected, abs=1e-12), metric.name


def test_bins_change_a_weighted_score_by_little():
    """10,000 distinct scores: an AUC by less than 1 / (2 bins), an AP by 2% of its own spread."""
    rng = np.random.default_rng(2)
    target = (rng.random(10_000) < 0.2).astype(int)
    table = one_fold(target, rng.normal(size=10_000) + target)
    weights = rng.poisson(1, (10_000, 40)).astype(np.int32)

    def both(name):
        metric = resolve(name, binary=True)
        return (weigher(metric, table, np.arange(10_000), n)(weights) for n in (10**6, BINS))

    exact, binned = both("roc_auc")
    assert 0 < np.abs(binned - exact).max() < 1 / (2 * BINS)
    exact, binned = both("average_precision")
    assert np.sqrt(np.mean((binned - exact) ** 2)) < 0.02 * exact.std()


def test_each_class_is_drawn_as_often_as_it_is_there():
    """Stratified; every row can be drawn, and some are left out."""
    table = a_table()
    units, stratum, group = strata_of([table], None)
    target = table.target[np.unique(table.rows, return_index=True)[1]]
    weights = np.concatenate(list(drawn_weights(stratum, group, 50, 0)), axis=1)
    assert weights.shape == (len(units), 50)
    assert (weights[target == 1].sum(axis=0) == target.sum()).all()
    assert (weights.sum(axis=0) == len(units)).all()
    assert weights.any(axis=1).all()
    assert 0.33 < (weights == 0).mean() < 0.40  # 1/e


def test_groups_are_drawn_whole():
    """Rows of one group always have one weight, and groups of each kind keep their number."""
    table = a_table()
    groups = np.arange(240) // 4
    _, stratum, group = strata_of([table], groups)
    weights = np.concatenate(list(drawn_weights(stratum, group, 20, 0)), axis=1)
    by_group = weights.reshape(60, 4, 20)
    assert (by_group == by_group[:, :1]).all()
    target = table.target[np.unique(table.rows, return_index=True)[1]]
    rare = target.reshape(60, 4).any(axis=1)
    assert (by_group[rare, 0].sum(axis=0) == rare.sum()).all()


def test_copies_of_rows_do_not_narrow_it_when_they_are_groups():
    """Each row four times: as rows half as wide, as groups as wide as the rows without copies."""
    rng = np.random.default_rng(5)
    target = np.repeat([0, 1], [150, 50])
    output = rng.normal(size=200) + target
    metric = resolve("average_precision", binary=True)
    plain = bootstrap(metric, one_fold(target, output))
    copied = one_fold(np.repeat(target, 4), np.repeat(output, 4))
    assert bootstrap(metric, copied).width == pytest.approx(plain.width / 2, rel=0.15)
    grouped = bootstrap(metric, copied, groups=np.arange(800) // 4)
    assert grouped.width == pytest.approx(plain.width, rel=0.1)
    assert "groups" in grouped.method


@pytest.mark.parametrize("name", ["roc_auc", "f1"])
def test_it_covers_the_truth(name):
    """150 test sets of 300 rows of a known model: 95% within three standard errors, no wider."""
    rng = np.random.default_rng(6)
    metric = resolve(name, binary=True)

    def a_set(rows):
        target = np.repeat([0, 1], [rows * 4 // 5, rows // 5])
        return one_fold(target, rng.normal(size=rows) - 1 + 1.5 * target)

    truth = a_set(1_000_000).score(metric)
    sets = [a_set(300) for _ in range(150)]
    found = [bootstrap(metric, each, draws=200, seed=seed) for seed, each in enumerate(sets)]
    assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.895
    spread = np.std([each.score(metric) for each in sets])
    assert np.mean([each.width for each in found]) == pytest.approx(2 * 1.96 * spread, rel=0.2)


def test_a_draw_serves_both_sides():
    """A trial differs from itself by exactly nothing; pairing narrows the difference of two."""
    rng = np.random.default_rng(7)
    one = a_table(repeats=1)
    metric = resolve("average_precision", binary=True)
    same = bootstrap_difference(metric, one, one)
    assert (same.low, same.high) == (0.0, 0.0)
    other = replace(one, output=one.output + 0.02 * rng.normal(size=len(one.output)))
    paired = bootstrap_difference(metric, one, other)
    assert paired.width < 0.6 * bootstrap(metric, one).width
    assert paired.low <= one.score(metric) - other.score(metric) <= paired.high
    assert paired.method == "paired bootstrap of rows (1000 draws)"


def test_the_seed_decides():
    """Equal seeds give equal intervals, others others; the number of draws is in the method."""
    table = a_table()
    metric = resolve("f1", binary=True)
    one, again, other = (bootstrap(metric, table, draws=250, seed=s) for s in (1, 1, 2))
    assert one == again
    assert one != other
    assert one.method == "bootstrap of rows (250 draws)"


def test_large_inputs_and_whole_runs_take_fewer_draws():
    """And say so; a user's metric is run on the rows drawn."""
    assert drawn(1000, 100_000) == 1000
    assert drawn(1000, 2_000_000) == 200
    table = a_table(repeats=1, folds=1)
    found = bootstrap(resolve("jaccard", binary=True), table)
    assert found.method == "bootstrap of rows (200 draws)"
    assert found.low < table.score(resolve("jaccard", binary=True)) < found.high


def test_what_is_undefined_has_no_interval():
    """A fold without positives, probabilities that are not there, a missing output: NaN."""
    table = a_table()
    alone = replace(table, target=np.where(table.fold == 0, 0, table.target))
    missing = replace(table, output=np.where(np.arange(len(table.rows)) == 3, np.nan, table.output))
    decision = replace(table, kind="decision")
    for name, scored in (("roc_auc", alone), ("f1", missing), ("brier", decision)):
        found = bootstrap(resolve(name, binary=True), scored, draws=20)
        assert math.isnan(found.low), name
        assert math.isnan(found.high), name
        assert "undefined" in found.method


@pytest.mark.parametrize("options", [{}, {"cut": 0.3, "bent": True}])
def test_a_file_gives_what_the_folds_gave(options):
    """Rows, folds and labels the same, scores within the file's resolution; other folds refused."""
    target, splits, folds = a_trial(**options)
    fresh, data = out_of_fold(target, splits, folds), encode(splits, folds)
    kept = from_file(data, target, splits)
    for name in ("roc_auc", "f1", "brier"):
        metric = resolve(name, binary=True)
        assert kept.score(metric) == pytest.approx(fresh.score(metric), abs=1e-4)
    order = np.lexsort((fresh.rows, fresh.fold))
    for name in ("rows", "fold", "repeat", "target", "labels"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(fresh, name)[order])
    with pytest.raises(ValueError, match="other rows"):
        from_file(data, target, [splits[1], splits[0], *splits[2:]])


def test_a_file_can_be_cut_where_the_other_folds_say():
    """Label metrics are then those at the tuned thresholds."""
    target, splits, folds = a_trial()
    metric = resolve("f1", binary=True)
    expected = tuned(metric, target, splits, folds).scores["f1@tuned"]
    found = retuned(metric, from_file(encode(splits, folds), target, splits))
    assert found.score(metric) == pytest.approx(expected, abs=0.01)
    assert found.score(metric) > out_of_fold(target, splits, folds).score(metric)


def test_labels_at_another_threshold_are_used_as_given():
    """Label metrics follow the labels in force, ranking metrics do not."""
    target, splits, folds = a_trial()
    plain = out_of_fold(target, splits, folds)
    moved = out_of_fold(target, splits, folds, labels=(plain.output > 0.3).astype(int))
    recall, area = resolve("recall", binary=True), resolve("roc_auc", binary=True)
    assert moved.score(recall) > plain.score(recall)
    assert moved.score(area) == plain.score(area)
    assert bootstrap(recall, moved, draws=200).low > bootstrap(recall, plain, draws=200).low
