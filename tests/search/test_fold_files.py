"""Laws of folds that outlive their worker or driver: exact, used once, and never in the way."""

import math
from dataclasses import replace

import numpy as np
import pytest

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.fold_file import packed, unpacked
from evaluators.types import FoldResult, Outcome, Resources
from search.domains import Float
from search.driver import Driver
from search.events import (
    FoldScored,
    ItemEnded,
    PackReported,
    PackStarted,
    Report,
    SlotFreed,
)  # fmt: skip
from search.fold_files import LEAST_S, FoldFiles
from search.policy import Policy
from search.records import Records
from search.space import Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view import read_view

FOLDS = 4
POLICY = Policy(
    budget=2, objective="score", direction="maximize", slots=1, folds=FOLDS, fold_outputs=50.0
)
SPACE = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})


def fold(number, seconds=LEAST_S, rows=50):
    rng = np.random.default_rng(number)
    return FoldResult(
        number, {"score": 0.1 * number, "odd": math.nan}, ((3, 1), (0, 46)),
        Resources(wall_s=seconds, cpu_s=seconds, peak_mb=200.0), rng.random(rows), "proba",
        cut=0.25, log_prior_shift=(0.0, -1.5), early=math.nan,
    )  # fmt: skip


def same(one, other):
    assert np.array_equal(one.output, other.output)
    assert one.output.dtype == other.output.dtype
    plain = [replace(each, output=None) for each in (one, other)]
    assert repr(plain[0]) == repr(plain[1])


@pytest.mark.parametrize("output", [
    np.random.default_rng(0).random(500), np.random.default_rng(0).random((500, 3)),
    np.random.default_rng(0).random(500, dtype=np.float32).astype(np.float64), np.empty(0),
])  # fmt: skip
def test_a_fold_is_read_back_as_it_was(output):
    made = replace(fold(1), output=output)
    same(unpacked(packed(made)), made)
    if output.size and np.array_equal(output.astype(np.float32), output):
        assert len(packed(made)) < 4 * output.size + 3000


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_torn_file_is_refused(share):
    blob = packed(fold(0))
    with pytest.raises(ValueError, match="not a fold"):
        unpacked(blob[: int(share * len(blob))])


def driven(store, sweep_id, lease):
    entries = list(store.entries(sweep_id))
    strategy = make_strategy(
        "random", SPACE, direction="maximize", trials=2, seed=0,
        resumed=sum(entry.kind == "asked" for entry in entries),
    )  # fmt: skip
    sweep = Sweep(POLICY, strategy, entries)
    clock = VirtualClock(100.0 * len(entries))
    return Driver(sweep, store, sweep_id, lease, clock=clock), clock


def begun(driver, clock, folds):
    """A worker has some folds of the first trial; then the driver is gone."""
    [dispatch] = driver.feed(SlotFreed(clock.now))
    driver.feed(PackStarted(clock.now, dispatch.pack.number, "host:1"))
    [item] = dispatch.pack.items
    assert item.each
    for number in folds:
        done = fold(number)
        scored = FoldScored(item.trial, item.attempt, number, done.scores, done.resources, done)
        driver.feed(PackReported(clock.now, dispatch.pack.number, Report(folds=(scored,))))
    return item


def finish(driver, clock):
    """The rest on the simulated runner: which folds each item had to fit."""
    fitted = []

    def fit(item):
        had = {result.fold for result in item.kept}
        numbers = tuple(number for number in range(FOLDS) if number not in had)
        fitted.append((item.trial, numbers))
        for result in item.kept:
            same(result, fold(result.fold))
        score = item.configuration.params["x"]
        used = Resources(wall_s=LEAST_S * FOLDS, cpu_s=1.0, peak_mb=200.0)
        outcome = Outcome({"score": score}, {"score": [score] * FOLDS}, resources=used)
        return Happening(LEAST_S * len(numbers), outcome)

    SimulatedRunner(fit, 1, clock).run(driver, None, 1)
    return fitted


@pytest.mark.parametrize("done", [(), (0,), (0, 1, 2), (0, 1, 2, 3)])
def test_a_trial_goes_on_from_the_folds_of_the_driver_before(tmp_path, done):
    with Records.open(f"{tmp_path}/records.db") as store:
        sweep_id = store.create("folds", {"metric": "score", "budget": 2})
        with store.acquire(sweep_id) as lease:
            begun(*driven(store, sweep_id, lease), done)
        files = {file.name for file in (store.folder / sweep_id).glob("*")}
        assert files == {f"0-{number}.fold" for number in done}
        with store.acquire(sweep_id) as lease:
            driver, clock = driven(store, sweep_id, lease)
            fitted = finish(driver, clock)
        rest = tuple(number for number in range(FOLDS) if number not in done)
        firsts = [numbers for trial, numbers in fitted if trial == 0]
        assert firsts == [rest]
        assert driver.sweep.state == "completed"
        assert not list((store.folder / sweep_id).glob("*.fold")), "gone with the trial's end"
        view = read_view(store, sweep_id)
        assert view.counts["completed"] == 2
        assert [trial.wall_s for trial in view.trials] == [LEAST_S * FOLDS] * 2


def test_a_file_that_cannot_be_read_costs_a_fold_and_no_more(tmp_path):
    with Records.open(f"{tmp_path}/records.db") as store:
        sweep_id = store.create("folds", {"metric": "score", "budget": 2})
        with store.acquire(sweep_id) as lease:
            begun(*driven(store, sweep_id, lease), (0, 1))
        torn = store.folder / sweep_id / "0-1.fold"
        torn.write_bytes(torn.read_bytes()[:100])
        with store.acquire(sweep_id) as lease:
            fitted = finish(*driven(store, sweep_id, lease))
        assert fitted[0] == (0, (1, 2, 3))


def test_files_of_a_trial_that_has_ended_go_with_the_next_driver(tmp_path):
    """Its driver was killed between the trial's end and the files'."""
    with Records.open(f"{tmp_path}/records.db") as store:
        sweep_id = store.create("folds", {"metric": "score", "budget": 2})
        with store.acquire(sweep_id) as lease:
            driver, clock = driven(store, sweep_id, lease)
            item = begun(driver, clock, (0,))
            left = (store.folder / sweep_id / "0-0.fold").read_bytes()
            outcome = Outcome({"score": 0.5}, {"score": [0.5] * FOLDS})
            ended = [ItemEnded(item.trial, item.attempt, outcome)]
            driver.feed(PackReported(clock.now, 0, Report(ended=ended, last=True)))
        (store.folder / sweep_id / "0-0.fold").write_bytes(left)
        with store.acquire(sweep_id) as lease:
            driven(store, sweep_id, lease)
        assert not list((store.folder / sweep_id).glob("*.fold"))


def test_short_folds_make_no_files(tmp_path):
    files = FoldFiles(tmp_path)
    files.keep(0, fold(0, seconds=LEAST_S / 2))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_stops_nothing(tmp_path):
    (tmp_path / "sweep").write_text("a file where the folder would be")
    files = FoldFiles(tmp_path / "sweep")
    files.keep(0, fold(0))
    files.drop(0)
    assert files.read() == {}
