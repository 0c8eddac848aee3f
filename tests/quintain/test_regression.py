"""A numeric target from the spec to the last word: nobody has to leave for it."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import get_scorer, r2_score
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score

import quintain
from evaluators.errors import QuintainError
from quintain.comparing import compare
from quintain.holdout import look
from quintain.sweeps import open_sweep


@pytest.fixture(autouse=True)
def records(tmp_path, monkeypatch):
    """A store of the test's own."""
    place = f"sqlite:///{tmp_path}/records.db"
    monkeypatch.setenv("QUINTAIN_RECORDS", place)
    return place


def houses(rows=700, seed=0):
    """Numbers, a category and gaps; the price in a unit that no share has."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"area": rng.normal(100, 25, rows), "age": rng.integers(0, 80, rows)})
    frame["town"] = rng.choice(["Bern", "Ulm", "Graz"], rows)
    frame["price"] = 3000 * frame["area"] - 900 * frame["age"] + 4e4 * (frame["town"] == "Bern")
    frame["price"] += rng.normal(0, 3e4, rows)
    frame.loc[rng.random(rows) < 0.05, "age"] = np.nan
    return frame


def spec(*models, trials=4, **sections):
    sections.setdefault("data", {"target": "price"})
    return {"name": "houses", "search": {"trials": trials}, "model": list(models), **sections}


RIDGE = {"estimator": "ridge"}


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        ("sklearn.linear_model:Ridge", {"alpha": 0.1}),
        ("hist_gradient_boosting", {"max_iter": 20, "early_stopping": False, "random_state": 0}),
    ],
)
@pytest.mark.parametrize("metric", ["r2", "neg_root_mean_squared_error"])
def test_fold_scores_are_those_of_cross_val_score(estimator, params, metric):
    """On the diabetes data, fold by fold to 1e-12; the trial's own is that of pooled rows."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    block = {"estimator": estimator, "params": params, "space": {}}
    evaluate = {"metric": metric, "metrics": ["r2"], "folds": 4, "folds_seed": 11}
    asked = {"name": "dia", "search": {"trials": 1}, "model": [block], "evaluate": evaluate}
    result = quintain.run(asked, (X, y), runner="inline")
    model = Ridge(**params) if "Ridge" in estimator else HistGradientBoostingRegressor(**params)
    folds = KFold(4, shuffle=True, random_state=11)
    [trial] = result.view.trials
    for name in (metric, "r2"):
        expected = cross_val_score(clone(model), X, y, cv=folds, scoring=name)
        assert trial.folds[name] == pytest.approx(expected, rel=1e-12)
    pooled = r2_score(y, cross_val_predict(clone(model), X, y, cv=folds))
    assert trial.scores["r2"] == pytest.approx(pooled, rel=1e-12)


def test_a_sweep_from_its_first_line_to_its_model(tmp_path):
    """The default spaces of regressors are searched; JSON, report and model speak of numbers."""
    frame = houses()
    frame.to_csv(tmp_path / "houses.csv", index=False)
    models = [
        RIDGE,
        {"estimator": "random_forest", "params": {"n_estimators": 10}},
        {"estimator": "knn"},
    ]
    data = {"source": str(tmp_path / "houses.csv"), "target": "price"}
    result = quintain.run(spec(*models, trials=9, data=data), runner="inline")
    told = result.to_json()
    assert (told["metric"], told["direction"], told["positive"]) == ("r2", "maximize", None)
    assert told["trial_counts"]["completed"] == 9
    assert told["baseline"]["kind"] == "mean"
    assert told["baseline"]["score"] == pytest.approx(0, abs=0.01)
    estimate = result.estimate
    assert 0.7 < estimate["low"] < estimate["score"] < estimate["high"] < 1
    assert estimate["bbc"]["low"] < estimate["score"]
    assert [each["code"] for each in told["warnings"]] == ["new_ledger"]
    text = result.report()
    assert text.startswith("target:         price (regression)")
    assert "onfusion" not in text
    for trial in result.view.trials:
        assert "class_weight" not in trial.params
        assert set(trial.scores) == {"r2", "rmse", "mae", "median_absolute_error"}
        assert trial.confusion is None
    new = houses(300, seed=1)
    found = open_sweep(result.sweep).fit().predict(new.drop(columns="price"))
    assert r2_score(new["price"], found) == pytest.approx(estimate["score"], abs=0.06)
    _the_holdout_answers(result.sweep)


def _the_holdout_answers(sweep):
    """The first look tells R2 on the locked fifth; a second one says that nothing is better."""
    first, second = (look(sweep, why) for why in ("to report it", "once more"))
    assert 100 <= first["rows"] <= 180
    assert 0.7 < first["low"] < first["score"] < first["high"]
    assert "bootstrap of rows" in first["method"]
    assert (second["look"], second["shown_better"]) == (2, False)
    assert second["score"] == first["score"]
    json.dumps(second)


def test_sweeps_are_compared_in_the_targets_unit():
    """A line beats the constant on the same folds, which the record alone tells again."""
    frame = houses(300)
    evaluate = {"metric": "rmse"}
    line = quintain.run(spec(RIDGE, evaluate=evaluate), frame, runner="inline")
    constant = quintain.run(
        spec({"estimator": "dummy"}, trials=1, evaluate=evaluate), frame, runner="inline"
    )
    assert line.view.header["spec"]["data"]["task"] == "regression"
    assert line.view.header["folds_seed"] == constant.view.header["folds_seed"]
    found = compare(line.sweep, constant.sweep, data=frame)
    assert (found.verdict, found.metric) == ("better", "rmse")
    assert found.low < found.difference < found.high < -1e4
    other = compare(line.sweep, constant.sweep, metric="mae", data=frame)
    assert other.verdict == "better"
    assert "within_noise_of_baseline" in [each.code for each in constant.view.warnings]


def test_groups_time_and_the_whole_search_nested():
    """Windows run forward, towns stay whole, and outer folds estimate the procedure."""
    frame = houses(240).assign(day=np.arange(240), street=np.arange(240) // 6)
    for role, splitter in (("time_column", "time"), ("group_column", "group")):
        data = {"target": "price", role: "day" if role == "time_column" else "street"}
        result = quintain.run(spec(RIDGE, trials=2, data=data), frame, runner="inline")
        assert result.view.header["splitter"] == splitter
        assert result.estimate["score"] > 0.5
    evaluate = {"nested": True, "folds": 3}
    nested = quintain.run(spec(RIDGE, trials=2, evaluate=evaluate), frame, runner="inline")
    assert nested.state == "completed"
    assert 0.5 < nested.estimate["score"] < 1


def test_a_users_pipeline_and_metric_are_for_numbers(tmp_path):
    """The pipeline gets the table, the metric both columns of numbers."""
    (tmp_path / "mine.py").write_text(
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.linear_model import LinearRegression\n"
        "from sklearn.pipeline import make_pipeline\n"
        "pipeline = make_pipeline(\n"
        "    make_column_transformer(('passthrough', ['area'])), LinearRegression())\n"
        "def worst(y, p):\n    return abs(y - p).max()\n"
        "worst.direction = 'minimize'\n"
    )
    frame = houses(200)
    block = {"name": "mine", "estimator": f"{tmp_path}/mine.py:pipeline", "space": {}}
    evaluate = {"metric": f"{tmp_path}/mine.py:worst", "folds": 4, "folds_seed": 3}
    result = quintain.run(spec(block, trials=1, evaluate=evaluate), frame, runner="inline")
    [trial] = result.view.trials
    X, y, folds = frame[["area"]], frame["price"], KFold(4, shuffle=True, random_state=3)
    scorer = get_scorer("neg_max_error")
    expected = -cross_val_score(LinearRegression(), X, y, cv=folds, scoring=scorer)
    assert trial.folds[result.view.metric] == pytest.approx(expected, rel=1e-9)


WRONG = {
    "metric of classes": (
        spec(RIDGE, evaluate={"metric": "f1"}),
        ["metric: metric 'f1' is for classes"],
    ),
    "threshold": (
        spec(RIDGE, evaluate={"threshold": 0.3}),
        ["threshold: the target is a number", "leave it out"],
    ),
    "costs": (
        spec(RIDGE, evaluate={"costs": {"1": {"0": 1.0}}}),
        ["costs: the target is a number", "leave them out"],
    ),
    "stratified": (
        spec(RIDGE, evaluate={"splitter": "stratified"}),
        ['"stratified" needs classes', '"plain"'],
    ),
    "class weight": (
        spec({"estimator": "xgboost", "class_weight": "balanced"}),
        ["model[0].class_weight: the target is a number"],
    ),
    "searched weight": (
        spec({"estimator": "xgboost", "space": {"class_weight": ["balanced"]}}),
        ["model[0].space.class_weight: the target is a number"],
    ),
    "positive weight": (
        spec({"estimator": "xgboost", "params": {"scale_pos_weight": 3}}),
        ["model[0].params.scale_pos_weight: the target is a number"],
    ),
    "resampling": (
        spec({"estimator": "knn", "resample": ["none", "smote"]}),
        ["model[0].resample: the target is a number"],
    ),
    "model of classes": (
        spec({"estimator": "logistic_regression"}),
        [
            "model[0].estimator: logistic_regression is for a target of classes",
            "did you mean 'ridge'",
        ],
    ),
    "users classifier": (
        spec({"estimator": "sklearn.svm:SVC", "space": {}}),
        ["SVC is a classifier, and the target is a number"],
    ),
    "positive": (
        spec(RIDGE, data={"target": "price", "positive": 1}),
        ["a number, which has no positive class"],
    ),
    "text": (
        spec(RIDGE, data={"target": "town", "task": "regression"}),
        ["text such as 'Bern'", "needs numbers"],
    ),
    "model of numbers": (
        spec(RIDGE, data={"target": "town"}),
        ["ridge is for a target of numbers", "did you mean 'logistic_regression'"],
    ),
    "metric of numbers": (
        spec({"estimator": "knn"}, data={"target": "town"}, evaluate={"metric": "rmse"}),
        ["'rmse' is for a target of numbers"],
    ),
    "no task": (spec(RIDGE, data={"target": "price", "task": "regresion"}), ["did you mean"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_for_the_other_task_is_refused_before_any_trial(case, tmp_path):
    """One clear line each, and nothing is written."""
    asked, words = WRONG[case]
    with pytest.raises(QuintainError) as caught:
        quintain.run(asked, houses(200), runner="inline")
    [line] = str(caught.value).splitlines()
    assert all(word in line for word in words), line
    assert not (tmp_path / "records.db").exists()


def test_missing_and_infinite_targets_are_refused():
    """With how many rows lack one."""
    frame = houses(200)
    for value, word in ((np.nan, "missing"), (np.inf, "infinite")):
        frame.loc[:2, "price"] = value
        with pytest.raises(QuintainError, match=f"target 'price' is {word} in 3 of 200 rows"):
            quintain.run(spec(RIDGE), frame, runner="inline")
