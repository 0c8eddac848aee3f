"""What a recorded sweep's trials did, for the simulated runner to do again."""

import math
from collections import defaultdict
from collections.abc import Sequence

from cluster.simulated import Happening
from evaluators.types import Configuration, Failure, Outcome, Resources
from search.bodies import number
from search.entries import Entry
from search.events import Item
from search.space import canonical


class Replay:
    """Plans items as a record tells them: seconds, scores by fold, or the failure.

    A configuration that was recorded ends as it did then. One that was not takes the end of one of
    the same model, of any where its model has none, in the order of the record and round again: so
    other budgets and other samplers meet the same spread of durations and scores.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        """``entries``: of one sweep; ValueError where no trial of it came to an end of its own."""
        asked: dict[int, Configuration] = {}
        self._known: dict[str, Happening] = {}
        self._ends: dict[str, list[Happening]] = defaultdict(list)
        for entry in entries:
            if entry.kind == "asked":
                asked[entry.trial] = Configuration(entry.body["model"], entry.body["params"])
            elif entry.kind == "ended" and entry.body["state"] in ("completed", "failed"):
                configuration, end = asked[entry.trial], _end(entry)
                self._known[_key(configuration)] = end
                self._ends[configuration.model].append(end)
        self._all = [end for ends in self._ends.values() for end in ends]
        if not self._all:
            raise ValueError("no trial of this record has ended: there is nothing to replay")

    def __call__(self, item: Item) -> Happening:
        """What the item does."""
        found = self._known.get(_key(item.configuration))
        if found is not None:
            return found
        ends = self._ends.get(item.configuration.model) or self._all
        return ends[item.trial % len(ends)]


def _key(configuration: Configuration) -> str:
    return canonical(configuration.model, configuration.params)


def _end(entry: Entry) -> Happening:
    """One recorded end. A worker that ended with its trial ends with it again."""
    body = entry.body
    told = body.get("resources") or {}
    wall_s, cpu_s, peak_mb = (number(told.get(n, 0.0)) for n in ("wall_s", "cpu_s", "peak_mb"))
    used = Resources(wall_s=wall_s, cpu_s=cpu_s, peak_mb=peak_mb)
    seconds = 0.0 if math.isnan(wall_s) else wall_s
    if body["state"] == "failed":
        failure = Failure(body["cause"], body["reason"])
        spent = failure.cause in ("timeout", "out_of_memory", "crashed", "worker_lost")
        return Happening(seconds, Outcome(failure=failure, resources=used), spent)
    scores = {name: number(score) for name, score in body["scores"].items()}
    folds = {name: [number(each) for each in told] for name, told in body["folds"].items()}
    return Happening(seconds, Outcome(scores, folds, resources=used))
