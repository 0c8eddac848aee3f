"""Laws of an opening's sampler: looks lead to further looks, model by model."""

import statistics

import numpy as np
import pytest
from optuna.samplers._tpe import _truncnorm

from evaluators.types import Configuration
from search.normal import LENT, scipy_normal
from search.space import Float, Parameter, Space
from search.strategy import make_strategy

SPACE = Space(
    {
        "boosted": tuple(Parameter(name, Float(0.0, 1.0)) for name in "abc"),
        "linear": (Parameter("C", Float(0.0, 1.0)),),
    }
)
OPENING = 60


def strategy(seed, race="maximize", resumed=0):
    return make_strategy(
        "tpe", SPACE, direction="minimize", trials=200, seed=seed, resumed=resumed,
        opening=OPENING, race=race,
    )  # fmt: skip


def height(configuration):
    return -sum((value - 0.8) ** 2 for value in configuration.params.values())


def opened(asked, first, last):
    """Trials of the opening: those of one model are looked at, the others go to their end."""
    found = []
    for trial in range(first, last):
        configuration = asked.ask(trial)
        if configuration.model == "boosted":
            asked.looked_at(trial, configuration, height(configuration))
        else:
            asked.tell(trial, configuration, 0.1, "completed")
        found.append(configuration)
    return found


def heights(configurations):
    return [height(each) for each in configurations if each.model == "boosted"]


def test_later_looks_are_where_earlier_ones_were_good():
    """The objective is minimized and the race maximized: only what a look found leads them."""
    early, late = [], []
    for seed in range(5):
        found = heights(opened(strategy(seed), 0, OPENING))
        early += found[:10]
        late += found[-10:]
    assert statistics.median(late) > statistics.median(early) + 0.1


def test_nothing_is_led_without_a_race():
    found = [heights(opened(strategy(seed, race=None), 0, OPENING)) for seed in range(5)]
    early, late = ([score for each in found for score in each[cut]] for cut in
                   (slice(10), slice(-10, None)))  # fmt: skip
    assert abs(statistics.median(late) - statistics.median(early)) < 0.15


def test_a_model_that_nobody_looks_at_is_drawn_at_random():
    """Its final scores are another scale; all are equal here, and it is spread over its range."""
    drawn = [each.params["C"] for seed in range(5) for each in opened(strategy(seed), 0, OPENING)
             if each.model == "linear"]  # fmt: skip
    assert min(drawn) < 0.1
    assert max(drawn) > 0.9
    assert 0.35 < statistics.mean(drawn) < 0.65


def test_a_resumed_opening_is_led_by_the_looks_before():
    """Looked at, looked at and ended, and still under way: each is told again as it was."""
    early, late = [], []
    for seed in range(5):
        first = opened(strategy(seed), 0, 40)
        again = strategy(seed, resumed=40)
        for trial, configuration in enumerate(first[:-1]):
            if configuration.model == "boosted":
                again.looked_at(trial, configuration, height(configuration))
        again.tell(0, first[0], 0.3, "completed")
        for trial, configuration in list(enumerate(first))[1:]:
            again.remember(trial, configuration)
        early += heights(first)[:10]
        late += heights(opened(again, 40, OPENING))
    assert statistics.median(late) > statistics.median(early) + 0.1


def test_a_failed_look_leads_away():
    """One of a kind that fails is told as infeasible, and the opening goes on elsewhere."""
    asked = strategy(0)
    failed = []
    for trial in range(OPENING):
        configuration = asked.ask(trial)
        if configuration.model == "boosted" and configuration.params["a"] > 0.5:
            asked.tell(trial, configuration, None, "infeasible")
            failed.append(trial)
        elif configuration.model == "boosted":
            asked.looked_at(trial, configuration, height(configuration))
    assert sum(trial >= OPENING // 2 for trial in failed) < sum(t < OPENING // 2 for t in failed)


def test_after_the_opening_looks_count_no_more():
    asked = strategy(0)
    opened(asked, 0, OPENING)
    outside = Configuration("boosted", {"a": 0.1, "b": 0.2, "c": 0.3})
    asked.remember(OPENING, outside)
    asked.looked_at(OPENING, outside, 0.0)
    assert asked.ask(OPENING + 1) is not None


@pytest.mark.parametrize("name", LENT)
def test_the_normal_distribution_is_optunas_own_and_given_back(name):
    """Equal to rounding over all that a sampler asks for; the name is still there to be lent."""
    own = getattr(_truncnorm, name)
    points = np.concatenate([np.linspace(-40, 8, 2001), [0.0, -1e-9, 1e-9]])
    with scipy_normal():
        lent = getattr(_truncnorm, name)
        assert lent is LENT[name]
    assert getattr(_truncnorm, name) is own
    np.testing.assert_allclose(lent(points), own(points), rtol=1e-9, atol=1e-15)
