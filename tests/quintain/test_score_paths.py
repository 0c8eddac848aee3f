"""What benchmarks/time_to_score.py says follows from its runs, without a search."""

import json
import os
import time

import pytest

from benchmarks.footprint import Footprint, proportional_mb
from benchmarks.large import apart
from benchmarks.peers import TellingScorer
from benchmarks.score_paths import Run, Seen, Step, incumbents, laws, level_of, measured


def run(system, *, path, end_s, held, seed=0, budget_s=100.0, start_s=2.0):
    steps = [Step(s, {"max_depth": 3}, 0.0, score) for s, score in path]
    return Run(
        "medium", seed, system, budget_s, start_s, end_s, end_s + 1, 0.1, steps, {}, held, {}
    )  # fmt: skip


RANDOM = run("random", path=[(20, 0.3), (60, 0.6)], end_s=100, held=0.6)


def test_an_incumbent_is_what_was_best_when_it_became_known():
    seen = [Seen(3, {"a": 1}, 0.7), Seen(1, {"a": 2}, 0.5), Seen(2, {"a": 3}, 0.4)]
    assert [each.params["a"] for each in incumbents(seen)] == [2, 1]


def test_the_level_is_a_share_of_random_searchs_gain():
    assert level_of(RANDOM) == pytest.approx(0.1 + 0.98 * 0.5)
    with pytest.raises(ValueError, match="gained nothing"):
        level_of(run("random", path=[], end_s=9, held=0.1))


def test_a_run_that_never_reaches_the_level_counts_as_its_budget_or_longer():
    quick = run("optuna", path=[(5, 0.5)], end_s=30, held=0.5)
    slow = run("asha", path=[(5, 0.5)], end_s=130, held=0.5)
    found = measured([RANDOM, quick, slow], "medium")
    assert found["optuna"][0].level == 100
    assert not found["optuna"][0].reached
    assert found["asha"][0].level == 131


def test_a_winner_below_the_level_does_not_count_as_an_answer():
    lost = run("quintain-local", path=[(5, 0.6)], end_s=30, held=0.5)
    found = measured([RANDOM, lost], "medium")["quintain-local"][0]
    assert (found.level, found.bare, found.answer) == (5, 3, 100)


def test_laws_take_random_searchs_whole_time_and_other_peers_time_to_the_level():
    ours = run("quintain-local", path=[(9, 0.6)], end_s=40, held=0.6)
    peer = run("optuna", path=[(20, 0.6)], end_s=100, held=0.6)
    told = laws(measured([RANDOM, ours, peer], "medium"), "medium", "quintain-local")
    by_peer = {law["peer"]: law for law in told}
    assert by_peer["random"]["ratio"]["median"] == pytest.approx(0.09)
    assert by_peer["random"]["with_finalists"]["median"] == pytest.approx(0.4)
    assert by_peer["optuna"]["ratio"]["median"] == pytest.approx(0.45)
    assert by_peer["random"]["holds"]
    assert not by_peer["optuna"]["holds"]


def test_ratios_are_taken_seed_by_seed():
    other = run("random", path=[(5, 0.6)], end_s=200, held=0.6, seed=1)
    ours = [run("quintain-local", path=[(s, 0.6)], end_s=50, held=0.6, seed=n)
            for n, s in enumerate((10, 40))]  # fmt: skip
    told = laws(measured([RANDOM, other, *ours], "medium"), "medium", "quintain-local")
    assert told[0]["ratio"] == pytest.approx({"median": 0.15, "low": 0.1, "high": 0.2})


def test_runs_outlive_their_file():
    assert Run.read(json.loads(json.dumps(RANDOM.to_json()))) == RANDOM


def test_scores_of_folds_are_put_together_by_candidate_and_rung(tmp_path):
    file = tmp_path / "scores"
    told = [(1, 3, 0.2), (2, 5, 0.1), (3, 3, 0.4), (4, 5, 0.3), (5, 3, 0.6), (6, 3, 0.8), (7, 5, 0)]
    file.write_text(
        "".join(json.dumps({"at": at, "params": {"d": d}, "score": s}) + "\n" for at, d, s in told)
    )
    found = TellingScorer(str(file)).evaluations(folds=2)
    assert [(seen.at, seen.params["d"], seen.score) for seen in found[0]] == [
        (3, 3, pytest.approx(0.3)), (4, 5, pytest.approx(0.2)),
    ]  # fmt: skip
    assert [(seen.at, seen.score) for seen in found[1]] == [(6, pytest.approx(0.7))]


def test_scores_of_other_configurations_are_not_compared():
    assert apart({"a": [0.1, 0.2]}, {"a": [0.1, 0.5]}) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="not the same"):
        apart({"a": [0.1]}, {"b": [0.1]})


def test_a_footprint_is_what_the_tree_holds():
    watch = Footprint(os.getpid(), every_s=0.02)
    watch.start()
    time.sleep(0.3)
    watch.end()
    assert watch.peak_mb() >= 0.5 * proportional_mb(os.getpid()) > 10
    assert watch.peak_mb(until=0) == 0
