"""A plan is the sum of its folds over its slots, within what cores and memory hold."""

from dataclasses import replace

import pytest

from evaluators.curves import memory_curve, time_curve
from search.cuts import cuts
from search.plan import (
    CROWDED,
    Demand,
    Limits,
    ModelCost,
    finals_deals,
    forecast,
    least_memory_mb,
)
from search.room import Node

ROWS = [1000, 2000, 4000, 8000]
#: A second for a fold of 8,000 rows, measured at full size; 100 MB and 0.05 MB a row.
COST = ModelCost(
    "a",
    time_curve(ROWS, [n / 8000 for n in ROWS]),
    memory_curve(ROWS, [100 + 0.05 * n for n in ROWS], 100, 0.0),
)
DEMAND = Demand(rows=10_000, folds=5, trials=100, train_share=0.8, learns=False, finals=False)
BIG = Node(4, 64_000)


def plan(demand=DEMAND, cost=COST, node=BIG, **limits):
    return forecast([cost], demand, Limits((node,), **limits))


def test_the_middle_is_the_sum_of_folds_over_slots():
    """500 folds of a second on four slots, each a little slower for the others beside it."""
    assert plan().max_concurrent == 4
    assert plan().p50_s == pytest.approx(CROWDED * 500 / 4, rel=0.1)
    assert plan(node=Node(1, 64_000)).p50_s == pytest.approx(500, rel=0.1)
    assert plan().p50_s < plan().p90_s < 1.2 * plan().p50_s


def test_the_same_seed_plans_the_same():
    """Nothing but the seed is left to chance."""
    assert plan() == plan()
    assert plan(seed=1).p90_s != plan().p90_s


def test_slots_are_what_cores_and_memory_hold():
    """A worker is planned with 110 + 1.5 * 400 MB here; nine tenths of a node are for planning."""
    worker = plan().worker_mb
    assert worker == pytest.approx(710, rel=0.01)
    tight = plan(node=Node(4, 2.5 * worker / 0.9))
    assert (tight.by_cores, tight.by_memory, tight.max_concurrent) == (4, 2, 2)
    assert tight.peak_mb == pytest.approx(2 * worker)
    assert plan(replace(DEMAND, threads=2)).max_concurrent == 2
    assert plan(replace(DEMAND, most_slots=3)).max_concurrent == 3
    two_nodes = forecast([COST], DEMAND, Limits((BIG, Node(2, 64_000))))
    assert two_nodes.max_concurrent == 6
    assert two_nodes.peak_mb == pytest.approx(4 * worker)


def test_where_memory_is_not_known_the_cores_decide():
    """The runner in this process tells of none."""
    told = plan(node=Node(1))
    assert (told.by_cores, told.by_memory, told.max_concurrent) == (1, 1, 1)


def test_a_worker_is_planned_for_the_dearest_corner_too():
    """Its line counts as it is, where it is above what others take with their margin."""
    corner = memory_curve(ROWS, [100 + 0.2 * n for n in ROWS], 100, 0.0)
    assert plan(cost=replace(COST, corner=corner)).worker_mb == pytest.approx(1700, rel=0.01)
    cheap = memory_curve(ROWS, [100 + 0.01 * n for n in ROWS], 100, 0.0)
    assert plan(cost=replace(COST, corner=cheap)).worker_mb == plan().worker_mb


def test_data_and_driver_take_their_part_of_the_memory():
    """The data is held once a node, the driver once."""
    held = replace(DEMAND, driver_mb=300, data_row_mb=0.01)
    assert plan(held).peak_mb == pytest.approx(plan().peak_mb + 400)


def test_dearer_configurations_and_a_sampler_that_learns_take_longer():
    """Effects count by their mean; TPE drifts towards the dearest corner, so its P90 is wider."""
    costly = replace(COST, effects=(1.0, 3.0, 2.0), dearest=10.0)
    drawn, learnt = plan(cost=costly), plan(replace(DEMAND, learns=True), costly)
    assert drawn.p50_s == pytest.approx(2 * plan().p50_s, rel=0.15)
    assert learnt.p50_s > 1.2 * drawn.p50_s
    assert learnt.p90_s / learnt.p50_s > drawn.p90_s / drawn.p50_s


def test_finalists_are_in_the_plan_and_a_timeout_ends_it():
    """The estimate and its rivals come on top; no sweep is foreseen past its own timeout."""
    assert plan(replace(DEMAND, finals=True)).p50_s > plan().p50_s + 5
    assert plan(replace(DEMAND, timeout_s=30.0)).p90_s == pytest.approx(34)


@pytest.mark.parametrize("what", ["trials", "folds", "rows"])
def test_advice_names_the_most_that_fits(what):
    """What is advised ends in time; a little more of it would not."""
    limits = Limits((BIG,), deadline_s=110.0)
    cut = {each.what: each for each in cuts([COST], DEMAND, limits)}[what]
    assert limits.hold(cut.plan)
    assert cut.now > cut.to

    def with_one_more(to):
        return DEMAND.with_folds(to) if what == "folds" else replace(DEMAND, **{what: to})

    more = cut.to + {"trials": 1, "folds": 1, "rows": 100}[what]
    assert not limits.hold(forecast([COST], with_one_more(more), limits))


def test_nothing_is_advised_where_all_fits_or_nothing_helps():
    """A plan that holds needs no cut; half a second is too little for any."""
    assert cuts([COST], DEMAND, Limits((BIG,), deadline_s=1e6)) == []
    assert cuts([COST], DEMAND, Limits((BIG,), deadline_s=0.5)) == []


def test_too_little_memory_is_told_with_the_least_that_would_do():
    """No slot fits; with the memory it names, exactly one does; fewer rows help as well."""
    small = Limits((Node(4, 400),))
    assert forecast([COST], DEMAND, small).max_concurrent == 0
    assert plan(node=Node(4, least_memory_mb([COST], DEMAND) + 0.01)).max_concurrent == 1
    assert [each.what for each in cuts([COST], DEMAND, small)] == ["rows"]


def test_finalists_take_all_rows_where_a_part_is_searched():
    """A tenth of the rows searched takes less time than all, more than a table of a tenth, and as
    much memory as all, since finalists learn from all; a smaller table or fewer folds need less.
    """
    whole = replace(DEMAND, finals=True)
    part, small = whole.with_rows(1000), whole.with_table(1000)
    assert plan(small).p50_s < plan(part).p50_s < plan(whole).p50_s
    assert plan(part).worker_mb == plan(whole).worker_mb > plan(small).worker_mb
    tight = Limits((Node(4, least_memory_mb([COST], whole) - 50),))
    assert [each.what for each in cuts([COST], whole, tight)] == ["folds", "table rows"]
    late = Limits((BIG,), deadline_s=plan(part).p90_s + 1)
    advised = {each.what: each.to for each in cuts([COST], whole, late)}
    assert advised["rows"] >= 1000
    assert "table rows" not in advised


def test_the_users_own_limit_decides_how_many_fit():
    """With memory_per_trial every trial is reckoned with that, whatever it would take."""
    given = replace(DEMAND, given_mb=1000.0)
    node = Node(4, 3500 / 0.9)
    told = forecast([COST], given, Limits((node,)))
    assert (told.by_memory, told.max_concurrent) == (3, 3)


def test_a_raced_sweep_is_foreseen_shorter_and_hardly_ever_longer():
    whole, raced = (plan(replace(DEMAND, raced=raced)) for raced in (False, True))
    assert 0.5 < raced.p50_s / whole.p50_s < 0.75
    assert raced.p90_s < whole.p90_s


@pytest.mark.parametrize("slots", [1, 2, 8])
def test_a_winner_that_is_scored_again_takes_its_folds_once_more(slots):
    """As many deals as were searched on, shared as the estimate's are."""
    demand = replace(DEMAND, finals=True, repeats=2)
    more = finals_deals(replace(demand, again=True), slots) - finals_deals(demand, slots)
    assert 2 / slots - 0.2 <= more <= 2 / slots + 0.2
