"""New rows are known by how often a row stands; a claim is judged by both intervals."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quintain.growth import Scored, judge, surplus

MANY = (60, 40)
CLAIM = Scored(0.80, 0.76, 0.84)
NAN = Scored(math.nan, math.nan, math.nan)

few = st.lists(st.integers(0, 5), max_size=30)


@given(few, few)
def test_rows_are_counted_as_often_as_they_stand(rows, known):
    """Of each row as many are new as it stands more often than before, wherever it stands."""
    found = np.array(rows, np.uint64)
    new = surplus(found, np.sort(np.array(known, np.uint64)))
    assert Counter(found[new].tolist()) == Counter(rows) - Counter(known)


@pytest.mark.parametrize(
    ("fresh", "verdict", "reason"),
    [
        (Scored(0.80, 0.75, 0.85), "held", "within what was claimed"),
        (Scored(0.765, 0.70, 0.82), "held", "would not have shown"),
        (Scored(0.90, 0.85, 0.95), "held", "higher than what was claimed"),
        (Scored(0.75, 0.70, 0.80), "cannot tell", "chance explains 0.0640"),
        (Scored(0.735, 0.685, 0.785), "did not hold", "lower by 0.0650"),
        (Scored(0.60, 0.50, 0.70), "did not hold", "lower by 0.2000"),
        (NAN, "cannot tell", "undefined on the new rows"),
        (Scored(0.6, math.nan, math.nan), "cannot tell", "no interval"),
    ],
)
def test_a_claim_is_judged(fresh, verdict, reason):
    """It falls where the two intervals, squared and added, leave no room for chance; else it held
    from the claimed interval's worse end on. The same where lower is better.
    """
    found = judge(CLAIM, fresh, "maximize", MANY)
    assert found.verdict == verdict
    assert reason in found.reason
    turned = [Scored(-score, -high, -low) for score, low, high in (CLAIM, fresh)]
    other = judge(*turned, "minimize", MANY)
    assert other.verdict == verdict
    np.testing.assert_equal((other.change, other.noticeable), (-found.change, found.noticeable))
    swapped = {"lower": "higher", "higher": "lower"}
    assert other.reason == " ".join(swapped.get(word, word) for word in found.reason.split())


def test_without_enough_to_judge_by_nothing_is_claimed():
    """Nine rows of a class, or an estimate that is not there, and it cannot tell; with figures."""
    low = Scored(0.2, 0.1, 0.3)
    told = judge(CLAIM, low, "maximize", (100, 9), " of class 'yes'")
    assert told.verdict == "cannot tell"
    assert told.reason == "only 9 new rows of class 'yes' can be scored, and 10 are needed"
    assert judge(CLAIM, low, "maximize", (100, 10)).verdict == "did not hold"
    assert "no estimate" in judge(NAN, low, "maximize", MANY).reason


def test_chance_is_seldom_called_a_fall():
    """With no change a claim falls in 2.5% of draws; where it fell by four errors, in most."""
    rng, half = np.random.default_rng(0), 1.96
    falls = {0.0: 0, 4 * math.hypot(1, 2): 0}
    for fall in falls:
        for _ in range(4000):
            claim, fresh = rng.normal(0, 1), rng.normal(-fall, 2)
            told = judge(
                Scored(claim, claim - half, claim + half),
                Scored(fresh, fresh - 2 * half, fresh + 2 * half), "maximize", MANY,
            )  # fmt: skip
            falls[fall] += told.verdict == "did not hold"
    none, large = falls.values()
    assert 70 <= none <= 130
    assert large > 0.95 * 4000
