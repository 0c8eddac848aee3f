"""Laws of homes: a fold's fits go to the worker that has prepared it, and nobody waits for that.

Workers are played here one by one, by name: preparing a fold takes one its first fit of it.
"""

import heapq
from dataclasses import replace

import numpy as np
import pytest

from evaluators.types import FoldResult, Outcome, Resources
from search.domains import Float
from search.events import (
    Dispatch,
    ItemEnded,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    Report,
    SlotFreed,
    StopAsked,
)
from search.homes import Homes
from search.policy import Policy
from search.room import Node
from search.space import Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep

FIT_S, PREPARING_S = 7.0, 9.0
PEAKS_MB = {"m": 200.0, "a": 1500.0, "b": 300.0}
SPACE = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
POLICY = Policy(
    budget=12, objective="score", direction="maximize", slots=2, folds=3, fold_outputs=50.0,
    costly_folds=frozenset({"m"}),
)  # fmt: skip


def part_of(item):
    peak_mb = PEAKS_MB[item.configuration.model]
    used = Resources(wall_s=FIT_S, cpu_s=FIT_S, peak_mb=peak_mb)
    found = [FoldResult(n, {"score": 0.5}, (), used, np.zeros(2), "proba") for n in item.part]
    return Outcome(resources=used, parts=tuple(found))


class Play:
    """A sweep on workers by name until it ends.

    Attributes:
        had: the folds that each worker has prepared.
        prepared: how often one was.
        most_live: trials under way at a time, at most.
        idle: how often a worker got nothing while a fold waited for which there was room.
        now: seconds since the start.
    """

    def __init__(self, policy, *, dies_at=(), named=True, space=SPACE, seed=0):
        trials = policy.budget
        strategy = make_strategy("random", space, direction="maximize", trials=trials, seed=seed)
        self.sweep, self.policy, self.named = Sweep(policy, strategy), policy, named
        self.had, self.prepared, self.most_live, self.idle, self.now = {}, 0, 0, 0, 0.0
        self.ended, self.dies_at = [], set(dies_at)
        self._due = [(0.0, n, f"w{n}", None) for n in range(policy.slots)]
        self._turns = policy.slots

    def feed(self, event):
        out = self.sweep.handle(event)
        told = [each.entry for each in out if isinstance(each, Record)]
        self.ended += [entry for entry in told if entry.kind == "ended"]
        return out

    def run(self):
        waiting = []
        while not self.sweep.finished:
            self.now, turn, worker, pack = heapq.heappop(self._due)
            if pack is not None:
                worker = self._done(worker, pack, turn)
            for free in [*waiting, worker]:
                waiting = [each for each in waiting if each != free]
                if not self._begin(free):
                    waiting.append(free)
        return self

    def _done(self, worker, pack, turn):
        [item] = pack.items
        if turn in self.dies_at:
            self.had.pop(worker, None)
            self.feed(PackLost(self.now, pack.number, "preempted", "gone"))
            return f"{worker}'"
        outcome = part_of(item) if item.part else Outcome(
            {"score": 0.5}, {"score": [0.5] * self.policy.folds}, resources=Resources(wall_s=1.0)
        )  # fmt: skip
        ended = [ItemEnded(item.trial, item.attempt, outcome)]
        self.feed(PackReported(self.now, pack.number, Report(ended=ended, last=True)))
        return worker

    def _begin(self, worker):
        told = self.feed(SlotFreed(self.now, worker if self.named else ""))
        packs = [each.pack for each in told if isinstance(each, Dispatch)]
        live = self.sweep.trials.live
        self.most_live = max(self.most_live, live)
        if not packs:
            queue = self.sweep.queue
            classes = [queue._class_of(trial) for trial in queue.parts.ready()]
            self.idle += any(queue.room.has_room(each) for each in classes)
            return False
        self.feed(PackStarted(self.now, packs[0].number, worker))
        [item] = packs[0].items
        folds = item.part or (() if item.parts else range(self.policy.folds))
        new = set(folds) - self.had.setdefault(worker, set())
        self.had[worker] |= new
        self.prepared += len(new)
        self._turns += 1
        takes_s = FIT_S * len(folds) + PREPARING_S * len(new) + 0.01 * self._turns
        heapq.heappush(self._due, (self.now + takes_s, self._turns, worker, packs[0]))
        return True


def test_two_workers_prepare_four_folds_where_they_would_prepare_six():
    """One of three folds has to be with both, or one of them had more to do."""
    homes = Play(POLICY).run()
    assert homes.prepared == 4
    whole = Play(replace(POLICY, costly_folds=frozenset())).run()
    assert whole.prepared == 6
    assert homes.now < whole.now
    assert {entry.body["state"] for entry in homes.ended} == {"completed"}
    assert len(homes.ended) == POLICY.budget


@pytest.mark.parametrize(("slots", "folds"), [(2, 5), (3, 3), (4, 5), (7, 3), (20, 5)])
def test_no_worker_waits_and_no_more_trials_are_under_way_than_workers(slots, folds):
    """Where each had one of its own there were as many."""
    policy = replace(POLICY, slots=slots, folds=folds, budget=4 * slots)
    play = Play(policy).run()
    assert play.idle == 0
    assert play.most_live <= slots + 1  # one may be waiting to be put together
    assert len(play.ended) == policy.budget
    assert play.prepared < slots * folds


@pytest.mark.parametrize("seed", range(6))
def test_what_has_no_room_keeps_no_worker_from_what_has(seed):
    """A large model's fold waits for memory; those of another one go on meanwhile."""
    space = Space({name: (Parameter("x", Float(0.0, 1.0)),) for name in ("a", "b")})
    policy = replace(
        POLICY, slots=4, budget=16, costly_folds=frozenset("ab"), nodes=(Node(4, 4000.0),),
    )  # fmt: skip
    play = Play(policy, space=space, seed=seed)
    for model in "ab":
        play.sweep.learning.peaks.learn(model, PEAKS_MB[model])
    play.run()
    assert play.idle == 0
    assert len(play.ended) == policy.budget


def test_without_names_all_goes_on_as_it_comes():
    """A runner that does not tell whose slot is free loses time alone."""
    play = Play(POLICY, named=False).run()
    assert len(play.ended) == POLICY.budget
    assert play.idle == 0


def test_what_a_dead_worker_had_is_prepared_elsewhere():
    """Its successor has another name and nothing prepared; no fold is waited for."""
    play = Play(POLICY, dies_at=(9, 14, 15)).run()
    assert len(play.ended) == POLICY.budget
    assert {entry.body["state"] for entry in play.ended} == {"completed"}
    assert set(play.sweep.queue.parts.homes._folds) <= set(play.had)


def test_a_stop_lets_shared_trials_end():
    """Their folds go on being handed out, to whom has them; no trial begins."""
    play = Play(POLICY)
    for worker in ("w0", "w1"):
        assert play._begin(worker)
    begun = len(play.sweep.trials)
    play.feed(StopAsked(1.0, "enough", grace_s=1000.0))
    play._due = [each for each in play._due if each[3] is not None]
    play.run()
    assert play.sweep.state == "stopped"
    assert len(play.sweep.trials) == begun
    assert {entry.body["state"] for entry in play.ended} == {"completed"}


@pytest.mark.parametrize(
    "other",
    [{"deterministic": True}, {"race": "maximize"}, {"fold_outputs": None}, {"slots": 1}],
)
def test_where_folds_are_not_for_several_workers_nothing_changes(other):
    """Reproducible, raced, too large to be held, or one worker alone."""
    play = Play(replace(POLICY, **other))
    assert play._begin("w0")
    [(*_, pack)] = [each for each in play._due if each[3] is not None]
    assert not pack.items[0].part


def test_the_fold_that_the_fewest_have_is_prepared_next():
    """So that none is with everybody while another is with nobody."""
    homes = Homes()
    homes.settle("w0", "m", [0, 1])
    homes.settle("w1", "m", [0])
    assert homes.best("w2", "m", [(0,), (1,), (2,)]) == 2
    assert homes.best("w1", "m", [(1,), (2,)]) == 1
    assert homes.best("w0", "m", [(2,), (1,)]) == 1
    assert not homes.has("w0", "another", [0])
    homes.leave("w0")
    assert "w0" not in homes
    assert homes.best("w1", "m", [(1,), (2,)]) == 0
