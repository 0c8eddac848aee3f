"""The sweep decides without a clock, a disk or a worker: events in, instructions out."""

import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Failure, Outcome, Resources
from search.driver import Driver
from search.entries import BUDGETED, Entry
from search.events import (
    Dispatch,
    Finish,
    ItemEnded,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    Report,
    SlotFreed,
    StopAsked,
)
from search.learning import GENERATION
from search.policy import Policy, StopRules
from search.records import Records
from search.space import Choice, Float, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep


def continuous():
    return Space({"m": (Parameter("x", Float(0.0, 1.0)),)})


def small(options=4):
    return Space({"m": (Parameter("x", Choice(tuple(range(options)))),)})


def strategy(space=None, sampler="random", seed=0, trials=100, resumed=0):
    return make_strategy(
        sampler, space or continuous(), direction="maximize", trials=trials, seed=seed,
        resumed=resumed,
    )  # fmt: skip


def policy(budget=20, **kwargs):
    return Policy(budget=budget, objective="score", direction="maximize", **kwargs)


def scored(score, seconds=3.0):
    return Outcome({"score": score}, {"score": [score]}, resources=Resources(wall_s=seconds))


def failed(cause="user_code"):
    return Outcome(failure=Failure(cause, "because"))


def simulate(sweep_policy, plan, *, workers=2, store, space=None, sampler="random", entries=None,
             sweep_id=None, seconds=0.0):  # fmt: skip
    """Run a whole sweep on a virtual clock and return (sweep, entries)."""
    clock = VirtualClock(seconds)
    known = [] if sweep_id is None else list(store.entries(sweep_id))
    asked = sum(entry.kind == "asked" for entry in known)
    asked = 0 if sweep_policy.deterministic else asked
    chosen = strategy(space, sampler, resumed=asked)
    sweep = Sweep(sweep_policy, chosen, known, started_at=clock.now)
    sweep_id = sweep_id or store.create("simulated", {"metric": "score"})
    with store.acquire(sweep_id) as lease:
        driver = Driver(sweep, store, sweep_id, lease, clock=clock)
        SimulatedRunner(plan, workers, clock).run(driver, None, workers)
    return sweep, list(store.entries(sweep_id)), sweep_id


@pytest.fixture
def store():
    with Records.open() as opened:
        yield opened


def test_budget_counts_every_end_and_nothing_else(store):
    """Completed and failed trials make up the budget exactly."""

    def plan(item):
        bad = item.trial % 5 == 0
        return Happening(3.0, failed() if bad else scored(item.configuration.params["x"]))

    sweep, entries, _ = simulate(policy(20, stop=StopRules(failed=20)), plan, store=store)
    assert sweep.state == "completed"
    assert sweep.trials.count(*BUDGETED) == 20
    assert sweep.trials.count("failed") == 4
    assert sum(entry.kind == "ended" for entry in entries) == 20


def test_best_is_the_best(store):
    """The incumbent has the highest score of all completed trials."""
    sweep, _, _ = simulate(
        policy(30), lambda item: Happening(2.0, scored(item.configuration.params["x"])),
        store=store,
    )  # fmt: skip
    assert sweep.best.score == max(trial.score for trial in sweep.trials)


def test_a_thousand_workers_run_in_no_time(store):
    """The simulated runner keeps a thousand workers busy and the budget comes out exact."""
    sweep, _, _ = simulate(
        policy(2000, slots=1000), lambda item: Happening(5.0, scored(item.trial % 7)),
        workers=1000, store=store,
    )  # fmt: skip
    assert sweep.trials.ended == 2000


def test_a_space_that_runs_out_completes(store):
    """Four configurations are all that four options give, whatever the budget."""
    sweep, _, _ = simulate(
        policy(50), lambda item: Happening(1.0, scored(1.0)), store=store, space=small(4)
    )
    assert sweep.state == "completed"
    assert sweep.trials.ended == 4


@pytest.mark.parametrize(
    ("loss", "cause"),
    [("killed", "worker_lost"), ("segfault", "crashed"), ("memory", "out_of_memory")],
)
def test_a_guilty_item_of_a_pack_costs_the_others_nothing(store, loss, cause):
    """Item 7 of a pack of 16 takes its worker down each time: 15 complete, it alone fails."""

    def plan(item):
        return Happening(0.01, loss if item.trial == 6 else scored(1.0, 0.01))

    chosen = policy(16, stop=StopRules(failed=16))
    clock = VirtualClock()
    sweep = Sweep(chosen, strategy(), started_at=0.0)
    sweep.learning.pace.learn("m", 0.01)
    sweep_id = store.create("pack", {"metric": "score"})
    with store.acquire(sweep_id) as lease:
        driver = Driver(sweep, store, sweep_id, lease, clock=clock)
        SimulatedRunner(plan, 1, clock).run(driver, None, 1)
    ended = [entry for entry in store.entries(sweep_id) if entry.kind == "ended"]
    assert {e.trial: e.body.get("cause") for e in ended if e.body["state"] == "failed"} == {
        6: cause
    }
    assert sweep.trials.count("completed") == 15
    blamed = {e.trial for e in store.entries(sweep_id) if e.kind == "lost" and e.body["guilty"]}
    assert blamed <= {6}


def test_a_spent_worker_gives_back_what_it_left(store):
    """After a timeout in a pack the items behind it wait again, without blame."""
    timed_out = Outcome(failure=Failure("timeout", "too long"))

    def plan(item):
        if item.trial == 3:
            return Happening(9.0, timed_out, spent=True)
        return Happening(0.01, scored(1.0, 0.01))

    clock = VirtualClock()
    sweep = Sweep(policy(8, stop=StopRules(failed=8)), strategy(), started_at=0.0)
    sweep.learning.pace.learn("m", 0.01)
    sweep_id = store.create("spent", {"metric": "score"})
    with store.acquire(sweep_id) as lease:
        driver = Driver(sweep, store, sweep_id, lease, clock=clock)
        SimulatedRunner(plan, 1, clock).run(driver, None, 1)
    assert sweep.trials.count("completed") == 7
    assert [t.number for t in sweep.trials if t.cause == "timeout"] == [3]


def test_a_worker_lost_once_is_forgiven(store):
    """One kill from outside sends the trial back and it completes on its second attempt."""

    def plan(item):
        return Happening(3.0, "killed" if item.attempt == 0 and item.trial == 1 else scored(1.0))

    sweep, entries, _ = simulate(policy(4), plan, store=store)
    assert sweep.trials.count("completed") == 4
    assert [(e.trial, e.body["guilty"]) for e in entries if e.kind == "lost"] == [(1, True)]


def test_too_many_failures_fail_the_sweep(store):
    """At the failure limit the sweep ends as failed, and says why."""
    sweep, entries, _ = simulate(
        policy(50, stop=StopRules(failed=5)), lambda item: Happening(1.0, failed()), store=store
    )
    assert sweep.state == "failed"
    assert "5 trials failed" in entries[-1].body["reason"]


def test_no_gain_and_target_end_a_sweep(store):
    """Reaching the target, or no gain for n trials, completes the sweep before its budget."""
    reached, _, _ = simulate(
        policy(500, stop=StopRules(metric=0.9)),
        lambda item: Happening(2.0, scored(item.configuration.params["x"])), store=store,
    )  # fmt: skip
    assert reached.state == "completed"
    assert reached.best.score >= 0.9
    assert reached.trials.ended < 500
    flat, _, _ = simulate(
        policy(500, stop=StopRules(no_gain_for=10)), lambda item: Happening(2.0, scored(1.0)),
        store=store,
    )  # fmt: skip
    assert 11 <= flat.trials.ended <= 13


def test_the_time_budget_cancels_what_runs(store):
    """At the timeout finished trials stay, running ones are cancelled and do not count."""
    sweep, entries, _ = simulate(
        policy(500, timeout_s=31.0), lambda item: Happening(10.0, scored(1.0)), store=store
    )
    assert sweep.state == "completed"
    assert sweep.trials.count("cancelled") >= 1
    states = [entry.body["state"] for entry in entries if entry.kind == "ended"]
    assert states.count("completed") == sweep.trials.ended


def test_resume_runs_nothing_twice_and_the_budget_comes_out(store):
    """A driver that vanished in mid-sweep is followed by one that ends each trial once."""

    class VanishedError(Exception):
        pass

    calls = []

    def dies(item):
        if len(calls) >= 9:
            raise VanishedError
        calls.append(item.trial)
        return Happening(3.0, scored(item.configuration.params["x"]))

    sweep_id = store.create("resumed", {"metric": "score"})
    clock = VirtualClock()
    with store.acquire(sweep_id) as lease:
        driver = Driver(Sweep(policy(20), strategy()), store, sweep_id, lease, clock=clock)
        with pytest.raises(VanishedError):
            SimulatedRunner(dies, 2, clock).run(driver, None, 2)
    before = {e.trial for e in store.entries(sweep_id) if e.kind == "ended"}
    ran = []

    def goes_on(item):
        ran.append(item.trial)
        return Happening(3.0, scored(item.configuration.params["x"]))

    sweep, entries, _ = simulate(policy(20), goes_on, store=store, sweep_id=sweep_id)
    assert before
    assert not before & set(ran)
    ended = [e.trial for e in entries if e.kind == "ended"]
    assert sorted(ended) == list(range(20))
    asked = [str(e.body["params"]) for e in entries if e.kind == "asked"]
    assert len(set(asked)) == len(asked)
    assert sweep.state == "completed"


def test_a_sweep_killed_twice_in_one_trial_is_still_resumed(store):
    """Two drivers killed while the same trial ran leave a record that a third one finishes."""

    class VanishedError(Exception):
        pass

    def dies(item):
        if item.trial >= 2:
            raise VanishedError
        return Happening(3.0, scored(1.0))

    sweep_id = store.create("twice", {"metric": "score"})
    for _ in range(2):
        with pytest.raises(VanishedError):
            simulate(policy(5), dies, workers=1, store=store, sweep_id=sweep_id)
        # what the next driver finds: the trial was begun by the one before and never ended
        number = max(e.trial for e in store.entries(sweep_id) if e.kind == "asked")
        last = [e for e in store.entries(sweep_id) if e.trial == number and e.kind == "started"]
        attempt = last[-1].attempt + 1 if last else 0
        store.append(sweep_id, [Entry("started", 1.0, {"worker": "w"}, number, attempt)])
    sweep, entries, _ = simulate(
        policy(5), lambda item: Happening(3.0, scored(1.0)), store=store, sweep_id=sweep_id
    )
    assert sweep.state == "completed"
    assert sorted(e.trial for e in entries if e.kind == "ended") == list(range(5))


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_a_resumed_deterministic_sweep_is_the_uninterrupted_one(store, sampler):
    """Killed at any count of ended trials, it asks exactly what it would have asked."""
    space = small(40) if sampler == "grid" else continuous()

    class VanishedError(Exception):
        pass

    def plan(stop_after):
        def happening(item):
            if item.trial >= stop_after:
                raise VanishedError
            return Happening(1.0, scored(-abs(item.configuration.params["x"] - 0.3)))

        return happening

    wanted = policy(28, deterministic=True, slots=2)
    whole, _, _ = simulate(wanted, plan(99), store=store, sampler=sampler, space=space)
    for stop_after in (5, 8, 21):
        sweep_id = store.create("cut", {"metric": "score"})
        with pytest.raises(VanishedError):
            simulate(wanted, plan(stop_after), store=store, sampler=sampler, space=space,
                     sweep_id=sweep_id)  # fmt: skip
        resumed, _, _ = simulate(
            wanted, plan(99), store=store, sampler=sampler, space=space, sweep_id=sweep_id
        )
        assert [t.configuration for t in resumed.trials] == [t.configuration for t in whole.trials]


def test_deterministic_stop_rules_do_not_depend_on_workers(store):
    """`no_gain_for` ends a deterministic sweep at the same trial on one worker and on five."""

    def ended(workers):
        sweep, _, _ = simulate(
            policy(80, deterministic=True, slots=workers, stop=StopRules(no_gain_for=5)),
            lambda item: Happening(0.1 + (item.trial * 7) % 5, scored(min(item.trial, 9))),
            workers=workers, store=store,
        )  # fmt: skip
        return sweep.trials.ended, sweep.best.number

    assert ended(1) == ended(5)


def test_recorded_events_replayed_give_the_same_decisions():
    """The same events through a second sweep give the same instructions."""

    def play(feed):
        sweep = Sweep(policy(6), strategy(sampler="tpe"), started_at=0.0)
        return [instruction for event in feed for instruction in sweep.handle(event)]

    first = Sweep(policy(6), strategy(sampler="tpe"), started_at=0.0)
    feed, now = [], 0.0
    while not first.finished:
        now += 1.0
        event = SlotFreed(now)
        feed.append(event)
        packs = [i.pack for i in first.handle(event) if isinstance(i, Dispatch)]
        for pack in packs:
            item = pack.items[0]
            from search.events import ItemEnded

            ended = ItemEnded(item.trial, item.attempt, scored(item.configuration.params["x"]))
            for event in (
                PackStarted(now, pack.number, "w"),
                PackReported(now + 0.5, pack.number, Report(ended=[ended], last=True)),
            ):
                feed.append(event)
                first.handle(event)
    assert play(feed) == play(feed)
    asked = [i for i in play(feed) if isinstance(i, Record) and i.entry.kind == "asked"]
    assert len(asked) == 6


def test_deterministic_suggestions_do_not_depend_on_time_or_workers(store):
    """Under `deterministic` one slow worker and five quick ones ask the same configurations."""

    def asked(workers, seconds):
        sweep, _, _ = simulate(
            policy(2 * GENERATION + 3, deterministic=True, slots=workers),
            lambda item: Happening(seconds(item), scored(item.configuration.params["x"])),
            workers=workers, store=store, sampler="tpe",
        )  # fmt: skip
        return [trial.configuration for trial in sweep.trials]

    assert asked(1, lambda item: 1.0) == asked(5, lambda item: 0.1 + (item.trial * 7) % 5)


def test_reports_of_an_older_attempt_are_dropped():
    """A cut-off worker that goes on computing changes nothing."""
    from search.events import ItemEnded

    sweep = Sweep(policy(5), strategy(), started_at=0.0)
    pack = next(i.pack for i in sweep.handle(SlotFreed(0.0)) if isinstance(i, Dispatch))
    item = pack.items[0]
    sweep.handle(PackStarted(0.0, pack.number, "w"))
    sweep.handle(PackLost(1.0, pack.number, "node", "gone"))
    late = ItemEnded(item.trial, item.attempt, scored(0.7))
    assert sweep.handle(PackReported(2.0, pack.number, Report(ended=[late], last=True))) == []
    assert sweep.trials[item.trial].state == "waiting"


def test_a_stop_cancels_and_keeps():
    """Ctrl-C: running trials are cancelled, the sweep is stopped, later events change nothing."""
    sweep = Sweep(policy(5), strategy(), started_at=0.0)
    sweep.handle(SlotFreed(0.0))
    out = sweep.handle(StopAsked(1.0, "Ctrl-C"))
    assert [i.entry.body["state"] for i in out if isinstance(i, Record)] == ["cancelled"]
    assert isinstance(out[-1], Finish)
    assert sweep.state == "stopped"
    assert sweep.handle(SlotFreed(2.0)) == []


def test_workers_that_never_start_end_the_sweep(store):
    """Five workers dead before their pack end the sweep as failed, with the reason."""
    sweep = Sweep(policy(5), strategy(), started_at=0.0)
    for second in range(5):
        packs = [i.pack for i in sweep.handle(SlotFreed(second)) if isinstance(i, Dispatch)]
        sweep.handle(PackLost(second, packs[0].number, "never_started", "no module"))
    assert sweep.state == "failed"


def test_a_worker_lost_before_it_began_survives_a_resume():
    """A record with a loss before any start is read back: the trial waits, nobody is blamed."""
    sweep, entries = Sweep(policy(5), strategy(), started_at=0.0), []
    events = [SlotFreed(0.0), PackLost(1.0, 0, "never_started", "no module")]
    for event in events:
        entries += [i.entry for i in sweep.handle(event) if isinstance(i, Record)]
    resumed = Sweep(policy(5), strategy(), entries, started_at=2.0)
    assert [(t.state, t.attempt, t.deaths) for t in resumed.trials] == [("waiting", 1, 0)]
    packs = [i.pack for i in resumed.handle(SlotFreed(3.0)) if isinstance(i, Dispatch)]
    assert [item.trial for item in packs[0].items] == [0]


def test_short_fits_travel_in_packs_and_long_ones_alone():
    """About a second of predicted work makes a pack; the end of the budget is shared by slots."""
    sweep = Sweep(policy(100, slots=2), strategy(), started_at=0.0)
    sweep.learning.pace.learn("m", 0.25)
    packs = [i.pack for i in sweep.handle(SlotFreed(0.0)) if isinstance(i, Dispatch)]
    assert len(packs[0].items) == 4
    slow = Sweep(policy(100), strategy(), started_at=0.0)
    slow.learning.pace.learn("m", 5.0)
    packs = [i.pack for i in slow.handle(SlotFreed(0.0)) if isinstance(i, Dispatch)]
    assert len(packs[0].items) == 1
    last = Sweep(policy(6, slots=3), strategy(), started_at=0.0)
    last.learning.pace.learn("m", 0.001)
    packs = [i.pack for i in last.handle(SlotFreed(0.0)) if isinstance(i, Dispatch)]
    assert len(packs[0].items) == 2


def test_a_workers_start_is_the_first_trials_and_not_queueing():
    """A start told with a fold's report is one trial's, once, and is taken off its queue."""
    sweep = Sweep(policy(10, slots=1), strategy())
    bodies = []
    for start_s, now in ((3.0, 0.0), (0.0, 100.0)):
        (pack,) = [t.pack for t in sweep.handle(SlotFreed(now)) if isinstance(t, Dispatch)]
        sweep.handle(PackStarted(now + 5.0, pack.number, "w"))
        sweep.handle(PackReported(now + 6.0, pack.number, Report(start_s=start_s)))
        (item,) = pack.items
        ended = [ItemEnded(item.trial, item.attempt, scored(0.5))]
        report = Report(ended=ended, last=True, busy_s=2.0)
        out = sweep.handle(PackReported(now + 7.0, pack.number, report))
        bodies += [t.entry.body for t in out if isinstance(t, Record)]
    assert [(body["start_s"], body["queue_s"]) for body in bodies] == [(3.0, 2.0), (0.0, 5.0)]


def test_in_a_pack_of_several_one_bears_the_start():
    """The seconds of a start are not told twice."""
    sweep = Sweep(policy(10, slots=1), strategy())
    sweep.learning.pace.learn("m", 0.001)
    (pack,) = [t.pack for t in sweep.handle(SlotFreed(0.0)) if isinstance(t, Dispatch)]
    sweep.handle(PackStarted(1.0, pack.number, "w"))
    ended = [ItemEnded(item.trial, item.attempt, scored(0.5)) for item in pack.items]
    report = Report(ended=ended, last=True, busy_s=0.5, start_s=0.75)
    out = sweep.handle(PackReported(2.0, pack.number, report))
    starts = [t.entry.body["start_s"] for t in out if isinstance(t, Record)]
    assert starts == [0.75] + [0.0] * (len(pack.items) - 1)
    assert len(starts) > 1
