"""What a spec is refused for: the path, what was allowed, and the nearest word."""

import copy
import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import SpecError
from search.spec import read_spec, space_of


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


def problems(source):
    with pytest.raises(SpecError) as caught:
        read_spec(source)
    assert all("\n" not in line for line in caught.value.problems)
    return caught.value.problems


def problem(source):
    [line] = problems(source)
    return line


def test_two_mistakes_are_two_lines():
    """All problems of a spec are told at once, each with its path, also across sections."""
    source = a_spec(
        serach={"trials": 5},
        evaluate={"folds": 1, "splitter": "group"},
        model=[
            {"estimator": "xgbost", "space": {"a": {"int": [3, 3]}, "b": {"itn": [1, 2]}}},
            {"estimator": "xgboost", "space": {"c": {"float": [0, 1], "when": {"d": 1}}}},
            {"estimator": "xgboost", "space": {"e": {"int": [1, "x"]}}},
        ],
    )
    assert {line.split(": ")[0] for line in problems(source)} == {
        "$.serach",
        "$.evaluate.folds",
        "$.evaluate.splitter",
        "$.model[0].estimator",
        "$.model[0].space.a.int",
        "$.model[0].space.b",
        "$.model[1].space.c.when",
        "$.model[2].space.e.int",
        "$.model[2].name",
    }


MISTAKES = {
    "misspelled key": (a_spec(data={"sorce": "a.csv", "target": "y"}), "$.data.sorce", "source?"),
    "misspelled section": (a_spec(serach={}), "$.serach", "did you mean search?"),
    "key of another section": (a_spec(trials=3), "$.trials", "it belongs to [search]"),
    "nothing": ({"data": {}, "model": [{}], "name": "a"}, "$.data.source", "missing; the data"),
    "no target": (a_spec(data={"source": "a.csv"}), "$.data.target", "missing; the name"),
    "bad name": (a_spec(name="a b"), "$.name", "letters, digits"),
    "hidden name": (a_spec(name=".."), "$.name", "letters, digits"),
    "empty text": (a_spec(note=""), "$.note", "text that is not empty"),
    "text for a number": (a_spec(search={"trials": "9"}), "$.search.trials", "a whole number"),
    "true for a number": (a_spec(search={"seed": True}), "$.search.seed", "a whole number"),
    "no trials": (a_spec(search={"trials": 0}), "$.search.trials", "at least 1"),
    "one fold": (a_spec(evaluate={"folds": 1}), "$.evaluate.folds", "at least 2"),
    "two hold-outs": (
        a_spec(holdout={"test_size": 0.2, "source": "test.csv"}),
        "$.holdout.test_size",
        "beside source",
    ),
    "all held out": (a_spec(holdout={"test_size": 1}), "$.holdout.test_size", "false for no"),
    "true held out": (a_spec(holdout={"test_size": True}), "$.holdout.test_size", "a share"),
    "text for a list": (a_spec(evaluate={"metrics": "f1"}), "$.evaluate.metrics", "a list"),
    "number in a list": (a_spec(evaluate={"metrics": ["f1", 2]}), "$.evaluate.metrics[1]", "text"),
    "table for a list": (a_spec(model={"estimator": "knn"}), "$.model", "[[model]] with two"),
    "no model": (a_spec(model=[]), "$.model", "at least one [[model]]"),
    "text for a table": (a_spec(search="tpe"), "$.search", "a table"),
    "odd duration": (a_spec(search={"timeout": "1 hour"}), "$.search.timeout", '"1h30m"'),
    "no duration": (a_spec(search={"timeout": 0}), "$.search.timeout", "seconds above 0"),
    "odd size": (a_spec(resources={"memory_per_trial": 2}), "$.resources.memory_per_trial", "2G"),
    "odd sampler": (a_spec(search={"sampler": "tpee"}), "$.search.sampler", 'did you mean "tpe"?'),
    "odd splitter": (a_spec(evaluate={"splitter": "grup"}), "$.evaluate.splitter", '"group"?'),
    "odd seed": (a_spec(evaluate={"folds_seed": "nwe"}), "$.evaluate.folds_seed", '"new"?'),
    **{
        f"threshold {value}": (
            a_spec(evaluate={"threshold": value}),
            "$.evaluate.threshold",
            'allowed: "auto", a number between 0 and 1, or a label metric as { maximize = "f1" }',
        )
        for value in (0, 1, 1.5, True, "f1", "{}")
    },
    "threshold of no direction": (
        a_spec(evaluate={"threshold": {"max": "f1"}}),
        "$.evaluate.threshold",
        '{ maximize = "f1" }',
    ),
    "threshold of no name": (
        a_spec(evaluate={"threshold": {"maximize": 3}}),
        "$.evaluate.threshold.maximize",
        "text in quotes",
    ),
    "two thresholds": (
        a_spec(evaluate={"threshold": {"maximize": "f1", "minimize": "cost"}}),
        "$.evaluate.threshold",
        '{ minimize = "cost" }',
    ),
    "costs by position": (
        a_spec(evaluate={"costs": [[0, 1], [5, 0]]}),
        "$.evaluate.costs",
        'does not say which label is which; allowed: costs = { "true label" =',
    ),
    "costs of a wrong shape": (
        a_spec(evaluate={"costs": {"yes": 5}}),
        "$.evaluate.costs.yes",
        "5 is not allowed; allowed: a table",
    ),
    "negative cost": (
        a_spec(evaluate={"costs": {"yes": {"no": -5}}}),
        "$.evaluate.costs.yes.no",
        "a number of at least 0",
    ),
    "cost that is no number": (
        a_spec(evaluate={"costs": {"yes": {"no": float("nan")}}}),
        "$.evaluate.costs.yes.no",
        "finite",
    ),
    "no time": (a_spec(evaluate={"splitter": "time"}), "$.evaluate.splitter", "time_column"),
    "date": (
        a_spec(data={"source": "a", "target": "y", "positive": datetime.date(2020, 1, 1)}),
        "$.data.positive",
        "a date or time without quotes",
    ),
    "target dropped": (
        a_spec(data={"source": "a.csv", "target": "y", "drop": ["y"]}),
        "$.data.drop",
        "target",
    ),
    "one column, two roles": (
        a_spec(data={"source": "a", "target": "y", "weight_column": "y"}),
        "$.data.weight_column",
        "target already",
    ),
    "group and time": (
        a_spec(data={"source": "a", "target": "y", "group_column": "g", "time_column": "t"}),
        "$.evaluate.splitter",
        '"group", "time"',
    ),
    "unknown model": (a_model(estimator="xgbost"), "$.model[0].estimator", '"xgboost"?'),
    "own code without a space": (
        a_spec(model=[{"estimator": "mine.py:make"}]),
        "$.model[0].space",
        "no default space",
    ),
    "same name twice": (
        a_spec(model=[{"estimator": "knn"}, {"estimator": "knn"}]),
        "$.model[1].name",
        "model[0]",
    ),
    "fixed and searched": (
        a_model(params={"a": 1}, space={"a": [1, 2]}),
        "$.model[0].space.a",
        "params too",
    ),
    "weight given twice": (
        a_model(class_weight=2, space={"class_weight": [1, 2]}),
        "$.model[0].class_weight",
        "space",
    ),
    "odd weight": (a_model(class_weight="balancd"), "$.model[0].class_weight", '"balanced"'),
    "negative weight": (a_model(class_weight={"a": -1}), "$.model[0].class_weight", "above 0"),
    "odd resampling": (a_model(resample=["none", "smoet"]), "$.model[0].resample", '"smote"?'),
    "resampling in a space": (
        in_space(resample=["none", "smote"]),
        "$.model[0].space.resample",
        "beside estimator",
    ),
    "ratio alone": (
        a_model(resample_ratio=0.5),
        "$.model[0].resample_ratio",
        'beside it: "random_over"',
    ),
    "ratio above 1": (
        a_model(resample="smote", resample_ratio={"float": [0.5, 2]}),
        "$.model[0].resample_ratio",
        "2.0 is not allowed; allowed: a number above 0 and at most 1",
    ),
    "odd range of ratios": (
        a_model(resample="smote", resample_ratio={"float": [0.5]}),
        "$.model[0].resample_ratio.float",
        "[low, high]",
    ),
    "grid of ratios without steps": (
        a_model(resample="smote", resample_ratio={"float": [0.5, 1]})
        | {"search": {"sampler": "grid"}},
        "$.model[0].resample_ratio",
        "needs choices or steps",
    ),
    "infinite parameter": (
        a_model(params={"a": [float("inf")]}),
        "$.model[0].params.a[0]",
        "finite",
    ),
    "odd parameter name": (in_space(**{"max depth": 3}), '$.model[0].space["max depth"]', "_"),
    "empty range": (in_space(a={"int": [3, 3]}), "$.model[0].space.a.int", "write 3"),
    "turned range": (in_space(a={"float": [1, 0]}), "$.model[0].space.a.float", "low below high"),
    "range of one": (in_space(a={"int": [3]}), "$.model[0].space.a.int", "[low, high]"),
    "real ends": (in_space(a={"int": [1.0, 3]}), "$.model[0].space.a.int", "two whole numbers"),
    "log at 0": (in_space(a={"float": [0, 1], "log": True}), "$.model[0].space.a.float", "above 0"),
    "step too large": (in_space(a={"int": [1, 3], "step": 9}), "$.model[0].space.a.int", "larger"),
    "step misses": (in_space(a={"int": [1, 8], "step": 2}), "$.model[0].space.a.int", "7 and 9"),
    "step and log": (
        in_space(a={"int": [1, 9], "step": 2, "log": True}),
        "$.model[0].space.a.int",
        "leave one",
    ),
    "key of a range": (in_space(a={"int": [1, 9], "lgo": True}), "$.model[0].space.a.lgo", "log?"),
    "kind of range": (in_space(a={"itn": [1, 9]}), "$.model[0].space.a", 'did you mean "int"?'),
    "two kinds": (in_space(a={"int": [1, 9], "choice": [1]}), "$.model[0].space.a", "leave one"),
    "no kind": (in_space(a={"log": True}), "$.model[0].space.a", "int, float, choice"),
    "list in a choice": (in_space(a=[[1], 2]), "$.model[0].space.a[0]", "text, a number"),
    "empty choice": (in_space(a=[]), "$.model[0].space.a", "at least one"),
    "twins": (in_space(a={"choice": [1, 1]}), "$.model[0].space.a.choice", "twice"),
    "word for none": (
        in_space(a={"choice": ["non", 1], "none": "none"}),
        "$.model[0].space.a.choice",
        '"non"?',
    ),
    "unknown parent": (
        in_space(abc=[1, 2], d={"int": [1, 2], "when": {"abd": 1}}),
        "$.model[0].space.d.when",
        'did you mean "abc"?',
    ),
    "impossible value": (
        in_space(abc=[1, 2], d={"int": [1, 2], "when": {"abc": [1, 3]}}),
        "$.model[0].space.d.when",
        '"abc" is never 3; allowed: 1, 2',
    ),
    "impossible fixed value": (
        a_model(params={"a": 1}, space={"d": {"int": [1, 2], "when": {"a": 2}}}),
        "$.model[0].space.d.when",
        '"a" is never 2',
    ),
    "grid without steps": (
        in_space(a={"float": [0, 1]}) | {"search": {"sampler": "grid"}},
        "$.model[0].space.a",
        "needs choices or steps",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_mistake_is_one_line(mistake):
    """Each mistake is told with its path and with what is allowed, or the nearest word."""
    source, path, said = MISTAKES[mistake]
    if mistake == "nothing":
        assert [line.split(":")[0] for line in problems(source)] == [path, "$.model[0].estimator"]
        line = problems(source)[0]
    else:
        line = problem(source)
    assert line.startswith(f"{path}: ")
    assert said in line


PLACES = [("name",), ("data",), ("search", "stop_when"), ("evaluate", "splitter"), ("model",)]
PLACES += [
    ("model", 0),
    *(("model", 0, key) for key in ("name", "params", "class_weight", "resample")),
]
PLACES += [("model", 0, "space"), ("model", 0, "space", "a"), ("model", 0, "space", "b", "when")]
JUNK = st.recursive(
    st.sampled_from([None, True, 0, -1, 10**30, 2.5, float("nan"), "", "auto", "a:b", object()]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["int", "float", "choice", "when", "a", "<x>", ""]), inner
        )
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(PLACES), JUNK, min_size=1, max_size=3))
@settings(deadline=None, max_examples=50)
def test_junk_is_a_problem_and_never_a_crash(junk):
    """Whatever stands anywhere, a spec is read or refused in lines that begin with a path."""
    source = in_space(a=[1, 2], b={"int": [1, 3], "when": {"a": 1}})
    for place in sorted(junk, key=len, reverse=True):
        part = source
        for key in place[:-1]:
            part = part.setdefault(key, {}) if isinstance(part, dict) else part[key]
        part[place[-1]] = junk[place]
    lines = []
    try:
        assert space_of(read_spec(source)).cardinality() != 0
    except SpecError as error:
        lines = error.problems
    assert all(line.startswith("$") and "\n" not in line for line in lines)
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"warm_start": ["a-1"], "sampler": "random"}, "learns from no trial"),
        ({"warm_start": ["a-1", "a-1"]}, "stands there twice"),
        ({"warm_start": [f"a-{n}" for n in range(6)]}, "5"),
    ],
)
def test_a_warm_start_names_a_few_sweeps_once_for_a_sampler_that_learns(search, said):
    line = problem(a_spec(search=search))
    assert line.startswith("$.search.warm_start")
    assert said in line


@pytest.mark.parametrize(
    ("section", "key", "value", "now"),
    [
        ("search", "pruner", "halving", '"auto", "none", "racing"'),
        ("search", "sampler", "gp", '"tpe", "random", "grid", "sobol"'),
        ("resources", "gpus_per_trial", 1, "0"),
    ],
)
def test_what_is_not_built_yet_is_not_ignored(section, key, value, now):
    """A key whose feature does not exist says so, and what is allowed now."""
    line = problem(a_spec(**{section: {key: value}}))
    assert line.startswith(f"$.{section}.{key}")
    assert "not built yet" in line
    assert line.endswith(now)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", b"name = = 3", "is not TOML: Invalid value (at line 1, column 8): name = = 3"),
        ("a.toml", b"[data]\nsource", "line 2"),
        ("a.toml", b"\xff\xfe\x00", "it is not text"),
        ("a.csv", b"x,y\n1,2\n", "is data, not a spec"),
        ("a.parquet", b"PAR1\xff", "is data, not a spec"),
    ],
)
def test_what_is_no_toml_is_one_line(tmp_path, name, content, said):
    """A syntax error is told with its place, data with the command that makes a spec of it."""
    (tmp_path / name).write_bytes(content)
    line = problem(tmp_path / name)
    assert line.startswith(str(tmp_path / name))
    assert said in line


def test_a_missing_file_has_a_nearest_name(tmp_path):
    """A missing spec, a folder, and a missing folder are one line each."""
    (tmp_path / "adult.toml").write_text("")
    assert problem(tmp_path / "adutl.toml").endswith(f"did you mean {tmp_path / 'adult.toml'}?")
    assert "no such file; type the path" in problem(tmp_path / "zzz")
    assert "is a folder" in problem(tmp_path)
    assert "nor is there a folder" in problem(tmp_path / "no" / "a.toml")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    """Editors that write one are forgiven: the next problem is about the spec."""
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfname = 'a'")
    assert problems(tmp_path / "a.toml")[0].startswith("$.data: missing")
