"""Laws of what is told of a race: counts, the part of folds that was fitted, rungs that mislead."""

import math

import pytest

from search.entries import Entry
from search.view_race import RaceFold

RACED = {"metric": "roc_auc", "direction": "maximize"}


def told(*ends, cached=False):
    """A race of (state, rung, path, score) of one model; ``cached``: known from another sweep."""
    fold = RaceFold()
    for number, (state, rung, path, score) in enumerate(ends):
        fold.read(Entry("asked", 0.0, {"model": "m", "params": {}}, number), "roc_auc")
        body = {"state": state, "path": path, "scores": {} if score is None else {"roc_auc": score}}
        body["cached"] = cached
        fold.read(Entry("ended", 1.0, body, number, 0, rung=rung), "roc_auc")
    return fold.view(RACED, "maximize")


def whole(score, first):
    return ("completed", 5, [first, score, score, score, score], score)


def test_the_part_of_folds_that_was_fitted_counts_whole_trials_and_parts_of_others():
    ends = [whole(0.8, 0.7), ("pruned", 2, [0.1, 0.2, 0.2, None, None], None)]
    race = told(*ends)
    assert race.pruned == {2: 1}
    assert race.fitted == pytest.approx((1 + 2 / 5) / 2)
    assert race.lines() == [
        "racing ended 1 trials early (1 after 2 folds): 70% of all folds were fitted"
    ]


def test_where_every_trial_is_known_nobody_was_ended_here():
    race = told(whole(0.8, 0.7), ("pruned", 2, [0.1, 0.2, 0.2, None, None], None), cached=True)
    assert race.pruned == {}
    assert race.lines() == []


def test_a_rung_that_ranks_otherwise_than_the_end_is_named():
    scores = [0.5, 0.6, 0.7, 0.8, 0.9]
    misleading = told(*(whole(score, 1 - score) for score in scores))
    assert misleading.misleading == [("m", 0, pytest.approx(-1.0))]
    assert "no bar for m after a few rounds or rows of fold 1" in misleading.lines()[0]
    assert told(*(whole(score, score) for score in scores)).lines() == []


def test_a_rung_is_judged_by_the_trials_that_reached_it():
    """A look at a few rows that misleads is given up: most trials have no such rung."""
    looked_at = [whole(score, 1 - score) for score in (0.5, 0.6, 0.7, 0.8, 0.9)]
    race = told(*looked_at, *(whole(0.8, math.nan) for _ in range(7)))
    assert race.counts["m"][:2] == (5, 12)
    assert "over 5 trials" in race.lines()[0]
    assert told(*looked_at[:4], *(whole(0.8, math.nan) for _ in range(7))).misleading == []


def test_with_few_trials_no_rung_is_called_misleading():
    assert told(*(whole(score, 1 - score) for score in (0.5, 0.6, 0.7))).misleading == []


def test_a_sweep_that_is_not_raced_has_no_race():
    assert RaceFold().view(None, "maximize") is None
