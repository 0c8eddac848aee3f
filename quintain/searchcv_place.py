"""Where the fits of a ``SearchCV`` run, and who shows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster.runner import Machine, Runner


@contextmanager
def placed(n_jobs: int | None, address: str | None) -> Iterator[tuple["Runner", "Machine"]]:
    """A runner that is prepared, and what it offers; its workers start while more is imported."""
    runner = runner_for(n_jobs, address)
    try:
        yield runner, runner.prepare()
    finally:
        runner.close()


def runner_for(n_jobs: int | None, address: str | None) -> "Runner":
    """Our own process, several of this machine, or Ray.

    Inside a worker, of joblib's or of ours, it is that process: whoever started it has given each
    core its work already.
    """
    import joblib

    slots = 1 if is_nested() else joblib.effective_n_jobs(n_jobs)
    if address is not None and not is_nested():
        from cluster.ray_session import set_environment

        of_cluster = None if address == "local" else address
        set_environment(of_cluster)
        from cluster.tune_runner import RayRunner

        return RayRunner(of_cluster)
    if slots <= 1:
        from cluster.inline import InlineRunner

        return InlineRunner()
    from cluster.kept_workers import KeptLocalRunner
    from evaluators.limits import usable_cores

    # as joblib has it: cores that no process is for go to the threads of each
    return KeptLocalRunner(slots, max(1, usable_cores() // slots))


def is_nested() -> bool:
    """Whether this code runs in a worker of joblib's, or in one of ours."""
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    return (getattr(backend, "nesting_level", None) or 0) > 0


def watcher_for(verbose: int) -> Any:
    """Who shows progress, if anybody."""
    if verbose <= 0:
        return None
    from quintain.sweeps import default_watcher

    return default_watcher()
