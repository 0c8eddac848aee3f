"""The profiler against known truths, each in a process of its own; all of them: scripts/bench."""

import sys

import pytest

from benchmarks.profiler_cases import CASES
from benchmarks.profiler_truths import measure
from evaluators.family import this_family

pytestmark = [
    pytest.mark.measures,
    pytest.mark.skipif(sys.platform != "linux", reason="truths are read in /proc"),
]


@pytest.mark.skipif(not this_family().sees_short_peaks, reason="the mark cannot be reset here")
@pytest.mark.parametrize(
    "name",
    [
        "100 MB for 50 ms, array",
        "300 MB in one C call",
        "50 MB after a large trial that left 20",
        "50 MB after a large trial that left 200",
    ],
)
def test_memory_is_within_5_mb_or_5_percent(name):
    """Of what was allocated, for 50 ms or for one call, also in a worker that was used before."""
    row = measure(name, CASES[name], 1)
    assert row.passes, (row, row.errors)


@pytest.mark.parametrize(
    "name",
    [
        "1 threads, 0.5 s each",
        "4 threads, 0.5 s each",
        "2 joblib children, 0.5 s each",
        "2 children that end, 0.5 s each",
        "xgboost, 2 threads",
        "HistGradientBoosting, OpenMP",
    ],
)
def test_cpu_seconds_are_within_3_percent(name):
    """Whoever burnt them: threads, OpenMP's threads, joblib's workers, programs that ended."""
    row = measure(name, CASES[name], 1)
    assert row.passes, (row, row.errors)


@pytest.mark.parametrize("name", ["own cost on a fit of 1 s", "own cost on it, two children alive"])
def test_measuring_costs_less_than_1_percent_of_a_second(name):
    """By the process's clock less the fit's own, whatever the profiler says of itself."""
    row = measure(name, CASES[name], 1)
    assert row.passes, (row, row.errors)


def test_the_cost_is_told_as_it_is():
    """What the profiler says it took is what it took, to 1% of the fit."""
    row = measure("own cost as it tells it", CASES["own cost as it tells it"], 1)
    assert row.passes, (row, row.errors)
    assert row.measured[0] > 0
