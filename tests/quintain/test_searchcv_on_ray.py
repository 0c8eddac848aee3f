"""SearchCV on Ray: the same table, from the same records."""

import sys

import cloudpickle
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

import quintain
from cluster.errors import ClusterError

# pytest imports this file under a name that no worker finds
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def doubled(values):
    return values * 2


@pytest.mark.parametrize("address", ["local"], ids=["ray"])
def test_scores_are_those_of_grid_search(ray_here, address):
    """Functions of this file travel by value."""
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(FunctionTransformer(doubled), SVC())
    space = {"svc__C": [0.1, 1, 10], "functiontransformer": [FunctionTransformer(), "passthrough"]}
    other = GridSearchCV(model, space, cv=3).fit(X, y)
    own = quintain.SearchCV(model, space, cv=3, address=address, n_jobs=2).fit(X, y)
    assert own.sweep_.view.runner == "ray"
    for name, column in other.cv_results_.items():
        if "test_" in name:
            np.testing.assert_allclose(own.cv_results_[name], column, rtol=0, atol=1e-12)
    assert repr(own.best_params_) == repr(other.best_params_)


def test_an_address_where_nobody_listens_is_said(monkeypatch):
    """In one line, and no sweep is begun."""
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # by a test before, in this process
    search = quintain.SearchCV(SVC(), {"C": [1]}, address="127.0.0.1:9")
    with pytest.raises(ClusterError, match="nothing answers"):
        search.fit(*load_iris(return_X_y=True))
