"""scikit-learn's own published examples, with the import changed and nothing else.

Each runs twice, under scikit-learn's names and under ours; what it prints or keeps must be equal.
"""

import numpy as np
import pytest

IMPORTS = {
    "theirs": "from sklearn.model_selection import GridSearchCV, RandomizedSearchCV",
    "ours": "from quintain import GridSearchCV, RandomizedSearchCV",
}

#: The example in the documentation of GridSearchCV.
GRID = """
from sklearn import svm, datasets
iris = datasets.load_iris()
parameters = {'kernel': ('linear', 'rbf'), 'C': [1, 10]}
svc = svm.SVC()
clf = GridSearchCV(svc, parameters)
clf.fit(iris.data, iris.target)
found = [clf]
"""

#: The example in the documentation of RandomizedSearchCV.
RANDOM = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from scipy.stats import uniform
iris = load_iris()
logistic = LogisticRegression(solver='saga', tol=1e-2, max_iter=200, random_state=0)
distributions = dict(C=uniform(loc=0, scale=4), l1_ratio=[0, 1])
clf = RandomizedSearchCV(logistic, distributions, random_state=0)
search = clf.fit(iris.data, iris.target)
found = [search]
"""

#: "Nested versus non-nested cross-validation", fewer rounds.
NESTED = """
from sklearn.datasets import load_iris
from sklearn.model_selection import KFold, cross_val_score
from sklearn.svm import SVC
X_iris, y_iris = load_iris(return_X_y=True)
p_grid = {"C": [1, 10, 100], "gamma": [0.01, 0.1]}
svm = SVC(kernel="rbf")
found, nested = [], []
for i in range(2):
    inner_cv = KFold(n_splits=4, shuffle=True, random_state=i)
    outer_cv = KFold(n_splits=4, shuffle=True, random_state=i)
    clf = GridSearchCV(estimator=svm, param_grid=p_grid, cv=outer_cv)
    clf.fit(X_iris, y_iris)
    found.append(clf)
    clf = GridSearchCV(estimator=svm, param_grid=p_grid, cv=inner_cv)
    nested.append(cross_val_score(clf, X=X_iris, y=y_iris, cv=outer_cv).mean())
"""

#: "Demonstration of multi-metric evaluation", fewer leaves.
METRICS = """
from sklearn.datasets import make_hastie_10_2
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.tree import DecisionTreeClassifier
X, y = make_hastie_10_2(n_samples=2000, random_state=42)
scoring = {"AUC": "roc_auc", "Accuracy": make_scorer(accuracy_score)}
gs = GridSearchCV(
    DecisionTreeClassifier(random_state=42), param_grid={"min_samples_split": range(2, 403, 100)},
    scoring=scoring, refit="AUC", n_jobs=2, return_train_score=True,
)
gs.fit(X, y)
found = [gs]
"""

#: "Balance model complexity and cross-validated score": a function that refits.
COMPLEXITY = """
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

def lower_bound(cv_results):
    best_score_idx = np.argmax(cv_results["mean_test_score"])
    return (
        cv_results["mean_test_score"][best_score_idx]
        - cv_results["std_test_score"][best_score_idx]
    )

def best_low_complexity(cv_results):
    threshold = lower_bound(cv_results)
    candidate_idx = np.flatnonzero(cv_results["mean_test_score"] >= threshold)
    best_idx = candidate_idx[
        cv_results["param_reduce_dim__n_components"][candidate_idx].argmin()
    ]
    return best_idx

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]
pipe = Pipeline([
    ("reduce_dim", PCA(random_state=42)),
    ("classify", LogisticRegression(random_state=42, C=0.01, max_iter=1000)),
])
param_grid = {"reduce_dim__n_components": [6, 20, 45]}
grid = GridSearchCV(
    pipe, cv=3, n_jobs=1, param_grid=param_grid, scoring="accuracy", refit=best_low_complexity,
)
grid.fit(X, y)
found = [grid]
"""

#: "Sample pipeline for text feature extraction and evaluation", on texts at hand.
TEXT = """
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import ComplementNB
from sklearn.pipeline import Pipeline
rng = np.random.default_rng(0)
subjects = {0: ["god", "faith", "church"], 1: ["rocket", "orbit", "moon"]}
target = rng.integers(2, size=120)
data = [" ".join(rng.choice([*subjects[t], "the", "a", "of", "it"], 8)) for t in target]
pipeline = Pipeline([("vect", TfidfVectorizer()), ("clf", ComplementNB())])
parameter_grid = {
    "vect__max_df": (0.2, 0.4, 0.6, 0.8, 1.0), "vect__min_df": (1, 3, 5, 10),
    "vect__ngram_range": ((1, 1), (1, 2)), "vect__norm": ("l1", "l2"),
    "clf__alpha": np.logspace(-6, 6, 13),
}
random_search = RandomizedSearchCV(
    estimator=pipeline, param_distributions=parameter_grid, n_iter=20, random_state=0, n_jobs=2,
    verbose=0,
)
random_search.fit(data, target)
found = [random_search]
"""

#: The first of the user guide's on imports of halving aside: caching and replacing whole steps.
STEPS = """
from sklearn.datasets import load_digits
from sklearn.decomposition import NMF, PCA
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import LinearSVC
X, y = load_digits(return_X_y=True)
X, y = X[:300], y[:300]
pipe = Pipeline([
    ("scaling", MinMaxScaler()), ("reduce_dim", "passthrough"),
    ("classify", LinearSVC(dual=False, max_iter=10000)),
])
N_FEATURES_OPTIONS = [2, 8]
C_OPTIONS = [1, 100]
param_grid = [
    {"reduce_dim": [PCA(random_state=0), NMF(max_iter=200, tol=1e-2, random_state=0)],
     "reduce_dim__n_components": N_FEATURES_OPTIONS, "classify__C": C_OPTIONS},
    {"reduce_dim": [SelectKBest()], "reduce_dim__k": N_FEATURES_OPTIONS,
     "classify__C": C_OPTIONS},
]
grid = GridSearchCV(pipe, n_jobs=1, cv=3, param_grid=param_grid)
grid.fit(X, y)
found = [grid]
"""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "program",
    [GRID, RANDOM, NESTED, METRICS, COMPLEXITY, TEXT, STEPS],
    ids=["grid", "random", "nested", "metrics", "complexity", "text", "steps"],
)
def test_a_published_example_says_the_same(program):
    """Same parameters chosen, same scores to 1e-12."""
    kept = {}
    for whose, line in IMPORTS.items():
        kept[whose] = {"__name__": "__example__"}
        exec(line + program, kept[whose])
    for other, own in zip(kept["theirs"]["found"], kept["ours"]["found"], strict=True):
        assert type(own).__module__.startswith("quintain")
        assert repr(own.best_params_) == repr(other.best_params_)
        assert own.best_index_ == other.best_index_
        for name, column in other.cv_results_.items():
            if "test_" in name or "train_" in name:
                np.testing.assert_allclose(own.cv_results_[name], column, rtol=0, atol=1e-12)
    if "nested" in kept["theirs"]:
        np.testing.assert_allclose(kept["ours"]["nested"], kept["theirs"]["nested"], atol=1e-12)


def test_search_cv_takes_the_place_of_either_by_position():
    """One class for both spellings."""
    program = "from quintain import SearchCV as GridSearchCV" + GRID
    kept = {}
    exec(program, kept)
    assert len(kept["found"][0].cv_results_["params"]) == 4
