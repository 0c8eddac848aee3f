"""After the search the best few meet on fresh folds, and one is scored where nothing was chosen."""

import math
from dataclasses import replace

import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Failure, Interval, Outcome, Resources
from search.choice import Judged, choose
from search.driver import Driver
from search.events import StopAsked
from search.finals_plan import (
    CHOICE,
    ESTIMATE,
    EXACT,
    SEARCH,
    plan_of,
    plan_on_more_rows,
    within,
)
from search.policy import FINALS_SHARE, RESTART_S, FinalRules, Policy
from search.queue import IDLE_MB
from search.records import Records
from search.report import report_text
from search.space import Float, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view import read_view
from search.view_finals import OptimismView

RULES = FinalRules(folds=5, repeats=1, test_share=0.25)


def policy(budget=100, **kwargs):
    kwargs = {"finals": RULES} | kwargs
    return Policy(budget=budget, objective="score", direction="maximize", **kwargs)


def scored(item, score, seconds=2.0):
    """An outcome of as many folds as the item asks for, around one score."""
    folds = item.folds or RULES.folds
    spread = [score + 0.001 * (n - (folds - 1) / 2) for n in range(folds)]
    interval = Interval(score - 0.1, score + 0.1, 0.95, "planned") if item.interval else None
    cost = Resources(wall_s=seconds, cpu_s=seconds)
    return Outcome({"score": score}, {"score": spread}, resources=cost, interval=interval)


def by_x(item):
    """The best x wins on every partition; nothing fails."""
    return Happening(2.0, scored(item, item.configuration.params.get("x", 0.0)))


class Watched:
    """A sweep on the simulated runner that remembers each item its workers were given."""

    def __init__(self, store, plan=by_x, **policy_kwargs):
        self.store, self.plan, self.items = store, plan, []
        self.policy = policy(**policy_kwargs)
        self.sweep_id = store.create("finals", {"metric": "score"})
        self.clock = VirtualClock()

    def run(self, stop_at=None):
        known = list(self.store.entries(self.sweep_id))
        asked = sum(entry.kind == "asked" for entry in known)
        space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
        strategy = make_strategy(
            "random", space, direction="maximize", trials=100, seed=0, resumed=asked
        )
        self.sweep = Sweep(self.policy, strategy, known, started_at=self.clock.now)
        with self.store.acquire(self.sweep_id) as lease:
            driver = Driver(self.sweep, self.store, self.sweep_id, lease, clock=self.clock)

            def simulate(item):
                self.items.append(item)
                if stop_at is not None and stop_at(item):
                    driver.feed(StopAsked(self.clock.now, "Ctrl-C"))
                return self.plan(item)

            SimulatedRunner(simulate, self.policy.slots, self.clock).run(
                driver, None, self.policy.slots
            )
        return self

    @property
    def entries(self):
        return self.store.entries(self.sweep_id)

    @property
    def view(self):
        return read_view(self.store, self.sweep_id)

    def on(self, partition):
        return [item for item in self.items if item.partition == partition]


@pytest.fixture
def store():
    with Records.open() as opened:
        yield opened


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_finalists_take_no_more_than_their_share(repeats):
    """For every budget the plan costs at most 15% of it, but for the one estimate of the winner."""
    before = 0
    for trials in range(1, 301):
        units = int(FINALS_SHARE * trials * repeats)
        plan = plan_of(units, repeats)
        cost = plan.repeats
        if plan.finalists > 1:
            cost += plan.finalists + (1 + repeats) * plan.default
        assert cost <= max(1, units)
        assert plan.finalists >= before or plan.default
        before = plan.finalists
    assert (plan.finalists, plan.default, plan.repeats) == (5, True, 5)


def test_a_timeout_leaves_out_what_it_has_no_time_for():
    """Deals go first, then the defaults, then finalists; the estimate stays."""
    full = plan_of(15, 1)
    walls = [10.0] * 5
    assert within(full, 1e9, walls, 2, 1) == full
    costs = []
    for seconds in (70.0, 50.0, 30.0, 1.0):
        plan = within(full, seconds, walls, 2, 1)
        assert within(full, seconds + walls[0], walls, 2, 1, again=True).repeats >= plan.repeats
        costs.append((plan.finalists, plan.default, plan.repeats))
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == (1, False, 1)


def test_the_estimate_comes_from_folds_that_chose_nothing(store):
    """Only the winner ever runs on the last partition, after everyone else has ended."""
    watched = Watched(store, slots=2).run()
    assert watched.sweep.state == "completed"
    assert len(watched.on(ESTIMATE)) == 1
    assert watched.items[-1].partition == ESTIMATE
    assert watched.items[-1].interval
    assert len(watched.on(CHOICE)) == 6, "five finalists and the defaults"
    best = max(watched.sweep.trials, key=lambda trial: trial.score)
    assert watched.on(ESTIMATE)[0].configuration == best.configuration
    found = watched.view
    assert found.best.trial == best.number
    assert found.finals.estimate.score == best.score
    assert found.finals.estimate.tried == 100
    assert found.counts["completed"] == 100, "finalists are no trials"


def test_the_estimate_is_not_the_score_that_chose(store):
    """A configuration that was lucky in the search is estimated without its luck."""

    def lucky(item):
        x = item.configuration.params.get("x", 0.0)
        luck = 0.2 if item.partition == SEARCH else 0.0
        return Happening(2.0, scored(item, x + luck))

    view = Watched(store, lucky).run().view
    told = view.to_json()
    assert told["estimate"]["optimism"] == pytest.approx(0.2)
    assert told["best"]["selection_score"] - told["estimate"]["score"] == pytest.approx(0.2)
    assert {"score", "low", "high", "level", "method", "tried"} <= set(told["estimate"])


def test_a_finalist_that_fails_is_out_and_a_lost_worker_is_not_its_fault(store):
    """The defaults fail, the best trial's worker dies once: the best trial still wins."""
    deaths = []

    def plan(item):
        if item.configuration.params == {}:
            return Happening(1.0, Outcome(failure=Failure("bad_parameters", "x is missing")))
        if item.partition == CHOICE and not deaths:
            deaths.append(item.trial)
            return Happening(1.0, "killed")
        return by_x(item)

    watched = Watched(store, plan).run()
    found = watched.view.finals
    assert [each.failure for each in found.finalists if each.failure] == [
        "bad_parameters: x is missing"
    ]
    assert found.winner.trial == max(watched.sweep.trials, key=lambda t: t.score).number
    assert found.estimate is not None
    assert len(watched.on(CHOICE)) == 7, "one ran twice"


def test_a_stopped_sweep_goes_on_where_its_finalists_were(store):
    """Ctrl-C among the finalists, then resume: what was scored is not scored again."""
    watched = Watched(store)
    seen = []

    def third_finalist(item):
        seen.append(item.partition == CHOICE)
        return sum(seen) == 3

    assert watched.run(stop_at=third_finalist).sweep.state == "stopped"
    assert watched.view.to_json()["estimate"] is None
    before = [entry.body for entry in watched.entries if entry.kind == "rescored"]
    watched.items.clear()
    assert watched.run().sweep.state == "completed"
    after = [entry.body for entry in watched.entries if entry.kind == "rescored"]
    assert after[: len(before)] == before
    places = [(body["candidate"], body["partition"]) for body in after]
    assert len(places) == len(set(places))
    assert not [i for i in watched.items if i.configuration.params and i.partition == SEARCH]
    assert watched.view.finals.estimate is not None


def test_the_timeout_holds_for_search_and_finalists_together(store):
    """The search leaves 15% of the time; nothing runs past the whole of it."""
    watched = Watched(store, budget=1000, timeout_s=100.0).run()
    searched = next(entry for entry in watched.entries if entry.kind == "finalists")
    assert 85.0 <= searched.time <= 87.0
    assert watched.entries[-1].time <= 100.0
    assert watched.view.finals.estimate is not None


def test_without_an_estimate_the_reason_is_told(store):
    """The winner's last run fails: the sweep completes, says why, and claims nothing."""

    def plan(item):
        if item.partition == ESTIMATE:
            return Happening(1.0, Outcome(failure=Failure("timeout", "5 s")))
        return by_x(item)

    watched = Watched(store, plan).run()
    assert watched.sweep.state == "completed"
    assert watched.view.to_json()["estimate"] is None
    assert watched.view.finals.failure == "timeout: 5 s"


def finalist(place, folds, cpu_s):
    mean = sum(folds) / len(folds)
    return Judged(place, f"trial {place}", mean, mean, folds, folds, cpu_s)


def test_of_equals_the_cheaper_wins_and_the_reason_says_so():
    """Within one corrected standard error the cheap one; beyond it the better one."""
    dear = finalist(0, [0.80, 0.82, 0.81, 0.83, 0.79], 10.0)
    near = finalist(1, [0.81, 0.80, 0.82, 0.80, 0.80], 2.0)
    far = finalist(2, [0.70, 0.71, 0.70, 0.72, 0.69], 1.0)
    found = choose([dear, near, far], "maximize", 0.25)
    assert found.candidate == 1
    assert "costs 20% of its CPU time" in found.reason
    assert choose([dear, far], "maximize", 0.25).candidate == 0
    assert choose([dear, far], "minimize", 0.25).candidate == 2
    assert choose([dear, near, far], "maximize", 0.25, by_cost=False).candidate == 0


def test_a_saving_that_a_clock_could_not_repeat_decides_nothing():
    """Ten percent less CPU time is no reason to take the lower mean."""
    dear = finalist(0, [0.80, 0.82, 0.81, 0.83, 0.79], 1.0)
    near = finalist(1, [0.81, 0.80, 0.82, 0.80, 0.80], 0.9)
    assert choose([dear, near], "maximize", 0.25).candidate == 0
    assert math.isclose(dear.mean, 0.81)


def test_on_more_rows_fresh_folds_alone_choose():
    """The best on the part loses to the best on all rows, and the reason says what counted."""
    on_part = Judged(0, "trial 0", 0.90, 0.80, [0.90] * 5, [0.79, 0.80, 0.81, 0.80, 0.80], 1.0)
    on_all = Judged(1, "trial 1", 0.81, 0.85, [0.81] * 5, [0.84, 0.85, 0.86, 0.85, 0.85], 9.0)
    assert choose([on_part, on_all], "maximize", 0.25).candidate == 0
    found = choose([on_part, on_all], "maximize", 0.25, fresh_only=True)
    assert found.candidate == 1
    assert found.reason == "trial 1 has the best score on fresh folds of all rows, 0.8500"


def test_on_more_rows_three_finalists_meet_and_the_estimate_is_dealt_once():
    """However few trials there were; more of them bring the defaults, then more finalists."""
    plans = [plan_on_more_rows(units) for units in range(16)]
    found = [(plan.finalists, plan.default, plan.repeats) for plan in plans]
    assert found[:5] == [(3, False, 1)] * 5
    assert found[5:8] == [(3, True, 1), (4, True, 1), (5, True, 1)]
    assert found[8:] == [(5, True, 1)] * 8


def test_what_finalists_take_on_more_rows_is_planned_for(store):
    """A deal of all rows lasts ten trials: with time for three of them one finalist and the
    estimate are left; its time limit has grown as much.
    """
    rules = replace(RULES, dearer=10.0)

    def dearer(item):
        seconds = 20.0 if item.partition else 2.0
        return Happening(seconds, scored(item, item.configuration.params.get("x", 0.0), seconds))

    free = Watched(store, dearer, finals=rules, budget=30)
    free.run()
    assert (len(free.on(CHOICE)), len(free.on(ESTIMATE))) == (3, 1)
    short = Watched(store, dearer, finals=rules, budget=30, timeout_s=100.0)
    short.run()
    assert (len(short.on(CHOICE)), len(short.on(ESTIMATE))) == (0, 1)
    assert short.view.finals.estimate is not None
    assert [rules.limit_s(5.0, fresh, None) for fresh in (False, True)] == [5.0, 50.0]
    assert rules.limit_s(5.0, True, 10) == 100.0


def test_a_finalist_that_breaks_a_constraint_on_more_rows_does_not_win(store):
    """It keeps to the limit on the part; on all rows it takes more memory than is allowed."""
    seen = []

    def plan(item):
        x = item.configuration.params.get("x", 0.0)
        seen.append(x)
        peak = 3000.0 if item.partition and x == max(seen) else 100.0
        outcome = scored(item, x)
        return Happening(2.0, replace(outcome, resources=replace(outcome.resources, peak_mb=peak)))

    watched = Watched(
        store, plan, finals=replace(RULES, dearer=2.0), budget=30, constraints={"peak_mb": 2000.0}
    ).run()
    met = sorted(item.configuration.params["x"] for item in watched.on(CHOICE))
    assert met[-1] == max(seen)
    assert watched.view.best.params["x"] == met[-2]
    (dropped,) = [each for each in watched.view.finals.finalists if each.params["x"] == met[-1]]
    assert not dropped.won


def test_half_of_the_time_is_left_to_the_search():
    """However long a deal of all rows would take."""
    asked = policy(timeout_s=100.0)
    assert asked.search_s(60.0) == pytest.approx(100 - 90 - RESTART_S)
    more = replace(asked, finals=replace(RULES, dearer=10.0))
    assert more.search_s(2.0) == pytest.approx(100 - 30 - RESTART_S)
    assert more.search_s(60.0) == 50.0


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1), ("minimize", -1)])
def test_the_interval_reaches_by_the_part_that_was_searched(direction, sign):
    """A fifth of the rows chose: a fifth of what BBC-CV takes off there, on the flattering side."""
    nothing = Interval(0.0, 1.0, 0.95, "")
    found = OptimismView(sign * 0.70, nothing, (-1.0, 1.0))
    estimate = Interval(*sorted((sign * 0.70, sign * 0.90)), 0.95, "t")
    reached = found.reached(sign * 0.80, estimate, direction, 0.2)
    ends = sorted((sign * (0.70 - 0.1 * 0.632 * 0.2), sign * 0.90))
    assert (reached.low, reached.high) == pytest.approx(ends)
    assert "times that part's share of the rows (20.0%)" in reached.method


def test_a_finalist_on_more_rows_gets_memory_for_them(store):
    """What trials took beyond an idle worker grows with the rows; what one ran out of is kept."""

    def plan(item):
        outcome = scored(item, item.configuration.params.get("x", 0.0))
        return Happening(2.0, replace(outcome, resources=replace(outcome.resources, peak_mb=600.0)))

    queue = Watched(store, plan, budget=20).run().sweep.finals._queue
    on_part = queue.needs("m", 0.0)
    assert on_part >= 600.0
    assert queue.needs("m", 0.0, 10.0) == pytest.approx(IDLE_MB + 10 * (on_part - IDLE_MB))
    assert queue.needs("m", 1e6, 10.0) == 1e6


def test_a_winner_that_shared_cuts_is_scored_again_with_those_of_each_fold(store):
    """On the folds searched on, beside the estimate; told with the noise of what lies between."""

    def plan(item):
        x = item.configuration.params.get("x", 0.0)
        return Happening(2.0, scored(item, x - 0.003 if item.partition == EXACT else x))

    rules = replace(RULES, cuts_shared=frozenset({"m"}))
    done = Watched(store, plan, budget=100, finals=rules).run()
    [again] = done.on(EXACT)
    view = done.view
    assert again.configuration.params == view.best.params
    assert again.folds is None
    assert view.finals.cuts.shared == view.best.score
    assert view.finals.cuts.exact == pytest.approx(view.best.score - 0.003)
    assert view.finals.cuts.noise == pytest.approx(0.0, abs=1e-12)
    assert "difference +0.0030, ± 0.0000 over the folds" in view.finals.cuts.text
    assert "difference +0.0030" in report_text(view, 200)
    assert view.finals.to_json(view.best.score)["cuts"]["exact"] == view.finals.cuts.exact
    assert view.finals.estimate is not None


def test_a_winner_that_cannot_be_scored_again_says_so(store):
    """What is lost is the comparison, not the estimate."""

    def plan(item):
        failed = Outcome({}, {}, failure=Failure("numeric", "no number"))
        return Happening(2.0, failed) if item.partition == EXACT else by_x(item)

    rules = replace(RULES, cuts_shared=frozenset({"m"}))
    view = Watched(store, plan, budget=100, finals=rules).run().view
    assert "could not be scored (numeric: no number)" in view.finals.cuts.text
    assert view.finals.estimate is not None
    assert view.state == "completed"


def test_where_nobody_shared_cuts_nothing_is_scored_again(store):
    """As far as the winner goes: another model of the sweep may have shared them."""
    rules = replace(RULES, cuts_shared=frozenset({"another"}))
    done = Watched(store, budget=100, finals=rules).run()
    assert done.on(EXACT) == []
    assert done.view.finals.cuts is None
