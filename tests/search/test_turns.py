"""Whose turn it is: priority, then a fair share, then who came first."""

from hypothesis import given
from hypothesis import strategies as st

from search.turns import Claim, next_turns


def claims(*told):
    """(sweep, user, priority) in the order they came."""
    return [Claim(sweep, user, priority, n) for n, (sweep, user, priority) in enumerate(told)]


def test_priority_goes_before_everything():
    """A higher priority is first, whoever has how much already."""
    waiting = claims(("a-1", "ada", 0), ("a-2", "ada", 5), ("b-1", "bo", 0))
    assert next_turns(waiting, [], {}, 1) == ["a-2"]


def test_who_has_less_goes_first():
    """A user with a hundred sweeps does not keep the one of another waiting."""
    waiting = claims(*((f"a-{n}", "ada", 0) for n in range(100)), ("b-1", "bo", 0))
    assert next_turns(waiting, [], {}, 2) == ["a-0", "b-1"]
    running = claims(("a-x", "ada", 0))
    assert next_turns(waiting, running, {}, 1) == ["b-1"]


def test_one_place_goes_round():
    """With one place the users take turns: who was served longest ago is next."""
    waiting = claims(("a-1", "ada", 0), ("a-2", "ada", 0), ("b-1", "bo", 0))
    assert next_turns(waiting, [], {"ada": 20.0, "bo": 10.0}, 1) == ["b-1"]
    assert next_turns(waiting[:2] + waiting[2:], [], {"bo": 20.0}, 3) == ["a-1", "b-1", "a-2"]


def test_of_one_user_the_earlier_goes_first():
    """Equal claims go in the order in which they came, also after a driver has died."""
    waiting = [Claim("late", "ada", 0, 9.0), Claim("early", "ada", 0, 1.0)]
    assert next_turns(waiting, [], {"ada": 5.0}, 2) == ["early", "late"]


names = st.sampled_from(["ada", "bo", "cy"])


@given(
    st.lists(st.tuples(names, st.integers(-2, 2)), max_size=20),
    st.lists(names, max_size=6),
    st.integers(0, 8),
)
def test_no_place_is_left_and_no_share_is_unfair(waiting, holds, places):
    """All places are used; within a priority nobody gets a second before another has a first."""
    left = [Claim(f"s-{n}", user, priority, n) for n, (user, priority) in enumerate(waiting)]
    running = [Claim(f"r-{n}", user, 0, n) for n, user in enumerate(holds)]
    chosen = next_turns(left, running, {}, places)
    assert len(chosen) == min(places, len(left))
    assert len(set(chosen)) == len(chosen)
    by_id = {claim.sweep: claim for claim in left}
    taken = [by_id[sweep] for sweep in chosen]
    assert [c.priority for c in taken] == sorted((c.priority for c in taken), reverse=True)
    passed = [claim for claim in left if claim.sweep not in chosen]
    for claim in passed:
        same = [each for each in taken if each.priority <= claim.priority and each.user]
        for other in {each.user for each in same} - {claim.user}:
            mine = holds.count(claim.user) + sum(c.user == claim.user for c in taken)
            theirs = holds.count(other) + sum(c.user == other for c in taken)
            last = next(c for c in reversed(same) if c.user == other)
            assert last.priority == claim.priority
            assert theirs <= mine + 1
