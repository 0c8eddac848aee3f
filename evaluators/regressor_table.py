"""The registered models of a numeric target, in the terms of ``evaluators.model_table``.

A name means the same family in both tables. ``docs/models.md`` shows this one too.
"""

from collections.abc import Mapping

from evaluators.model_table import TABLE, Registered, real, whole

_FOREST_SPACE = {"max_features": real(0.2, 1.0), "min_samples_leaf": whole(1, 50, log=True)}

#: Which name to take in place of one that has no twin for numbers.
INSTEAD: Mapping[str, str] = {
    "logistic_regression": "ridge",
    "linear_svm": "ridge",
    "gaussian_nb": "ridge",
}

REGRESSORS: Mapping[str, Registered] = {
    "linear_regression": Registered(
        "sklearn.linear_model",
        "LinearRegression",
        "one_hot",
        {},
        scale=True,
        sparse=True,
        seed=None,
    ),
    "ridge": Registered(
        "sklearn.linear_model",
        "Ridge",
        "one_hot",
        {"alpha": real(0.01, 10000.0, log=True)},
        scale=True,
        sparse=True,
    ),
    "random_forest": Registered(
        "sklearn.ensemble",
        "RandomForestRegressor",
        "codes",
        _FOREST_SPACE,
        {"n_estimators": 100},
        threads="n_jobs",
        writable=TABLE["random_forest"].writable,
    ),
    "extra_trees": Registered(
        "sklearn.ensemble",
        "ExtraTreesRegressor",
        "codes",
        _FOREST_SPACE,
        {"n_estimators": 100},
        threads="n_jobs",
        writable=TABLE["extra_trees"].writable,
    ),
    "hist_gradient_boosting": Registered(
        "evaluators.staged_hist",
        "HistGradientBoostingRegressor",
        "codes",
        {
            "max_iter": whole(50, 400, log=True),
            "learning_rate": real(0.01, 0.3, log=True),
            "max_leaf_nodes": whole(7, 127, log=True),
            "min_samples_leaf": whole(5, 200, log=True),
            "l2_regularization": real(0.001, 30.0, log=True),
            "max_features": real(0.4, 1.0),
        },
        TABLE["hist_gradient_boosting"].params,
    ),
    "xgboost": Registered(
        "evaluators.binned_xgboost",
        "XGBRegressor",
        "codes",
        {
            "n_estimators": whole(50, 400, log=True),
            "learning_rate": real(0.01, 0.3, log=True),
            "max_depth": whole(3, 10),
            # a number of rows: each weighs 1 in the square error
            "min_child_weight": real(1.0, 100.0, log=True),
            "subsample": real(0.5, 1.0),
            "colsample_bytree": real(0.4, 1.0),
            "reg_lambda": real(0.01, 30.0, log=True),
        },
        TABLE["xgboost"].params,
        threads="n_jobs",
        also=TABLE["xgboost"].also,
    ),
    "lightgbm": Registered(
        "evaluators.staged_lightgbm",
        "LGBMRegressor",
        "codes",
        {
            "n_estimators": whole(50, 400, log=True),
            "learning_rate": real(0.01, 0.3, log=True),
            "num_leaves": whole(7, 127, log=True),
            "min_child_samples": whole(5, 200, log=True),
            "subsample": real(0.5, 1.0),
            "colsample_bytree": real(0.4, 1.0),
            "reg_lambda": real(0.01, 30.0, log=True),
        },
        TABLE["lightgbm"].params,
        threads="n_jobs",
        extra="lightgbm",
        also=TABLE["lightgbm"].also,
    ),
    "knn": Registered(
        "sklearn.neighbors",
        "KNeighborsRegressor",
        "one_hot",
        {"n_neighbors": whole(3, 200, log=True), "weights": ["uniform", "distance"]},
        scale=True,
        threads="n_jobs",
        seed=None,
        weighs_rows=False,
        steady=False,
    ),
    "dummy": Registered(
        "sklearn.dummy", "DummyRegressor", "codes", {}, {"strategy": "mean"}, seed=None
    ),
}
