"""Every sampler is held to the laws of a strategy, with the real Optuna and SciPy."""

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.types import Configuration
from search.distinct import Distinct
from search.errors import SpecError
from search.sequences import RandomDraws, SobolPoints, place, walk
from search.space import Choice, Fixed, Float, Int, Parameter, Space, canonical
from search.strategy import SAMPLERS, make_strategy

#: Two models, one with a parameter under a condition: endless.
MIXED = Space(
    {
        "boosted": (
            Parameter("depth", Int(3, 10)),
            Parameter("rate", Float(0.001, 0.3, log=True)),
            Parameter("part", Float(0.5, 1.0, step=0.1)),
            Parameter("booster", Choice(("gbtree", "dart"))),
            Parameter("drop", Float(0.0, 0.5), when=(("booster", ("dart",)),)),
        ),
        "linear": (
            Parameter("C", Float(0.001, 100.0, log=True)),
            Parameter("method", Fixed("exact")),
        ),
    }
)
#: 3 x (2 + 3) + 6 + 1 = 22 configurations.
FINITE = Space(
    {
        "boosted": (
            Parameter("depth", Int(3, 5)),
            Parameter("booster", Choice(("gbtree", "dart"))),
            Parameter("tree", Choice((None, "hist")), when=(("booster", ("gbtree",)),)),
            Parameter("drop", Float(0.1, 0.3, step=0.1), when=(("booster", ("dart",)),)),
        ),
        "neighbours": (Parameter("k", Int(1, 6)),),
        "bayes": (),
    }
)


def make(sampler, space=MIXED, seed=0, trials=10_000, resumed=0, direction="minimize"):
    return make_strategy(
        sampler, space, direction=direction, trials=trials, seed=seed, resumed=resumed
    )


def key(configuration):
    return canonical(configuration.model, configuration.params)


def keys(configurations):
    return [key(each) for each in configurations]


def loss(configuration):
    """Any score will do; this one is a slope with a step between the models."""
    params = configuration.params
    return len(configuration.model) - params.get("depth", 0) + math.log10(params.get("C", 1.0))


def asked(strategy, count, first=0, tell=True):
    """Ask for trials one by one, each told before the next."""
    found = []
    for trial in range(first, first + count):
        configuration = strategy.ask(trial)
        if configuration is None:
            break
        found.append(configuration)
        if tell:
            strategy.tell(trial, configuration, loss(configuration), "completed")
    return found


def every(sampler):
    """A space that suits the sampler."""
    return FINITE if sampler == "grid" else MIXED


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_nothing_is_proposed_twice_and_all_of_it_is_in_the_space(sampler):
    """Every proposal is one configuration of the space, and a new one."""
    space = every(sampler)
    found = asked(make(sampler, space), 60)
    assert len(set(keys(found))) == len(found) == (22 if sampler == "grid" else 60)
    assert all(space.contains(each.model, each.params) for each in found)
    json.dumps([each.params for each in found])


@pytest.mark.parametrize("tell", [True, False], ids=["told", "untold"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_finite_space_is_exhausted_and_then_ends(sampler, tell):
    """All 22 configurations come, then None for ever."""
    strategy = make(sampler, FINITE)
    found = asked(strategy, 100, tell=tell)
    assert sorted(keys(found)) == sorted(keys(walk(FINITE)))
    assert strategy.ask(22) is strategy.ask(23) is None


@settings(deadline=None, max_examples=30)
@given(
    sizes=st.lists(st.lists(st.integers(1, 4), max_size=3), min_size=1, max_size=3),
    known=st.integers(0, 10),
    seed=st.integers(0, 2**32),
)
def test_what_is_left_of_any_finite_space_is_found(sizes, known, seed):
    """However many are known, the rest comes exactly once."""
    space = Space(
        {
            f"m{number}": tuple(
                Parameter(f"p{i}", Choice(tuple(range(size)))) for i, size in enumerate(sizes)
            )
            for number, sizes in enumerate(sizes)
        }
    )
    strategy = Distinct(RandomDraws(space, seed=seed), space, seed=seed)
    everything = list(walk(space))
    for trial, configuration in enumerate(everything[:known]):
        strategy.tell(trial, configuration, None, "failed")
    found = asked(strategy, len(everything) + 1, first=known, tell=False)
    assert sorted(keys(found)) == sorted(keys(everything[known:]))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_known_trials_are_not_proposed_again(sampler):
    """What was told or remembered without being asked for is taken."""
    strategy = make(sampler, FINITE)
    told, running, *rest = walk(FINITE)
    strategy.tell(0, told, 0.5, "completed")
    strategy.remember(1, running)
    assert sorted(keys(asked(strategy, 100, first=2))) == sorted(keys(rest))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_cancelled_configuration_is_free_again(sampler):
    """It comes once more, even when all else is taken; one that also ended elsewhere does not."""
    strategy = make(sampler, FINITE)
    found = asked(strategy, 22, tell=False)
    strategy.tell(30, found[3], 0.1, "completed")
    strategy.tell(30, found[3], 0.1, "cancelled")
    strategy.tell(5, found[5], None, "cancelled")
    assert key(strategy.ask(40)) == key(found[5])
    assert strategy.ask(41) is None


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_configuration_outside_the_space_does_no_harm(sampler):
    """An earlier sweep's trial over wider ranges is passed over, and counts for nothing."""
    strategy = make(sampler, FINITE)
    strategy.tell(0, Configuration("boosted", {"depth": 99}), 0.9, "completed")
    strategy.remember(1, Configuration("gone", {}))
    assert len(asked(strategy, 100, first=2)) == 22


PROGRAM = """
import sys, json
sys.path[:0] = sys.argv[1:]
import search.strategy
assert not {"optuna", "scipy", "pandas", "sklearn"} & set(sys.modules)
from test_strategy import SAMPLERS, asked, every, keys, make
print(json.dumps({name: keys(asked(make(name, every(name)), 20)) for name in SAMPLERS}))
"""


def test_equal_seeds_and_calls_give_equal_answers_in_any_process():
    """Neither string hashing nor anything global takes part, and importing the module is light."""
    here = Path(__file__).resolve().parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(here), str(here.parents[1])],
        check=True, capture_output=True, text=True,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    )  # fmt: skip
    assert done.stderr == ""
    for sampler, elsewhere in json.loads(done.stdout).items():
        assert keys(asked(make(sampler, every(sampler)), 20)) == elsewhere, sampler


@pytest.mark.parametrize("sampler", ["tpe", "random", "sobol"])
def test_another_seed_gives_other_answers(sampler):
    """A seed is not decoration."""
    assert not set(keys(asked(make(sampler), 10))) & set(keys(asked(make(sampler, seed=1), 10)))


@pytest.mark.parametrize("sampler", ["random", "sobol", "grid"])
def test_a_resumed_sequence_is_the_uninterrupted_one(sampler):
    """With trials that ended and trials in flight, a new process goes on where the old one was."""
    space = every(sampler)
    whole = asked(make(sampler, space), 22, tell=False)
    resumed = make(sampler, space, resumed=15)
    for trial, configuration in enumerate(whole[:15]):
        if trial % 3:
            resumed.tell(trial, configuration, 0.5, "completed")
        else:
            resumed.remember(trial, configuration)
    assert keys(asked(resumed, 7, first=15)) == keys(whole[15:])


def test_random_heeds_nothing_and_takes_models_evenly():
    """What is told does not move it; half of 400 draws are of each of two models."""
    quiet = asked(RandomDraws(MIXED, seed=3), 400, tell=False)
    assert keys(quiet) == keys(asked(RandomDraws(MIXED, seed=3), 400))
    assert 150 < Counter(each.model for each in quiet)["linear"] < 250


def test_sobol_is_even_in_every_model():
    """Of 2^k points of a model, one lies in each 2^k-th of each parameter; models take turns."""
    box = tuple(Parameter(name, Float(0.0, 1.0)) for name in "uvw")
    found = asked(SobolPoints(Space({"a": box, "b": box[:2]}), seed=5), 256, tell=False)
    assert [each.model for each in found[:4]] == ["a", "b", "a", "b"]
    for model, names in (("a", "uvw"), ("b", "uv")):
        for name in names:
            bins = {int(each.params[name] * 128) for each in found if each.model == model}
            assert bins == set(range(128))


def test_sobol_leaves_inactive_parameters_out():
    """A coordinate of a parameter that is not active is ignored; a model may have none at all."""
    found = asked(make("sobol", Space({**MIXED.models, "bayes": ()})), 30)
    assert {("drop" in each.params) == (each.params["booster"] == "dart")
            for each in found if each.model == "boosted"} == {True}  # fmt: skip
    assert Counter(each.model for each in found)["bayes"] == 1


def test_a_whole_grid_comes_in_order():
    """Model by model, the last parameter changing fastest."""
    assert keys(asked(make("grid", FINITE, trials=22), 30)) == keys(walk(FINITE))


def test_a_grid_over_budget_is_sampled_all_over():
    """In grid order but not its first corner; more trials keep the sample; then the rest comes."""
    cube = Space({m: tuple(Parameter(p, Int(0, 99)) for p in "xyz") for m in ("a", "b")})
    found = asked(make("grid", cube, trials=40), 40)
    assert [place(cube, each) for each in found] == sorted(place(cube, each) for each in found)
    assert len({each.params["x"] for each in found}) > 20
    assert 10 < Counter(each.model for each in found)["a"] < 30
    assert keys(found) != keys(asked(make("grid", cube, trials=40, seed=1), 40))
    assert set(keys(found)) < set(keys(asked(make("grid", cube, trials=60), 60)))
    assert len(set(keys(asked(make("grid", FINITE, trials=5), 100)))) == 22


def test_a_place_sorts_like_the_walk():
    """The order of a sampled grid is the grid's own."""
    assert sorted(walk(FINITE), key=lambda each: place(FINITE, each)) == list(walk(FINITE))


def test_what_cannot_be_made_is_refused_with_the_nearest_word():
    """A misspelled sampler, and a grid over real numbers without a step."""
    with pytest.raises(SpecError, match='did you mean "sobol"'):
        make("sobel")
    with pytest.raises(SpecError, match=r"space\.rate: a grid needs choices or steps"):
        make("grid", MIXED)


# -- finalists of an earlier sweep ----------------------------------------------------------------


def continued(sampler, first, space=FINITE):
    return make_strategy(sampler, space, direction="minimize", trials=10_000, seed=0, first=first)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_finalists_come_first_and_once(sampler):
    """The first trials are the given ones, by origin too; then the sampler brings all the others,
    each once.
    """
    first = list(walk(FINITE))[5:8]
    strategy = continued(sampler, first)
    origins, found = [], []
    while (configuration := strategy.ask(len(found))) is not None:
        found.append(configuration)
        origins.append(strategy.name)
        strategy.tell(len(found) - 1, configuration, loss(configuration), "completed")
    assert found[:3] == first
    assert origins == ["refresh"] * 3 + [sampler] * 19
    assert sorted(keys(found)) == sorted(keys(walk(FINITE)))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_sweep_with_finalists_is_replayed(sampler):
    """Asked and told in the same order again, as a deterministic sweep is on resume, it asks the
    same; told without being asked, as others are, it goes on after the given ones.
    """
    space = every(sampler)
    first = asked(make(sampler, space, seed=5), 3)
    whole = asked(continued(sampler, first, space), 30 if sampler != "grid" else 20)
    again = continued(sampler, first, space)
    assert asked(again, 12) == whole[:12]
    assert asked(again, len(whole) - 12, first=12) == whole[12:]
    resumed = continued(sampler, first, space)
    resumed.tell(0, first[0], 0.5, "completed")
    resumed.remember(1, first[1])
    rest = asked(resumed, 10, first=2)
    assert rest[0] == first[2]
    assert not set(keys(first)) & set(keys(rest[1:]))


def test_finalists_that_were_cancelled_come_again():
    """A sweep that was stopped during its first trials still has them ahead of it, each once."""
    first = list(walk(FINITE))[:3]
    strategy = continued("tpe", first)
    strategy.tell(0, strategy.ask(0), 0.5, "completed")
    strategy.ask(1)
    strategy.tell(1, first[1], None, "cancelled")
    assert [strategy.ask(trial) for trial in (2, 3)] == [first[2], first[1]]
    assert strategy.name == "refresh"
    assert key(strategy.ask(4)) not in keys(first)
    assert strategy.name == "tpe"
    later = continued("tpe", first)
    for trial, (which, verdict) in enumerate(
        [(0, "completed"), (1, "cancelled"), (2, "completed"), (1, "completed")]
    ):
        later.tell(trial, first[which], 0.5, verdict)
    assert key(later.ask(4)) not in keys(first)
