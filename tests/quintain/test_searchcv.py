"""SearchCV beside scikit-learn's own searches: the same scores, columns, exceptions and choices."""

import pickle
import sys
import warnings

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from scipy.stats import expon, loguniform, randint
from sklearn import model_selection as theirs
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.ensemble import GradientBoostingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import make_scorer, recall_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import quintain
from quintain.searchcv import SAMPLERS

# pytest imports this file under a name that no worker finds
cloudpickle.register_pickle_by_value(sys.modules[__name__])

OURS = ["cpu_s", "peak_mb", "state"]
LOCAL = pytest.mark.parametrize("n_jobs", [None, 2])


@pytest.fixture(scope="module", autouse=True)
def no_workers_left():
    """Workers are kept for a minute; here they end with the file."""
    yield
    from cluster.kept_workers import crew

    crew().dismiss()


def iris():
    return load_iris(return_X_y=True)


def both(estimator, space, X, y, *, fit=None, search="GridSearchCV", **options):
    """(theirs, ours) fitted alike; ours may have what only ours know under ``ours``."""
    n_jobs = options.pop("n_jobs", None)
    fit = fit or {}
    other = getattr(theirs, search)(clone(estimator), space, **options).fit(X, y, **fit)
    own = getattr(quintain, search)(clone(estimator), space, n_jobs=n_jobs, **options)
    return other, own.fit(X, y, **fit)


def must_agree(other, own):
    """Every column of scikit-learn's, in its order, and what was chosen."""
    expected, found = other.cv_results_, own.cv_results_
    assert list(found) == [*expected, *OURS]
    for name, column in expected.items():
        if name.startswith("param"):
            assert list(map(repr, found[name])) == list(map(repr, column)), name
        elif not name.endswith("_time"):
            np.testing.assert_allclose(found[name], column, rtol=0, atol=1e-12, err_msg=name)
        assert type(found[name]) is type(column), name
    for name in ("best_index_", "best_params_", "best_score_", "n_splits_", "multimetric_"):
        assert hasattr(own, name) == hasattr(other, name), name
        if name == "best_params_" and hasattr(other, name):
            assert repr(own.best_params_) == repr(other.best_params_)
        elif hasattr(other, name):
            assert getattr(own, name) == getattr(other, name), name
    assert np.isfinite(found["mean_fit_time"]).all()
    assert (found["cpu_s"] > 0).all()
    assert (found["peak_mb"] > 10).all()


def make_checked():
    space = {"C": [0.1, 1.0]}
    return [
        quintain.SearchCV(LogisticRegression(), space, cv=2),
        quintain.RandomizedSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, n_iter=2, cv=2, random_state=0),
    ]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(make_checked())
def test_it_is_a_scikit_learn_estimator(estimator, check):
    """check_estimator passes, for the search of a classifier and a namesake's of a regressor."""
    check(estimator)


@LOCAL
def test_a_list_of_grids_gives_the_table_of_grid_search(n_jobs):
    """With parameters that not every candidate has, and training scores."""
    space = [{"kernel": ["rbf"], "gamma": [1e-3, 1e-4], "C": [1, 10]}, {"kernel": ["linear"]}]
    other, own = both(SVC(), space, *iris(), n_jobs=n_jobs, return_train_score=True)
    must_agree(other, own)
    assert own.cv_results_["param_gamma"].mask.tolist() == [False] * 4 + [True]
    assert own.refit_time_ > 0
    np.testing.assert_array_equal(own.predict(iris()[0]), other.predict(iris()[0]))


@LOCAL
def test_random_draws_are_those_of_randomized_search(n_jobs):
    """From distributions, from lists without a repeat, and for any kind of random_state."""
    X, y = iris()
    space = {"C": loguniform(1e-2, 1e2), "gamma": expon(scale=0.1), "kernel": ["rbf", "poly"]}
    lists = {"C": list(range(1, 9)), "kernel": ["rbf", "poly"]}
    for given, state in ((space, 3), (lists, 4), (space, np.random.RandomState(5))):
        found = both(
            SVC(), given, X, y, search="RandomizedSearchCV", n_iter=5, random_state=state,
            n_jobs=n_jobs,
        ) if isinstance(state, int) else [
            module.RandomizedSearchCV(
                SVC(), given, n_iter=5, random_state=np.random.RandomState(5), n_jobs=n_jobs
            ).fit(X, y)
            for module in (theirs, quintain)
        ]  # fmt: skip
        must_agree(*found)


def test_without_a_random_state_the_global_stream_is_drawn_from():
    """As under scikit-learn after np.random.seed."""
    X, y = iris()
    found = []
    for module in (theirs, quintain):
        np.random.seed(7)
        search = module.RandomizedSearchCV(SVC(), {"C": expon()}, n_iter=3, cv=2).fit(X, y)
        found.append((search.cv_results_["params"], np.random.random()))
    assert found[0] == found[1]


def test_n_trials_and_samplers():
    """A grid is exhaustive without n_trials; TPE and Sobol take the same spaces."""
    X, y = iris()
    space = {
        "C": loguniform(1e-2, 1e2), "degree": randint(2, 4), "kernel": ["rbf", "poly"],
        "gamma": expon(),
    }  # fmt: skip
    for sampler in ("random", "tpe", "sobol"):
        search = quintain.SearchCV(
            SVC(), [space, {"kernel": ["linear"]}], n_trials=6, sampler=sampler, random_state=1,
            cv=3,
        ).fit(X, y)  # fmt: skip
        found = search.cv_results_
        assert len(found["params"]) == 6
        for params in found["params"]:
            assert params["kernel"] in ("rbf", "poly", "linear")
            if params["kernel"] != "linear":
                assert 1e-2 <= params["C"] <= 1e2
                assert params["degree"] in (2, 3)
                assert params["gamma"] > 0
        again = clone(search).fit(X, y)
        assert again.cv_results_["params"] == found["params"]
    assert len(quintain.SearchCV(SVC(), {"C": expon()}, cv=2).fit(X, y).cv_results_["params"]) == 10
    few = quintain.SearchCV(SVC(), {"C": [1, 2, 3, 4]}, n_trials=2, random_state=0).fit(X, y)
    assert len(few.cv_results_["params"]) == 2
    assert set(SAMPLERS) == {"grid", "random", "tpe", "sobol"}


@LOCAL
def test_several_metrics(n_jobs):
    """By list, by dict, with refit by name, by function, or without."""
    X, y = make_classification(random_state=0)
    space = {"max_depth": [1, 2, 4]}
    tree = DecisionTreeClassifier(random_state=0)
    scoring = {"hits": "recall", "own": make_scorer(recall_score, pos_label=0), "acc": "accuracy"}
    for more in (
        {"scoring": ["accuracy", "roc_auc"], "refit": "roc_auc"},
        {"scoring": scoring, "refit": "own"},
        {"scoring": scoring, "refit": False},
        {"scoring": scoring, "refit": lambda table: int(np.argmin(table["mean_test_hits"]))},
        {"scoring": several, "refit": "plain"},
        {"scoring": several, "refit": False},
    ):
        other, own = both(tree, space, X, y, n_jobs=n_jobs, return_train_score=True, **more)
        must_agree(other, own)
        assert (
            sorted(own.scorer_) == sorted(other.scorer_) if isinstance(other.scorer_, dict) else 1
        )
        if isinstance(more["refit"], str):
            assert own.score(X, y) == other.score(X, y)


def several(estimator, X, y):
    """A scorer that names its scores itself."""
    return {"plain": estimator.score(X, y), "rows": len(X)}


@LOCAL
def test_pipelines_with_nested_parameters_and_parts_that_are_objects(n_jobs):
    """Steps, functions and arrays are values like any other."""
    X, y = iris()
    pipe = Pipeline([("scale", StandardScaler()), ("model", SVC())])
    space = [
        {"scale": [StandardScaler(), "passthrough", FunctionTransformer(np.log1p)],
         "model__C": [1, 10]},
        {"model": [GaussianNB(), LogisticRegression(max_iter=500)]},
        {"scale": [FunctionTransformer(lambda values: values * 2.0)], "model": [SVC(C=3)],
         "model__class_weight": [None, {0: 1.0, 1: 2.0, 2: 1.0}]},
    ]  # fmt: skip
    other, own = both(pipe, space, X, y, n_jobs=n_jobs)
    must_agree(other, own)


def test_tables_sparse_matrices_and_texts():
    """Rows stay what they are, in workers too."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({
        "a": rng.normal(size=120), "b": rng.choice(["x", "y", "z"], 120),
        "c": pd.Categorical(rng.choice(["u", "v"], 120)),
    })  # fmt: skip
    y = pd.Series(np.where((frame["a"] > 0) ^ (frame["b"] == "x"), "yes", "no"))
    parts = ColumnTransformer([
        ("one", OneHotEncoder(handle_unknown="ignore"), ["b", "c"]), ("num", "passthrough", ["a"]),
    ])  # fmt: skip
    model = make_pipeline(parts, LogisticRegression())
    other, own = both(model, {"logisticregression__C": [0.1, 1.0]}, frame, y, n_jobs=2)
    must_agree(other, own)
    assert own.feature_names_in_.tolist() == ["a", "b", "c"]
    X = sp.random(120, 30, density=0.2, format="csr", random_state=0)
    must_agree(*both(LogisticRegression(), {"C": [0.1, 1.0]}, X, y, n_jobs=2))
    texts = [f"{word} and {word}s" for word in rng.choice(["tea", "beer", "wine", "ale"], 120)]
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    must_agree(*both(words, {"tfidfvectorizer__ngram_range": [(1, 1), (1, 2)]}, texts, y, n_jobs=2))


def test_other_kinds_of_estimators():
    """Regressors, several targets, clusterers without a target, a precomputed kernel."""
    X, y = load_diabetes(return_X_y=True)
    must_agree(*both(Ridge(), {"alpha": [0.1, 1.0, 10]}, X, y, scoring="neg_mean_absolute_error"))
    must_agree(*both(Ridge(), {"alpha": [0.1, 1.0]}, X, np.column_stack([y, -y])))
    clusters = KMeans(random_state=0, n_init=1)
    must_agree(*both(clusters, {"n_clusters": [2, 3, 4]}, iris()[0], None))
    X, y = iris()
    must_agree(*both(SVC(kernel="precomputed"), {"C": [1, 10]}, X @ X.T, y, n_jobs=2))
    voting = VotingClassifier([("svc", SVC()), ("nb", GaussianNB())])
    must_agree(*both(voting, {"svc__C": [1, 10], "nb": [GaussianNB(), "drop"]}, X, y, n_jobs=2))


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_any_splitter_with_groups_and_sample_weight():
    """Groups go to the splitter, weights are split with the rows, and reach the scorer too."""
    X, y = make_classification(n_samples=90, random_state=0)
    groups = np.arange(90) % 9
    weight = np.linspace(0.1, 2.0, 90)
    space, tree = {"max_depth": [1, 3]}, DecisionTreeClassifier(random_state=0)
    for cv in (
        theirs.GroupKFold(3), theirs.LeavePGroupsOut(1), theirs.TimeSeriesSplit(3),
        theirs.ShuffleSplit(3, random_state=0), theirs.PredefinedSplit(groups % 3),
        [(np.arange(60), np.arange(60, 90)), (groups > 2, groups <= 2)], 4,
    ):  # fmt: skip
        fit = {"groups": groups, "sample_weight": weight}
        must_agree(*both(tree, space, X, y, fit=fit, cv=cv))
    with sklearn.config_context(enable_metadata_routing=True):
        routed = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=True)
        scorer = make_scorer(recall_score).set_score_request(sample_weight=True)
        fit = {"groups": groups, "sample_weight": weight}
        cv = theirs.GroupKFold(3)
        other, own = both(routed, space, X, y, fit=fit, cv=cv, scoring=scorer, n_jobs=2)
        must_agree(other, own)
        assert str(own.get_metadata_routing()) == str(other.get_metadata_routing()).replace(
            "theirs", "quintain"
        )


@pytest.mark.filterwarnings("ignore")
def test_what_scikit_learn_refuses_is_refused_alike():
    """The same type and the same words, and no sweep is left behind that a fit would go on with."""
    X, y = iris()
    tree = DecisionTreeClassifier()
    for search, space, options in (
        ("GridSearchCV", {"depth": [1]}, {}),
        ("GridSearchCV", {"max_depth": 3}, {}),
        ("GridSearchCV", {"max_depth": []}, {}),
        ("GridSearchCV", {"max_depth": np.ones((2, 2))}, {}),
        ("GridSearchCV", {"max_depth": "12"}, {}),
        ("GridSearchCV", {"max_depth": [1]}, {"scoring": "acuracy"}),
        ("GridSearchCV", {"max_depth": [1]}, {"scoring": ["accuracy", "f1_macro"]}),
        ("GridSearchCV", {"max_depth": [1]}, {"scoring": several}),
        ("GridSearchCV", {"max_depth": [1]}, {"refit": "no such", "scoring": ["accuracy"]}),
        ("GridSearchCV", {"max_depth": [1]}, {"refit": lambda table: 1.5}),
        ("GridSearchCV", {"max_depth": [1]}, {"refit": lambda table: 7}),
        ("GridSearchCV", {"max_depth": [1]}, {"cv": 1000}),
        ("GridSearchCV", {"max_depth": [1]}, {"cv": "five"}),
        ("GridSearchCV", {"max_depth": [1]}, {"cv": []}),
        ("GridSearchCV", {"max_depth": [1]}, {"error_score": "rise"}),
        ("GridSearchCV", {"max_depth": [-1]}, {}),
        ("GridSearchCV", {"max_depth": [1, -1]}, {"error_score": "raise"}),
        ("GridSearchCV", "max_depth", {}),
        ("RandomizedSearchCV", {"max_depth": 3}, {}),
        ("RandomizedSearchCV", {"max_depth": [1, 2]}, {"n_iter": 0}),
    ):
        caught = []
        for module in (theirs, quintain):
            made = getattr(module, search)(tree, space, **options)
            with pytest.raises(Exception) as refused:  # noqa: PT011
                made.fit(X, y)
            caught.append(refused.value)
        assert type(caught[0]) is type(caught[1]), caught
        if "fits failed" not in str(caught[0]):
            assert str(caught[0]) == str(caught[1])
    for space, options in (
        ({"max_depth": [1]}, {"sampler": "tpee"}), ({"max_depth": [1]}, {"n_trials": 0}),
        ("max_depth", {}), ({"max_depth": object()}, {"sampler": "tpe"}),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError)):
            quintain.SearchCV(tree, space, **options).fit(X, y)


class Failing(ClassifierMixin, BaseEstimator):
    """Fails, or dies, where the first row it learns from is below a limit; else it warns."""

    def __init__(self, when=0, how="raise", level=0.0):
        self.when = when
        self.how = how
        self.level = level

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if X[0, 0] < self.when:
            if self.how == "die":
                import os
                import signal

                os.kill(os.getpid(), signal.SIGKILL)
            raise ArithmeticError(f"not below {self.when}")
        warnings.warn("it was hard", ConvergenceWarning, stacklevel=1)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[int(self.level)])

    def score(self, X, y=None):
        return self.level + float(len(X))


@LOCAL
def test_failed_fits_have_the_error_score(n_jobs):
    """Their folds do, the others keep theirs, and the trial says why it failed."""
    X, y = np.arange(60.0).reshape(30, 2), np.arange(30) % 2
    for error_score in (np.nan, 0.0, -3):
        with pytest.warns() as told:
            other, own = both(
                Failing(), {"when": [0, 10, 40]}, X, y, cv=theirs.KFold(3), n_jobs=n_jobs,
                error_score=error_score,
            )  # fmt: skip
        must_agree(other, own)
        mine = [each for each in told if each.filename.startswith(quintain.__path__[0])]
        assert {FitFailedWarning, ConvergenceWarning} <= {each.category for each in told}
        assert any("in 2 of 3 candidates" in str(each.message) for each in told), mine
        trials = own.sweep_.trials
        state = ["completed", "failed" if np.isnan(error_score) else "completed", "failed"]
        assert own.cv_results_["state"].tolist() == trials["state"].tolist() == state
        assert trials["cause"][2] == "user_code"
        assert "ArithmeticError: not below 40" in trials["reason"][2]


@LOCAL
def test_raise_raises_the_estimators_own_exception(n_jobs):
    """With its frames, from this process."""
    X, y = np.arange(60.0).reshape(30, 2), np.arange(30) % 2
    search = quintain.SearchCV(
        Failing(), {"when": [10]}, cv=theirs.KFold(3), error_score="raise", n_jobs=n_jobs
    )
    with pytest.raises(ArithmeticError, match="not below 10") as raised:
        search.fit(X, y)
    assert raised.traceback[-1].name == "fit"


@pytest.mark.filterwarnings("ignore:it was hard", "ignore:One or more")
def test_a_worker_that_dies_costs_its_candidate_alone():
    """Where GridSearchCV ends with a broken pool."""
    X, y = np.arange(60.0).reshape(30, 2), np.arange(30) % 2
    with pytest.warns(FitFailedWarning):
        search = quintain.SearchCV(
            Failing(how="die"), {"when": [0, 40], "level": [0.0, 1.0]}, cv=theirs.KFold(3), n_jobs=2
        ).fit(X, y)
    assert search.cv_results_["state"].tolist() == ["completed", "failed"] * 2 or sorted(
        search.cv_results_["state"]
    ) == ["completed", "completed", "failed", "failed"]
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 2
    assert search.best_params_["when"] == 0


def test_nested_in_cross_validation_it_stays_in_its_process(own_records):
    """Whoever runs it in workers has given each core its work."""
    X, y = iris()
    scores = []
    for module in (theirs, quintain):
        search = module.GridSearchCV(SVC(), {"C": [1, 10]}, cv=3, n_jobs=2)
        if module is quintain:  # joblib's workers may be older than this test's environment
            search.set_params(records=own_records)
        scores.append(theirs.cross_val_score(search, X, y, cv=3, n_jobs=2))
    np.testing.assert_array_equal(*scores)
    outer = quintain.SearchCV(
        quintain.SearchCV(SVC(), {"C": [1, 10]}, cv=2, n_jobs=2), {"estimator__gamma": [0.1, 1.0]},
        cv=2, n_jobs=2,
    ).fit(X, y)  # fmt: skip
    assert outer.best_estimator_.best_params_["C"] in (1, 10)
    with quintain_records() as store:
        inner = [each for each in store.sweeps() if each.header["searchcv"]["estimator"] == "SVC()"]
        assert {each.header["runner"] for each in inner if each.header["folds"] == 3} == {"inline"}


def quintain_records():
    from search.records import Records

    return Records.open(create=False)


def test_what_it_leaves_behind():
    """A sweep of the store, an estimate below the best score, and an object that can be pickled."""
    X, y = make_classification(n_samples=60, n_features=20, n_informative=2, random_state=0)
    search = quintain.SearchCV(
        DecisionTreeClassifier(), {"random_state": list(range(40))}, scoring="accuracy"
    ).fit(X, y)
    score, low, high, level, method = search.estimate_
    assert 0 <= low <= score < search.best_score_
    assert score < high <= 1.0
    assert (level, "corrected resampled t" in method) == (0.95, True)
    assert "40 completed" in search.sweep_.report()
    assert "SearchCV scores on the folds searched" in search.sweep_.report()
    opened = quintain.open_sweep(search.sweep_.sweep)
    assert opened.view.best.params == search.best_params_ or opened.view.best.score == (
        search.best_score_
    )
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    assert again.sweep_.sweep == search.sweep_.sweep
    with pytest.raises(quintain.QuintainError, match="same fit again"):
        opened.fit()


def test_libraries_of_others():
    """Lightgbm with its own categories, xgboost, a resampling pipeline, an ensemble."""
    lightgbm = pytest.importorskip("lightgbm")
    import xgboost
    from imblearn.ensemble import BalancedRandomForestClassifier
    from imblearn.over_sampling import SMOTE, RandomOverSampler
    from imblearn.pipeline import Pipeline as Resampled

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame["d"] = pd.Categorical(rng.choice(["x", "y", "z"], 200))
    y = ((frame["a"] + (frame["d"] == "x")) > 1).astype(int)
    light = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)
    must_agree(*both(light, {"num_leaves": [4, 8]}, frame, y, n_jobs=2))
    boosted = xgboost.XGBClassifier(n_estimators=5, enable_categorical=True, n_jobs=1)
    must_agree(*both(boosted, {"max_depth": [2, 4]}, frame, y, n_jobs=2))
    resampled = Resampled([("more", SMOTE(random_state=0)), ("model", GaussianNB())])
    space = {"more": [SMOTE(random_state=0), RandomOverSampler(random_state=1), "passthrough"]}
    must_agree(*both(resampled, space, frame[["a", "b"]], y, n_jobs=2, scoring="f1"))
    forest = BalancedRandomForestClassifier(n_estimators=5, random_state=0)
    must_agree(*both(forest, {"max_depth": [2, 4]}, frame[["a", "b"]], y))


def test_catboost_with_its_categories():
    """Named to the model, or as a list to ``fit``: a model with a list cannot be cloned."""
    catboost = pytest.importorskip("catboost")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "d": rng.choice(["x", "y"], 200)})
    y = ((frame["a"] + (frame["d"] == "x")) > 0.5).astype(int)
    quick = {"iterations": 5, "verbose": False, "allow_writing_files": False}
    told = catboost.CatBoostClassifier(cat_features=("d",), **quick)
    must_agree(*both(told, {"depth": [2, 4]}, frame, y, n_jobs=2))
    plain = catboost.CatBoostClassifier(**quick)
    must_agree(*both(plain, {"depth": [2, 4]}, frame, y, fit={"cat_features": ["d"]}))


def test_boosting_is_scored_to_the_last_digit_in_workers():
    """Staged estimators with a seed of their own."""
    X, y = make_classification(random_state=1)
    model = GradientBoostingClassifier(n_estimators=5, random_state=0)
    space = {"learning_rate": np.logspace(-2, 0, 3), "subsample": [0.5, 1.0]}
    must_agree(*both(model, space, X, y, n_jobs=2, scoring="roc_auc"))
    sgd = make_pipeline(StandardScaler(), SGDClassifier(random_state=np.random.RandomState(3)))
    must_agree(*both(sgd, {"sgdclassifier__alpha": [1e-4, 1e-2]}, X, y, n_jobs=2))
