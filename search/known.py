"""What is known of configurations before they run: how they ended in earlier sweeps, by their key.

Pure: whoever reads the store (``quintain.knowing``) fills the table; here it is decided which of
these ends hold for this sweep too, and a trial that has one reaches its end at once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluators.race import Bar
from evaluators.types import Configuration
from search import bodies
from search.bodies import number, resources_of
from search.constraints import broken
from search.entries import Entry
from search.events import Record
from search.policy import Policy
from search.trials import Trial, Trials

#: Failures that come again wherever the same is fitted.
DETERMINISTIC = ("bad_parameters", "numeric", "user_code", "crashed")
#: Failures that come again on the same machine, under the same limits.
OF_LIMITS = ("out_of_memory", "timeout")
#: Of a body, what belongs to the run that was: nothing was queued and no worker took part here.
_OF_ITS_RUN = (
    "queue_s", "start_s", "overhead_s", "worker", "parts", "infeasible", "cached", "oof",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ending:
    """How a trial ended in an earlier sweep.

    Attributes:
        rung: of its entry: the last one reached.
        text: the body of its entry as it is stored; few of thousands are ever read.
        same_limits: whether that sweep had this machine and these limits.
    """

    sweep: str
    trial: int
    rung: int
    text: str
    same_limits: bool = True

    @property
    def body(self) -> dict[str, Any]:
        """What was recorded of it."""
        return bodies.read(self.text)

    @property
    def worth(self) -> tuple[int, int]:
        """Larger for the end to take where one configuration has several; told without reading."""
        for place, state in enumerate(("cancelled", "failed", "pruned", "completed")):
            if f'"state":"{state}"' in self.text:
                return place, self.rung
        return 0, 0


def lasts(body: Mapping[str, Any], same_limits: bool) -> bool:
    """Whether an end would come again: not where chance or a person has ended the trial."""
    if body["state"] == "failed":
        cause = body.get("cause")
        return cause in DETERMINISTIC or (cause in OF_LIMITS and same_limits)
    return body["state"] in ("completed", "pruned")


class Known:
    """Ends by the key of what they are of.

    Attributes:
        replayed: configurations that an earlier sweep of the same spec has asked, in its order;
            this sweep's first trials are the same, and end as they did.
    """

    def __init__(
        self,
        key_of: Callable[[Configuration], str],
        ends: Mapping[str, Ending],
        replayed: Sequence[Configuration] = (),
        endings: Mapping[int, Ending] | None = None,
    ) -> None:
        """``endings``: of the replayed ones, by their number."""
        self.replayed = tuple(replayed)
        self._key_of = key_of
        self._ends = ends
        self._endings = endings or {}

    def __len__(self) -> int:
        return len(self._ends)

    def of(
        self, trial: int, configuration: Configuration, policy: Policy, bar: Bar | None
    ) -> tuple[Ending, dict[str, Any]] | None:
        """How a trial that is asked now has ended, with what was recorded; None where it has to
        run. ``bar``: what it would have to score.
        """
        mine = trial < len(self.replayed) and self.replayed[trial] == configuration
        found = self._endings.get(trial) if mine else None
        found = found or self._ends.get(self._key_of(configuration))
        if found is None:
            return None
        body = found.body
        if not lasts(body, found.same_limits) or not _within(policy, body):
            return None
        limited = policy.constraints or policy.trial_timeout_s is not None
        if body["state"] == "completed" and limited and not found.same_limits:
            return None  # what it would take here is not known
        if body["state"] == "pruned" and not (policy.race and (mine or _short(bar, found, body))):
            return None
        return found, body


def _within(policy: Policy, body: Mapping[str, Any]) -> bool:
    """Whether what a trial took is no more than one may take here; what failed is not asked."""
    used, most_mb = resources_of(body), policy.memory_mb
    if body["state"] == "failed":
        return True
    in_time = policy.trial_timeout_s is None or not used.wall_s > policy.trial_timeout_s
    return in_time and (most_mb is None or not used.peak_mb > most_mb)


def _short(bar: Bar | None, found: Ending, body: Mapping[str, Any]) -> bool:
    """Whether our own bar ends it by the rung at which it was given up there."""
    path = [number(each) for each in body.get("path") or ()]
    if bar is None or bar.pauses:
        return False
    return any(bar.falls_short(rung, path[rung]) for rung in range(min(len(path), found.rung + 1)))


def ended_at_once(
    trials: Trials, trial: Trial, ending: Ending, body: dict[str, Any], policy: Policy, now: float
) -> Record:
    """A trial that was just asked reaches the end it has had elsewhere; the record says where.

    ``saved_cpu_s``: CPU seconds that it took there. A trial that was itself answered from a third
    sweep names that one.
    """
    oof, cpu_s = body.get("oof"), resources_of(body).cpu_s
    told = body.get("cached") or {"sweep": ending.sweep, "trial": ending.trial}
    saved_s = 0.0 if math.isnan(cpu_s) else cpu_s
    body = {name: value for name, value in body.items() if name not in _OF_ITS_RUN}
    body["cached"] = {"sweep": told["sweep"], "trial": told["trial"], "saved_cpu_s": saved_s}
    if body["state"] == "completed":
        body["infeasible"] = broken(policy.constraints, resources_of(body)) or None
    if policy.race is None:
        body.pop("path", None)
    trial.took(body, policy.objective, ending.rung)
    trials.move(trial, body["state"])
    entry = Entry("ended", now, body, trial.number, trial.attempt, rung=ending.rung)
    return Record(entry, kept=(ending.sweep, oof) if oof else None)
