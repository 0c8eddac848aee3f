"""A small part of benchmarks/honesty.py: what whole sweeps on pure noise say of themselves."""

import json

import numpy as np
import pytest

from benchmarks.honesty_noise import CHANCE, noise, searched
from benchmarks.honesty_portions import Part, made

SWEEPS = 12


@pytest.fixture(scope="module")
def told():
    """What `quintain run --json` prints of twelve sweeps of 40 trees on 300 rows of noise."""
    rules = {"trials": 40, "sampler": "random", "deterministic": True}
    return [
        searched(noise(seed), "balanced_accuracy", seed, **rules).to_json()
        for seed in range(SWEEPS)
    ]


def above_chance(scores):
    """Mean and standard error."""
    above = np.asarray(scores) - CHANCE
    return above.mean(), above.std(ddof=1) / np.sqrt(len(above))


def test_the_best_of_many_flatters_itself_and_the_estimate_does_not(told):
    """On noise the selection score is far above chance; the estimate is not told from chance."""
    flattery, error = above_chance([each["best"]["selection_score"] for each in told])
    assert flattery > 3 * error
    assert flattery > 0.03
    bias, error = above_chance([each["estimate"]["score"] for each in told])
    assert abs(bias) < 3 * error
    assert bias < flattery / 2


def test_intervals_cover_chance(told):
    """Eleven of twelve at least; and none is so wide that it says nothing."""
    intervals = [(each["estimate"]["low"], each["estimate"]["high"]) for each in told]
    assert sum(low <= CHANCE <= high for low, high in intervals) >= SWEEPS - 1
    assert np.median([high - low for low, high in intervals]) < 0.2


def test_bbc_stands_beside_the_estimate(told):
    """It knows the rows' own luck too: no further above chance than the estimate, on average."""
    bias, error = above_chance([each["estimate"]["bbc"]["score"] for each in told])
    assert abs(bias) < 3 * error


def test_an_interrupted_benchmark_goes_on(tmp_path):
    """A line that is kept is not made again; one torn by the end of the process is."""
    part = Part("toy", 2, lambda repeats: [{"seed": n} for n in range(repeats)], dict, list)
    kept, torn = {"task": {"seed": 0}, "kept": True}, {"task": {"seed": 1}, "kept": True}
    (tmp_path / "toy.jsonl").write_text(f"{json.dumps(kept)}\n{json.dumps(torn)[:-1]}")
    lines = [kept, {"task": {"seed": 1}, "seed": 1}, {"task": {"seed": 2}, "seed": 2}]
    for _ in range(2):  # the second time finds all of them
        assert made(part, 3, tmp_path, 1, lambda said: None) == lines
