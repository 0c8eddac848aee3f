"""What a drill happens on: a service alone, or one with a cluster of hosts behind it."""

import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drills.backing import Postgres, redis
from drills.hosts import Network
from drills.ray_cluster import RayCluster, until
from drills.served import Served
from drills.truth import problems
from drills.work import spec, user_folder


@dataclass(slots=True)
class Stage:
    """One service and what is behind it.

    Attributes:
        cluster: None where drivers are processes of this machine.
        told: figures and findings of the drill that is on.
    """

    folder: Path
    user: Path
    served: Served
    postgres: Postgres | None = None
    cluster: RayCluster | None = None
    told: dict[str, Any] = field(default_factory=dict)

    def submit(self, name: str, trials: int, fit_s: float = 0.0, **search: Any) -> str:
        """Queue a sweep of the user's folder."""
        return self.served.submit(spec(name, trials, fit_s, **search), self.user)

    def until_ended(self, sweep: str, trials: int, seconds: float = 120) -> None:
        """Wait until so many trials have ended."""
        until(lambda: self.served.ended(sweep) >= trials, seconds, f"{trials} trials of {sweep}")

    def until_state(self, sweep: str, state: str, seconds: float = 240) -> None:
        """Wait for a state as the service tells it."""
        over = (state, "completed", "failed")
        until(lambda: self.served.state(sweep) in over, seconds, f"{sweep} is {state}")

    def settled(self, sweep: str, asked: int | None, state: str = "completed") -> list[str]:
        """Wait for a sweep's end, then: what is wrong with it."""
        self.until_state(sweep, state)
        with contextlib.suppress(TimeoutError):
            until(lambda: not problems(self.served, sweep, asked, state), 10, "agreement")
        return problems(self.served, sweep, asked, state)

    def say(self, line: str) -> None:
        """On standard error, with the time."""
        print(f"  {time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def local_stage(folder: Path, *options: str, postgres: bool = False) -> Iterator[Stage]:
    """A service that runs sweeps on this machine; SQLite, or PostgreSQL."""
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(Postgres(folder / "postgres")) if postgres else None
        url = str(folder / "records.db") if database is None else database.url
        served = Served(folder, url, options=options)
        stack.callback(served.close)
        served.start()
        yield Stage(folder, user_folder(folder / "laptop"), served, database)


@contextlib.contextmanager
def hosts_stage(
    folder: Path, workers: int = 2, *options: str, postgres: bool = True, with_redis: bool = True
) -> Iterator[Stage]:
    """A service over a cluster of hosts: a head without cores, and workers of four."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network(folder / "hosts"))
        database = stack.enter_context(Postgres(folder / "postgres")) if postgres else None
        at = stack.enter_context(redis(folder / "redis", network.address)) if with_redis else None
        cluster = stack.enter_context(contextlib.closing(RayCluster(network, at)))
        for number in range(workers):
            cluster.add_worker(f"w{number + 1}")
        cluster.wait_for(workers + 1)
        url = str(folder / "records.db") if database is None else database.url
        served = Served(
            folder, url, network.address, ["--cluster", cluster.url, *options],
            {"RAY_AUTH_TOKEN": cluster.token},
        )  # fmt: skip
        stack.callback(served.close)
        served.start()
        yield Stage(folder, user_folder(folder / "laptop"), served, database, cluster)


@contextlib.contextmanager
def own_folder(kept: bool = False) -> Iterator[Path]:
    """A folder for a stage; ``kept`` for who wants to read the logs."""
    if kept:
        yield Path(tempfile.mkdtemp(prefix="quintain-drill-"))
        return
    with tempfile.TemporaryDirectory(prefix="quintain-drill-", ignore_cleanup_errors=True) as name:
        yield Path(name)
