"""Laws of a race's opening: everybody is looked at first, then the best go on, and some others."""

import math
from dataclasses import replace

import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Configuration, Outcome, Resources
from search.domains import Float
from search.driver import Driver
from search.events import (
    Dispatch,
    ItemEnded,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    Report,
    SlotFreed,
)  # fmt: skip
from search.opening import Opening
from search.policy import Policy
from search.records import Records
from search.space import Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.trials import Trials

SPACE = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
POLICY = Policy(
    budget=40, objective="score", direction="maximize", slots=2, race="maximize", opening=10
)
LOOK_S, FOLD_S = 1.0, 9.0


def fit(item):
    """A rung says exactly what the end says; a bar is kept as a worker keeps it."""
    score = item.configuration.params["x"]
    path = (score - 0.3, *([score] * 4))
    for rung, seen in enumerate(path):
        if item.bar is not None and item.bar.falls_short(rung, seen):
            seconds = FOLD_S * rung or LOOK_S
            reached = path[: rung + 1] + (math.nan,) * (4 - rung)
            used = Resources(wall_s=seconds, cpu_s=seconds, peak_mb=200.0)
            outcome = Outcome({}, {}, (), used, path=reached, given_up=rung)
            return Happening(seconds, outcome)
    used = Resources(wall_s=5 * FOLD_S, cpu_s=5 * FOLD_S, peak_mb=200.0)
    return Happening(5 * FOLD_S, Outcome({"score": score}, {"score": [score] * 5}, (), used,
                                         path=path))  # fmt: skip


def strategy(policy=POLICY):
    return make_strategy(
        "random", SPACE, direction="maximize", trials=policy.budget, seed=3, opening=policy.opening
    )


@pytest.fixture
def swept(tmp_path):
    def run(policy=POLICY, behaves=fit):
        clock = VirtualClock()
        sweep = Sweep(policy, strategy(policy))
        with Records.open(f"{tmp_path}/{policy.opening}.db") as store:
            sweep_id = store.create("opening", {"metric": "score"})
            with store.acquire(sweep_id) as lease:
                driver = Driver(sweep, store, sweep_id, lease, clock=clock)
                SimulatedRunner(behaves, 2, clock).run(driver, None, 2)
            return sweep, list(store.entries(sweep_id)), clock.now

    return run


def order(entries, kind):
    return [entry.trial for entry in entries if entry.kind == kind]


def test_all_of_the_opening_are_looked_at_before_the_best_goes_on(swept):
    sweep, entries, _ = swept()
    looked = order(entries, "paused")
    assert sorted(looked) == list(range(10))
    scores = [sweep.trials[n].path[0] for n in range(10)]
    went_on = [n for n in order(entries, "started")[10:] if n < 10]
    best_first = sorted(range(10), key=lambda n: -scores[n])
    assert went_on[:3] == best_first[:3]
    assert went_on[3] == best_first[3:][round(0.5 * 6)]


def test_those_below_the_first_bar_end_where_they_wait(swept):
    """Their entry has what the look cost and found, and they are never started again."""
    sweep, entries, _ = swept()
    ended = {entry.trial: entry for entry in entries if entry.kind == "ended"}
    let_go = [n for n in range(10) if ended[n].body["state"] == "pruned"]
    assert let_go
    for number in let_go:
        assert order(entries, "started").count(number) == 1
        assert ended[number].rung == 0
        assert ended[number].body["resources"]["cpu_s"] == LOOK_S
        assert ended[number].body["path"][0] == sweep.trials[number].path[0]
    assert sweep.trials.count("completed", "pruned") == 40


def test_who_goes_on_has_what_the_look_cost_in_its_cost(swept):
    _, entries, _ = swept()
    whole = [e for e in entries if e.kind == "ended" and e.body["state"] == "completed"]
    assert {e.body["resources"]["cpu_s"] for e in whole if e.trial < 10} == {LOOK_S + 5 * FOLD_S}
    assert {e.body["resources"]["cpu_s"] for e in whole if e.trial >= 10} == {5 * FOLD_S}


def test_the_first_good_score_comes_sooner_and_the_winner_is_the_same(swept):
    with_opening, entries, _ = swept()
    without, others, _ = swept(replace(POLICY, opening=0))
    assert with_opening.best.number == without.best.number

    def first_good(told):
        good = sorted(trial.score for trial in with_opening.trials if trial.score)[-3]
        return next(
            e.time for e in told
            if e.kind == "ended" and e.body["state"] == "completed"
            and e.body["scores"]["score"] >= good
        )  # fmt: skip

    assert first_good(entries) < 0.8 * first_good(others)


def test_trials_as_short_as_a_pack_are_not_looked_at_first(swept):
    def quick(item):
        happening = fit(item)
        used = Resources(wall_s=0.001, cpu_s=0.001, peak_mb=200.0)
        return Happening(0.001, replace(happening.result, resources=used))

    _, entries, _ = swept(behaves=quick)
    assert len(order(entries, "paused")) <= POLICY.slots


def test_a_resumed_sweep_knows_who_waits_and_looks_at_nobody_twice(swept):
    _, entries, _ = swept()
    seventh = [place for place, entry in enumerate(entries) if entry.kind == "paused"][6]
    half = entries[: seventh + 1]
    again = Trials.from_entries(half, "score")
    waiting = [trial for trial in again if trial.paused]
    assert len(waiting) == 7
    assert all(trial.spent.cpu_s == LOOK_S and trial.attempt == 1 for trial in waiting)
    sweep = Sweep(POLICY, strategy(), half)
    handed = []
    for slot in range(POLICY.slots):
        for told in sweep.handle(SlotFreed(100.0 + slot)):
            handed += told.pack.items if isinstance(told, Dispatch) else []
    assert len(handed) == POLICY.slots
    looked_at_before = {trial.number for trial in waiting}
    assert all(item.trial not in looked_at_before for item in handed if item.bar is not None)


def test_the_record_gives_the_same_table_again(swept):
    sweep, entries, _ = swept()
    again = Trials.from_entries(entries, "score")
    for trial in sweep.trials:
        assert again[trial.number].state == trial.state
        assert again[trial.number].given_up == trial.given_up
        assert again[trial.number].spent == trial.spent


def test_finalists_of_an_earlier_sweep_do_not_wait():
    opening = Opening(POLICY)
    asked = Trials().add(Configuration("m", {"x": 0.5}), "tpe", 0.0)
    assert opening.pauses(asked)
    assert not opening.pauses(replace(asked, origin="refresh"))


def test_a_model_without_a_first_rung_is_evaluated_whole_at_once(swept):
    def no_rung(item):
        happening = fit(replace(item, bar=None))
        path = (math.nan, *happening.result.path[1:])
        return Happening(happening.seconds, replace(happening.result, path=path))

    _, entries, _ = swept(behaves=no_rung)
    assert order(entries, "paused") == []


def test_what_still_comes_of_a_paused_attempt_counts_no_more():
    """The worker is lost after the look was reported, before it could say that the pack is done."""
    sweep = Sweep(POLICY, strategy())
    (pack,) = [t.pack for t in sweep.handle(SlotFreed(0.0)) if isinstance(t, Dispatch)]
    sweep.handle(PackStarted(1.0, pack.number, "w"))
    item = pack.items[0]
    seen = ItemEnded(item.trial, item.attempt, fit(item).result)
    sweep.handle(PackReported(2.0, pack.number, Report(ended=[seen], worker="w")))
    told = sweep.handle(PackLost(3.0, pack.number, "killed", "gone"))
    assert not [t for t in told if isinstance(t, Record)]
    assert sweep.trials[item.trial].paused
    assert sweep.trials[item.trial].deaths == 0


def test_who_crashes_after_it_went_on_has_what_the_look_took_in_its_cost(swept):
    went_on = []

    def crashes(item):
        """The first that goes on takes its worker down, twice."""
        if item.bar is not None and item.bar.pauses:
            return fit(item)
        went_on.append(item.trial)
        return Happening(4.0, "segfault") if item.trial == went_on[0] else fit(item)

    _, entries, _ = swept(behaves=crashes)
    (end,) = [e for e in entries if e.kind == "ended" and e.trial == went_on[0]]
    assert end.body["state"] == "failed"
    assert end.body["resources"]["wall_s"] == pytest.approx(LOOK_S + 4.0)
