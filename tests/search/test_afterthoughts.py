"""What is said after a sweep, by its numbers alone."""

import math

import numpy as np
import pytest

from search.afterthoughts import (
    Contender,
    optimism_large,
    winner_unstable,
    within_noise_of_baseline,
)

NAN = math.nan


@pytest.mark.parametrize(
    ("numbers", "direction", "figure"),
    [
        ((0.62, 0.48, 0.75, 0.5), "maximize", 0.12),
        ((0.45, 0.40, 0.50, 0.55), "maximize", -0.10),
        ((0.62, 0.51, 0.75, 0.5), "maximize", None),
        ((0.30, 0.20, 0.41, 0.4), "minimize", 0.10),
        ((0.30, 0.20, 0.39, 0.4), "minimize", None),
        ((0.62, NAN, NAN, 0.5), "maximize", None),
        ((0.62, 0.48, 0.75, NAN), "maximize", None),
    ],
)
def test_within_noise_of_baseline(numbers, direction, figure):
    """An interval that reaches the baseline is told, with the lead; an unknown number is not."""
    said = within_noise_of_baseline(*numbers, direction)
    assert [warning.figure for warning in said] == (
        [] if figure is None else [pytest.approx(figure)]
    )


@pytest.mark.parametrize(
    ("numbers", "direction", "figure"),
    [
        ((0.91, 0.80, 0.70, 0.90), "maximize", 0.11),
        ((0.89, 0.80, 0.70, 0.90), "maximize", None),
        ((0.60, 0.80, 0.70, 0.90), "maximize", None),  # worse than the estimate: no flattery
        ((0.10, 0.20, 0.12, 0.30), "minimize", 0.10),
        ((0.35, 0.20, 0.12, 0.30), "minimize", None),
        ((0.91, 0.80, NAN, NAN), "maximize", None),
    ],
)
def test_optimism_large(numbers, direction, figure):
    """A selection score beyond the estimate's interval is told, on the flattering side only."""
    said = optimism_large(*numbers, direction)
    assert [warning.figure for warning in said] == (
        [] if figure is None else [pytest.approx(figure)]
    )


def contender(name, search, fresh, spread=0.01):
    wave = spread * np.array([-1, 0.5, 1, -0.5, 0])
    return Contender(name, tuple(search + wave), tuple(fresh - np.roll(wave, 1)))


def test_a_winner_that_falls_behind_on_fresh_folds():
    """A lead that turns into arrears beyond the folds' noise is told, in either direction."""
    first, other = contender("trial 7", 0.90, 0.80), contender("trial 2", 0.86, 0.85, 0.02)
    (warning,) = winner_unstable([other, first], "maximize", 0.25)
    assert warning.figure == pytest.approx(0.09)
    assert warning.message.startswith("trial 7 leads trial 2 by 0.0400 on the folds searched on")
    losses = [contender("a", 0.10, 0.20), contender("b", 0.14, 0.15, 0.02)]
    assert len(winner_unstable(losses, "minimize", 0.25)) == 1


@pytest.mark.parametrize(
    "contenders",
    [
        [],
        [contender("a", 0.9, 0.7)],
        [contender("a", 0.90, 0.80), contender("b", 0.86, 0.79, 0.02)],  # its lead shrinks
        [contender("a", 0.900, 0.895), contender("b", 0.899, 0.897, 0.02)],  # a tie turns round
        [contender("a", 0.90, 0.80, 0.1), contender("b", 0.86, 0.85, -0.1)],  # folds vary as much
        [contender("a", 0.9, 0.8), contender("a", 0.9, 0.8)],
        [contender("a", 0.9, NAN), contender("b", 0.8, 0.8)],
        [contender("a", 0.9, 0.8), Contender("failed", (0.8,) * 5, ())],
    ],
)
def test_finalists_that_are_close_are_no_news(contenders):
    """Order that changes within noise, and finalists without fresh scores, say nothing."""
    assert winner_unstable(contenders, "maximize", 0.25) == ()


def test_noise_makes_few_winners_unstable():
    """Of 400 sweeps with five equal finalists fewer than 5% are called unstable."""
    generator = np.random.default_rng(0)
    told = 0
    for _ in range(400):
        quality = generator.normal(0.8, 0.01, 50)
        search = quality[:, None] + generator.normal(0, 0.03, (50, 5))
        best = np.argsort(-search.mean(axis=1))[:5]
        fresh = quality[:, None] + generator.normal(0, 0.03, (50, 5))
        told += len(
            winner_unstable(
                [Contender(str(n), search[n], fresh[n]) for n in best], "maximize", 0.25
            )
        )
    assert told < 20
