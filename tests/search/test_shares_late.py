"""Laws of shares under faults: what comes late counts no more, and what is lost costs little.

Events are given by hand: which worker begins first, and which is heard of last, is what matters.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from evaluators.types import Failure, FoldResult, Outcome, Resources
from search.domains import Float
from search.driver import Driver
from search.events import (
    Dispatch,
    FoldScored,
    ItemEnded,
    PackLost,
    PackReported,
    PackStarted,
    Record,
    Report,
    SlotFreed,
    StopAsked,
    Ticked,
)  # fmt: skip
from search.fold_files import LEAST_S
from search.policy import MOST_OUTPUTS, Policy
from search.records import Records
from search.space import Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view_rows import TrialFold

FOLDS, FOLD_S = 3, 2 * LEAST_S
POLICY = Policy(
    budget=2, objective="score", direction="maximize", slots=4, folds=FOLDS, fold_outputs=50.0
)
SPACE = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})


def fold(number):
    used = Resources(wall_s=FOLD_S, cpu_s=FOLD_S, peak_mb=200.0)
    return FoldResult(number, {"score": 0.5}, (), used, np.zeros(2), "proba")


def part_of(item):
    used = Resources(wall_s=FOLD_S * len(item.part), cpu_s=FOLD_S, peak_mb=200.0)
    return Outcome(resources=used, parts=tuple(map(fold, item.part)))


def whole():
    used = Resources(wall_s=FOLD_S * FOLDS, cpu_s=FOLD_S * FOLDS, peak_mb=200.0)
    return Outcome({"score": 0.5}, {"score": [0.5] * FOLDS}, resources=used)


class Hands:
    """A sweep whose workers do what a test says. ``entries``: what it has recorded."""

    def __init__(self, policy=POLICY, entries=()):
        asked = sum(entry.kind == "asked" for entry in entries)
        strategy = make_strategy(
            "random", SPACE, direction="maximize", trials=9, seed=0, resumed=asked
        )
        self.sweep, self.now = Sweep(policy, strategy, entries), 1000.0
        self.sweep.learning.pace.learn("m", FOLD_S * FOLDS)
        self.entries = list(entries)

    def feed(self, event):
        out = self.sweep.handle(event)
        self.entries += [each.entry for each in out if isinstance(each, Record)]
        return out

    def pack(self):
        """What a free worker is given; None for nothing."""
        found = [each for each in self.feed(SlotFreed(self.now)) if isinstance(each, Dispatch)]
        return found[0].pack if found else None

    def packs(self, count):
        return [self.pack() for _ in range(count)]

    def begin(self, pack):
        self.feed(PackStarted(self.now, pack.number, f"host:{pack.number}"))

    def scored(self, pack, number, kept=True):
        [item] = pack.items
        done = fold(number)
        result = done if kept else None
        told = FoldScored(item.trial, item.attempt, number, done.scores, done.resources, result)
        return self.feed(PackReported(self.now, pack.number, Report(folds=(told,))))

    def end(self, pack, outcome=None):
        """A worker's last word on a pack: a part of a trial unless told."""
        self.now += FOLD_S
        [item] = pack.items
        ended = [ItemEnded(item.trial, item.attempt, outcome or part_of(item))]
        return self.feed(PackReported(self.now, pack.number, Report(ended=ended, last=True)))

    def lose(self, pack, loss):
        return self.feed(PackLost(self.now, pack.number, loss, "gone"))

    def of(self, kind):
        return [entry for entry in self.entries if entry.kind == kind]


def failed():
    return Outcome(failure=Failure("bad_parameters", "no"), resources=Resources(wall_s=1.0))


def test_a_part_that_begins_after_the_end_of_its_trial_is_not_told_of():
    """Another part has failed while its worker was still starting: the record can be resumed."""
    hands = Hands()
    slow, quick, _ = hands.packs(3)
    hands.begin(quick)
    hands.end(quick, failed())
    hands.begin(slow)
    hands.scored(slow, 0)
    kinds = [entry.kind for entry in hands.entries if entry.trial == 0]
    assert kinds == ["asked", "started", "ended"]
    again = Hands(entries=hands.entries)
    assert again.sweep.trials[0].state == "failed"
    shown = TrialFold(0)
    for entry in hands.entries:
        if entry.trial == 0:
            shown.read(entry)
    assert shown.state == "failed"


def test_a_part_of_an_attempt_that_is_over_is_not_told_of():
    """Its worker begins, and scores a fold, under an attempt that another's loss has ended."""
    hands = Hands()
    slow, quick, _ = hands.packs(3)
    hands.begin(quick)
    hands.lose(quick, "preempted")
    again = hands.pack()
    assert again.items[0].attempt == 1
    hands.begin(again)
    hands.begin(slow)
    hands.scored(slow, 0)
    hands.end(slow)
    assert [entry.attempt for entry in hands.of("started")] == [0, 1]
    assert not hands.of("fold")
    assert Hands(entries=hands.entries).sweep.trials[0].attempt == 2


def test_the_first_part_to_begin_is_told_of():
    """Whichever it is: a driver that dies now leaves a trial that was under way."""
    hands = Hands()
    _, second, _ = hands.packs(3)
    hands.begin(second)
    [began] = hands.of("started")
    assert (began.trial, began.body["worker"]) == (0, f"host:{second.number}")
    assert Hands(entries=hands.entries).sweep.trials[0].attempt == 1


def test_a_fold_of_a_trial_that_has_failed_leaves_no_file(tmp_path):
    """It would stay there for ever: files go with the end of their trial, which has been."""
    hands = Hands()
    with Records.open(f"{tmp_path}/records.db") as store:
        sweep_id = store.create("late", {"metric": "score", "budget": 2})
        with store.acquire(sweep_id) as lease:
            driver = Driver(hands.sweep, store, sweep_id, lease, clock=lambda: hands.now)
            packs = [driver.feed(SlotFreed(0.0))[0].pack for _ in range(3)]
            for pack in packs:
                driver.feed(PackStarted(0.0, pack.number, "host:1"))
            ended = [ItemEnded(0, 0, failed())]
            driver.feed(PackReported(1.0, packs[1].number, Report(ended=ended, last=True)))
            made = fold(0)
            told = FoldScored(0, 0, 0, made.scores, made.resources, made)
            driver.feed(PackReported(2.0, packs[0].number, Report(folds=(told,))))
        assert not list((store.folder / sweep_id).glob("*"))


def test_a_stop_with_grace_lets_a_shared_trial_end():
    """Its last part, and what puts it together, still go out; no other trial does."""
    hands = Hands()
    first, second = hands.packs(2)
    for pack in (first, second):
        hands.begin(pack)
    hands.feed(StopAsked(hands.now, "by ada", 1000.0))
    third = hands.pack()
    assert third.items[0].part == (2,)
    assert hands.pack() is None
    hands.begin(third)
    for pack in (first, second, third):
        hands.end(pack)
    assert not hands.sweep.finished
    join = hands.pack()
    hands.begin(join)
    hands.end(join, whole())
    assert hands.sweep.state == "stopped"
    assert hands.sweep.trials[0].state == "completed"


def test_a_stop_with_grace_ends_by_its_time_whatever_waits():
    hands = Hands()
    first, *_ = hands.packs(3)
    hands.begin(first)
    hands.feed(StopAsked(hands.now, "by ada", 100.0))
    hands.feed(Ticked(hands.now + 100.0))
    assert hands.sweep.state == "stopped"
    assert hands.sweep.trials[0].state == "cancelled"


@pytest.mark.parametrize(("limit_s", "cause"), [(2.5 * FOLD_S, "timeout"), (3 * FOLD_S, None)])
def test_the_time_limit_of_a_trial_is_held_against_all_of_its_parts(limit_s, cause):
    """Whether it is shared depends on what else there is to do: its verdict does not."""
    hands = Hands(replace(POLICY, trial_timeout_s=limit_s))
    packs = hands.packs(3)
    for pack in packs:
        hands.begin(pack)
    for pack in packs:
        hands.end(pack)
    if cause is None:
        assert hands.pack().items[0].parts
        return
    [told] = hands.of("ended")
    assert (told.body["state"], told.body["cause"]) == ("failed", cause)
    assert told.body["resources"]["wall_s"] == pytest.approx(3 * FOLD_S)
    assert told.body["reason"] == "3 folds took 60.0 s together, limit 50 s"


def test_what_was_done_counts_in_the_time_of_a_trial_that_lost_its_worker():
    """In its limit, and in what its end tells that it took."""
    hands = Hands(replace(POLICY, trial_timeout_s=2.5 * FOLD_S))
    first, second, third = hands.packs(3)
    for pack in (first, second, third):
        hands.begin(pack)
    hands.end(first)
    hands.end(second)
    hands.lose(third, "killed")
    [told] = hands.of("ended")
    assert told.body["cause"] == "timeout"
    assert told.body["resources"]["wall_s"] == pytest.approx(4 * FOLD_S)


def test_after_a_loss_without_blame_the_rest_is_shared_again():
    """From the folds that are done, which the record names; it ends with all of them."""
    hands = Hands()
    first, second, third = hands.packs(3)
    for pack in (first, second, third):
        hands.begin(pack)
    hands.end(first)
    hands.lose(second, "preempted")
    parts = [pack.items[0] for pack in hands.packs(2)]
    assert [(item.part, item.attempt) for item in parts] == [((1,), 1), ((2,), 1)]


@pytest.mark.parametrize("done", [(), (0,), (0, 2)])
def test_after_a_loss_to_blame_one_worker_does_the_rest(done):
    """Under the folds that are done; those of a part that had just ended are among them."""
    hands = Hands()
    packs = hands.packs(3)
    for pack in packs:
        hands.begin(pack)
    for number in done:
        hands.end(packs[number])
    hands.lose(packs[1], "killed")
    [item] = hands.pack().items
    assert (item.part, item.parts, item.attempt) == ((), (), 1)
    assert sorted(result.fold for result in item.kept) == list(done)


def test_a_trial_that_goes_on_from_its_folds_meets_its_bar():
    """Else one that its bar would have ended goes to its end, since a worker was lost."""
    policy = replace(POLICY, race="maximize", slots=1, budget=20, deterministic=True)
    hands = Hands(policy)
    for score in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        pack = hands.pack()
        hands.begin(pack)
        used = Resources(wall_s=FOLD_S * FOLDS, cpu_s=1.0, peak_mb=200.0)
        path = (math.nan, score, score)
        hands.end(pack, Outcome({"score": score}, {"score": [score] * FOLDS}, (), used, path=path))
    pack = hands.pack()
    hands.begin(pack)
    hands.scored(pack, 0)
    hands.lose(pack, "preempted")
    [item] = hands.pack().items
    assert [result.fold for result in item.kept] == [0]
    assert item.bar is not None
    assert item.bar == pack.items[0].bar


def test_no_more_is_shared_at_a_time_than_the_driver_can_hold():
    """With workers for many configurations: what waits to be put together is all held at once."""
    hands = Hands(replace(POLICY, slots=12, fold_outputs=MOST_OUTPUTS / (1.5 * FOLDS)))
    items = [pack.items[0] for pack in hands.packs(4)]
    assert [item.part for item in items] == [(0,), (1,), (2,), ()]
    assert [item.trial for item in items] == [0, 0, 0, 1]


def test_a_running_trial_is_shown_with_the_folds_that_it_has_kept():
    """A fold that was too short to be kept is fitted again, and told of again."""
    hands = Hands(replace(POLICY, slots=1, budget=1))
    pack = hands.pack()
    hands.begin(pack)
    hands.scored(pack, 0)
    hands.scored(pack, 1, kept=False)
    hands.lose(pack, "preempted")
    hands.begin(hands.pack())
    shown = TrialFold(0)
    for entry in hands.entries:
        shown.read(entry)
    assert shown.view("score").folds == {"score": (0.5,)}
