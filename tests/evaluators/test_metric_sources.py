"""What a user may write as a metric: a name, a scikit-learn scorer string, code of their own."""

import math
import pickle
import re
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from evaluators.errors import CodeError, MetricError
from evaluators.metrics import Metric, default_metric, names, resolve, standard_set
from evaluators.scored_rows import ScoredRows, labels_of
from evaluators.scoring import value_of

ROOT = Path(__file__).resolve().parents[2]


def rows_of(target, output, kind="proba"):
    target, output = np.asarray(target), np.asarray(output, dtype=float)
    return ScoredRows(target, output, kind, labels_of(output, kind))


def value(name, target, output, kind="proba"):
    rows = rows_of(target, output, kind)
    return value_of(resolve(name, binary=rows.classes == 2), rows)


def test_the_documents_example_of_a_function_works(tmp_path):
    """The block under "Any other metric" is loaded and scored as it stands."""
    text = (ROOT / "docs" / "metrics.md").read_text()
    (tmp_path / "mine.py").write_text(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1])
    metric = resolve("mine.py:cost", binary=True, folder=tmp_path)
    assert (metric.direction, metric.pooling, metric.needs) == ("minimize", "mean", "label")
    assert metric.meaning.startswith("Mean cost of a row")
    assert value_of(metric, rows_of([1, 1, 0, 0], [0.9, 0.1, 0.9, 0.1])) == 11 / 4


def test_names_are_unique_and_written_one_way():
    """A family's number is normalised, so that a score has one key."""
    assert len(set(names())) == len(names())
    assert resolve("fbeta@2.0", binary=True).name == "fbeta@2"
    family = resolve("recall_at_precision@.90", binary=True)
    assert family.name == "recall_at_precision@0.9"
    assert "at least 0.9" in family.meaning


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("averge_precision", "did you mean 'average_precision'"),
        ("auc", "did you mean 'roc_auc'"),
        ("mcc", "did you mean 'matthews_corrcoef'"),
        ("f1_score", "did you mean 'f1'"),
        ("fbeta_score", "did you mean 'fbeta@2'"),
        ("f1_macroo", "did you mean 'f1_macro'"),
        ("zzzzzz", "docs/metrics.md"),
        ("fbeta", "BETA is a number above 0, for example 'fbeta@2'"),
        ("fbeta@-1", "BETA is a number above 0"),
        ("fbeta@inf", "BETA is a number above 0"),
        ("recall_at_precision", "P is a number above 0 and at most 1, for example"),
        ("recall_at_precision@0", "above 0 and at most 1"),
        ("precision_at_recall@1.5", "R is a number above 0 and at most 1"),
        ("precision_at_recall@high", "R is a number above 0 and at most 1"),
        ("f1@2", "f1 takes no number, write 'f1'"),
        ("f1_samples", "cannot score two classes"),
    ],
)
def test_a_wrong_name_gets_one_line_that_says_what_to_write(name, said):
    """What, allowed, and the nearest word."""
    with pytest.raises(MetricError) as caught:
        resolve(name, binary=True)
    assert said in str(caught.value)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_metric_of_two_classes_is_refused_on_more():
    """Ours and scikit-learn's alike, before the sweep."""
    with pytest.raises(MetricError, match="is for two classes"):
        resolve("recall_at_precision@0.9", binary=False)
    with pytest.raises(MetricError, match="cannot score more than two classes"):
        resolve("jaccard", binary=False)


def test_a_direction_against_the_metrics_own_is_refused():
    """A named metric knows its direction; the same one may be repeated."""
    assert resolve("log_loss", binary=True, direction="minimize").direction == "minimize"
    with pytest.raises(MetricError, match="is minimized, not maximized: leave direction out"):
        resolve("log_loss", binary=True, direction="maximize")
    with pytest.raises(MetricError, match="is maximized, not minimized"):
        resolve("neg_log_loss", binary=True, direction="minimize")


def test_defaults_follow_the_share_of_positives():
    """Average precision below 20% positives of two classes, ROC AUC otherwise."""
    assert default_metric(0.19, True) == "average_precision"
    assert default_metric(0.2, True) == "roc_auc"
    assert default_metric(None, True) == "roc_auc"
    assert default_metric(None, False) == "roc_auc"
    for binary in (True, False):
        for name in (*standard_set(binary), default_metric(0.01, binary)):
            assert resolve(name, binary=binary).name == name


SCORERS = [
    "f1_macro", "f1_weighted", "jaccard", "neg_log_loss", "neg_brier_score", "d2_log_loss_score",
    "roc_auc_ovr", "top_k_accuracy", "recall_weighted", "positive_likelihood_ratio",
]  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", SCORERS)
@pytest.mark.filterwarnings("ignore:'k'")  # top-2 of two classes is perfect, scikit-learn says so
def test_a_scorer_string_gives_what_the_fitted_model_gives(name, classes):
    """From stored outputs, with no second prediction."""
    if classes == 3 and name in ("jaccard", "positive_likelihood_ratio"):
        return
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(200, 3))
    target = (matrix @ [1, -1, 0.5] + generator.normal(size=200) > 0) * 1
    target += (classes == 3) * (matrix[:, 0] > 0.8)
    model = LogisticRegression().fit(matrix, target)
    output = model.predict_proba(matrix)
    output = output[:, 1] if classes == 2 else output
    metric = resolve(name, binary=classes == 2)
    assert (metric.direction, metric.pooling) == ("maximize", "mean")
    expected = sk.get_scorer(name)(model, matrix, target)
    assert value_of(metric, rows_of(target, output)) == pytest.approx(expected, rel=1e-9)


def test_scorers_on_decision_values_rank_but_give_no_probability():
    """As with a linear SVM: top-2 accuracy has a value, log loss and roc_auc_ovr are NaN."""
    target = np.array([0, 1, 2])
    output = np.array([[3.0, -1.0, -2.0], [1.0, 0.5, -3.0], [1.0, 0.5, -3.0]])
    assert value("top_k_accuracy", target, output, "decision") == pytest.approx(2 / 3)
    for name in ("neg_log_loss", "roc_auc_ovr"):
        assert math.isnan(value(name, target, output, "decision")), name


def test_scikit_learns_scorers_are_nan_where_a_class_is_missing():
    """f1_macro drops the class and log loss raises; told of all classes, log loss has a value."""
    target, output = np.zeros(3, dtype=int), np.array([0.1, 0.2, 0.6])
    for name in ("f1_macro", "roc_auc_ovr", "jaccard"):
        assert math.isnan(value(name, target, output)), name
    expected = -sk.log_loss(target, output, labels=[0, 1])
    assert value("neg_log_loss", target, output) == pytest.approx(expected)


USER_FILE = """
import numpy as np
from sklearn.metrics import fbeta_score, log_loss, make_scorer

two = make_scorer(fbeta_score, beta=2)
loss = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
old = make_scorer(log_loss, greater_is_better=False, needs_proba=True)

def bare(y_true, y_pred):
    return (y_true == y_pred).mean()

def sharp(y_true, y_pred):
    "Mean probability of the true class."
    assert y_pred.ndim == 1
    return np.where(y_true == 1, y_pred, 1 - y_pred).mean()
sharp.needs = "proba"
sharp.direction = "maximize"

def ranks(y_true, y_score):
    return y_score[y_true == 1].mean() - y_score[y_true == 0].mean()
ranks.needs = "score"

def three(estimator, X, y):
    return 0.0

def odd(y_true, y_pred):
    return 0.0
odd.needs = "logits"

def pair(y_true, y_pred):
    return (1, 2)
pair.direction = "maximize"

number = 3
"""


@pytest.fixture
def user(tmp_path):
    (tmp_path / "mine.py").write_text(USER_FILE)

    def load(name, direction=None, binary=True):
        return resolve(f"mine.py:{name}", binary=binary, direction=direction, folder=tmp_path)

    return load


def test_a_users_scorer_object_knows_its_direction(user):
    """make_scorer objects are maximized, those of losses too."""
    target, output = np.array([0, 1, 1, 0, 1]), np.array([0.2, 0.7, 0.4, 0.6, 0.9])
    rows, labels = rows_of(target, output), (output > 0.5) * 1
    assert value_of(user("two"), rows) == pytest.approx(sk.fbeta_score(target, labels, beta=2))
    assert value_of(user("loss"), rows) == pytest.approx(-sk.log_loss(target, output))
    assert (user("loss").direction, user("loss").needs) == ("maximize", "proba")


def test_a_users_function_gets_what_it_needs(user):
    """Labels by default, else probabilities, or whatever ranks."""
    target, output = np.array([0, 1]), np.array([0.2, 0.9])
    assert value_of(user("bare", "maximize"), rows_of(target, output)) == 1.0
    assert value_of(user("sharp"), rows_of(target, output)) == pytest.approx(0.85)
    decisions = rows_of(target, [-3.0, 4.0], "decision")
    assert value_of(user("ranks", "maximize"), decisions) == 7.0
    assert math.isnan(value_of(user("sharp"), decisions))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bare", 'say which way is better, with direction = "maximize" or "minimize"'),
        ("three", "called as three(y_true, y_pred)"),
        ("odd", "odd.needs is 'logits', allowed are label, score, proba"),
        ("number", "is of type int: name a function"),
        ("old", 'no longer knows needs_proba, write response_method="predict_proba"'),
    ],
)
def test_a_users_code_that_is_no_metric_is_refused_in_one_line(user, name, said):
    """Before any fit."""
    with pytest.raises(MetricError) as caught:
        user(name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_code_that_cannot_be_loaded_keeps_its_own_error(user):
    """A missing name is the loader's to explain."""
    with pytest.raises(CodeError, match="absent"):
        user("absent")


def test_a_users_function_must_return_one_number(user):
    """Said with the metric's name when it first scores."""
    with pytest.raises(MetricError, match=r"'mine.py:pair' returned tuple: .* one number"):
        value_of(user("pair"), rows_of([0, 1], [0.1, 0.9]))


def test_metrics_travel_to_workers(user):
    """Ours and scikit-learn's by plain pickle, the user's by value."""
    rows = rows_of([0, 1, 1, 0], [0.2, 0.7, 0.4, 0.6])

    def same(metric: Metric, library) -> bool:
        return value_of(library.loads(library.dumps(metric)), rows) == value_of(metric, rows)

    assert all(
        same(resolve(name, binary=True), pickle)
        for name in ("f1", "fbeta@2", "roc_auc", "log_loss", "f1_macro")
    )
    assert all(same(user(name, "maximize"), cloudpickle) for name in ("bare", "two"))
