"""The search space: what it contains, counts, lists and asks for."""

import json
import math
import pickle
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import SpecError
from search.space import Choice, Fixed, Float, Int, Parameter, Space, active, canonical, misfits

LAWS = settings(deadline=None, max_examples=50)


@st.composite
def int_ranges(draw):
    low, steps, step = draw(st.integers(-5, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    return Int(low, low + steps * step, step=step)


@st.composite
def stepped_floats(draw):
    low, steps = draw(st.integers(-20, 20)), draw(st.integers(1, 4))
    return Float(low / 10, (low + steps) / 10, step=0.1)


@st.composite
def free_floats(draw):
    low = draw(st.floats(1e-6, 1e3))
    return Float(low, low * draw(st.floats(1.01, 1e6)), log=draw(st.booleans()))


finite = st.one_of(
    int_ranges(),
    stepped_floats(),
    st.lists(st.sampled_from([None, True, "a", "b", 2, 3.5]), min_size=1, unique=True).map(
        lambda options: Choice(tuple(options))
    ),
    st.sampled_from(["fixed", None, 3]).map(Fixed),
)
logs = st.integers(1, 1000).flatmap(lambda low: st.integers(low + 1, 5000).map(lambda h: (low, h)))
anything = st.one_of(finite, free_floats(), logs.map(lambda ends: Int(*ends, log=True)))


@st.composite
def spaces(draw, domains=finite):
    """One or two models of up to four parameters, some on conditions, in any order."""
    models = {}
    for model in draw(st.sampled_from([("m",), ("m", "n")])):
        parameters: list[Parameter] = []
        for index in range(draw(st.integers(0, 4))):
            parents = [each for each in parameters if each.domain.size is not None]
            when = None
            if parents and draw(st.booleans()):
                parent = draw(st.sampled_from(parents))
                values = st.sampled_from(list(parent.domain.values()))
                when = ((parent.name, tuple(draw(st.lists(values, min_size=1, max_size=2)))),)
            parameters.append(Parameter(f"p{index}", draw(domains), when))
        models[model] = tuple(draw(st.permutations(parameters)))
    return Space(models)


@given(spaces())
@LAWS
def test_the_grid_is_all_of_the_space_once(space):
    """A grid has as many configurations as the space, all different and all inside."""
    listed = [(model, params) for model in space.models for params in space.grid(model)]
    assert len(listed) == space.cardinality()
    assert len({canonical(model, params) for model, params in listed}) == len(listed)
    assert all(space.contains(model, params) for model, params in listed)


@given(spaces(anything), st.data())
@LAWS
def test_every_point_of_the_cube_is_a_configuration(space, data):
    """from_unit gives a configuration of the space for any coordinates, ends included."""
    for model, parameters in space.models.items():
        u = st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 1.0]))
        point = data.draw(st.lists(u, min_size=len(parameters), max_size=len(parameters)))
        params = space.from_unit(model, point)
        assert space.contains(model, params)
        assert space.contains(model, json.loads(json.dumps(params)))
        assert active(parameters, params) == params


@given(finite, st.integers(0, 30))
@LAWS
def test_each_value_has_its_share_of_the_cube(domain, index):
    """The coordinates (i + 1/2) / size give the values in order, each once."""
    shares = [domain.at((i + 0.5) / domain.size) for i in range(domain.size)]
    assert shares == list(domain.values())
    assert domain.contains(shares[index % domain.size])


@given(anything)
@LAWS
def test_both_ends_are_included(domain):
    """The first and the last coordinate give the ends of a range."""
    if isinstance(domain, (Int, Float)):
        assert (domain.at(0), domain.at(1)) == (domain.low, domain.high)
        assert domain.contains(domain.low)
        assert domain.contains(domain.high)


def test_a_logarithmic_range_gives_ratios_equal_shares():
    """Half of the coordinates lie below the geometric mean, for whole numbers of 0.5..100.5."""
    assert Float(1, 100, log=True).at(0.5) == pytest.approx(10)
    assert Int(1, 100, log=True).at(0.5) == round(math.sqrt(0.5 * 100.5))


@given(spaces(anything), st.integers(0, 2**31))
@settings(deadline=None, max_examples=20)
def test_optuna_suggests_configurations_of_the_space(space, seed):
    """What a real Optuna trial suggests is in the space, under names prefixed by the model."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    for model in space.models:
        trial = study.ask()
        params = space.suggest(trial, model)
        assert space.contains(model, params)
        assert all(name.startswith(f"{model}.") for name in trial.params)


def test_stepped_numbers_are_decimals():
    """0.1 + 0.2 is 0.3 on a step, also when Optuna says 0.30000000000000004."""
    domain = Float(0.1, 0.5, step=0.1)
    assert list(domain.values()) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert domain.snap(0.1 + 0.2) == 0.3
    assert not domain.contains(0.1 + 0.2)


def conditional():
    return (
        Parameter("drop", Float(0.0, 0.5), (("booster", ("dart",)),)),
        Parameter("booster", Choice(("tree", "dart", "linear"))),
        Parameter("skip", Float(0.1, 0.5), (("drop_kind", (True,)), ("booster", ("dart",)))),
        Parameter("drop_kind", Choice((True, False)), (("booster", ("dart", "tree")),)),
    )


def test_parents_come_before_children():
    """A space sorts its parameters, and a child of an inactive parent is inactive."""
    space = Space({"m": conditional()})
    assert [each.name for each in space.models["m"]] == ["booster", "drop", "drop_kind", "skip"]
    values = {"booster": "linear", "drop": 0.1, "drop_kind": True, "skip": 0.2}
    assert active(conditional(), values) == {"booster": "linear"}
    values["booster"] = "tree"
    assert active(conditional(), values) == {"booster": "tree", "drop_kind": True}


def test_only_active_combinations_count():
    """tree: 2, dart: 2 x (1 + 3), linear: 1; a reachable range without step makes it endless."""
    booster, kind = conditional()[1], conditional()[3]
    drop = Parameter("drop", Float(0.1, 0.3, step=0.1), (("drop_kind", (True,)),))
    assert Space({"m": (booster, kind, drop)}).cardinality() == 2 * (3 + 1) + 1
    assert Space({"m": conditional()}).cardinality() is None
    assert Space({"m": ()}).cardinality() == 1


def test_a_wide_deciding_range_is_counted_without_listing_it():
    """10**12 values of a parent and one child for one of them: one more and no more time."""
    child = Parameter("b", Choice(("x", "y")), (("a", (7,)),))
    assert Space({"m": (Parameter("a", Int(1, 10**12)), child)}).cardinality() == 10**12 + 1


def test_a_grid_names_what_it_cannot_list():
    """The path of each range without step is told before the first configuration is asked for."""
    space = Space({"k": (), "m": conditional()})
    with pytest.raises(SpecError) as caught:
        space.grid("m")
    assert [line.split(":")[0] for line in caught.value.problems] == [
        "$.model[1].space.drop",
        "$.model[1].space.skip",
    ]


def test_an_unreachable_range_does_not_hinder_a_grid():
    """A child whose conditions exclude each other is never active."""
    a, b = Parameter("a", Choice((1, 2))), Parameter("b", Choice((3, 4)), (("a", (1,)),))
    never = Parameter("c", Float(0, 1), (("a", (2,)), ("b", (3,))))
    assert list(Space({"m": (a, b, never)}).grid("m")) == [
        {"a": 1, "b": 3},
        {"a": 1, "b": 4},
        {"a": 2},
    ]


def test_circles_are_refused():
    """Two parameters that wait for each other are a problem, not an endless loop."""
    one = Parameter("one", Choice((1, 2)), (("two", (1,)),))
    two = Parameter("two", Choice((1, 2)), (("one", (1,)),))
    with pytest.raises(SpecError, match=r"circle: one, two"):
        Space({"m": (one, two)})
    with pytest.raises(SpecError, match="circle"):
        active((one, two), {"one": 1, "two": 1})


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ((("a1", (1,)),), 'did you mean "a"?'),
        ((("b", (1,)),), "not another parameter"),
        ((("a", (9,)),), '"a" is never 9; allowed: 1 to 5 in steps of 2'),
        ((("f", (0.5,)),), "has no step"),
    ],
)
def test_conditions_that_cannot_hold_are_told(when, said):
    """Unknown parents, values a parent cannot take, and parents without a step."""
    space = (
        Parameter("a", Int(1, 5, step=2)),
        Parameter("f", Float(0, 1)),
        Parameter("b", Int(1, 2), when),
    )
    [(name, sentence)] = misfits(space)
    assert name == "b"
    assert said in sentence


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Int(3, 3), "for a single value write 3"),
        (lambda: Int(10, 3), "empty"),
        (lambda: Int(1, 8, step=2, log=True), "does not reach"),
        (lambda: Int(1, 9, step=2, log=True), "exclude each other"),
        (lambda: Int(0, 9, log=True), "above 0"),
        (lambda: Int(1, 9, step=0), "above 0"),
        (lambda: Int(1, 9, step=9), "larger than the range"),
        (lambda: Int(1, 10**30), "whole numbers end"),
        (lambda: Float(0, 1, step=0.3), "nearest upper ends are 0.9 and 1.2"),
        (lambda: Float(-1, 1, log=True), "above 0"),
        (lambda: Float(0, math.inf), "finite"),
        (lambda: Float(1, 2, step=0.5, log=True), "exclude each other"),
        (lambda: Choice(()), "at least one"),
        (lambda: Choice(("a", "a")), "twice"),
        (lambda: Choice((1, True)), "told apart"),
    ],
)
def test_ranges_that_cannot_be_searched_are_refused(make, said):
    """An empty range, a step that misses the end, log at 0, and what Optuna cannot do."""
    with pytest.raises(ValueError, match=said):
        make()


def test_values_keep_their_type():
    """1, 1.0 and True are three values, in ranges, choices and keys."""
    space = Space({"m": (Parameter("i", Int(0, 2)), Parameter("f", Float(0, 2)))})
    assert space.contains("m", {"i": 1, "f": 1.0})
    assert not space.contains("m", {"i": 1, "f": 1})
    assert not space.contains("m", {"i": True, "f": 1.0})
    assert len({canonical("m", {"x": value}) for value in (1, 1.0, True, "1", None)}) == 5


def test_contains_wants_exactly_the_active_parameters():
    """A missing, an inactive or an unknown name is outside, and so is an unknown model."""
    space = Space({"m": conditional()})
    assert space.contains("m", {"booster": "linear"})
    assert not space.contains("m", {"booster": "linear", "drop_kind": True})
    assert not space.contains("m", {"booster": "tree"})
    assert not space.contains("m", {"booster": "linear", "other": 1})
    assert not space.contains("n", {})


def test_the_key_of_a_configuration_ignores_order_and_the_sign_of_zero():
    """Equal configurations have equal keys, through JSON too."""
    params = {"b": -0.0, "a": 0.1}
    assert (
        canonical("m", params) == canonical("m", {"a": 0.1, "b": 0.0}) == '["m",{"a":0.1,"b":0.0}]'
    )
    assert canonical("m", json.loads(json.dumps(params))) == canonical("m", params)
    assert canonical("m", params) != canonical("n", params)


def test_wrong_points_are_refused():
    """A point needs one coordinate per parameter, each in 0..1."""
    space = Space({"m": (Parameter("a", Int(1, 3)),)})
    for point in ([], [0.1, 0.2], [-0.1], [1.1], [math.nan]):
        with pytest.raises(ValueError, match="coordinates"):
            space.from_unit("m", point)


def test_a_space_travels():
    """Pickled and back it is equal, with its order."""
    space = Space({"m": conditional()})
    assert pickle.loads(pickle.dumps(space)) == space


def test_importing_the_spec_loads_nothing_heavy():
    """Neither numpy nor pandas, scikit-learn, Optuna or Ray come with the spec and the space."""
    heavy = ("numpy", "pandas", "sklearn", "optuna", "ray")
    code = (
        f"import sys, search.spec, search.template; print([m for m in {heavy} if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
