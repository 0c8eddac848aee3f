"""The ray runner: Ray Tune places workers by their resources and notices deaths.

A Tune trial is one worker for as long as it is kept busy: pack after pack goes to the actor it
has, and Tune's own cost of a trial is paid once a worker. Tune's own searcher, scheduler, retries
and files take no part: its Searcher asks our sweep, its callbacks feed it, and a resumed sweep is
a new Tuner over our record.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import cloudpickle
from ray import tune
from ray.air.execution import FixedResourceManager
from ray.exceptions import RayActorError
from ray.tune.execution import tune_controller
from ray.tune.search import Searcher

from cluster.autopsy import cause_of_death
from cluster.early import EarlyRay
from cluster.flow import NOW_S, Flow
from cluster.memory_kill import survive_memory_kills
from cluster.ray_session import RaySession
from cluster.runner import Machine, Workload
from cluster.trainable import Parcel, make_trainable, put
from search.driver import Driver
from search.events import PackLost, PackReported, Report, WorkerIdled

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


class SweepSearcher(Searcher):
    """Tune's way of asking; all answers come from the sweep."""

    def __init__(self, flow: Flow) -> None:
        super().__init__()
        self._flow = flow

    def suggest(self, trial_id: str) -> Any:
        """A parcel, None when there is nothing to do yet, FINISHED at the end."""
        pack = self._flow.seat_for(trial_id)
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
        """A worker has its first pack."""
        self._flow.seated(trial.trial_id, trial.temporary_state.ray_actor)
        trial.config["parcel"].empty()

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A report; taken out of the result, which Tune would keep for the whole run."""
        flow, seat = self._flow, self._flow.seats[trial.trial_id]
        report: Report | None = result.pop("report")
        if report is not None and seat.pack is not None:
            flow.feed(PackReported(flow.driver.clock(), seat.pack, report))
            if not report.last:
                return
            seat.pack = None
            if report.spent:
                return
        elif seat.pack is not None and flow.error is None:
            flow.error = RuntimeError(f"pack {seat.pack} has not reached its worker {seat.worker}")
        if not result["done"]:
            flow.go_on(seat)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The worker had nothing to do; it may come back with another Tune trial."""
        self._flow.seats.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The worker is gone, or our own code has failed in it, which is a bug and ends the run."""
        flow = self._flow
        seat = flow.seats.pop(trial.trial_id, None)
        if seat is None or seat.pack is None or seat.pack in flow.cancelled:
            return
        if trial.pickled_error_file is None:  # neither an actor's error nor a task's
            flow.error = RuntimeError(Path(trial.error_file).read_text())
            return
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())  # our own file
        if not isinstance(error, RayActorError):
            flow.error = error  # our own code failed in a worker
            return
        known = "" if seat.actor is None else seat.actor._actor_id.hex()
        loss, detail, reached_mb = cause_of_death(error, flow.run, known, seat.node)
        if loss in ("node", "preempted"):
            flow.look(NOW_S)  # before its trials look for another place
        flow.feed(PackLost(flow.driver.clock(), seat.pack, loss, detail, reached_mb))

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Tune has nothing to do for now: let time pass and prepare what comes next."""
        self._flow.poll()
        self._flow.look()
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

    def __init__(
        self, address: str | None = None, cpus_per_trial: int = 1, early: EarlyRay | None = None
    ) -> None:
        """``early``: a Ray that is being started for us."""
        self._address = address
        self._early = early
        self._threads = cpus_per_trial
        self._session: RaySession | None = None

    def prepare(self) -> Machine:
        """Start Ray, or join the cluster.

        Raises:
            ClusterError: the cluster does not answer, or no node has room for one trial.
        """
        early = self._early
        self._session = RaySession(self._address) if early is None else early.session()
        return self._session.machine(self._threads)

    def run(self, driver: Driver, workload: Workload, slots: int) -> None:
        """Serve the driver through one Tuner."""
        survive_memory_kills()
        run = f"{driver.sweep_id}-{os.urandom(4).hex()}"
        assert self._session is not None, "prepare() comes first"
        flow = Flow(driver, self._session, slots, run)
        stored = put(workload, here=self._session.alone_here)
        trainable = tune.with_resources(make_trainable(run, stored), _asking(self._threads))
        pending = {"TUNE_MAX_PENDING_TRIALS_PG": str(slots)}
        with (
            tempfile.TemporaryDirectory(prefix="quintain-tune-") as folder,
            environment(ENVIRONMENT | pending),
            _reckoning_here() if self._session.alone_here else nullcontext(),
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

    def close(self) -> None:
        """End Ray if it was ours."""
        if self._early is not None:
            self._early.close()
        if self._session is not None:
            self._session.close()
            self._session = None


def _asking(threads: int) -> Callable[[dict[Any, Any]], tune.PlacementGroupFactory]:
    """What Tune is to ask Ray for: the same for all packs of a memory class."""

    def asked(config: dict[Any, Any]) -> tune.PlacementGroupFactory:
        bundle: dict[str, float] = {"CPU": threads}
        limit_mb = config["parcel"].pack.limit_mb
        if limit_mb is not None:
            bundle["memory"] = int(limit_mb) * 2**20
        return tune.PlacementGroupFactory([bundle])

    return asked


@contextmanager
def _reckoning_here() -> Iterator[None]:
    """On one node that is ours have Tune reckon with its resources itself.

    By default it makes a placement group for each actor, and asks by a task whether it is there:
    the processes that Ray had started ahead are used up by those tasks, and each actor waits for
    another one to start.
    """
    module: Any = tune_controller
    before = module.PlacementGroupResourceManager
    module.PlacementGroupResourceManager = FixedResourceManager
    try:
        yield
    finally:
        module.PlacementGroupResourceManager = before


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
