"""``[search] shared_cuts``: what it does to a sweep, by the front door."""

import numpy as np
import pytest

import quintain
from evaluators import rows as rows_module
from quintain import nested
from search.errors import SpecError
from search.report import report_text

SPEC = {
    "name": "cuts",
    "data": {"source": "(in memory)", "target": "target"},
    "holdout": {"test_size": False},
    "evaluate": {"metric": "roc_auc", "folds": 3},
    "search": {"trials": 2, "shared_cuts": True, "deterministic": True},
    "model": [{"estimator": "xgboost", "params": {"n_estimators": 5, "max_bin": 16}}],
}


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 4)).astype(np.float32)
    return X, (X[:, 0] + rng.normal(size=len(X)) > 0).astype(int)


@pytest.fixture(autouse=True)
def few_rows_are_enough(monkeypatch):
    monkeypatch.setattr(rows_module, "FEWEST_FOR_CUTS", 100)


def test_the_winner_is_compared_with_its_own_cuts_as_they_would_have_been(table, tmp_path):
    """Exact is what a sweep without the option scores, and finalists know no other."""

    def sweep(**search):
        spec = SPEC | {"search": SPEC["search"] | search}
        return quintain.run(
            spec, table, runner="inline", records=f"{tmp_path}/{len(search)}.db", progress=False
        )

    shared, own = sweep(), sweep(shared_cuts=False)
    found, again = shared.view.finals.cuts, shared.view.best
    [same] = [each for each in own.view.trials if each.params == again.params]
    assert found.shared == again.score != found.exact
    assert found.exact == same.score
    assert own.view.finals.cuts is None
    told = report_text(shared.view, 200)
    assert f"shared in the search: the winner scored {found.shared:.4f} there" in told
    assert shared.to_json()["estimate"]["cuts"]["exact"] == pytest.approx(found.exact)
    # another configuration of the same table is no known one
    assert not any(each.cached for each in own.view.trials)


def test_outer_folds_of_a_nested_estimate_share_none(table, tmp_path, monkeypatch):
    """Their test rows have no part in what is learnt."""
    asked = []

    class Watched(nested.Evaluator):
        def __init__(self, assignment, *rest):
            asked.append(assignment.shared_cuts)
            super().__init__(assignment, *rest)

    monkeypatch.setattr(nested, "Evaluator", Watched)
    spec = SPEC | {"evaluate": SPEC["evaluate"] | {"nested": True}}
    quintain.run(spec, table, runner="inline", records=f"{tmp_path}/records.db", progress=False)
    assert asked == [False] * 3


def test_a_spec_without_xgboost_has_none_to_share(table):
    spec = SPEC | {"model": [{"estimator": "gaussian_nb"}]}
    with pytest.raises(SpecError, match=r"search.shared_cuts: no \[\[model\]\] is xgboost"):
        quintain.run(spec, table, runner="inline", records=":memory:", progress=False)
