"""Where the trials of a sweep run, and what of it is started before its data is read."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cluster.runner import Machine, Runner
from evaluators.errors import QuintainError
from evaluators.model_table import libraries
from quintain.driving import asked_slots
from search.room import Share
from search.spec import Spec

if TYPE_CHECKING:  # what is not asked for is not imported
    from cluster.early import EarlyRay
    from cluster.local import LocalRunner
    from quintain.prepare import Prepared

    Early = EarlyRay | LocalRunner
else:
    Early = Any

#: Below this many predicted seconds of search, Ray would take longer to start than to help.
LOCAL_BELOW_S = 10.0
RUNNERS = ("auto", "ray", "local", "inline")
#: Before Ray starts, a file of more bytes is read: it hands out what memory it finds free then.
RAY_EARLY_BELOW = 32_000_000
#: With "auto", bytes of the file times trials below which the work is likely to be a matter of
#: seconds: Adult's 5 MB take a booster about 5 s a trial. Local workers that were begun in vain
#: cost two seconds of another core. Above, nothing is begun: a Ray that starts is not stopped well.
LIKELY_LOCAL = 10_000_000


@contextmanager
def begun_early(
    spec: Spec, data: Any, runner: str, address: str | None
) -> Iterator["Early | None"]:
    """Start what will run, while the data is read; ended with the block if nobody has by then.

    None where that cannot even be guessed, or where Ray is to know first what the data takes.
    """
    size = 0 if data is not None else _file_bytes(spec)
    named = runner
    if runner == "auto" and address is not None:
        named = "ray"
    elif runner == "auto" and data is None and size * spec.search.trials < LIKELY_LOCAL:
        named = "local"
    if named not in ("ray", "local") or (named == "ray" and size >= RAY_EARLY_BELOW):
        yield None
        return
    begun = _begun(spec, named, address)
    try:
        yield begun
    except BaseException:
        if begun is not None:
            begun.abandon()  # what went wrong is told now, not once Ray has started
        raise
    if begun is not None:
        begun.close()


def _file_bytes(spec: Spec) -> float:
    """Size of the spec's table as a look tells it; infinite where it is no file."""
    file = spec.folder / str(spec.data.source)
    return file.stat().st_size if file.is_file() else math.inf


def _begun(spec: Spec, runner: str, address: str | None) -> "Early | None":
    """Ray, or local workers, with what they import whatever the data turns out to be."""
    modules = libraries(block.estimator for block in spec.model)
    if runner != "local":
        return _ray_begun(spec, address, modules)
    if address is not None:
        return None  # it will be refused
    local = _local(spec)
    local.begin(modules)
    return local


def _ray_begun(
    spec: Spec, address: str | None, modules: tuple[str, ...], slots: int | None = None
) -> "EarlyRay":
    from cluster.early import EarlyRay

    return EarlyRay(address, spec.resources.cpus_per_trial, _most(spec, slots), modules)


def _local(spec: Spec, slots: int | None = None) -> "LocalRunner":
    from cluster.local import LocalRunner

    return LocalRunner(_most(spec, slots), spec.resources.cpus_per_trial)


def _most(spec: Spec, slots: int | None) -> int | None:
    """Trials at a time at most: as asked for, and no more than ``slots``."""
    return min((most for most in (asked_slots(spec), slots) if most is not None), default=None)


class Place:
    """Where trials run: called, it starts the runner for the length of a block."""

    def __init__(
        self, prepared: "Prepared", runner: str, address: str | None,
        early: "Early | None" = None, slots: int | None = None, share: Share | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            prepared: the sweep.
            runner: by name, or "auto".
            address: of a cluster.
            early: what ``begun_early`` has begun; the first block uses it.
            slots: trials at a time at most, where others have their part of the machine.
            share: the same of a cluster.
        """
        if runner not in RUNNERS:
            raise QuintainError(f"no runner is called {runner!r}; there are {', '.join(RUNNERS)}")
        self.prepared = prepared
        self.address = address
        self.slots = slots
        self.share = share
        self._early = early
        self.name = self._named(runner)
        if early is not None and early.name != self.name:
            early.abandon()
            self._early = None
        if address is not None and self.name != "ray":
            raise QuintainError(f"--address needs the ray runner, not {self.name}")

    @cached_property
    def trial_s(self) -> float | None:
        """Wall seconds of a trial by a first look, right within a factor of a few; or None."""
        from evaluators.pilot import predicted_trial_s

        prepared = self.prepared
        return predicted_trial_s(prepared.assignment, prepared.dataset, prepared.splits)

    def _named(self, runner: str) -> str:
        """The runner asked for; "auto" takes Ray unless the work is a matter of seconds."""
        if runner != "auto":
            return runner
        trials = self.prepared.spec.search.trials
        long = self.trial_s is None or self.trial_s * trials >= LOCAL_BELOW_S
        return "ray" if self.address or long else "local"

    @contextmanager
    def __call__(self) -> Iterator[tuple[Runner, Machine]]:
        """A runner that is prepared, and what it offers."""
        early, self._early = self._early, None
        chosen = self._runner(early)
        try:
            yield chosen, chosen.prepare()
        finally:
            chosen.close()

    def _runner(self, early: "Early | None") -> Runner:
        """By name; what was begun early is taken over."""
        spec = self.prepared.spec
        if self.name == "inline":
            from cluster.inline import InlineRunner

            return InlineRunner()
        if self.name == "local":
            from cluster.local import LocalRunner

            return early if isinstance(early, LocalRunner) else _local(spec, self.slots)
        from cluster.early import EarlyRay

        if not isinstance(early, EarlyRay):
            modules = libraries(block.estimator for block in spec.model)
            early = _ray_begun(spec, self.address, modules, self.slots)
        from cluster.tune_runner import RayRunner  # its imports take as long as Ray's start

        return RayRunner(self.address, spec.resources.cpus_per_trial, early)
