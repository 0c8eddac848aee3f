"""What the data makes impossible is one line when the sweep is prepared, before any trial."""

import numpy as np
import pandas as pd
import pytest

from evaluators.errors import QuintainError
from quintain.prepare import prepare
from search.spec import read_spec


def a_table(rows=200):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 3)), columns=list("abc"))
    target = (np.arange(rows) % 4 == 0).astype(int)
    return frame.assign(y=target, day=np.arange(rows), shop=np.arange(rows) % 6, w=1.0)


def prepared(frame, data=None, evaluate=None, **model):
    """The sweep of a spec on this table; the columns without a role are dropped."""
    roles = {"target": "y"} | (data or {})
    dropped = [name for name in ("day", "shop", "w") if name not in roles.values()]
    spec = read_spec(
        {
            "name": "t",
            "data": {"source": "t.csv", "drop": dropped} | roles,
            "holdout": {"test_size": False},
            "evaluate": evaluate or {},
            "model": [{"estimator": "gaussian_nb", "space": {}} | model],
        }
    )
    return prepare(spec, frame)


def said(*args, **settings):
    with pytest.raises(QuintainError) as caught:
        prepared(*args, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_made_rows_have_no_weight():
    """SMOTE on weighted rows is refused with its place, where it is one of several too."""
    weighted = {"weight_column": "w"}
    for resample in ("smote", ["none", "smote"]):
        line = said(a_table(), weighted, resample=resample)
        assert line.startswith('$.model[0].resample: "smote" makes new rows, which have no weight')
    assert prepared(a_table(), weighted, resample=["none", "random_over"]).dataset.rows == 200


def test_what_is_fixed_and_what_is_searched_reaches_the_recipe():
    """A fixed method stands in the recipe, a searched one in the space."""
    fixed = prepared(a_table(), resample="smote", resample_ratio=0.5)
    resampling = fixed.assignment.recipes["gaussian_nb"].resampling
    assert (resampling.method, resampling.ratio) == ("smote", 0.5)
    searched = prepared(a_table(), resample=["none", "smote"])
    assert searched.assignment.recipes["gaussian_nb"].resampling.method is None
    assert searched.space.cardinality() == 2


def test_a_class_that_a_training_fold_lacks():
    """A class that first comes late in time is named, with the fold that would not know it."""
    frame = a_table()
    frame["y"] = (frame["day"] >= 150).astype(int)
    line = said(frame, {"time_column": "day"}, {"folds": 4})
    assert "fold 1 of 4 has no row of class '1' among its 40 training rows" in line


def test_more_folds_than_groups():
    """Folds that there are not groups enough for are refused with the number there can be."""
    line = said(a_table(), {"group_column": "shop"}, {"folds": 7})
    assert "evaluate.folds = 7: class '1' has 3 groups, so at most 3" in line
