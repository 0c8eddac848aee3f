"""The registered models: how each is made, searched, and what the data looks like to it.

``docs/models.md`` shows this table; a test holds them together. Nothing heavy is imported here.
Spaces are in the spec's syntax. They were chosen on 39,000 rows of the Adult census data so that
the dearest corner of a space costs at most about ten times its cheapest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

#: codes     the matrix as it is: categories as codes, missing values as NaN
#: one_hot   categories as 0/1 columns, missing numbers imputed (see ``evaluators.preprocess``)
View = Literal["codes", "one_hot"]


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered model.

    Attributes:
        module, factory: where its class is; imported when a model is built.
        view: how it sees the data.
        scale: numbers get mean 0 and standard deviation 1 (``one_hot`` only).
        sparse: it gains from sparse input (``one_hot`` only).
        space: the default search space.
        params: what we set; the user's values win.
        threads, seed: its parameters for these, or None.
        writable: it refuses read-only rows, though it does not write (``codes`` only).
        weighs_rows: ``fit`` takes ``sample_weight``.
        weighs_classes: classes may be weighed.
        extra: the optional dependency it needs, by the name of its module too.
        also: parameters that its ``**kwargs`` take and its signature does not show.
        steady: it goes over the rows a fixed number of times, each level of a tree once, and no
            row meets another: seconds grow like n log n at most.
    """

    module: str
    factory: str
    view: View
    space: Mapping[str, Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    scale: bool = False
    sparse: bool = False
    threads: str | None = None
    seed: str | None = "random_state"
    writable: bool = False
    weighs_rows: bool = True
    weighs_classes: bool = True
    extra: str | None = None
    also: tuple[str, ...] = ()
    steady: bool = True


#: Groups of parameter names that mean one thing: a user's value for one keeps ours for all away.
RIVALS: tuple[frozenset[str], ...] = (
    frozenset({"n_jobs", "nthread", "num_threads"}),
    frozenset({"random_state", "seed"}),
    frozenset({"force_col_wise", "force_row_wise"}),
    frozenset({"verbosity", "verbose"}),
)

#: Parameters that weigh classes in a library's own way; not to be mixed with ``class_weight``.
OWN_CLASS_WEIGHTS = ("scale_pos_weight", "is_unbalance")

_CLASS_WEIGHT = {"choice": ["none", "balanced"], "none": "none"}


def whole(low: int, high: int, *, log: bool = False) -> dict[str, Any]:
    """A range of whole numbers, both ends included."""
    return {"int": [low, high], "log": True} if log else {"int": [low, high]}


def real(low: float, high: float, *, log: bool = False) -> dict[str, Any]:
    """A range of real numbers."""
    return {"float": [low, high], "log": True} if log else {"float": [low, high]}


#: Parameters of XGBoost's boosters beside those that XGBClassifier shows.
_XGBOOST_ALSO = (
    "alpha", "disable_default_eval_metric", "eta", "feature_selector", "lambda",
    "min_split_loss", "normalize_type", "nthread", "one_drop",
    "process_type", "rate_drop", "refresh_leaf", "sample_type", "seed", "seed_per_iteration",
    "skip_drop", "top_k", "updater",
)  # fmt: skip

#: LightGBM's learning parameters beside those that LGBMClassifier shows.
_LIGHTGBM_ALSO = (
    "bagging_fraction", "bagging_freq", "bagging_seed", "boosting", "cat_l2", "cat_smooth",
    "data_sample_strategy", "deterministic", "drop_rate", "drop_seed", "enable_bundle",
    "extra_seed", "extra_trees", "feature_fraction", "feature_fraction_bynode",
    "feature_fraction_seed", "feature_pre_filter", "force_col_wise", "force_row_wise",
    "histogram_pool_size", "is_unbalance", "lambda_l1", "lambda_l2", "linear_lambda",
    "linear_tree", "max_bin", "max_bin_by_feature", "max_cat_threshold", "max_cat_to_onehot",
    "max_delta_step", "max_drop", "min_data_in_bin", "min_data_in_leaf", "min_data_per_group",
    "min_gain_to_split", "min_sum_hessian_in_leaf", "monotone_constraints",
    "monotone_constraints_method", "neg_bagging_fraction", "num_iterations", "num_threads",
    "other_rate", "path_smooth", "pos_bagging_fraction", "scale_pos_weight", "seed", "sigmoid",
    "skip_drop", "top_rate", "tree_learner", "uniform_drop", "use_missing",
    "use_quantized_grad", "verbosity", "xgboost_dart_mode", "zero_as_missing",
)  # fmt: skip

_FOREST_SPACE = {
    "max_features": real(0.1, 0.6),
    "min_samples_leaf": whole(1, 50, log=True),
    "class_weight": _CLASS_WEIGHT,
}

TABLE: Mapping[str, Registered] = {
    "logistic_regression": Registered(
        "sklearn.linear_model",
        "LogisticRegression",
        "one_hot",
        {"C": real(0.0001, 100.0, log=True), "class_weight": _CLASS_WEIGHT},
        # lbfgs was the quickest where input is sparse, and newton-cholesky broke down on
        # collinear float32 columns; a looser tol loses average precision at 1% positives
        {"solver": "lbfgs", "max_iter": 1000},
        scale=True,
        sparse=True,
        steady=False,  # the passes until it converges are not fixed
    ),
    "linear_svm": Registered(
        "sklearn.svm",
        "LinearSVC",
        "one_hot",
        {"C": real(0.0001, 10.0, log=True), "class_weight": _CLASS_WEIGHT},
        {"dual": "auto", "max_iter": 1000},
        scale=True,
        sparse=True,
        steady=False,  # the passes until it converges are not fixed
    ),
    # forests see codes: 3 to 5 times quicker than one-hot columns on Adult, scores no lower
    "random_forest": Registered(
        "sklearn.ensemble",
        "RandomForestClassifier",
        "codes",
        _FOREST_SPACE,
        {"n_estimators": 100},
        threads="n_jobs",
        writable=True,  # scikit-learn 1.9 refuses read-only float32 rows with gaps
    ),
    "extra_trees": Registered(
        "sklearn.ensemble",
        "ExtraTreesClassifier",
        "codes",
        _FOREST_SPACE | {"max_features": real(0.1, 1.0)},
        {"n_estimators": 100},
        threads="n_jobs",
        writable=True,  # scikit-learn 1.9 refuses read-only float32 rows with gaps
    ),
    "hist_gradient_boosting": Registered(
        "evaluators.staged_hist",
        "HistGradientBoostingClassifier",
        "codes",
        {
            "max_iter": whole(50, 400, log=True),
            "learning_rate": real(0.01, 0.3, log=True),
            "max_leaf_nodes": whole(7, 127, log=True),
            "min_samples_leaf": whole(5, 200, log=True),
            "l2_regularization": real(0.001, 30.0, log=True),
            "max_features": real(0.4, 1.0),
            "class_weight": _CLASS_WEIGHT,
        },
        # "auto" would hold out a tenth of the rows from 10,000 rows on, and not below
        {"early_stopping": False},
    ),
    "xgboost": Registered(
        "evaluators.binned_xgboost",
        "XGBClassifier",
        "codes",
        {
            "n_estimators": whole(50, 400, log=True),
            "learning_rate": real(0.01, 0.3, log=True),
            "max_depth": whole(3, 10),
            # a sum of p (1 - p): far below 1 a row where positives are rare
            "min_child_weight": real(0.1, 30.0, log=True),
            "subsample": real(0.5, 1.0),
            "colsample_bytree": real(0.4, 1.0),
            "reg_lambda": real(0.01, 30.0, log=True),
            "class_weight": _CLASS_WEIGHT,
        },
        {"tree_method": "hist", "enable_categorical": True},
        threads="n_jobs",
        also=_XGBOOST_ALSO,
    ),
    "lightgbm": Registered(
        "evaluators.staged_lightgbm",
        "LGBMClassifier",
        "codes",
        {
            "n_estimators": whole(50, 400, log=True),
            "learning_rate": real(0.01, 0.3, log=True),
            "num_leaves": whole(7, 127, log=True),
            "min_child_samples": whole(5, 200, log=True),
            "subsample": real(0.5, 1.0),
            "colsample_bytree": real(0.4, 1.0),
            "reg_lambda": real(0.01, 30.0, log=True),
            "class_weight": _CLASS_WEIGHT,
        },
        # subsample does nothing while subsample_freq is 0; without force_col_wise it times two
        # layouts and takes the quicker one, so that two runs may differ
        {"subsample_freq": 1, "verbosity": -1, "deterministic": True, "force_col_wise": True},
        threads="n_jobs",
        extra="lightgbm",
        also=_LIGHTGBM_ALSO,
    ),
    "knn": Registered(
        "sklearn.neighbors",
        "KNeighborsClassifier",
        "one_hot",
        {"n_neighbors": whole(3, 200, log=True), "weights": ["uniform", "distance"]},
        scale=True,
        threads="n_jobs",
        seed=None,
        weighs_rows=False,
        weighs_classes=False,
        steady=False,
    ),
    "gaussian_nb": Registered(
        "sklearn.naive_bayes",
        "GaussianNB",
        "one_hot",
        {"var_smoothing": real(1e-6, 1.0, log=True), "class_weight": _CLASS_WEIGHT},
        # the library's 1e-9 is below the rounding of float32, and a 0/1 column that is constant
        # within a class would outvote all others
        {"var_smoothing": 0.001},
        scale=True,  # var_smoothing is a share of the largest variance of all columns
        seed=None,
    ),
    "dummy": Registered(
        "sklearn.dummy",
        "DummyClassifier",
        "codes",
        {},
        {"strategy": "prior"},
        weighs_classes=False,
    ),
}


def libraries(estimators: Iterable[str]) -> tuple[str, ...]:
    """The modules that these models of a spec are in, as far as a spec alone tells; not files."""
    known = [TABLE[each].module for each in estimators if each in TABLE]
    named = [each.partition(":")[0] for each in estimators if ":" in each and ".py:" not in each]
    return tuple(dict.fromkeys([*known, *named]))
