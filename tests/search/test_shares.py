"""Laws of folds that workers share: when they do, that nothing is lost, what the record says."""

import heapq
import math
from dataclasses import replace

import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Failure, FoldResult, Interval, Outcome, Resources
from search.domains import Float
from search.driver import Driver
from search.events import StopAsked
from search.finals_plan import CHOICE, ESTIMATE, Plan, plan_of, within
from search.policy import MOST_OUTPUTS, FinalRules, Policy
from search.records import Records
from search.shares import Shares
from search.space import Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view import read_view

FOLDS, FOLD_S = 5, 9.0
POLICY = Policy(
    budget=20, objective="score", direction="maximize", slots=4, folds=FOLDS, fold_outputs=100.0,
    finals=FinalRules(folds=FOLDS, repeats=1, test_share=0.25),
)  # fmt: skip


def fold(number):
    used = Resources(wall_s=FOLD_S, cpu_s=FOLD_S, peak_mb=200.0)
    return FoldResult(number, {}, (), used, [], "proba")


def fit(item):
    """A worker's answers: a whole trial, a part of it, or what is put together of the parts."""
    score = item.configuration.params.get("x", 0.0)
    folds = item.folds or FOLDS
    if item.part:
        seconds = FOLD_S * len(item.part)
        used = Resources(wall_s=seconds, cpu_s=seconds, peak_mb=200.0)
        return Happening(seconds, Outcome(resources=used, parts=tuple(map(fold, item.part))))
    if item.parts:
        done = sorted(each.fold for outcome in item.parts for each in outcome.parts)
        assert done == list(range(folds)), "every fold once"
    had = {each.fold for each in item.kept}
    assert len(had) == len(item.kept), "no fold twice"
    assert had <= set(range(folds))
    seconds = FOLD_S * (folds - len(had))
    used = Resources(wall_s=FOLD_S * folds, cpu_s=FOLD_S * folds, peak_mb=200.0)
    interval = Interval(score - 0.1, score + 0.1, 0.95, "planned") if item.interval else None
    outcome = Outcome({"score": score}, {"score": [score] * folds}, resources=used,
                      interval=interval, path=(score,) * FOLDS)  # fmt: skip
    return Happening(0.0 if item.parts else seconds, outcome)


class Swept:
    """A sweep on the simulated runner, and each item that its workers were given."""

    def __init__(self, policy=POLICY, behaves=fit, run=True):
        self.items, self.clock = [], VirtualClock()
        self.policy, self.behaves = policy, behaves
        space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
        chosen = make_strategy(
            "random", space, direction="maximize", trials=policy.budget, seed=3,
            opening=policy.opening,
        )  # fmt: skip
        self.sweep = Sweep(policy, chosen)
        if run:
            self.run()

    def behaved(self, item):
        self.items.append(item)
        return self.behaves(item)

    def run(self):
        policy = self.policy
        with Records.open() as store:
            sweep = store.create("shares", {"metric": "score", "budget": policy.budget})
            with store.acquire(sweep) as lease:
                self.driver = Driver(self.sweep, store, sweep, lease, clock=self.clock)
                runner = SimulatedRunner(self.behaved, policy.slots, self.clock)
                runner.run(self.driver, None, policy.slots)
            self.entries = list(store.entries(sweep))
            self.view = read_view(store, sweep)

    def on(self, partition):
        return [item for item in self.items if item.partition == partition]


def test_the_parts_are_all_folds_and_each_is_about_a_pack():
    for folds in range(2, 30):
        for fold_s in (0.01, 0.3, 1.0, 40.0):
            shares = Shares.of(folds, fold_s, 1.0, {})
            if shares is None:
                assert folds * fold_s <= 1.0 or math.ceil(1.0 / fold_s) >= folds
                continue
            parts = list(shares.waiting)
            assert sorted(number for part in parts for number in part) == list(range(folds))
            assert all(fold_s * (len(part) - 1) < 1.0 for part in parts)


def test_finalists_and_the_estimate_are_shared():
    """The end of a sweep takes as long as its folds take on all workers, not on one."""
    shared = Swept()
    alone = Swept(replace(POLICY, fold_outputs=None))
    assert shared.sweep.state == alone.sweep.state == "completed"
    assert shared.view.best.trial == alone.view.best.trial
    assert shared.view.finals.estimate == alone.view.finals.estimate
    assert not any(item.part for item in alone.items)
    parts = [item.part for item in shared.on(ESTIMATE) if item.part]
    assert sorted(number for part in parts for number in part) == list(range(FOLDS))
    [joined] = [item for item in shared.on(ESTIMATE) if item.parts]
    assert joined.interval
    assert not any(item.interval for item in shared.items if item.part)
    assert shared.clock.now < alone.clock.now - FOLD_S * (FOLDS - 2)


def test_the_record_says_what_it_took_and_where():
    """Cost is that of all folds; the parts' places are told."""
    swept = Swept()
    rescored = [entry.body for entry in swept.entries if entry.kind == "rescored"]
    assert rescored
    for body in rescored:
        assert body["resources"]["wall_s"] == pytest.approx(FOLD_S * FOLDS)
        assert len(body["parts"]) == FOLDS
        assert all(began < ended for _, began, ended in body["parts"])


def test_only_the_last_trials_of_a_search_are_shared():
    """Those of which there are fewer than workers; of each one beginning is told."""
    swept = Swept()
    shared = {item.trial for item in swept.on(0) if item.part}
    assert shared == set(range(POLICY.budget - POLICY.slots + 1, POLICY.budget))
    began = [entry.trial for entry in swept.entries if entry.kind == "started"]
    assert sorted(began) == list(range(POLICY.budget))
    assert swept.view.counts["completed"] == POLICY.budget
    assert all(trial.scores for trial in swept.view.trials)


def test_the_first_to_go_on_from_an_opening_are_shared_until_there_is_a_bar():
    """So there is an incumbent after one fold's time."""
    policy = replace(POLICY, race="maximize", opening=8, budget=40)

    def raced(item):
        if item.bar is not None and item.bar.pauses:
            used = Resources(wall_s=1.0, cpu_s=1.0, peak_mb=200.0)
            path = (item.configuration.params["x"],) + (math.nan,) * (FOLDS - 1)
            return Happening(1.0, Outcome({}, {}, (), used, path=path, given_up=0))
        return fit(item)

    swept = Swept(policy, raced)
    first = next(entry for entry in swept.entries if entry.kind == "ended")
    looks = [entry for entry in swept.entries if entry.kind == "paused"]
    assert first.trial in {item.trial for item in swept.items if item.part}
    assert first.time - looks[-1].time <= 2 * FOLD_S
    [went] = [i for i in swept.entries if i.kind == "ended" and i.trial == first.trial]
    assert went.body["resources"]["wall_s"] == pytest.approx(FOLD_S * FOLDS + 1.0)
    bars = [item for item in swept.on(0) if item.part and item.bar is not None]
    assert not bars, "what a bar might end early is one worker's"


@pytest.mark.parametrize("how", ["killed", "node", "memory"])
def test_where_a_worker_dies_with_a_part_the_whole_runs_again(how):
    """Once, and no fold is counted twice; late parts of the first attempt count no more."""
    lost = []

    def behaves(item):
        fate = item.partition, item.trial
        if item.part == (1,) and item.attempt == 0 and fate not in lost:
            lost.append(fate)
            return Happening(1.0, how)
        return fit(item)

    swept = Swept(behaves=behaves)
    assert lost
    assert swept.sweep.state == "completed"
    ended = [entry.trial for entry in swept.entries if entry.kind == "ended"]
    assert sorted(ended) == list(range(POLICY.budget))
    rescored = [entry for entry in swept.entries if entry.kind == "rescored"]
    assert all(entry.body["state"] == "completed" for entry in rescored)
    assert swept.view.finals.estimate.score == swept.sweep.finals.estimate


@pytest.mark.parametrize("partition", [0, CHOICE, ESTIMATE])
def test_a_part_that_fails_fails_the_whole_once(partition):
    """With its cause, and with the cost of the parts that were done."""

    def behaves(item):
        if item.partition == partition and item.part[:1] == (FOLDS - 1,):
            used = Resources(wall_s=FOLD_S, cpu_s=FOLD_S, peak_mb=200.0)
            return Happening(FOLD_S, Outcome(failure=Failure("numeric", "NaN"), resources=used))
        return fit(item)

    swept = Swept(behaves=behaves)
    kind = "rescored" if partition else "ended"
    failed = [e for e in swept.entries if e.kind == kind and e.body["state"] == "failed"]
    assert failed
    assert all(entry.body["cause"] == "numeric" for entry in failed)
    assert all(entry.body["resources"]["wall_s"] >= 2 * FOLD_S for entry in failed)
    ended = [entry.trial for entry in swept.entries if entry.kind == "ended"]
    assert sorted(ended) == list(range(POLICY.budget))
    assert swept.sweep.state == "completed"


@pytest.mark.parametrize("told", [
    {"deterministic": True}, {"slots": 1}, {"fold_outputs": MOST_OUTPUTS / FOLDS + 1},
])  # fmt: skip
def test_folds_are_not_shared_where(told):
    """One worker is all there is, or the driver could not hold the outputs; deterministic ones of
    the search, whose decisions no measured time may take part in.
    """
    swept = Swept(replace(POLICY, **told))
    searched = swept.on(0) if "deterministic" in told else swept.items
    assert not any(item.part for item in searched)


@pytest.mark.parametrize("grace", [0.0, 1000.0])
def test_a_stop_with_grace_lets_a_shared_estimate_end(grace):
    """Its parts are under way: without grace they are cut off, with it they come to an end."""
    stopped = []

    def behaves(item):
        if item.partition == ESTIMATE and not stopped:
            stopped.append(swept.clock.now)
            swept.driver.feed(StopAsked(swept.clock.now, "by ada", grace))
        return fit(item)

    swept = Swept(behaves=behaves, run=False)
    swept.run()
    assert swept.sweep.state == ("completed" if grace else "stopped")
    assert (swept.view.finals.estimate is not None) == bool(grace)


def test_what_finalists_were_put_together_of_is_let_go():
    """A driver has outputs of those that are under way, and of no others."""
    swept = Swept()
    assert any(item.part for item in swept.on(CHOICE))
    for job in swept.sweep.finals.jobs:
        assert job.done
        assert not job.kept
        assert job.shares is None


def test_folds_of_finalists_on_many_more_rows_are_not_kept():
    """The driver would hold all of their outputs, which are so many times those of the search."""
    rules = FinalRules(folds=FOLDS, repeats=1, test_share=0.25, dearer=2.0, more_rows=1e5)
    swept = Swept(replace(POLICY, finals=rules))
    assert all(item.each for item in swept.on(0) if item.trial == 0)
    fresh = [*swept.on(CHOICE), *swept.on(ESTIMATE)]
    assert fresh
    assert not any(item.each or item.part for item in fresh)


@pytest.mark.parametrize("folds", [3, 5, 10])
@pytest.mark.parametrize("slots", [1, 2, 4, 7, 16])
def test_the_time_kept_for_the_estimate_is_what_it_takes_on_these_workers(slots, folds):
    """Five folds on four workers take two of them one after the other, not five quarters."""
    rules = FinalRules(folds=folds, repeats=1, test_share=0.25)
    policy = replace(POLICY, slots=slots, folds=folds, finals=rules, timeout_s=10_000.0)
    trial_s = 6000.0
    left_s = policy.timeout_s - policy.search_s(trial_s)
    assert left_s >= math.ceil(folds / slots) * trial_s / folds


def ends_at(pieces, workers):
    """When the last of these ends, each given to whoever is free first."""
    free = [0.0] * workers
    for seconds in pieces:
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


@pytest.mark.parametrize("held", [25, 7])
@pytest.mark.parametrize("slots", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("seconds", [20.0, 35.0, 60.0, 90.0])
def test_a_plan_ends_in_the_time_that_it_was_made_for(held, slots, seconds):
    """With folds shared, where the driver can hold the outputs of all, and of ``held`` alone.

    Then one worker does the whole of the estimate.
    """
    policy = replace(POLICY, slots=slots, fold_outputs=MOST_OUTPUTS / held)
    walls = [30.0, 28.0, 25.0, 22.0, 20.0]
    plan = within(plan_of(20, 1), seconds, walls, slots, 1.0, FOLDS, policy.rounds)
    if plan == Plan():
        return
    jobs = [*walls[: plan.finalists], *([walls[0]] * 2 * plan.default)]
    takes = ends_at([wall / FOLDS for wall in jobs for _ in range(FOLDS)], slots)
    deals = plan.repeats * FOLDS
    piece = walls[0] / FOLDS
    takes += ends_at([piece] * deals if deals <= held else [piece * deals], slots)
    assert takes <= seconds + 1e-9
