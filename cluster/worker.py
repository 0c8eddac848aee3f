"""The worker that every runner shares: a pack in, reports out."""

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

from evaluators import blackbox
from evaluators.crossval import Evaluator
from evaluators.node_use import NodeMeter
from evaluators.types import FoldResult, Outcome
from search.events import FoldScored, Item, ItemEnded, Pack, Report

#: Seconds of a fold below which it is fitted again, where its trial has to be, rather than kept.
WORTH_KEEPING_S = 1.0


class Worker:
    """One process that evaluates packs, one after the other.

    ``start_s``: seconds it took to become ready, which its first report tells.
    """

    def __init__(self, evaluator: Evaluator, start_s: float) -> None:
        self.evaluator = evaluator
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._start_s = start_s
        self._node = NodeMeter()

    def work(self, pack: Pack) -> Iterator[Report]:
        """Evaluate a pack: one configuration reports each fold, a pack of several reports once.

        The report with ``last`` is the final one. With ``spent`` the process must end: a fit that
        could not be interrupted still runs in it, and the items not reported wait again.
        """
        for report in _reports(self.evaluator, pack):
            start_s, self._start_s = self._start_s, 0.0
            yield replace(report, worker=self._name, start_s=start_s, node=self._node.look())


def _reports(evaluator: Evaluator, pack: Pack) -> Iterator[Report]:
    """What happened to the pack, whoever the worker is."""
    ended: list[ItemEnded] = []
    single = len(pack.items) == 1
    busy_s = 0.0
    for item in pack.items:
        blackbox.begin()
        results = _results(evaluator, item, pack.limit_mb)
        last = len(evaluator.partitions[item.partition][: item.folds]) - 1
        while True:
            began = time.perf_counter()
            result = next(results, None)
            busy_s += time.perf_counter() - began
            if result is None:
                break
            if isinstance(result, Outcome):
                ended.append(ItemEnded(item.trial, item.attempt, result))
            elif item.part or (single and result.fold < last):
                yield Report(folds=(_scored(item, result),))
        if evaluator.spent:
            break
    yield Report(ended=ended, last=True, spent=evaluator.spent, busy_s=busy_s)


def _results(
    evaluator: Evaluator, item: Item, memory_mb: float | None
) -> Iterator[FoldResult | Outcome]:
    """What comes of an item: fitted here, or put together from what others fitted."""
    asked = item.configuration, item.partition, item.folds
    if item.parts:
        yield evaluator.put_together(*asked, item.parts, interval=item.interval)
        return
    yield from evaluator.evaluate(
        *asked, interval=item.interval, memory_mb=memory_mb, bar=item.bar, part=item.part,
        kept=item.kept,
    )  # fmt: skip


def _scored(item: Item, result: FoldResult) -> FoldScored:
    """A fold as it travels: with its outputs only where it would be missed."""
    whole = result if item.each and result.resources.wall_s >= WORTH_KEEPING_S else None
    return FoldScored(item.trial, item.attempt, result.fold, result.scores, result.resources, whole)
