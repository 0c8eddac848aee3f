"""The registry: default spaces, parameter names, references, and what the docs say of them."""

import json
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import cloudpickle
import numpy as np
import pytest

from evaluators.errors import CodeError, ModelError
from evaluators.model_table import TABLE
from evaluators.models import (
    build,
    check_params,
    default_params,
    default_space,
    make_recipe,
    registered,
)
from evaluators.regressor_table import REGRESSORS
from evaluators.types import Column

ROOT = Path(__file__).parents[2]
HERE = Path()
COLUMNS = (Column("a"), Column("b"), Column("kind", ("x", "y", "z")))

# the evaluator keeps it as a warning of the trial; nothing else may be raised
pytestmark = pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")


def labelled(rows=250):
    """Numbers with gaps and a category."""
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(size=(rows, 2)), rng.integers(0, 3, rows)])
    target = (values[:, 0] + rng.normal(0, 0.3, rows) > 0.5).astype(np.int32)
    values[rng.random(rows) < 0.1, 1] = np.nan
    return values.astype(np.float32), target


def corner(space, end):
    """The low or high end of each entry of a default space."""
    picked = {}
    for name, entry in space.items():
        if isinstance(entry, list):
            picked[name] = entry[end]
        elif "choice" in entry:
            value = entry["choice"][end]
            picked[name] = None if value == entry.get("none") else value
        else:
            picked[name] = entry.get("int", entry.get("float"))[end]
    return picked


@pytest.mark.parametrize("end", [0, -1])
@pytest.mark.parametrize("estimator", registered())
def test_corners_of_the_default_space_fit(estimator, end):
    """Both ends of every default range are values that the model takes."""
    values, target = labelled()
    recipe = make_recipe("m", estimator, {}, None, HERE)
    params = corner(default_space(estimator), end)
    model = build(recipe, params, COLUMNS, ("no", "yes"), target, threads=1, seed=0)
    model.fit(values, target)
    method = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    assert np.isfinite(getattr(model, method)(values)).all()


@pytest.mark.parametrize("estimator", registered())
def test_own_names_are_known(estimator):
    """Default spaces and default parameters hold only names that the model has."""
    recipe = make_recipe("m", estimator, {}, None, HERE)
    assert check_params(recipe, [*default_space(estimator), *default_params(estimator)]) == []


def test_default_space_is_a_copy():
    """Changing what default_space gave changes no later answer."""
    default_space("knn")["n_neighbors"]["int"][0] = 99
    assert default_space("knn")["n_neighbors"]["int"][0] == 3


def test_unknown_parameters_name_the_nearest():
    """An unknown parameter gets one line with the nearest; a library's own names are known."""
    recipe = make_recipe("m", "xgboost", {}, None, HERE)
    known = ["max_depth", "rate_drop", "eta", "lambda", "class_weight"]
    assert check_params(recipe, [*known, "max_dept"]) == [
        "xgboost has no parameter 'max_dept'; did you mean 'max_depth'?"
    ]
    recipe = make_recipe("m", "lightgbm", {}, None, HERE)
    assert check_params(recipe, ["min_data_in_leaf", "num_leave"]) == [
        "lightgbm has no parameter 'num_leave'; did you mean 'num_leaves'?"
    ]


def test_names_beside_the_signature_are_the_library_s():
    """The listed names beyond the signatures exist in XGBoost and LightGBM."""
    from lightgbm.basic import _ConfigAliases
    from xgboost import XGBClassifier

    values, target = labelled(50)
    seen = set()
    greedy = {"updater": "coord_descent", "feature_selector": "thrifty", "top_k": 3}
    for params in ({"booster": "dart"}, {"booster": "gblinear", **greedy}):
        model = XGBClassifier(n_estimators=1, n_jobs=1, **params).fit(np.nan_to_num(values), target)
        config = model.get_booster().save_config()
        seen |= set(_keys(json.loads(config)))
    assert set(TABLE["xgboost"].also) - seen == set()
    assert set(TABLE["lightgbm"].also) - set(_ConfigAliases._get_all_param_aliases()) == set()


def _keys(tree):
    for key, value in tree.items():
        yield key
        if isinstance(value, dict):
            yield from _keys(value)


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        ("xgbost", "did you mean 'xgboost'?"),
        ("sklearn.svm.SVC", 'did you mean "sklearn.svm:SVC"'),
        ("json:JSONDecodeError", "JSONDecodeError has no method fit"),
        ("sklearn.cluster:KMeans", "neither predict_proba nor decision_function"),
        ("math:pi", "is a float; allowed: a class"),
    ],
)
def test_what_is_no_model(estimator, said):
    """An unknown name or an object that can be no model is refused in one line."""
    with pytest.raises(ModelError) as caught:
        make_recipe("m", estimator, {}, None, HERE)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_reference_to_nothing_is_a_code_error(tmp_path):
    """A file that is not there is told as such."""
    with pytest.raises(CodeError, match=r"no file mine\.py"):
        make_recipe("m", "mine.py:make", {}, None, tmp_path)


def test_missing_extra_says_how_to_install(monkeypatch):
    """Without lightgbm the message is the line to type."""
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ModelError, match=r'pip install "quintain\[lightgbm\]"'):
        make_recipe("m", "lightgbm", {}, None, HERE)


def test_nothing_heavy_is_imported():
    """Names, spaces and recipes of registered models need neither scikit-learn nor xgboost."""
    program = (
        "import sys, evaluators.models as m; from pathlib import Path\n"
        "m.default_space('xgboost'); m.make_recipe('m', 'xgboost', {}, None, Path())\n"
        "heavy = {'sklearn', 'xgboost', 'pandas', 'scipy', 'ray', 'optuna'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def _toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def test_docs_table_is_the_registry():
    """docs/models.md has a row for each registered model, and each row says what is so."""
    text = (ROOT / "docs" / "models.md").read_text()
    found = [line for line in text.splitlines() if line.startswith("| `")]
    rows = []
    for name, entry in TABLE.items():
        seen = ["codes" if entry.view == "codes" else "0/1 columns"]
        seen += ["scaled"] * entry.scale + ["sparse if it pays"] * entry.sparse
        ours = ", ".join(f"`{key} = {_toml(value)}`" for key, value in entry.params.items())
        weighed = "row weights" if entry.weighs_classes else "refused"
        held = ", ".join(f"`{each}`" for each in (entry.threads, entry.seed) if each)
        rows.append(f"| `{name}` | {', '.join(seen)} | {ours or '-'} | {weighed} | {held or '-'} |")
    assert found[: len(rows)] == rows
    of_numbers = []
    for name, entry in REGRESSORS.items():
        seen = ["codes" if entry.view == "codes" else "0/1 columns"]
        seen += ["scaled"] * entry.scale + ["sparse if it pays"] * entry.sparse
        ours = ", ".join(f"`{key} = {_toml(value)}`" for key, value in entry.params.items())
        held = ", ".join(f"`{each}`" for each in (entry.threads, entry.seed) if each)
        of_numbers.append(
            f"| `{name}` | `{entry.factory}` | {', '.join(seen)} | {ours or '-'} | {held or '-'} |"
        )
    assert found[len(rows) :][: len(of_numbers)] == of_numbers


def test_docs_spaces_are_the_default_spaces():
    """The TOML of docs/models.md reads as the default spaces, model by model."""
    text = (ROOT / "docs" / "models.md").read_text()
    for regression in (False, True):
        part = text.split("```toml\n")[1 + regression].split("```")[0]
        blocks = tomllib.loads(part)["model"]
        written = {block["estimator"]: block.get("space", {}) for block in blocks}
        names = registered(regression)
        assert written == {name: default_space(name, regression) for name in names}


def test_recipe_of_a_registered_model_travels():
    """A recipe pickles as plain data."""
    recipe = make_recipe("m", "xgboost", {"max_depth": 3}, {"b": 2}, HERE)
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert cloudpickle.loads(cloudpickle.dumps(recipe)) == recipe
