"""What is left of a sweep: the plan at first, the trials themselves once there are many."""

import json

import pytest

from search.outlook import Foresight, ModelForesight
from search.packing import MIX, Pace


def foresight(finals=0.0, trials=100, **models):
    """A plan of models given as (seconds of a trial, spread)."""
    told = {name: ModelForesight(s, spread, 200.0) for name, (s, spread) in models.items()}
    return Foresight(100.0, 150.0, 2, finals, 9.0, told, trials)


def test_before_the_first_trial_the_plan_alone_speaks():
    """100 trials of 2 s on one slot are 200 s; on two half of it, and half a trial at the end."""
    plan = foresight(one=(2.0, 0.4))
    middle, most = plan.left(100, 1, {}, {})
    assert middle == pytest.approx(200.0)
    assert most == pytest.approx(200.0 * 1.6697, rel=1e-3)  # exp(1.2816 * 0.4)
    assert plan.left(100, 2, {}, {})[0] == pytest.approx(101.0)


def test_many_trials_override_a_plan_that_was_wrong():
    """Foreseen 2 s, measured 10 s in 32 trials: what is left is told by the trials, and surely."""
    plan = foresight(one=(2.0, 0.4))
    middle, most = plan.left(10, 1, {"one": [10.0] * 32}, {"one": 32})
    assert 96.0 < middle < 100.0
    assert most / middle < 1.1 < plan.left(10, 1, {}, {})[1] / plan.left(10, 1, {}, {})[0]


def test_one_trial_moves_the_plan_by_as_much_as_it_is_surer():
    """A plan without a doubt hardly moves, one of a wide spread follows the first trial."""
    seen, mix = {"one": [10.0]}, {"one": 1}
    sure = foresight(one=(2.0, 0.05)).left(1, 1, seen, mix)[0]
    vague = foresight(one=(2.0, 2.0)).left(1, 1, seen, mix)[0]
    assert 2.0 < sure < 2.2
    assert 9.0 < vague < 10.0


def test_models_count_as_often_as_they_came():
    """Nine in ten trials were of the dear model, so the rest is taken to be."""
    plan = foresight(cheap=(1.0, 0.05), dear=(11.0, 0.05))
    assert plan.left(10, 1, {}, {})[0] == pytest.approx(60.0)
    seen = {"cheap": [1.0] * 10, "dear": [11.0] * 32}
    assert plan.left(10, 1, seen, {"cheap": 10, "dear": 90})[0] == pytest.approx(99.2, rel=0.01)


def test_how_often_a_model_comes_is_not_capped_by_how_many_seconds_are_remembered():
    """After 240 dear trials and 60 cheap ones, cheap is a fifth and not half of all."""
    pace = Pace()
    for each in range(300):
        cheap = each % 5 == 0
        pace.learn("cheap" if cheap else "dear", 1.0 if cheap else 11.0)
    assert pace.mix() == {"cheap": MIX // 5, "dear": MIX * 4 // 5}
    assert pace.remaining(10) == pytest.approx(10 * (0.2 * 1.0 + 0.8 * 11.0))
    plan = foresight(cheap=(1.0, 0.05), dear=(11.0, 0.05))
    told = plan.left(10, 1, pace.latest(), pace.mix())[0]
    assert told == pytest.approx(10 * (21 * 1.0 + 81 * 11.0) / 102, rel=0.01)


@pytest.mark.parametrize("seen", [{}, {"one": [3.0]}, {"one": [0.5, 9.0], "two": [4.0] * 32}])
@pytest.mark.parametrize("trials", [0, 1, 500])
def test_nine_in_ten_is_never_less_than_the_middle(seen, trials):
    """Whatever was seen and however much is left."""
    plan = foresight(finals=2.0, one=(2.0, 0.4), two=(8.0, 0.0))
    mix = {name: len(each) for name, each in seen.items()}
    middle, most = plan.left(trials, 2, seen, mix)
    assert 0.0 < middle <= most


def test_when_no_trial_is_left_the_finalists_are():
    """Three trials' worth of finalists, and nothing of the search."""
    assert foresight(finals=3.0, one=(2.0, 0.4)).left(0, 4, {}, {})[0] == pytest.approx(6.0)


def test_a_trial_that_took_no_time_does_not_break_the_clock():
    """A clock may not have moved: the plan stands."""
    assert foresight(one=(2.0, 0.4)).left(5, 1, {"one": [0.0]}, {"one": 1})[0] == (
        pytest.approx(10.0)
    )


def test_a_plan_is_read_as_it_was_recorded():
    """Through JSON and back it is equal, models included."""
    plan = foresight(finals=1.5, one=(2.0, 0.4), two=(0.1, 0.0))
    assert Foresight.read(json.loads(json.dumps(plan.to_json()))) == plan


def test_an_older_plan_without_its_trials_is_read():
    """Such a record is shown and resumed; it does not say for how many trials it was made."""
    told = foresight(one=(2.0, 0.4)).to_json()
    del told["trials"]
    assert Foresight.read(told).trials is None
