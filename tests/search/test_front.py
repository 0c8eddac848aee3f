"""Score against cost: who stands on the front, and what a limit on the cost does to a sweep."""

import math
from dataclasses import replace

import pytest

from cluster.simulated import Happening
from evaluators.types import Outcome, Resources
from search.constraints import broken
from search.entries import Entry
from search.errors import SpecError
from search.finals_plan import SEARCH
from search.front import LEAST, NOISE, front
from search.records import Records
from search.report import report_text
from search.spec import read_spec
from search.spec_constraints import Constraints
from search.view import SweepView
from tests.search.test_finals import Watched, by_x, scored


def view(*rows, direction="maximize", **search):
    """A sweep of trials with (score, fit_s, predict_ms_per_1k, peak_mb)."""
    entries = []
    for number, (score, fit_s, latency, peak_mb) in enumerate(rows):
        cost = {"wall_s": fit_s, "fit_s": fit_s, "cpu_s": fit_s, "peak_mb": peak_mb}
        body = {
            "state": "completed", "scores": {"m": score}, "folds": {"m": [score] * 5},
            "resources": cost | {"predict_ms_per_1k": latency},
            "infeasible": broken(
                search.get("constraints", {}), Resources(fit_s=fit_s, predict_ms_per_1k=latency)
            ),
        }  # fmt: skip
        entries.append(Entry("asked", 0.0, {"model": "m", "params": {}, "origin": "x"}, number))
        entries.append(Entry("ended", 0.0, body, number, 0))
    header = {"metric": "m", "direction": direction, "folds": 5, "spec": {"search": search}}
    return SweepView.build("s-1", header, entries)


def numbers(*rows, direction="maximize"):
    return [trial.trial for trial in view(*rows, direction=direction).front]


def test_the_front_holds_whoever_is_cheaper_in_something():
    """Time to fit, time to predict and memory each earn a place, and nothing else does."""
    assert numbers((0.9, 10, 5, 500), (0.8, 1, 5, 500), (0.7, 1, 1, 500), (0.6, 1, 1, 200)) == [
        0, 1, 2, 3,
    ]  # fmt: skip
    assert numbers((0.9, 10, 5, 500), (0.8, 11, 5, 500)) == [0]
    assert numbers((0.2, 10, 5, 500), (0.1, 10, 5, 500), direction="minimize") == [1]


def test_differences_that_are_noise_are_ties():
    """A share of the cost and a least amount must both be passed; equal trials stand once."""
    dear = (0.9, 10.0, 10.0, 1000.0)
    for place, name in enumerate(NOISE, start=1):
        for less, on in ((0.9, False), (1.1, True)):
            row = [0.8, *dear[1:]]
            row[place] -= less * NOISE[name] * row[place]
            assert (numbers(dear, row) == [0, 1]) is on, (name, less)
    tiny = (0.9, 0.5 * LEAST["fit_s"], 0.5 * LEAST["predict_ms_per_1k"], LEAST["peak_mb"])
    assert numbers(tiny, (0.8, 0.0, 0.0, 0.1)) == [0]
    assert numbers(dear, dear, dear) == [0]


def test_a_cost_that_is_not_known_makes_nothing_cheaper():
    """Records of before latencies were measured still have a front, of the other costs."""
    unknown = math.nan
    assert numbers((0.9, 10, unknown, 500), (0.8, 1, unknown, 500), (0.7, 1, unknown, 500)) == [
        0,
        1,
    ]


def test_nothing_left_out_is_cheaper_than_what_kept_it_out():
    """On many trials: whoever is not on the front meets one there, as good and hardly dearer."""
    rows = [
        (0.5 + (n * 37 % 61) / 200, 1 + n * 17 % 23, 1 + n * 29 % 19, 100 + n * 41 % 300)
        for n in range(60)
    ]
    seen = view(*rows)
    kept = front(seen.ranked, "maximize")
    assert 1 < len(kept) < 60
    for trial in seen.trials:
        if trial not in kept:
            assert any(
                good.score >= trial.score
                and all(
                    getattr(good, name) - getattr(trial, name)
                    <= max(NOISE[name] * getattr(good, name), LEAST[name])
                    for name in NOISE
                )
                for good in kept
            )


def test_the_report_has_the_front_where_it_says_something():
    """At most eight rows with both ends; none where one trial is best in everything."""
    assert "Score against cost" not in report_text(view((0.9, 1, 1, 100), (0.8, 2, 1, 100)))
    rows = [(0.9 - n / 100, 100 / 2**n, 1, 100) for n in range(12)]
    text = report_text(view(*rows))
    table = text.partition("Score against cost, 8 of 12")[2].partition("no other trial")[0]
    starts = [line.split()[:2] for line in table.splitlines()[2:10]]
    assert (starts[0], starts[-1][0]) == ([">", "0"], "11")
    front = view(*rows).to_json()["front"]
    assert len(front) == 12
    assert front[0] == {
        "trial": 0, "score": 0.9, "fit_s": 100, "predict_ms_per_1k": 1, "peak_mb": 100,
    }  # fmt: skip


def test_a_broken_limit_is_named_with_both_numbers():
    """Exactly at the limit is allowed, and what was not measured breaks nothing."""
    used = Resources(fit_s=61.5, peak_mb=2000.0)
    limits = {"fit_s": 60.0, "peak_mb": 2000.0, "predict_ms_per_1k": 5.0}
    assert broken(limits, used) == "fit_s 61.5 is over 60"
    assert broken({}, used) == ""


@pytest.fixture
def store():
    with Records.open() as opened:
        yield opened


def dear_above(limit, default_s=1.0):
    """Fits take 10 s where x is above a limit, the model's defaults ``default_s``, others 1 s."""

    def plan(item):
        x = item.configuration.params.get("x")
        fit_s = default_s if x is None else 10.0 if x > limit else 1.0
        outcome: Outcome = scored(item, 2.0 if x is None else x)
        return Happening(2.0, replace(outcome, resources=replace(outcome.resources, fit_s=fit_s)))

    return plan


def test_whoever_breaks_a_limit_never_wins(store):
    """The dearer half scores best and is recorded, but is no finalist, and neither are defaults."""
    watched = Watched(store, dear_above(0.5, default_s=10.0), constraints={"fit_s": 5.0})
    seen = watched.run().view
    assert seen.state == "completed"
    dear = [trial for trial in seen.trials if trial.params["x"] > 0.5]
    assert {trial.state for trial in dear} == {"completed"}
    assert {trial.infeasible for trial in dear} == {"fit_s 10 is over 5"}
    assert seen.counts["infeasible"] == len(dear) > 20
    assert all(each.params.get("x", 0) <= 0.5 for each in seen.finals.finalists)
    assert any(item.partition == SEARCH and not item.configuration.params for item in watched.items)
    assert seen.best.params["x"] == max(
        trial.params["x"] for trial in seen.trials if trial.params["x"] <= 0.5
    )
    assert not any(trial.infeasible for trial in (*seen.ranked, *seen.front))


def test_a_resumed_sweep_still_knows_who_broke_a_limit(store):
    """The record says so; the incumbent after a stop is the same as without."""
    watched = Watched(store, dear_above(0.5), constraints={"fit_s": 5.0}, budget=40)
    watched.run(stop_at=lambda item: item.trial == 20 and item.partition == SEARCH)
    before = watched.sweep
    assert before.state == "stopped"
    watched.run(stop_at=lambda item: True)
    assert 0 < watched.sweep.best.score <= 0.5
    assert watched.sweep.best.score >= before.best.score
    told = [watched.sweep.trials[t.number].infeasible for t in before.trials if t.infeasible]
    assert told
    assert set(told) == {"fit_s 10 is over 5"}


def test_a_sweep_without_one_trial_within_the_limits_has_failed(store):
    """It says so, has no winner, and spends nothing on finalists."""
    watched = Watched(store, dear_above(-1.0), constraints={"fit_s": 5.0}, budget=10).run()
    seen = watched.view
    assert (seen.state, seen.best, seen.front) == ("failed", None, [])
    assert seen.reason.endswith("each of the 10 with a score breaks search.constraints")
    assert {item.partition for item in watched.items} == {SEARCH}


def test_a_broken_limit_is_told_to_the_sampler_as_infeasible(store):
    """As running out of memory is; a trial within the limits is completed."""
    watched = Watched(store, dear_above(0.5), constraints={"fit_s": 5.0}, budget=30).run()
    verdicts = {(t.configuration.params["x"] > 0.5, t.verdict) for t in watched.sweep.trials}
    assert verdicts == {(True, "infeasible"), (False, "completed")}
    unlimited = Watched(store, by_x, budget=10).run()
    assert {trial.verdict for trial in unlimited.sweep.trials} == {"completed"}


def test_the_report_says_how_far_off_a_limit_was():
    """How many break it, and the least there was: the smallest value that would have worked."""
    text = report_text(view((0.9, 4, 1, 100), (0.8, 2.5, 1, 100), constraints={"fit_s": 2.0}))
    assert "constraint:     2 of 2 over fit_s 2 s, least 2.5 (trial 1)\n" in text
    assert "No trial that has completed is within search.constraints" in text


def spec(**search):
    return {
        "name": "n", "data": {"source": "a.csv", "target": "y"}, "search": search,
        "model": [{"estimator": "logistic_regression"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("constraints", "line"),
    [
        ({"peak_mb": 0}, "$.search.constraints.peak_mb: 0 is not allowed; allowed: a number above"),
        ({"fit_s": "1m"}, '$.search.constraints.fit_s: "1m" is not allowed; allowed: a number'),
        ({"peak_md": 5}, "$.search.constraints.peak_md: "),
        (5, "$.search.constraints: "),
    ],
)
def test_a_wrong_limit_is_one_line(constraints, line):
    """Where, what, and what is allowed."""
    with pytest.raises(SpecError) as raised:
        read_spec(spec(constraints=constraints))
    assert [each[: len(line)] for each in raised.value.problems] == [line]


def test_a_deterministic_sweep_takes_no_measured_limit():
    """It would decide by the clock; without a limit the same spec is fine, and reads back."""
    with pytest.raises(SpecError) as raised:
        read_spec(spec(constraints={"fit_s": 60}, deterministic=True))
    [line] = raised.value.problems
    assert line.startswith("$.search.constraints: ")
    assert "deterministic" in line
    sound = read_spec(spec(deterministic=True))
    assert read_spec(sound.to_json()) == sound
    assert sound.search.constraints == Constraints()
    assert read_spec(spec(constraints={"fit_s": 60})).search.constraints.limits == {"fit_s": 60}
