"""Candidates in scikit-learn's order, asked once each, whatever was cut off; and coordinates."""

import numpy as np
import pytest
from scipy.stats import binom, expon, loguniform, poisson, randint, uniform
from sklearn.model_selection import ParameterGrid

from search.candidates import Listed, blocks, grid, is_grid, sample, written
from search.distributions import Quantiles, Whole, axis, translated


def listed(count=5):
    candidates = [{"C": place % 3} for place in range(count)]
    configurations, _ = written("SVC", candidates)
    return Listed("grid", configurations), configurations


def test_spaces_are_scikit_learns():
    """Its order, its draws, its refusals."""
    space = [{"b": [1, 2], "a": ["x", "y"]}, {"c": [0]}]
    assert grid(space) == list(ParameterGrid(space))
    assert is_grid(space)
    assert not is_grid({"a": uniform()})
    assert blocks({"a": [1]}) == [{"a": [1]}]
    assert len(sample({"a": uniform()}, 3, 0)) == 3
    for wrong in ({"a": 1}, {"a": []}, "abc", [1]):
        with pytest.raises((TypeError, ValueError)):
            grid(blocks(wrong))


def test_each_candidate_is_asked_once_in_order():
    """Repeats among them too."""
    strategy, configurations = listed()
    assert [strategy.ask(trial) for trial in range(6)] == [*configurations, None]
    assert strategy.trials() == [0, 1, 2, 3, 4]


def test_what_was_cancelled_comes_again_at_the_end():
    """In the run that cancelled it, and in one that learns of it from the record."""
    first, configurations = listed()
    for trial in range(3):
        first.ask(trial)
    for strategy, told in ((first, (2, 0)), (listed()[0], (0, 1, 2))):
        for trial in told:
            verdict = "completed" if trial == 1 else "cancelled"
            strategy.tell(trial, configurations[trial], 0.5, verdict)
        again = [strategy.ask(trial) for trial in range(3, 8)]
        assert again[:2] == configurations[3:5]
        assert sorted(each.params["C"] for each in again[2:4]) == [0, 2]
        assert again[4] is None
        assert sorted(strategy.trials()) == [1, 3, 4, 5, 6]
    third, _ = listed()
    for trial, verdict in ((0, "cancelled"), (1, "completed"), (2, "completed")):
        third.tell(trial, configurations[trial], 0.5, verdict)
    third.remember(3, configurations[3])
    third.remember(4, configurations[4])
    third.remember(5, configurations[0])  # the cancelled one, asked again before a kill
    assert third.ask(6) is None
    assert third.trials() == [5, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("distribution", "kind"),
    [(randint(3, 9), Whole), (loguniform(1e-3, 10), Quantiles), (expon(scale=2), Quantiles),
     (uniform(2, 3), Quantiles), (poisson(3), Quantiles), (binom(5, 0.5), Whole)],
)  # fmt: skip
def test_a_distribution_is_an_axis_within_its_ends(distribution, kind):
    """And a value leads back to its coordinate."""
    found = axis("x", distribution)
    assert isinstance(found, kind)
    low, high = distribution.support()
    for u in np.linspace(0, 0.999, 23):
        place = found.domain.at(float(u))
        value = found.value(place)
        assert low <= value <= high
        assert type(value) in (int, float)
        if kind is Whole or not hasattr(distribution, "pmf"):
            assert found.coordinate(value, None, "x") == pytest.approx(place, abs=1e-9)


def test_a_sampler_of_coordinates_asks_in_the_spaces_terms_and_goes_on_with_a_record():
    """What it asked, told to another one, is known there."""
    space = [{"C": loguniform(0.01, 1), "kernel": ["rbf", len]}, {"degree": randint(2, 5)}]
    first, vocabulary = translated("SVC", space, "tpe", trials=9, seed=1, resumed=0)
    asked = [first.ask(trial) for trial in range(9)]
    assert {each.model for each in asked} == {"SVC 1", "SVC 2"}
    for each in asked:
        values = vocabulary.read(each.params)
        assert set(values) in ({"C", "kernel"}, {"degree"})
        assert values.get("kernel", len) in ("rbf", len)
    again, _ = translated("SVC", space, "tpe", trials=9, seed=1, resumed=9)
    for trial, each in enumerate(asked):
        again.tell(trial, each, 0.1 * trial, "completed")
    degrees = {each.params["degree"] for each in asked if "degree" in each.params}
    further = [again.ask(trial) for trial in range(9, 14)]
    new = [each.params["degree"] for each in further if "degree" in each.params]
    assert not degrees & set(new)
