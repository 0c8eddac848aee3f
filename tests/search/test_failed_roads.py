"""What failures have in common is told where it is true and clearly more than chance."""

import math
import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.failed_roads import CHANCE, Condition, between, failed_roads


@dataclass
class Trial:
    model: str
    params: dict = field(default_factory=dict)
    cause: str | None = None

    @property
    def state(self):
        return "failed" if self.cause else "completed"


def boosters(count, seed, fails, noise=0.0):
    """Trials of a booster, dart or not; ``fails`` says who runs out of memory."""
    rng = random.Random(seed)
    made = []
    for _ in range(count):
        params = {"booster": rng.choice(["gbtree", "dart"]), "max_depth": rng.randint(3, 10)}
        if params["booster"] == "dart":
            params["rate_drop"] = rng.random()
        bad = fails(params) != (rng.random() < noise)
        made.append(Trial("xgboost", params, "out_of_memory" if bad else None))
    return made


def test_a_bound_on_a_conditional_parameter_is_found_and_told_in_words():
    """Of all failures but a few strays, which are counted too."""
    trials = boosters(60, 0, lambda p: p.get("rate_drop", 0.0) > 0.4)
    trials += [Trial("xgboost", {"booster": "gbtree", "max_depth": 3}, "out_of_memory")]
    (road,) = failed_roads(trials)
    assert (road.condition.parameter, road.condition.relation) == ("rate_drop", ">")
    assert road.condition.value == pytest.approx(0.4, abs=0.08)
    assert road.of == road.failed + 1
    assert str(road).startswith(f"{road.failed} of {road.of} failures: xgboost with rate_drop > ")
    assert "ran out of memory" in str(road)
    assert all(t.cause for t in trials if road.condition.holds(t.model, t.params))


@pytest.mark.parametrize(
    ("fails", "condition"),
    [
        (lambda p: p["booster"] == "dart", "xgboost with booster = dart"),
        (lambda p: p["max_depth"] > 8, "xgboost with max_depth > 8"),
        (lambda p: p["max_depth"] <= 4, "xgboost with max_depth <= 4"),
    ],
)
def test_a_value_or_a_bound_is_found_through_some_noise(fails, condition):
    assert str(failed_roads(boosters(120, 3, fails, noise=0.03))[0].condition) == condition


def test_a_model_that_always_fails_is_itself_the_road():
    trials = [Trial("svc", {"C": n / 10}, "timeout") for n in range(8)]
    trials += [Trial("logistic_regression", {"C": n / 10}) for n in range(12)]
    (road,) = failed_roads(trials)
    assert str(road.condition) == "svc"
    assert "8 of 8 failures: svc ran out of time" in str(road)


def test_causes_are_told_apart_and_lost_workers_have_no_road():
    trials = boosters(80, 1, lambda p: p["booster"] == "dart")
    trials += [Trial("xgboost", {"booster": "gbtree", "max_depth": 3}, "worker_lost")] * 9
    assert [road.cause for road in failed_roads(trials)] == ["out_of_memory"]


def test_failures_that_have_nothing_to_do_with_parameters_have_a_road_as_seldom_as_promised():
    """200 sweeps in which a fifth of the trials fails by a coin."""
    told = sum(bool(failed_roads(boosters(60, seed, lambda p: False, noise=0.2))) for seed in
               range(200))  # fmt: skip
    assert told <= 200 * CHANCE + 3 * math.sqrt(200 * CHANCE)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_failure_or_two_are_no_road(count):
    trials = [Trial("m", {"x": 9}, "numeric")] * count + [Trial("m", {"x": n}) for n in range(9)]
    assert failed_roads(trials) == []


def test_where_everything_fails_there_is_nothing_to_separate():
    assert failed_roads([Trial("m", {"x": n}, "numeric") for n in range(20)]) == []


values = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-2, 2), st.text("ab"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(
            Trial, st.sampled_from("mn"), st.dictionaries(st.sampled_from("xy"), values),
            st.sampled_from([None, "numeric", "timeout"]),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_what_is_told_is_counted_right_whatever_the_parameters_are(trials):
    for road in failed_roads(trials):
        on = [t for t in trials if road.condition.holds(t.model, t.params)]
        assert road.trials == len(on)
        assert road.failed == sum(t.cause == road.cause for t in on)
        assert road.of == sum(t.cause == road.cause for t in trials)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_bound_lies_between_its_neighbours(one, other):
    low, high = sorted((one, other))
    if low < high:
        assert low <= between(low, high) < high


def test_a_condition_knows_a_number_from_a_flag_and_a_text():
    assert Condition("m", "x", "=", 1).holds("m", {"x": 1})
    assert not Condition("m", "x", "=", 1).holds("m", {"x": True})
    assert not Condition("m", "x", ">", 1).holds("m", {"x": "2"})
    assert not Condition("m", "x", ">", 1).holds("m", {})
