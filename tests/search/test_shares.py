"""Laws of folds that workers share: when they do, that nothing is lost, what the record says."""

import math
from dataclasses import replace

import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Failure, FoldResult, Interval, Outcome, Resources
from search.domains import Float
from search.driver import Driver
from search.finals_plan import CHOICE, ESTIMATE
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
    seconds = FOLD_S * folds
    used = Resources(wall_s=seconds, cpu_s=seconds, peak_mb=200.0)
    interval = Interval(score - 0.1, score + 0.1, 0.95, "planned") if item.interval else None
    outcome = Outcome({"score": score}, {"score": [score] * folds}, resources=used,
                      interval=interval, path=(score,) * FOLDS)  # fmt: skip
    return Happening(0.0 if item.parts else seconds, outcome)


class Swept:
    """A sweep on the simulated runner, and each item that its workers were given."""

    def __init__(self, policy=POLICY, behaves=fit):
        self.items, self.clock = [], VirtualClock()
        space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
        chosen = make_strategy(
            "random", space, direction="maximize", trials=policy.budget, seed=3,
            opening=policy.opening,
        )  # fmt: skip
        self.sweep = Sweep(policy, chosen)

        def behaved(item):
            self.items.append(item)
            return behaves(item)

        with Records.open() as store:
            sweep = store.create("shares", {"metric": "score", "budget": policy.budget})
            with store.acquire(sweep) as lease:
                driver = Driver(self.sweep, store, sweep, lease, clock=self.clock)
                runner = SimulatedRunner(behaved, policy.slots, self.clock)
                runner.run(driver, None, policy.slots)
            self.entries = list(store.entries(sweep))
            self.view = read_view(store, sweep)

    def on(self, partition):
        return [item for item in self.items if item.partition == partition]


def test_the_parts_are_all_folds_and_each_is_about_a_pack():
    for folds in range(2, 30):
        for fold_s in (0.01, 0.3, 1.0, 40.0):
            shares = Shares.of(folds, fold_s, 1.0)
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
