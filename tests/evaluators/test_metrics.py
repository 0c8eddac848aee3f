"""The registry, and the formulas against scikit-learn."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from evaluators.errors import MetricError
from evaluators.metrics import OF_NUMBERS, REGISTERED, names, resolve, standard_set
from evaluators.scored_rows import ScoredRows, labels_of
from evaluators.scoring import score_fold, value_of

ROOT = Path(__file__).resolve().parents[2]
USED = [name.replace("BETA", "2").replace("@P", "@0.6").replace("@R", "@0.7") for name in names()]
LABEL_METRICS = {
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "specificity": lambda y, p: sk.recall_score(y, p, pos_label=0),
    "f1": sk.f1_score,
    "fbeta@2": lambda y, p: sk.fbeta_score(y, p, beta=2),
    "fbeta@0.5": lambda y, p: sk.fbeta_score(y, p, beta=0.5),
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "matthews_corrcoef": sk.matthews_corrcoef,
}


COSTS = ((0.0, 1.0), (5.0, 0.0))
COSTS_OF_THREE = ((0.0, 1.0, 2.0), (5.0, 0.0, 1.0), (9.0, 3.0, 0.0))


def metric_of(name, binary=True):
    return resolve(name, binary=binary, costs=COSTS if binary else COSTS_OF_THREE)


def rows_of(target, output, kind="proba"):
    target, output = np.asarray(target), np.asarray(output, dtype=float)
    return ScoredRows(target, output, kind, labels_of(output, kind))


def value(name, target, output, kind="proba"):
    rows = rows_of(target, output, kind)
    return value_of(metric_of(name, rows.classes == 2), rows)


@st.composite
def binary_rows(draw, both_classes=True):
    size = draw(st.integers(4, 40))
    target = draw(hnp.arrays(np.int32, size, elements=st.integers(0, 1)))
    if both_classes:
        target[:2] = (0, 1)
    grid = st.integers(0, 12).map(lambda step: step / 12)
    return target, draw(hnp.arrays(np.float64, size, elements=grid))


@st.composite
def many_class_rows(draw):
    size = draw(st.integers(6, 40))
    target = draw(hnp.arrays(np.int32, size, elements=st.integers(0, 2)))
    target[:3] = (0, 1, 2)
    raw = draw(hnp.arrays(np.float64, (size, 3), elements=st.floats(0.01, 1.0)))
    return target, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", LABEL_METRICS)
def test_on_sixty_percent_ones_label_metrics_are_scikit_learns_with_its_default_label(name):
    """The positive class is 1 even where it is the more frequent one."""
    generator = np.random.default_rng(5)
    target = (generator.random(500) < 0.6).astype(np.int32)
    output = np.clip(0.4 * target + 0.6 * generator.random(500), 0, 1)
    labels = (output > 0.5).astype(int)
    assert value(name, target, output) == pytest.approx(LABEL_METRICS[name](target, labels))


@given(binary_rows())
@settings(deadline=None, max_examples=15)
def test_binary_label_metrics_equal_scikit_learn(data):
    """Any labels of any two classes, with 0 for 0/0."""
    target, output = data
    labels = (output > 0.5).astype(int)
    zero = {"precision": {"zero_division": 0}, "f1": {"zero_division": 0}}
    for name, theirs in LABEL_METRICS.items():
        expected = theirs(target, labels, **zero.get(name, {}))
        assert value(name, target, output) == pytest.approx(expected, abs=1e-12), name


@given(many_class_rows())
@settings(deadline=None, max_examples=10)
def test_many_class_metrics_equal_scikit_learns_macro(data):
    """Macro of the classes; F1 as the mean of the classes' F1."""
    target, output = data
    labels, hot = output.argmax(axis=1), np.eye(3)[target]
    macro = {"average": "macro", "zero_division": 0}
    expected = {
        "precision": sk.precision_score(target, labels, **macro),
        "recall": sk.recall_score(target, labels, **macro),
        "f1": sk.f1_score(target, labels, **macro),
        "fbeta@2": sk.fbeta_score(target, labels, beta=2, **macro),
        "accuracy": sk.accuracy_score(target, labels),
        "balanced_accuracy": sk.balanced_accuracy_score(target, labels),
        "matthews_corrcoef": sk.matthews_corrcoef(target, labels),
        "roc_auc": sk.roc_auc_score(target, output, multi_class="ovr"),
        "average_precision": sk.average_precision_score(hot, output, average="macro"),
        "log_loss": sk.log_loss(target, output),
        "brier": sk.brier_score_loss(target, output),
    }
    for name, theirs in expected.items():
        assert value(name, target, output) == pytest.approx(theirs, abs=1e-12), name


@given(binary_rows())
@settings(deadline=None, max_examples=15)
def test_rank_and_probability_metrics_equal_scikit_learn_with_ties(data):
    """Twelfths tie often; 0 and 1 are among them."""
    target, output = data
    precision, recall, _ = sk.precision_recall_curve(target, output)
    precision, recall = precision[:-1], recall[:-1]  # its last point belongs to no threshold
    expected = {
        "roc_auc": sk.roc_auc_score(target, output),
        "average_precision": sk.average_precision_score(target, output),
        "recall_at_precision@0.6": recall[precision >= 0.6].max(initial=0),
        "precision_at_recall@0.7": precision[recall >= 0.7].max(),
        "brier": sk.brier_score_loss(target, output),
        "log_loss": sk.log_loss(target, output),
    }
    for name, theirs in expected.items():
        assert value(name, target, output) == pytest.approx(theirs, abs=1e-12), name


def test_g_mean_is_imbalanced_learns():
    """The geometric mean of the recalls, for two classes and for more."""
    from imblearn.metrics import geometric_mean_score

    generator = np.random.default_rng(2)
    for classes in (2, 4):
        target = generator.integers(0, classes, 300)
        output = generator.random((300, classes)) + np.eye(classes)[target] * 0.3
        shown = output[:, 1] - output[:, 0] if classes == 2 else output
        labels = labels_of(shown, "decision")
        expected = geometric_mean_score(target, labels)
        assert value("g_mean", target, shown, "decision") == pytest.approx(expected)


@pytest.mark.parametrize("binary", [True, False])
def test_a_stack_of_matrices_gives_the_value_of_each(binary):
    """One call for all thresholds or all draws; matrices without a class are among them."""
    classes = 2 if binary else 3
    stack = np.random.default_rng(1).integers(0, 4, (5, 40, classes, classes))
    stack[..., 0, 0] += 1
    for name in USED:
        metric = metric_of(name, binary) if binary or "_at_" not in name else None
        if metric is not None and metric.reads == "counts":
            values = metric.function(stack)
            each = [metric.function(one) for one in stack.reshape(-1, classes, classes)]
            np.testing.assert_array_equal(values.ravel(), each, err_msg=name)


def test_the_cost_is_the_mean_over_rows_by_true_and_predicted_class():
    """Two missed positives at 5 and one false alarm at 1, over five rows."""
    assert value("cost", [1, 1, 0, 0, 1], [0.1, 0.2, 0.9, 0.1, 0.8]) == pytest.approx(11 / 5)
    assert metric_of("cost").bounds == (0, 5)
    with pytest.raises(MetricError, match=r"'cost' needs the costs of wrong labels: \[evaluate\]"):
        resolve("cost", binary=True)


def test_one_versus_one_is_scikit_learns_and_for_two_classes_the_roc_auc():
    """Macro over the pairs; decision values, which scikit-learn refuses, rank as well."""
    generator = np.random.default_rng(6)
    target = generator.choice(4, 400, p=[0.7, 0.2, 0.06, 0.04])
    raw = np.exp(generator.normal(size=(400, 4)) + np.eye(4)[target])
    output = raw / raw.sum(axis=1, keepdims=True)
    rows, decisions = (
        ScoredRows(target, shown, kind, labels_of(shown, kind))
        for shown, kind in ((output, "proba"), (2 * output - 1, "decision"))
    )
    expected = sk.roc_auc_score(target, output, multi_class="ovo", average="macro")
    metric = resolve("roc_auc_ovo", binary=False)
    assert (metric.pooling, metric.direction) == ("mean", "maximize")
    assert value_of(metric, rows) == pytest.approx(expected)
    assert value_of(metric, decisions) == pytest.approx(expected)
    two = (target == 0) * 1
    assert value("roc_auc_ovo", two, output[:, 0]) == value("roc_auc", two, output[:, 0])


def test_calibration_error_is_the_distance_from_frequencies_by_bins_of_equal_count():
    """Where each bin is hit as often as it says it is near 0; a shift of 0.1 is 0.1."""
    generator = np.random.default_rng(0)
    proba = generator.beta(1, 60, 50_000)  # rare: equal-width bins would have all rows in one
    target = (generator.random(50_000) < proba).astype(np.int32)
    assert value("calibration_error", target, proba) < 0.003
    assert value("calibration_error", target, proba + 0.1) == pytest.approx(0.1, abs=0.003)
    by_bin = [
        abs(hit.mean() - said.mean())
        for said, hit in zip(
            np.split(np.sort(proba), 10), np.split(target[np.argsort(proba)], 10), strict=True
        )
    ]
    assert value("calibration_error", target, proba) == pytest.approx(np.mean(by_bin))


def test_calibration_error_does_not_depend_on_the_order_of_rows_that_tie():
    """Two answers for all rows: the bins' edges lie within ties."""
    generator = np.random.default_rng(1)
    proba = np.repeat([0.2, 0.7], [33, 64])
    target = (generator.random(97) < proba) * 1
    shuffled = generator.permutation(97)
    straight = value("calibration_error", target, proba)
    assert value("calibration_error", target[shuffled], proba[shuffled]) == pytest.approx(straight)
    gaps = [33 * abs(0.2 - target[:33].mean()), 64 * abs(0.7 - target[33:].mean())]
    assert straight == pytest.approx(sum(gaps) / 97, abs=0.02)


def test_calibration_of_many_classes_is_the_mean_over_each_against_the_rest():
    """Probabilities that are the frequencies of all three have next to none."""
    generator = np.random.default_rng(2)
    output = generator.dirichlet([1, 2, 5], 20_000)
    target = (generator.random(20_000)[:, None] > output.cumsum(axis=1)).sum(axis=1)
    assert value("calibration_error", target, output) < 0.01
    each = [value("calibration_error", (target == code) * 1, output[:, code]) for code in range(3)]
    assert value("calibration_error", target, output) == pytest.approx(np.mean(each))
    assert value("calibration_error", target, output[:, [2, 1, 0]]) > 0.2


@given(binary_rows(both_classes=False))
@settings(deadline=None, max_examples=50)
def test_values_stay_within_their_bounds_or_are_undefined(data):
    """Whatever the rows, one class only included."""
    for name in USED:
        metric = metric_of(name)
        result = value_of(metric, rows_of(*data))
        assert math.isnan(result) or metric.bounds[0] <= result <= metric.bounds[1], name


@given(many_class_rows())
@settings(deadline=None, max_examples=30)
def test_many_class_values_stay_within_their_bounds(data):
    """The Brier score reaches 2 there, and its bounds say so."""
    for name in USED:
        if "_at_" not in name:
            metric = metric_of(name, binary=False)
            assert metric.bounds[0] <= value_of(metric, rows_of(*data)) <= metric.bounds[1], name


@pytest.mark.parametrize("name", USED)
def test_a_better_predictor_scores_better(name):
    """The direction in the registry is the true one; better calibrated is another thing, below."""
    generator = np.random.default_rng(3)
    target = (generator.random(2000) < 0.4).astype(np.int32)
    noise = generator.normal(size=2000)
    good, bad = (1 / (1 + np.exp(-(s * (target - 0.5) + noise))) for s in (4.0, 0.5))
    if name == "calibration_error":
        good, bad = 0.4 + 0 * bad, bad
    metric = metric_of(name)
    one, other = (value_of(metric, rows_of(target, output)) for output in (good, bad))
    assert metric.better(one, other)
    assert not metric.better(other, one)
    assert not metric.better(one, one)
    assert metric.better(other, math.nan)
    assert not metric.better(math.nan, other)


ONE_CLASS_DEFINED = {
    0: {"specificity", "accuracy", "cost", "brier", "log_loss", "calibration_error"},
    1: {
        "precision", "recall", "f1", "fbeta@2", "accuracy", "cost", "brier", "log_loss",
        "calibration_error",
    },
}  # fmt: skip


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_gives_nan_silently_and_never_a_false_zero(only):
    """scikit-learn: AP 0.0 with a warning, log loss a ValueError, MCC 0, balanced accuracy 0.9."""
    rows = rows_of(np.full(4, only), [0.1, 0.6, 0.7, 0.2])
    defined = {name for name in USED if not math.isnan(value_of(metric_of(name), rows))}
    assert defined == ONE_CLASS_DEFINED[only]


def test_a_class_missing_from_the_rows_is_not_dropped_from_a_mean():
    """Three classes, one without a row: every macro mean is NaN, accuracy is not."""
    output = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    rates = ("balanced_accuracy", "f1", "recall", "precision", "g_mean")
    for name in (*rates, "roc_auc", "average_precision", "roc_auc_ovo"):
        assert math.isnan(value(name, [0, 1, 1], output)), name
    assert value("accuracy", [0, 1, 1], output) == pytest.approx(2 / 3)


def test_a_constant_label_is_a_bad_model_and_not_an_undefined_one():
    """Both classes are there, no positive is predicted: 0, without a warning."""
    for name in ("precision", "recall", "f1", "matthews_corrcoef", "g_mean"):
        assert value(name, [0, 0, 1], [0.1, 0.1, 0.2]) == 0.0


def test_an_infeasible_precision_gives_recall_zero():
    """No threshold reaches it, so nothing can be recalled at it."""
    assert value("recall_at_precision@0.9", [1, 0, 0], [0.1, 0.5, 0.6]) == 0.0
    assert value("recall_at_precision@0.9", [1] * 9 + [0], [0.5] * 10) == 1.0


def test_the_documents_list_what_is_registered():
    """docs/metrics.md has one line per metric, as the registry describes it."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    documented = [line for line in text.splitlines() if line.startswith("| `")]
    needs = {
        "label": "labels", "score": "scores", "proba": "probabilities", "number": "numbers"
    }  # fmt: skip

    def line(metric):
        low, high = (f"{end:g}".replace("inf", "∞") for end in metric.bounds)
        cells = (
            f"`{metric.name}`",
            "higher" if metric.direction == "maximize" else "lower",
            f"{low} to {high}" + (f" ({metric.unit})" if metric.unit else ""),
            "pooled" if metric.pooling == "pool" else "mean",
            needs[metric.needs],
            metric.meaning,
        )
        return f"| {' | '.join(cells)} |"

    assert documented == [line(metric) for metric in (*REGISTERED, *OF_NUMBERS)]
    for name in {*standard_set(True), *standard_set(False), *standard_set(False, True)}:
        assert f"`{name}`" in text.split("| name |")[0]


def test_importing_the_registry_and_scoring_loads_no_heavy_library():
    """A spec is checked, and a fold scored, without scikit-learn, SciPy or pandas."""
    code = (
        "import sys, numpy as np\n"
        "from evaluators import baseline, oof\n"
        "from evaluators.metrics import resolve\n"
        "from evaluators.scoring import score_fold\n"
        "score_fold([resolve('f1', binary=True)], np.array([0, 1]), np.array([.1, .9]), 'proba')\n"
        "print({'sklearn', 'scipy', 'pandas', 'optuna', 'ray'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_outputs_that_do_not_match_the_rows_are_a_bug_and_not_a_score():
    """A wrong length raises instead of being broadcast."""
    with pytest.raises(ValueError, match="one of each per row"):
        score_fold([resolve("f1", binary=True)], np.array([0, 1]), np.array([0.4]), "proba")
