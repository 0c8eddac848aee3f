"""Out-of-fold outputs in two bytes each: small, and nothing read off them later suffers."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import log_loss

from evaluators.metric_functions import average_precision, curve_of, roc_auc
from evaluators.oof import MAGIC, decode, encode, kind_of
from evaluators.scoring import labels_of
from evaluators.types import FoldResult, Resources, Split

NOWHERE = np.arange(0)


def splits_of(rows, folds=5, repeats=1):
    generator = np.random.default_rng(0)
    return [
        Split(NOWHERE, part, repeat)
        for repeat in range(repeats)
        for part in np.array_split(generator.permutation(rows), folds)
    ]


def folds_of(splits, outputs, kind="proba"):
    """``outputs`` by row of the data, or one table per repeat."""
    return [
        FoldResult(number, {}, (), Resources(), np.asarray(outputs)[split.test], kind)
        for number, split in enumerate(splits)
    ]


def round_trip(output, kind="proba", folds=5):
    """The outputs after a trip, by row of the data."""
    splits = splits_of(len(output), folds)
    index, _, decoded = decode(encode(splits, folds_of(splits, output, kind)))
    back = np.full(output.shape, np.inf)
    back[index] = decoded
    return back


def shapes(rows=200_000, positives=0.01):
    """Outputs of unlike models, on the logit scale, with 1% positives."""
    generator = np.random.default_rng(1)
    target = (generator.random(rows) < positives).astype(int)
    normal = generator.normal(size=rows)
    far = 0.5 * normal + target
    far[:2] = (1e6, -1e6)
    return target, {
        "plain": 1.5 * normal - 5 + 2 * target,
        "all near the prior": (normal + target) * 1e-3 - 4.6,
        "tails of naive Bayes": -np.exp(1.5 * normal + 1.5) * np.where(target, 3.6, 6.0),
        "two far outliers": far,
        "heavy tails": generator.standard_cauchy(rows) + target,
    }


TARGET, SHAPES = shapes()


@pytest.mark.parametrize("name", SHAPES)
def test_auc_moves_by_less_than_1e_4_and_ap_hardly_more(name):
    """200,000 rows with 1% positives, as probabilities and as decision values."""
    decision = SHAPES[name]
    with np.errstate(over="ignore"):
        proba = 1 / (1 + np.exp(-decision))
    for kind, output in (("decision", decision), ("proba", proba)):
        back = round_trip(output, kind)
        before, after = (curve_of(TARGET == 1, each) for each in (output, back))
        assert abs(roc_auc(after) - roc_auc(before)) < 1e-4
        assert average_precision(after) == pytest.approx(average_precision(before), rel=2e-3)
        np.testing.assert_array_equal(labels_of(back, kind), labels_of(output, kind))


def test_auc_moves_by_less_than_1e_4_on_few_rows():
    """A thousand rows of which 30 are positive: one exchanged pair would be 3e-5."""
    target, outputs = shapes(1000, 0.03)
    for decision in outputs.values():
        back = round_trip(decision, "decision")
        before, after = (curve_of(target == 1, each) for each in (decision, back))
        assert abs(roc_auc(after) - roc_auc(before)) < 1e-4


def test_probabilities_come_back_close_enough_for_log_loss():
    """Within 0.3% of the odds, though 200,000 rows get the coarse scale."""
    proba = 1 / (1 + np.exp(-SHAPES["plain"]))
    back = round_trip(proba)
    odds = back / (1 - back) / (proba / (1 - proba))
    assert np.quantile(np.abs(odds - 1), 0.99) < 0.003
    assert log_loss(TARGET, back) == pytest.approx(log_loss(TARGET, proba), rel=1e-4)


def test_it_takes_at_most_two_bytes_an_output():
    """Positions and folds included, for two classes and more, one repeat and several."""
    rows = 60_000
    generator = np.random.default_rng(2)
    for folds, repeats, classes in ((5, 1, 1), (10, 1, 1), (5, 3, 1), (5, 1, 4)):
        splits = splits_of(rows, folds, repeats)
        shape = (rows,) if classes == 1 else (rows, classes)
        data = encode(splits, folds_of(splits, 1 / (1 + np.exp(generator.normal(size=shape)))))
        assert len(data) <= 2 * rows * repeats * classes


@given(
    hnp.arrays(
        np.float64, st.integers(2, 60), elements=st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])
    ),
    st.sampled_from(["proba", "decision"]),
    st.floats(1e-9, 1e9),
)
@settings(deadline=None, max_examples=50)
def test_labels_survive_exactly(output, kind, scale):
    """Ties at the cut, outputs a rounding error beside it, any scale: the side is kept."""
    if kind == "decision":
        output = (output - 0.5) * scale
    back = round_trip(output, kind, folds=2)
    np.testing.assert_array_equal(labels_of(back, kind), labels_of(output, kind))


@given(hnp.arrays(np.float64, st.integers(2, 80), elements=st.floats(-1e6, 1e6)))
@settings(deadline=None, max_examples=50)
def test_order_within_a_fold_is_never_inverted(output):
    """Two outputs may become equal, never swap."""
    splits = [Split(NOWHERE, np.arange(len(output)))]
    _, _, back = decode(encode(splits, folds_of(splits, output, "decision")))
    assert (np.diff(back[np.argsort(output, kind="stable")]) >= 0).all()


def test_certain_infinite_and_missing_outputs_come_back_as_they_were():
    """0 and 1, both infinities and NaN have codes of their own, beside ordinary ones or alone."""
    proba = np.array([0.0, 1.0, 0.25, 1e-300, 1 - 1e-16, np.nan])
    back = round_trip(proba, folds=1)
    np.testing.assert_array_equal(back[[0, 1, 5]], proba[[0, 1, 5]])
    np.testing.assert_allclose(back[2:5], proba[2:5], rtol=0.02)
    assert back[3] > 0
    np.testing.assert_array_equal(round_trip(np.array([0.2, 1.0]), folds=1)[1], 1.0)
    decision = np.array([np.inf, -np.inf, np.nan, np.inf])
    np.testing.assert_array_equal(round_trip(decision, "decision", folds=1), decision)
    certain = np.array([0.0, 1.0, 1.0])
    np.testing.assert_array_equal(round_trip(certain, folds=1), certain)


def test_equal_outputs_stay_equal_and_near_exact():
    """A baseline's constant, or a tree's few leaves."""
    for output in (np.full(40, 0.3), np.repeat([0.1, 0.9, 0.5, 0.7], 10)):
        np.testing.assert_allclose(round_trip(output), output, rtol=1e-4)


def test_rows_of_a_part_take_little_more():
    """A twentieth of a table scored: where its rows stand takes no more than a byte or so each."""
    rows, part = 1_000_000, 50_000
    generator = np.random.default_rng(2)
    chosen = np.sort(generator.choice(rows, part, replace=False))
    splits = [Split(NOWHERE, chosen[split.test]) for split in splits_of(part)]
    output = np.zeros(rows)
    output[chosen] = generator.random(part)
    data = encode(splits, folds_of(splits, output))
    assert len(data) < 3.1 * part
    index, _, decoded = decode(data)
    assert np.array_equal(np.sort(index), chosen)
    assert np.abs(decoded - output[index]).max() < 0.01


def test_positions_folds_and_kind_come_back():
    """Repeats score each row again; rows rise within a fold."""
    rows, splits = 50, splits_of(50, 3, repeats=2)
    generator = np.random.default_rng(0)
    outputs = generator.normal(size=(2, rows))
    folds = [
        FoldResult(number, {}, (), Resources(), outputs[split.repeat][split.test], "decision")
        for number, split in enumerate(splits)
    ]
    data = encode(splits, folds)
    index, fold, output = decode(data)
    assert kind_of(data) == "decision"
    assert len(index) == 2 * rows
    for number, split in enumerate(splits):
        here = fold == number
        np.testing.assert_array_equal(index[here], np.sort(split.test))
        expected = outputs[split.repeat][np.sort(split.test)]
        np.testing.assert_allclose(output[here], expected, atol=1e-3)


def test_some_folds_and_rows_of_a_time_split_are_enough():
    """A raced trial, and early rows that no fold ever scores."""
    splits = [Split(NOWHERE, np.arange(20, 30)), Split(NOWHERE, np.arange(30, 45))]
    output = np.linspace(-1, 1, 45)
    whole = folds_of(splits, output, "decision")
    index, fold, _ = decode(encode(splits, whole))
    np.testing.assert_array_equal(index, np.arange(20, 45))
    index, fold, back = decode(encode(splits, whole[1:]))
    np.testing.assert_array_equal(index, np.arange(30, 45))
    assert set(fold) == {1}
    np.testing.assert_allclose(back, output[30:], atol=1e-3)


def test_test_sets_that_overlap_in_one_repeat_are_kept():
    """As of a shuffle-split of the user's; a row twice in one fold is refused."""
    splits = [Split(NOWHERE, np.array(part)) for part in ([0, 1, 2], [2, 3], [0, 4])]
    output = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    index, fold, back = decode(encode(splits, folds_of(splits, output)))
    assert index.tolist() == [0, 1, 2, 2, 3, 0, 4]
    assert fold.tolist() == [0, 0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(back, output[index], rtol=1e-3)
    twice = [Split(NOWHERE, np.array([3, 1, 3]))]
    with pytest.raises(ValueError, match="scores one row twice"):
        encode(twice, folds_of(twice, output))


def test_classes_beyond_two_keep_their_columns():
    """(rows, classes), with the order of classes within a row kept or tied."""
    generator = np.random.default_rng(5)
    raw = generator.random((300, 4))
    output = raw / raw.sum(axis=1, keepdims=True)
    back = round_trip(output)
    assert back.shape == output.shape
    np.testing.assert_allclose(back, output, rtol=1e-2)
    assert (labels_of(back, "proba") == labels_of(output, "proba")).mean() > 0.99


def test_more_than_255_folds_fit():
    """Leave-one-out of 300 rows."""
    splits = [Split(NOWHERE, np.array([row])) for row in range(300)]
    output = np.linspace(0.1, 0.9, 300)
    index, fold, back = decode(encode(splits, folds_of(splits, output)))
    np.testing.assert_array_equal(index, fold)
    np.testing.assert_allclose(back, output, rtol=1e-9)


def test_single_precision_outputs_are_read_at_full_precision():
    """Those of xgboost are float32."""
    output = np.random.default_rng(0).random(500).astype(np.float32)
    np.testing.assert_allclose(round_trip(output), output, rtol=1e-3)


def test_it_describes_itself_in_json():
    """Another program can read it; nothing in it is executed."""
    splits = splits_of(10, 2)
    data = encode(splits, folds_of(splits, np.linspace(0, 1, 10)))
    header = json.loads(data.removeprefix(MAGIC).partition(b"\n")[0])
    assert (header["kind"], header["outputs"], header["maps"]) == ("proba", 1, [1, 10])
    assert [entry["rows"] for entry in header["folds"]] == [5, 5]


def test_what_encode_did_not_write_is_refused():
    """A pickle, a torn file, an empty one."""
    splits = splits_of(10, 2)
    data = encode(splits, folds_of(splits, np.linspace(0, 1, 10)))
    for other in (pickle.dumps([1]), b""):
        with pytest.raises(ValueError, match="not out-of-fold outputs"):
            decode(other)
    for damaged in (data[:-7], data[:40]):
        with pytest.raises(ValueError, match="damaged"):
            decode(damaged)
    mixed = folds_of(splits, np.linspace(0, 1, 10))[:1]
    mixed += folds_of(splits, np.linspace(0, 1, 10), "decision")[1:]
    with pytest.raises(ValueError, match="one kind of output"):
        encode(splits, mixed)
