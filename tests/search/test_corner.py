"""The dearest corner is where each parameter costs most."""

import pytest

from evaluators.models import default_space, registered
from search.corner import dearest, drawn, middle
from search.spec import read_spec, space_of


def space(model, entries=None):
    block = {"estimator": model} | ({} if entries is None else {"space": entries})
    data = {"source": "a.csv", "target": "y"}
    return space_of(read_spec({"name": "a", "data": data, "model": [block]}))


def test_more_and_larger_trees_cost_more():
    """Rounds, depth, rows and columns up; rows in a leaf, step and penalty down."""
    found = dearest(space("xgboost"), "xgboost")
    assert (found["n_estimators"], found["max_depth"], found["learning_rate"]) == (400, 10, 0.01)
    assert (found["subsample"], found["min_child_weight"], found["reg_lambda"]) == (1.0, 0.1, 0.01)
    assert found["class_weight"] == "balanced"


@pytest.mark.parametrize("model", registered())
def test_every_searched_range_of_a_registered_model_has_an_end_that_costs_more(model):
    """No range stands in its middle, but for those that cost nothing either way."""
    here, ranges = space(model), default_space(model)
    corner, between = dearest(here, model), middle(here, model)
    assert here.contains(model, corner)
    for name, entry in ranges.items():
        if ("int" in entry or "float" in entry) and name != "var_smoothing":
            assert corner[name] != between[name], name


def test_numbers_to_choose_from_have_an_end_too_and_no_limit_is_the_dearest():
    """Among numbers the largest, before it None where that stands for no limit."""
    found = dearest(
        space("random_forest", {
            "max_depth": {"choice": ["no", 4, 8], "none": "no"}, "n_estimators": [10, 300, 50],
            "min_samples_leaf": [5, 1, 9], "max_features": ["sqrt", 0.5],
        }), "random_forest",
    )  # fmt: skip
    assert found == {
        "max_depth": None, "n_estimators": 300, "min_samples_leaf": 1, "max_features": 0.5
    }  # fmt: skip


def test_drawn_configurations_spread_over_the_space():
    """Eight of them, all different, all allowed, in both halves of each range."""
    here = space("xgboost")
    found = drawn(here, "xgboost", 8)
    assert len(found) == len({str(each) for each in found}) == 8
    assert all(here.contains("xgboost", each) for each in found)
    assert {each["max_depth"] > 6 for each in found} == {True, False}
