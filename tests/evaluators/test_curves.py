"""Curves find what was planted, and say how far they may be off."""

import numpy as np
import pytest

from evaluators.curves import memory_curve, time_curve

FULL = 100_000
ROWS = [2_000, 4_000, 8_000, 16_000]


@pytest.mark.parametrize(
    "seconds",
    [
        lambda n: 0.3 + 5e-5 * n,
        lambda n: 0.05 + 4e-6 * n * np.log(n),
        lambda n: 0.02 + 3e-9 * n**2,
        lambda n: 2e-5 * n,
    ],
    ids=["overhead and line", "n log n", "square", "line"],
)
def test_a_planted_curve_is_found_within_its_interval(seconds):
    """From 16% of the rows each kind of growth is found within a third, inside the interval."""
    curve = time_curve(ROWS, [seconds(n) for n in ROWS])
    found, truth = curve.at(FULL), seconds(FULL)
    assert found.value == pytest.approx(truth, rel=0.35)
    assert found.low < truth < found.high


def test_the_interval_holds_nine_in_ten_planted_powers_under_noise():
    """Powers that no term of the curve has, with a fifth of noise on each fit: at least 90%."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        power, overhead = rng.uniform(0.9, 1.7), rng.uniform(0, 0.5)
        planted = overhead + 0.5 * (np.array([*ROWS, FULL]) / ROWS[-1]) ** power
        fits = planted[:-1] * np.exp(rng.normal(0, 0.1, len(ROWS)))
        found = time_curve(ROWS, fits).at(FULL)
        held += found.low <= planted[-1] <= found.high
    assert held >= 180


def test_noise_does_not_grow_into_a_square_where_there_is_none():
    """Lines with a tenth of noise on each fit, by a model known to be steady: nine in ten are told
    within a factor of 1.5. With the square among the terms at least twice as many miss it.
    """
    rng = np.random.default_rng(0)
    truth, missed = 0.5 + 1e-4 * FULL, {True: 0, False: 0}
    for _ in range(200):
        fits = np.array([0.5 + 1e-4 * n for n in ROWS]) * np.exp(rng.normal(0, 0.1, len(ROWS)))
        for steady in missed:
            told = time_curve(ROWS, fits, steady=steady).at(FULL).value
            missed[steady] += not truth / 1.5 < told < truth * 1.5
    assert missed[True] <= 20
    assert missed[False] >= 2 * missed[True]


@pytest.mark.parametrize("overhead", [0.5, 1.0])
def test_overhead_at_the_last_sizes_is_no_slope(overhead):
    """A line whose last three sizes grow like n^0.7 or less, for all the overhead in them, goes on
    as a line does; of a model not known to be steady the bare slope stays as a second opinion.
    """
    fits = [overhead + 1e-4 * n for n in ROWS]
    steady, unknown = (time_curve(ROWS, fits, steady=known) for known in (True, False))
    truth = overhead + 1e-4 * FULL
    assert steady.steep(FULL) == pytest.approx(truth, rel=0.25)
    assert abs(np.log(steady.steep(FULL) / truth)) < abs(np.log(unknown.steep(FULL) / truth))


def test_one_log_log_line_would_have_missed_where_the_two_halves_do_not():
    """Overhead flattens a line through all sizes to half the truth; ours stays within a fifth."""
    seconds = [0.5 + 1e-4 * n for n in ROWS]
    slope, height = np.polyfit(np.log(ROWS), np.log(seconds), 1)
    truth = 0.5 + 1e-4 * FULL
    assert np.exp(height + slope * np.log(FULL)) < 0.7 * truth
    assert time_curve(ROWS, seconds).at(FULL).value == pytest.approx(truth, rel=0.2)


def test_a_mad_slope_is_held_back():
    """Noise at the last sizes may not grow into n^5, nor into a fit that gets cheaper."""
    assert time_curve([100, 200, 400], [0.03, 0.5, 20.0]).slope == 2.2
    assert time_curve([100, 200, 400], [0.9, 0.5, 0.3]).slope == 0.7


def test_short_fits_count_only_where_there_are_no_longer_ones():
    """Under 20 ms a fit is left out, unless fewer than three are left."""
    assert time_curve([1, 2, 4, 8], [0.019, 0.03, 0.06, 0.12]).rows == (2, 4, 8)
    assert time_curve([8, 1, 2, 4], [0.008, 0.001, 0.002, 0.004]).rows == (2, 4, 8)


def test_what_was_measured_is_told_as_it_was():
    """At the largest part the prediction is the measurement; far from it the interval is wider."""
    curve = time_curve([1e3, 2e3, 4e3], [0.1, 0.2, 0.4])
    here, far = curve.at(4e3), curve.at(1e5)
    assert here.value == pytest.approx(0.4)
    assert here.high / here.low < 1.25 < 3 < far.high / far.low


def test_one_point_is_told_with_a_wide_interval():
    """A single fit still says something, with twice the distance of doubt."""
    one, three = time_curve([4e3], [0.4]), time_curve([1e3, 2e3, 4e3], [0.1, 0.2, 0.4])
    assert one.at(2e4).value == pytest.approx(0.4 * 5**1.15)
    assert one.at(2e4).high / one.at(2e4).low > three.at(2e4).high / three.at(2e4).low


def test_no_fit_is_no_curve():
    """Nothing measured, nothing told."""
    with pytest.raises(ValueError, match="at least one fit"):
        time_curve([], [])
    with pytest.raises(ValueError, match="above zero"):
        time_curve([10, 20], [0.1, 0.0])


def test_memory_is_a_line_with_a_floor_of_three_times_the_data():
    """The line is found; the plan takes what is more, line or data, and a margin on it."""
    steep = memory_curve(ROWS, [200 + 10 + 0.01 * n for n in ROWS], 200, 0.001).at(FULL)
    assert steep.value == pytest.approx(1210, rel=0.01)
    assert steep.high == pytest.approx(220 + 1.5 * 1010, rel=0.01)
    flat = memory_curve(ROWS, [200.0] * 4, 200, 0.001).at(FULL)
    assert flat.value == 200
    assert flat.high == pytest.approx(220 + 1.5 * 3 * 0.001 * FULL)
    within = memory_curve(ROWS, [200.0] * 4, 200, 0.001).at(ROWS[-1])
    assert within.high == pytest.approx(220)
