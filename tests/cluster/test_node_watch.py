"""Asking which nodes there are holds nobody up."""

import threading
import time

from cluster.node_watch import NodeWatch


def test_who_asks_waits_only_as_long_as_it_says():
    """With an answer that does not come, and again once it does; each is told once."""
    answers, held = iter(range(100)), threading.Event()

    def ask():
        held.wait(20)
        return next(answers)

    watch = NodeWatch(ask, every_s=0.01)
    began = time.monotonic()
    assert watch.news() is None
    assert watch.news(wait_s=0.2) is None
    assert time.monotonic() - began < 5
    held.set()
    assert watch.news(wait_s=5) >= 1  # asked after the first, which hung
    watch.close()
    watch.news()
    assert watch.news() is None


def test_a_failing_question_is_asked_again():
    """A head that is away says nothing about nodes."""
    tries = []

    def ask():
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError("away")
        return "here"

    watch = NodeWatch(ask, every_s=0.01)
    deadline = time.monotonic() + 10
    while (told := watch.news()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    watch.close()
    assert told == "here"
