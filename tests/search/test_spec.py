"""What a spec means: defaults, spaces, units, records, and which folds it gets."""

import copy
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.models import registered
from search.space import Choice, Fixed, Float, Int
from search.spec import read_spec, space_of
from search.spec_folds import folds_key


def a_spec(**sections):
    """The smallest spec, with ``sections`` in place of its own."""
    base = {
        "name": "adult",
        "data": {"source": "adult.csv", "target": "income"},
        "model": [{"estimator": "logistic_regression"}],
    }
    return copy.deepcopy(base | sections)


def a_model(**keys):
    """A spec whose only model has ``keys``."""
    return a_spec(model=[{"estimator": "xgboost", "space": {}} | keys])


def in_space(**entries):
    """A spec whose only model searches ``entries``."""
    return a_model(space=entries)


def test_the_smallest_spec_has_every_default():
    """name, source, target and one estimator are enough."""
    spec = read_spec(a_spec())
    assert spec.model[0].name == "logistic_regression"
    assert spec.model[0].space
    assert (spec.search.sampler, spec.search.trials, spec.search.seed) == ("tpe", 100, 0)
    assert (spec.holdout.test_size, spec.holdout.looks) == ("auto", 10)
    assert (spec.evaluate.metric, spec.evaluate.folds, spec.splitter) == (None, None, "stratified")
    assert (spec.resources.cpus_per_trial, spec.resources.memory_limit_mb) == (1, None)
    assert spec.search.stop_when.failed_limit(spec.search.trials) == 20


@pytest.mark.parametrize("estimator", registered())
def test_each_default_space_can_be_searched(estimator):
    """The default space of every registered model is a valid spec, and gives a configuration."""
    spec = read_spec(a_spec(model=[{"estimator": estimator}]))
    space = space_of(spec)
    assert space.from_unit(estimator, [0.5] * len(space.models[estimator])) is not None


def test_a_space_is_what_was_written():
    """Lists are choices, scalars fixed, tables ranges; conditions speak the parent's values."""
    spec = read_spec(
        in_space(
            depth={"int": [3, 9], "step": 2},
            rate={"float": [1, 10], "log": True},
            kind=["a", "b"],
            leaves={"choice": ["none", 31], "none": "none"},
            method="hist",
            share={"float": [0, 1], "step": 0.5, "when": {"kind": "b", "leaves": "none"}},
            last={"int": [1, 2], "when": {"share": [0, 1]}},
        )
    )
    parameters = {each.name: each for each in space_of(spec).models["xgboost"]}
    assert parameters["depth"].domain == Int(3, 9, step=2)
    assert parameters["rate"].domain == Float(1.0, 10.0, log=True)
    assert parameters["kind"].domain == Choice(("a", "b"))
    assert parameters["leaves"].domain == Choice((None, 31))
    assert parameters["method"].domain == Fixed("hist")
    assert parameters["share"].when == (("kind", ("b",)), ("leaves", (None,)))
    assert repr(parameters["last"].when) == "(('share', (0.0, 1.0)),)"


def test_class_weights_can_be_searched():
    """A list of class weights is the last parameter; "none" means no weights."""
    spec = read_spec(a_model(class_weight=["none", 5, "balanced"]))
    [parameter] = space_of(spec).models["xgboost"]
    assert parameter.name == "class_weight"
    assert parameter.domain == Choice((None, 5.0, "balanced"))
    assert spec.model[0].fixed_class_weight is None
    assert read_spec(a_model(class_weight={0: 1, "b": 2})).model[0].fixed_class_weight == {
        "0": 1.0,
        "b": 2.0,
    }


def test_resampling_can_be_searched():
    """Lists and ranges beside the space come last; a ratio exists only for what resamples."""
    spec = read_spec(
        a_model(
            resample=["none", "random_under", "smote"],
            resample_ratio={"float": [0.1, 1]},
            space={"a": {"int": [1, 2], "when": {"resample": "smote"}}},
        )
    )
    method, child, ratio = space_of(spec).models["xgboost"]
    assert (method.name, method.domain.options) == ("resample", ("none", "random_under", "smote"))
    assert child.when == (("resample", ("smote",)),)
    assert (ratio.name, ratio.domain) == ("resample_ratio", Float(0.1, 1.0))
    assert ratio.when == (("resample", ("random_under", "smote")),)
    block = spec.model[0]
    assert (block.fixed_resample, block.fixed_ratio) == (None, None)
    assert block.methods == ("none", "random_under", "smote")


def test_resampling_can_be_fixed():
    """One method and one number are fixed; either may be searched alone; by default none is."""
    block = read_spec(a_model(resample="smote", resample_ratio=1)).model[0]
    assert (block.fixed_resample, block.fixed_ratio, block.parameters()) == ("smote", 1.0, ())
    [ratio] = read_spec(a_model(resample="smote", resample_ratio=[1, 0.5])).model[0].parameters()
    assert (ratio.domain, ratio.when) == (Choice((1.0, 0.5)), None)
    [method] = (
        read_spec(a_model(resample=["none", "smote"], resample_ratio=0.5)).model[0].parameters()
    )
    assert method.name == "resample"
    assert read_spec(a_spec()).model[0].fixed_resample == "none"


def test_what_the_user_gives_leaves_the_default_space():
    """A fixed parameter is never searched, and conditions on it are decided."""
    whole = read_spec(a_spec()).model[0].space
    name = next(iter(whole))
    params = {name: 1}
    left = read_spec(a_spec(model=[{"estimator": "logistic_regression", "params": params}]))
    assert set(left.model[0].space) <= set(whole) - {name}
    spec = read_spec(
        a_model(params={"a": "x"}, space={"b": {"int": [1, 2], "when": {"a": ["x", "y"]}}})
    )
    [parameter] = space_of(spec).models["xgboost"]
    assert (parameter.name, parameter.when) == ("b", None)


def test_names_come_from_the_estimator():
    """A model is called as its class or function unless it has a name."""
    names = ["knn", "pkg.module:Class", "sub/mine.py:make"]
    spec = read_spec(a_spec(model=[{"estimator": name, "space": {}} for name in names]))
    assert [model.name for model in spec.model] == ["knn", "Class", "make"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (90, 90),
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1.5 h", 5400),
        ("1d", 86400),
    ],
)
def test_lengths_of_time_are_seconds(written, read):
    """A number is seconds, a text has units."""
    assert read_spec(a_spec(search={"timeout": written})).search.timeout == read


@pytest.mark.parametrize(("written", "read"), [("800M", 800), ("2G", 2048), ("1.5g", 1536)])
def test_sizes_are_megabytes(written, read):
    """M and G are powers of 1024."""
    assert (
        read_spec(a_spec(resources={"memory_per_trial": written})).resources.memory_limit_mb == read
    )


def test_no_hold_out_is_false():
    """test_size = false, or None in Python, locks no rows."""
    for none in (False, None):
        assert read_spec(a_spec(holdout={"test_size": none})).holdout.test_size is None


def test_the_splitter_follows_the_columns():
    """By default the column that is given decides; a word or a class of the user's stands."""
    data = a_spec()["data"]
    for column, splitter in (("group_column", "group"), ("time_column", "time")):
        assert read_spec(a_spec(data=data | {column: "c"})).splitter == splitter
    spec = read_spec(a_spec(data=data | {"time_column": "c"}, evaluate={"splitter": "stratified"}))
    assert spec.splitter == "stratified"
    assert read_spec(a_spec(evaluate={"splitter": "mine.py:Own"})).splitter == "mine.py:Own"


def test_sources_that_bring_their_target_need_none():
    """Code and npz need not name a target."""
    for source in ("mine.py:load", "pkg.mine:load", "a.npz"):
        assert read_spec(a_spec(data={"source": source})).data.target is None


def test_pythons_own_values_are_taken():
    """A dict may hold tuples, paths and numpy's numbers; what comes out is plain."""
    spec = read_spec(
        a_spec(
            data={"source": Path("a.csv"), "target": np.str_("y"), "rows": np.int64(9)},
            model=[{"estimator": "knn", "space": {"a": (np.float64(0.5), 1)}}],
        )
    )
    assert spec.data.source == "a.csv"
    assert repr(spec.model[0].space["a"]) == "(0.5, 1)"


scalars = st.one_of(st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text(max_size=3))
entries = st.one_of(
    scalars,
    st.lists(st.sampled_from([True, 2, 2.5, "a", None]), min_size=1, unique_by=repr),
    st.integers(1, 9).map(lambda low: {"int": [low, low + 4], "step": 2}),
    st.integers(1, 9).map(lambda low: {"float": [low, low + 0.5], "log": True}),
    st.just({"choice": ["none", 1], "none": "none"}),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2), max_leaves=3)


@given(
    space=st.dictionaries(st.sampled_from(["a", "b", "c"]), entries),
    params=st.dictionaries(st.sampled_from(["d", "e"]), values),
    weight=st.sampled_from([None, "balanced", 3, [1, "none"], {"x": 2}]),
    resample=st.sampled_from(["smote", ["none", "smote_enn"]]),
    ratio=st.sampled_from([None, 1, [0.5, 1], {"float": [0.1, 1], "log": True}]),
    search=st.fixed_dictionaries(
        {},
        optional={
            "timeout": st.sampled_from([None, 5, "3m"]),
            "stop_when": st.sampled_from([{}, {"failed": 3}]),
            "trials": st.integers(1, 9),
        },
    ),
    test_size=st.sampled_from([False, "auto", 0.25]),
)
@settings(deadline=None, max_examples=50)
def test_the_record_of_a_spec_reads_back_equal(
    space, params, weight, resample, ratio, search, test_size
):
    """The JSON of a spec, its defaults filled in, gives an equal spec with the same space."""
    spec = read_spec(
        a_model(
            space=space,
            params=params,
            class_weight=weight,
            resample=resample,
            resample_ratio=ratio,
        )
        | {"search": search, "holdout": {"test_size": test_size}}
    )
    again = read_spec(json.loads(json.dumps(spec.to_json(), allow_nan=False)))
    assert again == spec
    assert repr(space_of(again)) == repr(space_of(spec))
    assert read_spec(json.loads(spec.model_dump_json())) == spec


def test_the_record_keeps_the_default_space():
    """A default space is written down, so that a resumed sweep searches what it began with."""
    assert read_spec(a_spec()).to_json()["model"][0]["space"]


def test_a_file_is_read_relative_to_itself(tmp_path):
    """The folder of a spec is its file's, from wherever it is read; a record is put back there."""
    file = tmp_path / "a.toml"
    text = 'name = "a"\n[data]\nsource = "a.csv"\ntarget = "y"\n[[model]]\nestimator = "knn"\n'
    file.write_text(text)
    spec = read_spec(str(file))
    assert spec.folder == tmp_path
    recorded = read_spec(spec.to_json())
    assert recorded == spec
    assert recorded.folder == Path.cwd()
    assert recorded.in_folder(tmp_path).folder == tmp_path
    assert read_spec(file) == spec
    assert read_spec(tomllib.loads(text)) == spec


def test_the_same_rows_and_dealing_have_the_same_folds():
    """Metrics, search and path do not change the key of the folds; rows and dealing do."""
    spec = read_spec(a_spec())
    data = a_spec()["data"]
    same = [
        {"name": "other"},
        {"data": data | {"source": "moved/adult.csv"}},
        {"evaluate": {"metric": "f1", "metrics": ["recall"], "splitter": "stratified"}},
        {"holdout": {"looks": 3}},
        {"search": {"trials": 3}},
    ]
    other = [
        {"data": data | {"rows": 1000}},
        {"data": data | {"drop": ["a"]}},
        {"data": data | {"group_column": "a"}},
        {"holdout": {"test_size": False}},
        {"evaluate": {"folds": 5}},
        {"evaluate": {"repeats": 2}},
        {"evaluate": {"splitter": "mine.py:Own"}},
    ]
    keys = [folds_key(read_spec(a_spec(**change))) for change in same]
    assert set(keys) == {folds_key(spec)}
    changed = {folds_key(read_spec(a_spec(**change))) for change in other}
    assert len(changed | {folds_key(spec)}) == len(other) + 1


def test_the_key_of_the_folds_never_changes():
    """Sweeps of earlier versions stay paired: this key was written down on the first day."""
    assert folds_key(read_spec(a_spec())) == "373c65775d84d91a5d1c670d12d1dd35"
