"""Laws of racing: what a rung must show before a trial is given up there."""

import math

import pytest

from evaluators.types import Configuration
from search.race import Race
from search.trials import Trial


def ended(number, score, path, model="m"):
    """A trial that went to its end."""
    trial = Trial(number, Configuration(model, {}), "random", 0.0)
    trial.score, trial.path = score, path
    return trial


def taught(scores, shift=0.1, direction="maximize", noise=0.0):
    """A race in which rung 1 says the final score, ``shift`` too high, up to ``noise``."""
    race = Race(direction, direction)
    for number, score in enumerate(scores):
        off = noise * (1 if number % 2 else -1)
        race.learn(ended(number, score, (math.nan, score + shift + off)))
    return race


SCORES = [0.50, 0.55, 0.61, 0.68, 0.72, 0.80]


def test_no_bar_before_five_trials_are_complete():
    assert taught(SCORES[:4]).bar("m", 0.68) is None
    assert taught(SCORES[:5]).bar("m", 0.72) is not None


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_the_bar_lies_where_the_line_reaches_the_incumbent(direction):
    best = 0.80 if direction == "maximize" else 0.50
    bar = taught(SCORES, direction=direction).bar("m", best)
    assert bar.least[1] == pytest.approx(best + 0.1)
    worse, better = (0.85, 0.95) if direction == "maximize" else (0.65, 0.55)
    assert bar.falls_short(1, worse)
    assert not bar.falls_short(1, better)


def test_the_less_a_rung_can_be_trusted_the_lower_its_bar():
    sure, unsure = (taught(SCORES, noise=noise).bar("m", 0.8) for noise in (0.001, 0.02))
    assert unsure.least[1] < sure.least[1] - 0.03


def test_a_rung_that_ranks_otherwise_than_the_end_has_no_bar():
    race = Race("maximize", "maximize")
    for number, (score, rung) in enumerate(zip(SCORES, [3, 1, 4, 1.5, 2, 2.5], strict=True)):
        race.learn(ended(number, score, (math.nan, rung)))
    assert all(math.isnan(least) for least in race.bar("m", 0.8).least)
    assert not race.bar("m", 0.8).falls_short(1, -1e9)


def test_a_model_is_told_from_its_own_trials_only():
    race = Race("maximize", "maximize")
    for number, score in enumerate(SCORES):
        race.learn(ended(number, score, (score - 0.2, score)))
    assert race.bar("m", 0.8).least[:2] == pytest.approx([0.6, 0.8])
    assert race.bar("other", 0.8) is None


def test_a_score_that_is_undefined_ends_nobody():
    assert not taught(SCORES).bar("m", 0.8).falls_short(1, math.nan)


def test_what_was_pruned_is_foreseen_where_the_line_goes():
    race = taught(SCORES)
    pruned = ended(9, None, (math.nan, 0.75))
    pruned.given_up = 1
    assert race.foreseen(pruned) == pytest.approx(0.65)


def test_rungs_and_ends_may_rise_in_opposite_ways():
    """A cost falls where average precision rises."""
    race = Race("maximize", "minimize")
    for number, score in enumerate(SCORES):
        race.learn(ended(number, 2 - score, (math.nan, score)))
    bar = race.bar("m", 1.2)
    assert bar.least[1] == pytest.approx(0.8)
    assert bar.falls_short(1, 0.7)
    assert not bar.falls_short(1, 0.9)


@pytest.mark.parametrize(("trials", "shuffled", "earns"), [
    (9, True, True), (10, True, False), (10, False, True),
])  # fmt: skip
def test_a_rung_0_that_misleads_is_given_up_where_it_costs_a_fit(trials, shuffled, earns):
    race = Race("maximize", "maximize")
    scores = [0.5 + 0.03 * number for number in range(trials)]
    order = [7 * number % trials for number in range(trials)] if shuffled else range(trials)
    for number, score in enumerate(scores):
        race.learn(ended(number, score, (scores[order[number]] - 0.2, score)))
    assert race.bar("m", max(scores)).few_rows == earns


def test_the_latest_trials_of_a_model_count(monkeypatch):
    """So a bar costs the same after thousands of them; it still follows each new one."""
    monkeypatch.setattr("search.race.LATEST", 20)
    scores = [0.5 + 0.01 * (n * 7 % 31) for n in range(60)]
    long, short = taught([*reversed(SCORES * 20), *scores], noise=0.01), taught(scores, noise=0.01)
    assert long.bar("m", 0.8).least[1] == pytest.approx(short.bar("m", 0.8).least[1])
    before = long.bar("m", 0.8).least[1]
    long.learn(ended(999, 0.3, (math.nan, 0.9)))
    assert long.bar("m", 0.8).least[1] != before
