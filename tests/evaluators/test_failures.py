"""Why a fit failed: real exceptions of real libraries and their cause."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from evaluators.code import load_object
from evaluators.errors import ModelError
from evaluators.failures import REASON_LENGTH, TRACEBACK_BYTES, classify_failure
from evaluators.models import build, make_recipe
from evaluators.types import Column

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
Y = np.tile([0, 1], 30).astype(np.int32)
COLUMNS = tuple(Column(name) for name in "abc")


def failure(estimator, params, values=X, folder=Path()):
    """What classify_failure says of a real fit; None if it succeeds."""
    recipe = make_recipe("m", estimator, {}, None, folder)
    try:
        model = build(recipe, params, COLUMNS, ("a", "b"), Y, threads=1, seed=0)
        model.fit(values, Y)
        getattr(model, "predict_proba", getattr(model, "decision_function", None))(values)
    except Exception as error:
        return classify_failure(error, user_code=recipe.target is not None)
    return None


@pytest.mark.parametrize(
    ("estimator", "params", "said"),
    [
        ("random_forest", {"max_depth": -3}, "InvalidParameterError: The 'max_depth' parameter"),
        ("logistic_regression", {"C": "high"}, "InvalidParameterError: The 'C' parameter"),
        ("knn", {"n_neighbors": 500}, "ValueError: Expected n_neighbors <= n_samples_fit"),
        ("gaussian_nb", {"no_such": 1}, "TypeError: GaussianNB.__init__() got an unexpected"),
        ("xgboost", {"max_depth": "abc"}, "XGBoostError: Invalid Parameter format for max_depth"),
        ("xgboost", {"subsample": 3.0}, "XGBoostError: value 3 for Parameter subsample exceed"),
        ("xgboost", {"booster": "zz"}, "XGBoostError: Unknown gbm type zz"),
        ("lightgbm", {"num_leaves": 1}, "LightGBMError: Check failed: (num_leaves) > (1)"),
        (
            "xgboost",
            {"class_weight": {"c": 2}},
            "ModelError: class_weight: the target has no label",
        ),
    ],
)
def test_refused_parameters(estimator, params, said):
    """A value that a registered model refuses is bad_parameters, in one clean line."""
    found = failure(estimator, params)
    assert found.cause == "bad_parameters"
    assert found.reason.startswith(said)
    assert "/" not in found.reason
    assert "Traceback" in found.traceback


@pytest.mark.parametrize("estimator", ["random_forest", "xgboost", "linear_svm"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_infinite_values(estimator):
    """Infinity in the data is numeric, not a bad parameter."""
    values = X.copy()
    values[0, 0] = np.inf
    assert failure(estimator, {}, values).cause == "numeric"


def test_out_of_memory():
    """An allocation that cannot be is out_of_memory, from numpy and from native libraries."""
    with pytest.raises(MemoryError) as caught:
        np.empty((2**50,), dtype=np.float64)
    assert classify_failure(caught.value, user_code=True).cause == "out_of_memory"
    native = RuntimeError("[10:11:12] /src/x.cc:3: std::bad_alloc")
    found = classify_failure(native, user_code=False)
    assert (found.cause, found.reason) == ("out_of_memory", "RuntimeError: std::bad_alloc")


@pytest.mark.parametrize(
    ("error", "user_code", "cause"),
    [
        (np.linalg.LinAlgError("Singular matrix"), False, "numeric"),
        (FloatingPointError("overflow encountered in exp"), False, "numeric"),
        (ValueError("Input X contains NaN."), True, "numeric"),
        (KeyError("x"), True, "user_code"),
        (ValueError("odd"), True, "user_code"),
        (ModelError("no model"), True, "user_code"),
        (IndexError("list index out of range"), False, "crashed"),
        (AttributeError("x"), False, "crashed"),
        (OverflowError("Python int too large to convert to C long"), False, "bad_parameters"),
    ],
)
def test_cause_by_kind(error, user_code, cause):
    """What no user wrote and no parameter explains is 'crashed'; the user's own is user_code."""
    assert classify_failure(error, user_code=user_code).cause == cause


@pytest.mark.parametrize(
    "statement", ["1 / 0", "raise ValueError('NaN')", "[][1]", "open('/no/x')"]
)
def test_line_of_the_users_file(tmp_path, statement):
    """An exception that passes a line of the user's file is user_code, also after a journey."""
    (tmp_path / "mine.py").write_text(
        "class Bad:\n    def fit(self, X, y):\n        " + statement + "\n"
        "    def predict(self, X): ...\n    def predict_proba(self, X): ...\n"
    )
    recipe = pickle.loads(pickle.dumps(make_recipe("m", "mine.py:Bad", {}, None, tmp_path)))
    model = build(recipe, {}, COLUMNS, ("a", "b"), Y, threads=1, seed=0)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any exception is the point
        model.fit(X, Y)
    found = classify_failure(caught.value, user_code=False)
    assert found.cause == "user_code"
    assert "mine.py" in found.traceback


def test_parameter_refused_behind_a_factory(tmp_path):
    """A value that scikit-learn refuses is bad_parameters although a factory passed it on."""
    (tmp_path / "mine.py").write_text(
        "from sklearn.tree import DecisionTreeClassifier\n"
        "def make(depth): return DecisionTreeClassifier(max_depth=depth)\n"
    )
    found = failure("mine.py:make", {"depth": -1}, folder=tmp_path)
    assert found.cause == "bad_parameters"


def test_long_texts_are_cut():
    """The reason is one line of at most 200 characters, the traceback 16 kB with its end."""
    error = ValueError("first " + "x" * 500 + "\nsecond " + "y" * 50_000 + " the end")
    found = classify_failure(error, user_code=False)
    assert len(found.reason) == REASON_LENGTH
    assert "\n" not in found.reason
    assert len(found.traceback.encode()) <= TRACEBACK_BYTES
    assert found.traceback.rstrip().endswith("the end")


def test_error_without_a_message():
    """The type alone is the reason of an exception that says nothing."""
    assert classify_failure(KeyError(), user_code=False).reason == "KeyError"


def test_load_object_is_what_marks_user_code(tmp_path):
    """A function of the user's file that fails is user_code whoever called it."""
    (tmp_path / "mine.py").write_text("def metric(a, b):\n    return a / b\n")
    metric = load_object("mine.py:metric", tmp_path)
    with pytest.raises(ZeroDivisionError) as caught:
        metric(1, 0)
    assert classify_failure(caught.value, user_code=False).cause == "user_code"
