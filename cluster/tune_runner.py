"""The ray runner: Ray Tune places packs by their resources, keeps actors and notices deaths.

Tune's own searcher, scheduler, retries and files take no part: its Searcher asks our sweep, its
callbacks feed it, and a resumed sweep is a new Tuner over our record.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
import ray
from ray import tune
from ray.exceptions import RayActorError
from ray.tune.search import Searcher

from cluster.autopsy import cause_of_death
from cluster.memory_kill import survive_memory_kills
from cluster.ray_session import RaySession
from cluster.runner import Machine, Workload
from cluster.trainable import Parcel, make_trainable, put
from search.driver import Driver
from search.events import (
    Cancel,
    Dispatch,
    Event,
    Finish,
    NodesChanged,
    Pack,
    PackLost,
    PackReported,
    PackStarted,
    Report,
    SlotFreed,
    WorkerIdled,
)

#: What makes a Tune trial cheap and quiet; PERFORMANCE, "Ray Tune's cost of a no-op trial".
ENVIRONMENT = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # else workers live in a folder of Tune's, made for each trial
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the driver's to handle
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_FORCE_TRIAL_CLEANUP_S": "2",  # by default a stuck actor is waited for ten minutes
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # its snapshots are never read back
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "60",
}

#: Seconds between two looks at which nodes there are.
LOOK_S = 5.0


class Flow:
    """What Tune's searcher and callbacks share: the driver and the packs under way."""

    def __init__(
        self, driver: Driver, session: RaySession, slots: int, spare: int, run: str
    ) -> None:
        """``slots``: packs that run at a time; ``spare``: how many more may wait for a worker."""
        self.driver = driver
        self._session = session
        self._looked = time.monotonic()
        self.slots = slots
        self.spare = spare
        self.run = run
        self.packs: dict[str, int] = {}
        self.nodes: dict[str, str | None] = {}
        self.actors: dict[int, Any] = {}
        self.cancelled: set[int] = set()
        self.error: BaseException | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its searcher and callbacks into files that are never read back."""
        return {}

    @property
    def over(self) -> bool:
        """Whether Tune has to end: the sweep has finished, or something went wrong here."""
        return self.driver.finished or self.error is not None

    def feed(self, event: Event) -> Sequence[Dispatch | Cancel | Finish]:
        """An event to the driver. What it raises waits for the end of Tune, which would bury it."""
        return self._carried_out(self._kept(lambda: self.driver.feed(event)))

    def poll(self) -> None:
        """Let time pass."""
        self._carried_out(self._kept(self.driver.poll))

    def look(self, every_s: float = 0.0) -> None:
        """Tell of nodes that went or came, if the last look is so long ago."""
        now = time.monotonic()
        if now - self._looked < every_s:
            return
        self._looked = now
        nodes = self._session.moved()
        if nodes is not None:
            self.feed(NodesChanged(self.driver.clock(), nodes))

    def _carried_out(
        self, tasks: Sequence[Dispatch | Cancel | Finish]
    ) -> Sequence[Dispatch | Cancel | Finish]:
        """End the actors of packs that are not wanted any more; at the end Tune ends them all."""
        for task in tasks:
            if isinstance(task, Cancel) and not self.over:
                self.cancelled.add(task.pack)
                if task.pack in self.actors:
                    ray.kill(self.actors[task.pack])
        return tasks

    def started(self, pack: int, actor: Any) -> bool:
        """A pack has its actor; False where it was cancelled before."""
        if pack in self.cancelled:
            ray.kill(actor)
            return False
        self.actors[pack] = actor
        return True

    def _kept(
        self, act: Callable[[], Sequence[Dispatch | Cancel | Finish]]
    ) -> Sequence[Dispatch | Cancel | Finish]:
        if self.error is not None:
            return []
        try:
            return act()
        except BaseException as error:
            self.error = error
            return []

    def next_pack(self, tune_id: str) -> Pack | None:
        """Ask the sweep for a pack."""
        under_way = sum(number not in self.cancelled for number in self.packs.values())
        if under_way >= self.slots + self.spare:
            return None
        ahead = self.spare > 0 and under_way >= self.slots
        for task in self.feed(SlotFreed(self.driver.clock(), ahead)):
            if isinstance(task, Dispatch):
                self.packs[tune_id] = task.pack.number
                return task.pack
        return None


class SweepSearcher(Searcher):
    """Tune's way of asking; all answers come from the sweep."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self._flow = flow

    def suggest(self, trial_id: str) -> Any:
        """A parcel, None when there is nothing to do yet, FINISHED at the end."""
        pack = self._flow.next_pack(trial_id)
        if pack is not None:
            return {"parcel": Parcel(pack)}
        return Searcher.FINISHED if self._flow.over else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A Tune trial is over, one way or the other; its callbacks have told the sweep why."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the record is the truth."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: a resumed sweep is a new Tuner."""


class SweepCallback(tune.Callback):
    """Tune's way of telling."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """A worker has the pack."""
        flow = self._flow
        actor = trial.temporary_state.ray_actor
        if not flow.started(flow.packs[trial.trial_id], actor):
            return
        found = ray._private.state.actors(actor._actor_id.hex())
        address = found.get("Address", {})
        flow.nodes[trial.trial_id] = address.get("NodeID")
        worker = f"{address.get('IPAddress', '')}:{found.get('Pid', '')}"
        flow.feed(PackStarted(flow.driver.clock(), flow.packs[trial.trial_id], worker))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A report; taken out of the result, which Tune would keep for the whole run."""
        flow = self._flow
        report: Report = result.pop("report")
        flow.feed(PackReported(flow.driver.clock(), flow.packs[trial.trial_id], report))
        if report.last:
            flow.actors.pop(flow.packs.pop(trial.trial_id), None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The worker is gone, or our own code has failed in it, which is a bug and ends the run."""
        flow = self._flow
        number = flow.packs.pop(trial.trial_id, None)
        if number is None:
            return
        actor = flow.actors.pop(number, None)
        if number in flow.cancelled:
            return
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())  # our own file
        if not isinstance(error, RayActorError):
            flow.error = error  # our own code failed in a worker
            return
        node = flow.nodes.get(trial.trial_id)
        known = "" if actor is None else actor._actor_id.hex()
        loss, detail, reached_mb = cause_of_death(error, flow.run, known, node)
        if loss in ("node", "preempted"):
            flow.look()  # before its trials look for another place
        flow.feed(PackLost(flow.driver.clock(), number, loss, detail, reached_mb))

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune has nothing to do for now: let time pass and prepare what comes next."""
        self._flow.poll()
        self._flow.look(LOOK_S)
        self._flow.feed(WorkerIdled(self._flow.driver.clock()))


class SweepStopper(tune.Stopper):
    """Ends Tune when the sweep has finished."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Single packs are never stopped by Tune."""
        return False

    def stop_all(self) -> bool:
        """Whether the sweep is over."""
        return self._flow.over


class RayRunner:
    """Ray Tune on a local Ray, or on the cluster at ``address``."""

    name = "ray"

    def __init__(self, address: str | None = None, cpus_per_trial: int = 1) -> None:
        self._address = address
        self._threads = cpus_per_trial
        self._session: RaySession | None = None
        self._places = 0

    def prepare(self) -> Machine:
        """Start Ray, or join the cluster.

        Raises:
            ClusterError: the cluster does not answer, or no node has room for one trial.
        """
        self._session = RaySession(self._address)
        machine = self._session.machine(self._threads)
        self._places = machine.places
        return machine

    def run(self, driver: Driver, workload: Workload, slots: int) -> None:
        """Serve the driver through one Tuner."""
        survive_memory_kills()
        run = f"{driver.sweep_id}-{os.urandom(4).hex()}"
        # One pack beyond the slots waits for a worker to free, where it cannot run beside them.
        spare = int(slots >= self._places)
        assert self._session is not None, "prepare() comes first"
        flow = Flow(driver, self._session, slots, spare, run)
        stored = put(workload, here=self._session.alone_here)
        trainable = tune.with_resources(make_trainable(run, stored), self._asked)
        pending = {"TUNE_MAX_PENDING_TRIALS_PG": str(slots + spare)}
        with (
            tempfile.TemporaryDirectory(prefix="quintain-tune-") as folder,
            environment(ENVIRONMENT | pending),
            quiet("ray.tune.tune"),  # it logs an error for every failed trial: ours are data
            quiet("ray.tune.analysis.experiment_analysis"),  # it misses files that nobody needs
        ):
            tuner = tune.Tuner(
                trainable,
                tune_config=tune.TuneConfig(
                    search_alg=SweepSearcher(flow), num_samples=-1, reuse_actors=True
                ),
                run_config=tune.RunConfig(
                    name=run,
                    storage_path=folder,
                    verbose=0,
                    callbacks=[SweepCallback(flow)],
                    stop=SweepStopper(flow),
                    failure_config=tune.FailureConfig(max_failures=0),
                    checkpoint_config=tune.CheckpointConfig(
                        checkpoint_frequency=0, checkpoint_at_end=False
                    ),
                ),
            )
            tuner.fit()
        if flow.error is not None:
            raise flow.error

    def _asked(self, config: dict[Any, Any]) -> tune.PlacementGroupFactory:
        """What Tune is to ask Ray for: the same for all packs of a memory class."""
        asked: dict[str, float] = {"CPU": self._threads}
        limit_mb = config["parcel"].pack.limit_mb
        if limit_mb is not None:
            asked["memory"] = int(limit_mb) * 2**20
        return tune.PlacementGroupFactory([asked])

    def close(self) -> None:
        """End Ray if it was ours."""
        if self._session is not None:
            self._session.close()
            self._session = None


@contextmanager
def quiet(name: str) -> Iterator[None]:
    """Let a logger speak of nothing less than disaster for a while."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables for a while; what the user has set stays."""
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
