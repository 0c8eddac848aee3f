"""Where trials run: which runner, and what it offers."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from cluster.runner import Machine, Runner
from evaluators.errors import QuintainError
from quintain.driving import asked_slots

if TYPE_CHECKING:  # scikit-learn and pandas are imported when a sweep is prepared, not before
    from quintain.prepare import Prepared

#: Below this many predicted seconds of search, Ray would take longer to start than to help.
LOCAL_BELOW_S = 10.0
RUNNERS = ("auto", "ray", "local", "inline")


class Place:
    """Where trials run: called, it starts the runner for the length of a block."""

    def __init__(
        self, prepared: "Prepared", runner: str, address: str | None, slots: int | None = None
    ) -> None:
        """``slots``: trials at a time at most, where others have their part of the machine."""
        self.prepared = prepared
        self.address = address
        self.slots = slots
        self._asked = runner
        self._first: Runner | None = self._chosen()
        self.name = self._first.name

    @cached_property
    def trial_s(self) -> float | None:
        """Wall seconds of a trial by a first look, right within a factor of a few; or None."""
        from evaluators.pilot import predicted_trial_s

        prepared = self.prepared
        return predicted_trial_s(prepared.assignment, prepared.dataset, prepared.splits)

    def _chosen(self) -> Runner:
        """The runner asked for; "auto" takes Ray unless the work is a matter of seconds."""
        runner, address = self._asked, self.address
        if runner == "auto":
            trials = self.prepared.spec.search.trials
            long = self.trial_s is None or self.trial_s * trials >= LOCAL_BELOW_S
            runner = "ray" if address or long else "local"
        return choose_runner(runner, address, self.prepared, self.slots)

    @contextmanager
    def __call__(self) -> Iterator[tuple[Runner, Machine]]:
        """A runner that is prepared, and what it offers."""
        chosen, self._first = self._first or self._chosen(), None
        try:
            yield chosen, chosen.prepare()
        finally:
            chosen.close()


def choose_runner(
    name: str, address: str | None, prepared: "Prepared", slots: int | None = None
) -> Runner:
    """The runner by name, for so many trials at a time at most."""
    if name not in RUNNERS:
        raise QuintainError(f"no runner is called {name!r}; there are {', '.join(RUNNERS)}")
    resources = prepared.spec.resources
    if name == "ray":
        from cluster.ray_session import set_environment

        set_environment(address)
        from cluster.tune_runner import RayRunner

        return RayRunner(address, resources.cpus_per_trial)
    if address is not None:
        raise QuintainError(f"--address needs the ray runner, not {name}")
    if name == "local":
        from cluster.local import LocalRunner

        asked = [most for most in (asked_slots(prepared.spec), slots) if most is not None]
        return LocalRunner(min(asked, default=None), resources.cpus_per_trial)
    from cluster.inline import InlineRunner

    return InlineRunner()
