"""The user's own models: classes, factories, objects, pipelines, and their journey to workers."""

import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evaluators.errors import ModelError
from evaluators.models import ModelRecipe, build, check_params, make_recipe
from evaluators.types import Column

ROOT = Path(__file__).parents[2]
COLUMNS = (Column("age"), Column("job", ("a", "b", "c")), Column("pay"))

PIPELINE = """
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.impute import SimpleImputer

def make_model(C=1.0):
    split = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["job"]), (SimpleImputer(), ["age", "pay"])
    )
    return Pipeline([("split", split), ("last", LogisticRegression(C=C, max_iter=500))])
"""

RULE = '''
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

LIMIT = 0.5

class Rule(ClassifierMixin, BaseEstimator):
    """Above a share of the training mean of the first column."""

    def __init__(self, share=1.0, n_jobs=None, random_state=None):
        self.share, self.n_jobs, self.random_state = share, n_jobs, random_state

    def fit(self, X, y, sample_weight=None):
        self.weight_ = sample_weight
        self.cut_ = self.share * np.nanmean(X[:, 0])
        self.shape_ = X.shape
        return self

    def predict(self, X):
        return (self.decision_function(X) > 0).astype(int)

    def decision_function(self, X):
        return helper(X[:, 0] - self.cut_) * LIMIT

def helper(x):
    return np.nan_to_num(x)
'''


def rows(count=200, seed=0):
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [rng.normal(40, 10, count), rng.integers(0, 3, count), rng.lognormal(3, 1, count)]
    )
    target = (values[:, 0] + 10 * (values[:, 1] == 1) > 45).astype(np.int32)
    values[rng.random(count) < 0.1, 2] = np.nan
    values.flags.writeable = False
    return values, target


@pytest.fixture
def recipe_of(tmp_path):
    """A recipe of the user's code: the text of a file and the name in it."""

    def _recipe(text, name, params=None, class_weight=None):
        (tmp_path / "mine.py").write_text(text)
        return make_recipe("m", f"mine.py:{name}", params or {}, class_weight, tmp_path)

    return _recipe


def built(recipe, target, params=None, **settings):
    settings = {"threads": 1, "seed": 0, **settings}
    return build(recipe, params or {}, COLUMNS, ("no", "yes"), target, **settings)


def test_class_of_a_library():
    """module:Class is called with fixed and searched parameters and gets imputed 0/1 columns."""
    values, target = rows()
    recipe = make_recipe(
        "m", "sklearn.ensemble:AdaBoostClassifier", {"n_estimators": 5}, None, ROOT
    )
    model = built(recipe, target, {"learning_rate": 0.5}, seed=3).fit(values, target)
    assert model.predict_proba(values).shape == (200, 2)
    found = model.model.get_params()
    assert (found["n_estimators"], found["learning_rate"], found["random_state"]) == (5, 0.5, 3)
    assert model.model.n_features_in_ == 2 + 1 + 3  # numbers, an indicator, levels


def test_tags_decide_on_imputing():
    """A class whose tags say that it reads NaN gets it."""
    values, target = rows()
    recipe = make_recipe("m", "sklearn.tree:DecisionTreeClassifier", {}, None, ROOT)
    model = built(recipe, target).fit(values, target)
    assert model.model.n_features_in_ == 2 + 3
    assert np.isnan(model.view.transform(values)).any()


def test_file_model_travels_without_its_file(recipe_of, tmp_path):
    """A recipe of a file fits in a process that has no such file, through pickle of any kind."""
    recipe = recipe_of(RULE, "Rule", class_weight="balanced")
    (tmp_path / "mine.py").unlink()
    values, target = rows()
    here = built(recipe, target).fit(values, target).decision_function(values)
    program = (
        "import pickle, sys\n"
        "from evaluators.models import build\n"
        "for packed in pickle.load(sys.stdin.buffer):\n"
        "    recipe, columns, values, target = pickle.loads(packed)\n"
        "    model = build(recipe, {}, columns, ('no', 'yes'), target, threads=1, seed=0)\n"
        "    model.fit(values, target)\n"
        "    assert model.model.weight_ is not None\n"
        "    sys.stdout.buffer.write(model.decision_function(values).tobytes())"
    )
    travellers = (recipe, COLUMNS, values, target)
    packed = pickle.dumps([pickle.dumps(travellers), cloudpickle.dumps(travellers)])
    done = subprocess.run(
        [sys.executable, "-c", program], input=packed, capture_output=True, cwd=ROOT, check=True
    )
    np.testing.assert_array_equal(np.frombuffer(done.stdout), np.tile(here, 2))


def test_file_model_sees_numbers(recipe_of):
    """A class gets the float matrix, its decision values come back as they are."""
    values, target = rows()
    model = built(recipe_of(RULE, "Rule"), target, {"share": 2.0}, threads=2, seed=5)
    model.fit(values, target)
    assert model.model.cut_ == pytest.approx(2 * values[:, 0].mean())
    assert (model.model.n_jobs, model.model.random_state) == (2, 5)
    assert not hasattr(model, "predict_proba")
    assert model.decision_function(values).shape == (200,)


def test_pipeline_sees_the_table(recipe_of):
    """A factory's pipeline gets the DataFrame by column names and brings its own preprocessing."""
    values, target = rows()
    model = built(recipe_of(PIPELINE, "make_model"), target, {"C": 0.1}).fit(values, target)
    assert model.model.named_steps["last"].C == 0.1
    assert list(model.model.feature_names_in_) == ["age", "job", "pay"]
    assert model.predict_proba(values).shape == (200, 2)


def test_wrapped_pipeline_sees_the_table(recipe_of):
    """What wraps a pipeline gets the table too."""
    text = PIPELINE + (
        "\nfrom sklearn.calibration import CalibratedClassifierCV\n"
        "def wrapped():\n    return CalibratedClassifierCV(make_model(), cv=2)\n"
    )
    values, target = rows()
    model = built(recipe_of(text, "wrapped"), target).fit(values, target)
    assert model.predict_proba(values).shape == (200, 2)


def test_ready_object_is_cloned(recipe_of):
    """An object that is a model already is cloned for each fold and takes nested parameters."""
    recipe = recipe_of(PIPELINE + "\nmodel = make_model()\n", "model")
    values, target = rows()
    one = built(recipe, target, {"last__C": 0.5}).fit(values, target)
    two = built(recipe, target)
    assert one.model.named_steps["last"].C == 0.5
    assert two.model.named_steps["last"].C == 1.0
    assert not hasattr(recipe.target, "feature_names_in_")


def test_nested_parameters_of_a_factory(recipe_of):
    """step__param goes through set_params after the call."""
    _, target = rows()
    model = built(recipe_of(PIPELINE, "make_model"), target, {"C": 2.0, "last__tol": 0.01}).model
    assert (model.named_steps["last"].C, model.named_steps["last"].tol) == (2.0, 0.01)


def test_class_weight_of_a_pipeline(recipe_of):
    """Class weights reach a pipeline's last step and move it as they move the registered model."""
    values, target = rows()
    share = {}
    for weight in (None, 20):
        model = built(recipe_of(PIPELINE, "make_model", class_weight=weight), target)
        share[weight] = model.fit(values, target).predict_proba(values)[:, 1].mean()
    assert share[20] > share[None] + 0.02


def test_resampling_pipeline_weighs_classes_by_parameter(recipe_of):
    """Behind a sampler rows cannot keep weights: the last step's class_weight is set instead."""
    text = (
        "from imblearn.pipeline import Pipeline\n"
        "from imblearn.under_sampling import RandomUnderSampler\n"
        "from sklearn.dummy import DummyClassifier\n"
        "from sklearn.naive_bayes import GaussianNB\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "class Numbers(DecisionTreeClassifier):\n"
        "    def fit(self, X, y, sample_weight=None):\n"
        "        return super().fit(X[['age', 'pay']], y, sample_weight)\n"
        "    def predict_proba(self, X):\n"
        "        return super().predict_proba(X[['age', 'pay']])\n"
        "def trees():\n"
        "    return Pipeline([('less', RandomUnderSampler()), ('last', Numbers())])\n"
        "def bayes():\n"
        "    return Pipeline([('less', RandomUnderSampler()), ('last', GaussianNB())])\n"
    )
    values, target = rows()
    model = built(recipe_of(text, "trees", class_weight=3), target).fit(values, target)
    assert model.model.named_steps["last"].class_weight == {0: 1.0, 1: 3.0}
    assert model.model.named_steps["less"].random_state == 0
    with pytest.raises(ModelError, match="cannot weigh rows"):
        built(recipe_of(text, "trees"), target).fit(values, target, sample_weight=np.ones(200))
    with pytest.raises(ModelError, match="can weigh neither rows nor classes"):
        built(recipe_of(text, "bayes", class_weight=3), target)


def test_seeds_and_threads_left_open_are_set(recipe_of):
    """None becomes our seed and threads, one thread for inner models; what was set stays."""
    text = (
        "from sklearn.ensemble import BaggingClassifier, RandomForestClassifier\n"
        "def make():\n"
        "    inner = RandomForestClassifier(random_state=11)\n"
        "    return BaggingClassifier(inner)\n"
        "def boosted():\n"
        "    from xgboost import XGBClassifier\n"
        "    return BaggingClassifier(XGBClassifier())\n"
        "def told(random_state, n_jobs=None):\n"
        "    return RandomForestClassifier(random_state=random_state, n_jobs=n_jobs)\n"
    )
    _, target = rows()
    found = built(recipe_of(text, "make"), target, threads=2, seed=4).model.get_params()
    assert (found["random_state"], found["n_jobs"]) == (4, 2)
    assert (found["estimator__random_state"], found["estimator__n_jobs"]) == (11, None)
    found = built(recipe_of(text, "boosted"), target, threads=2, seed=4).model.get_params()
    assert (found["estimator__random_state"], found["estimator__n_jobs"]) == (4, 1)
    found = built(recipe_of(text, "told"), target, threads=2, seed=4).model.get_params()
    assert (found["random_state"], found["n_jobs"]) == (4, 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def make(): return 3", "int has no method fit"),
        ("def make():\n from sklearn.svm import SVR\n return SVR()", "neither predict_proba nor"),
        ("make = {}", "is a dict; allowed: a class, a function that returns a model, or a model"),
    ],
)
def test_what_is_no_model_of_the_user(recipe_of, text, said):
    """What a factory returns must be a model that ranks rows."""
    with pytest.raises(ModelError, match=said):
        built(recipe_of(text, "make"), np.array([0, 1]))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("np.zeros(len(X))", r"predict_proba gave shape \(200,\), not \(rows, 2 classes\)"),
        ("np.zeros((len(X), 3))", r"gave shape \(200, 3\)"),
        ("np.zeros((2, 2))", r"gave shape \(2, 2\) for 200 rows"),
    ],
)
def test_wrong_answers_are_told(recipe_of, body, said):
    """Probabilities of a wrong shape are refused with the shape that was wanted."""
    text = (
        "import numpy as np\nclass Odd:\n"
        "    def fit(self, X, y): return self\n    def predict(self, X): ...\n"
        f"    def predict_proba(self, X): return {body}\n"
    )
    values, target = rows()
    model = built(recipe_of(text, "Odd"), target).fit(values, target)
    with pytest.raises(ModelError, match=said):
        model.predict_proba(values)


def test_unknown_names(recipe_of):
    """Names are checked by signature, nested names by the model that the fixed ones make."""
    recipe = recipe_of(PIPELINE, "make_model")
    assert check_params(recipe, ["C", "last__tol", "class_weight"]) == []
    assert check_params(recipe, ["c", "last__toll"]) == [
        "no parameter 'c'; did you mean 'C'?",
        "no parameter 'last__toll'; did you mean 'last__tol'?",
    ]
    recipe = recipe_of(RULE, "Rule")
    assert check_params(recipe, ["share"]) == []
    assert check_params(recipe, ["shar"]) == ["no parameter 'shar'; did you mean 'share'?"]
    recipe = recipe_of(PIPELINE + "\nmodel = make_model()\n", "model")
    assert check_params(recipe, ["last__C"]) == []
    assert len(check_params(recipe, ["C"])) == 1


def test_names_that_cannot_be_checked_are_let_through(recipe_of):
    """**kwargs take any name; nested names wait for the trial if no model can be made yet."""
    recipe = recipe_of("def make(**anything): ...", "make")
    assert check_params(recipe, ["whatever"]) == []
    recipe = recipe_of("def make(needed): return needed.no", "make")
    assert check_params(recipe, ["needed", "step__param"]) == []


def test_model_without_scikit_learn(recipe_of):
    """A plain class, no scikit-learn in it, works: imputed 0/1 columns, no tags asked for."""
    text = (
        "import numpy as np\nclass Plain:\n"
        "    def __init__(self, seed=None): self.seed = seed\n"
        "    def fit(self, X, y): self.ok = not np.isnan(X).any(); return self\n"
        "    def predict(self, X): return np.zeros(len(X))\n"
        "    def predict_proba(self, X): return np.full((len(X), 2), 0.5)\n"
    )
    values, target = rows()
    model = built(recipe_of(text, "Plain"), target, seed=8).fit(values, target)
    assert model.model.ok
    assert model.model.seed == 8
    with pytest.raises(ModelError, match="can weigh neither rows nor classes"):
        built(recipe_of(text, "Plain", class_weight=2), target)


def test_class_given_directly():
    """A recipe may hold a class that was never in a file."""
    values, target = rows()
    recipe = ModelRecipe("m", "LogisticRegression", {"max_iter": 1000}, target=LogisticRegression)
    assert built(recipe, target).fit(values, target).predict_proba(values).shape == (200, 2)
