"""What an earlier sweep knows is not run again, and changes no decision that it should not."""

import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.race import Bar
from evaluators.trial_key import TrialKeys
from evaluators.types import Configuration, Failure, Outcome, Resources
from search import bodies
from search.driver import Driver
from search.entries import Entry
from search.known import Ending, Known, lasts
from search.policy import Policy, StopRules
from search.records import Records
from search.replay import retold
from search.space import Choice, Float, Parameter, Space
from search.strategy import Told, make_strategy
from search.sweep import Sweep
from search.trials import Trials

KEYS = TrialKeys("rows", {"m": ("model", {})})


def space(options=None):
    return Space({"m": (Parameter("x", Choice(options) if options else Float(0.0, 1.0)),)})


def policy(budget=20, **more):
    return Policy(budget=budget, objective="score", direction="maximize", **more)


def scored(item, cpu_s=2.0):
    score = item.configuration.params["x"]
    used = Resources(wall_s=3.0, cpu_s=cpu_s, peak_mb=50.0)
    return Outcome({"score": score}, {"score": [score] * 3}, resources=used)


def known_of(entries, sweep="old-1", *, replay=False, same_limits=True):
    """As ``quintain.knowing`` makes it of one earlier sweep."""
    asked = {
        e.trial: Configuration(e.body["model"], e.body["params"])
        for e in entries if e.kind == "asked"
    }  # fmt: skip
    ends = {
        e.trial: Ending(sweep, e.trial, e.rung, bodies.written(e.body), same_limits)
        for e in entries if e.kind == "ended" and e.body["state"] != "cancelled"
    }  # fmt: skip
    by_key = {KEYS.of(asked[number]): ending for number, ending in ends.items()}
    if not replay:
        return Known(KEYS.of, by_key)
    return Known(KEYS.of, by_key, tuple(asked.values()), ends)


class Ran:
    """One simulated sweep: the fits it took, its entries, itself."""

    def __init__(self, store, rules, known=None, *, seed=0, plan=scored, over=None, entries=()):
        self.fits = []
        clock = VirtualClock()

        def happen(item):
            self.fits.append(item.configuration.params["x"])
            found = plan(item)
            return found if isinstance(found, Happening) else Happening(3.0, found)

        strategy = make_strategy(
            "random", over or space(), direction="maximize", trials=rules.budget, seed=seed,
            first=() if known is None else known.replayed, because="replay",
        )  # fmt: skip
        self.sweep = Sweep(rules, strategy, entries, known=known)
        name = store.create("new", {"metric": "score"})
        with store.acquire(name) as lease:
            driver = Driver(self.sweep, store, name, lease, clock=clock)
            SimulatedRunner(happen, 2, clock).run(driver, None, 2)
        self.entries = store.entries(name)

    def ended(self):
        return {e.trial: e for e in self.entries if e.kind == "ended"}


@pytest.fixture
def store():
    with Records.open() as opened:
        yield opened


def test_a_known_configuration_is_not_fitted_and_counts_in_the_budget(store):
    first = Ran(store, policy(20))
    again = Ran(store, policy(20), known_of(first.entries))
    assert again.fits == []
    assert again.sweep.state == "completed"
    assert again.sweep.trials.ended == 20
    assert again.sweep.best.score == first.sweep.best.score
    body = again.ended()[7].body
    assert body["cached"] == {"sweep": "old-1", "trial": 7, "saved_cpu_s": 2.0}
    assert body["scores"] == first.ended()[7].body["scores"]
    assert "worker" not in body


def test_a_larger_budget_runs_only_what_is_new(store):
    first = Ran(store, policy(8))
    again = Ran(store, policy(12), known_of(first.entries, replay=True))
    assert len(again.fits) == 4
    assert not set(again.fits) & set(first.fits)
    assert [e.body["origin"] for e in again.entries if e.kind == "asked"][:8] == ["replay"] * 8


def test_a_replay_comes_in_the_order_of_the_earlier_sweep_whatever_the_sampler_would_ask(store):
    first = Ran(store, policy(10), seed=1)
    again = Ran(store, policy(10), known_of(first.entries, replay=True), seed=2)
    assert again.fits == []
    configurations = [[t.configuration for t in ran.sweep.trials] for ran in (first, again)]
    assert configurations[0] == configurations[1]


def test_the_sweep_stops_among_known_trials_where_it_would_have_stopped(store):
    """A score that is good enough ends the sweep at the trial that has it, not after all."""
    first = Ran(store, policy(20))
    good = sorted(e.body["scores"]["score"] for e in first.ended().values())[-1]
    rules = policy(20, stop=StopRules(metric=good))
    again = Ran(store, rules, known_of(first.entries))
    assert again.fits == []
    assert again.sweep.trials.count("cancelled") == 0
    assert again.sweep.best.score == good
    assert [t.score for t in again.sweep.trials][-1] == good


@pytest.mark.parametrize(
    ("cause", "same_limits", "fits"),
    [("user_code", False, 0), ("worker_lost", True, 1), ("timeout", True, 0),
     ("timeout", False, 1), ("out_of_memory", False, 1)],
)  # fmt: skip
def test_failures_are_known_where_they_would_come_again(store, cause, same_limits, fits):
    def plan(item):
        return Outcome(failure=Failure(cause, "because")) if item.trial == 3 else scored(item)

    rules = policy(10, stop=StopRules(failed=10))
    first = Ran(store, rules, plan=plan)
    again = Ran(store, rules, known_of(first.entries, same_limits=same_limits))
    assert len(again.fits) == fits
    assert again.sweep.trials.count("failed") == 1 - fits


def test_what_took_longer_than_a_trial_may_take_now_is_run_again(store):
    first = Ran(store, policy(4))
    again = Ran(store, policy(4, trial_timeout_s=1.0), known_of(first.entries))
    assert len(again.fits) >= 4


def pruned(rung=1, path=(0.2, 0.3, None)):
    body = {"state": "pruned", "scores": {}, "path": list(path), "resources": {"wall_s": 1.0}}
    return Ending("old-1", 0, rung, bodies.written(body))


def test_a_pruned_trial_is_known_only_where_our_own_bar_ends_it_too():
    """Else it goes on here: it was given up against another incumbent."""
    where = Configuration("m", {"x": 0.5})
    known = Known(KEYS.of, {KEYS.of(where): pruned()})
    racing = policy(race="maximize")

    def has(rules, bar):
        return known.of(0, where, rules, bar) is not None

    assert has(racing, Bar((float("nan"), 0.4), "maximize"))
    assert not has(racing, Bar((0.1, 0.2), "maximize"))
    assert not has(racing, None)
    assert not has(racing, Bar.pausing("maximize"))
    assert not has(policy(), Bar((0.9, 0.9), "maximize"))
    # beyond the rung where it was given up nothing is known of it
    assert not has(racing, Bar((0.1, 0.2, 0.9), "maximize"))


def test_constraints_are_those_of_now(store):
    """A known trial that took more than the winner may take now is no winner."""
    first = Ran(store, policy(4))
    rules = policy(4, constraints={"peak_mb": 10.0})
    again = Ran(store, rules, known_of(first.entries))
    assert again.fits == []
    assert again.sweep.state == "failed"
    assert all(e.body["infeasible"] for e in again.ended().values())


def test_a_resume_among_known_trials_decides_as_the_uninterrupted_sweep(store):
    """Under deterministic: cut anywhere, the same configurations come and the same ends."""
    rules = policy(24, deterministic=True)
    half = Ran(store, policy(12, deterministic=True))
    known = known_of(half.entries)
    whole = Ran(store, rules, known)
    for cut in (1, 9, 17, 30):
        rest = Ran(store, rules, known, entries=whole.entries[:cut])
        asked = [t.configuration for t in rest.sweep.trials]
        assert asked == [t.configuration for t in whole.sweep.trials]
        assert rest.sweep.best.number == whole.sweep.best.number


def test_outputs_of_a_known_trial_are_its_own_after_the_other_sweep_is_gone(store):
    first = Ran(store, policy(2))
    for entry in first.ended().values():
        entry.body["oof"] = f"{entry.trial}-0.oof"
    folder = store.folder / "old-1"
    folder.mkdir(parents=True)
    (folder / "0-0.oof").write_bytes(b"outputs")
    again = Ran(store, policy(2), known_of(first.entries))
    (folder / "0-0.oof").unlink()
    name = again.ended()[0].body["oof"]
    (kept,) = store.folder.glob(f"new-*/{name}")
    assert kept.read_bytes() == b"outputs"
    assert "oof" not in again.ended()[1].body
    told = [e.body["code"] for e in again.entries if e.kind == "warning"]
    assert told == ["known_without_outputs"]


def test_of_several_ends_of_one_configuration_the_one_that_says_most_counts():
    whole = Ending("a-1", 0, 3, bodies.written({"state": "completed", "scores": {}}))
    failed = Ending("a-2", 0, -1, bodies.written({"state": "failed", "cause": "numeric"}))
    further = pruned(rung=2)
    assert max((failed, pruned(), further, whole), key=lambda e: e.worth) is whole
    assert max((failed, pruned(), further), key=lambda e: e.worth) is further
    assert lasts(failed.body, False)


def test_a_replayed_record_tells_the_same_sweep_and_no_worker():
    entries = [
        Entry("state", 1.0, {"state": "running"}),
        Entry("warning", 1.0, {"code": "thin_folds", "message": "before"}),
        Entry("asked", 1.0, {"model": "m", "params": {"x": 0.5}, "origin": "tpe"}, 0),
        Entry("started", 1.0, {"worker": "here:1"}, 0, 0),
        Entry("fold", 1.0, {"scores": {}}, 0, 0, fold=0),
        Entry("ended", 2.0, {"state": "completed", "scores": {"score": 0.5}, "worker": "here:1",
                             "resources": {"wall_s": 2.0, "cpu_s": 1.5}, "oof": "0-0.oof"}, 0, 0),
        Entry("finalists", 3.0, {"candidates": [], "plan": {}, "reason": "all"}),
        Entry("winner", 4.0, {"candidate": 0, "reason": "alone"}),
        Entry("rescored", 5.0, {"candidate": 0, "partition": 2, "state": "completed",
                                "resources": {"cpu_s": 3.0}, "oof": "fresh-2-0.oof"}, 0, 0),
        Entry("warning", 6.0, {"code": "optimism_large", "message": "after"}),
        Entry("state", 7.0, {"state": "completed", "reason": "all", "summary": {}}),
    ]  # fmt: skip
    told = retold("old-1", entries, 100.0)
    kinds = [e.kind for e in told.entries]
    assert kinds == ["asked", "ended", "finalists", "winner", "rescored", "warning", "state"]
    assert {e.time for e in told.entries} == {100.0}
    ended = told.entries[1].body
    assert ended["cached"] == {"sweep": "old-1", "trial": 0, "saved_cpu_s": 1.5}
    assert "worker" not in ended
    assert told.files == ("0-0.oof", "fresh-2-0.oof")
    once_more = retold("new-1", list(told.entries), 200.0)
    assert once_more.entries[1].body["cached"]["sweep"] == "old-1"
    assert Trials.from_entries(told.entries, "score")[0].score == 0.5


def test_a_warm_start_teaches_the_sampler_and_takes_no_configuration_away():
    """Told that low is good, TPE asks low; what it was told of may still be asked here."""
    few = space((0, 1, 2, 3))
    told = [Told(Configuration("m", {"x": x}), -float(x), "completed") for x in range(4)]
    strategy = make_strategy("tpe", few, direction="maximize", trials=4, seed=0, warm=told)
    assert {strategy.ask(trial).params["x"] for trial in range(4)} == {0, 1, 2, 3}
    wide = [
        Told(Configuration("m", {"x": n / 40}), -abs(n / 40 - 0.1), "completed") for n in range(40)
    ]
    warm = make_strategy("tpe", space(), direction="maximize", trials=20, seed=0, warm=wide)
    cold = make_strategy("tpe", space(), direction="maximize", trials=20, seed=0)
    raced = make_strategy(
        "tpe", space(), direction="maximize", trials=20, seed=0, warm=wide, opening=10,
        race="maximize",
    )  # fmt: skip
    near = [
        sum(abs(each.ask(trial).params["x"] - 0.1) < 0.15 for trial in range(10))
        for each in (warm, raced, cold)
    ]
    assert min(near[:2]) > near[2] + 3
