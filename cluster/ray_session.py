"""Starting or joining Ray, so that what a worker imports is ours and nothing is left behind."""

import contextlib
import functools
import logging
import math
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError
from cluster.node_watch import NodeWatch
from cluster.runner import Machine
from search.room import SMALLEST_MB, Node

#: Set before ray's first import, unless the user has set them.
ENVIRONMENT = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else the user's folder goes first on workers' paths
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # today's default warns about tomorrow's
    # at Ray's 15 a worker hardly runs where other programs want the cores: beside four on two cores
    # it took two minutes to start; those of the local runner have the ordinary priority too
    "RAY_worker_niceness": "0",
}
MB = 2**20
#: Seconds between two looks at which nodes there are.
LOOK_S = 5.0

log = logging.getLogger(__name__)


def set_environment(address: str | None) -> None:
    """What ray reads when it is imported: call before that. What the user has set stays.

    A client of a cluster at a named address sends its token only in the mode "token". Once ray is
    imported it has read the mode: a Ray started later would ask for a token that we do not send.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if address is not None and "ray" not in sys.modules:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


@contextlib.contextmanager
def working_in(folder: str) -> Iterator[None]:
    """Another working directory for a while; the first one may have gone meanwhile."""
    try:
        before = os.getcwd()
    except FileNotFoundError:
        before = "/"
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _keep_off_stdout() -> None:
    """Ray prints each dead worker's story on standard output, ``log_to_driver`` or not.

    Ours holds exactly one JSON value; what killed a worker is told by ``autopsy``.
    """
    import ray._private.worker as driver

    def to_log(data: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        log.debug("%s", "\n".join(data.get("lines", ())))

    driver.print_to_stdstream = to_log


def _must_answer(address: str) -> None:
    """Ray itself waits for minutes on a port where nobody listens."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ClusterError(f"--address takes HOST:PORT as in 10.0.0.5:6379, not {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise ClusterError(f"nothing answers at {address} ({error}): is the cluster up?") from error


@contextlib.contextmanager
def _without_onlookers() -> Iterator[None]:
    """Of a Ray of this machine, leave out the processes that serve nobody.

    That is the server of its dashboard, the monitor that would ask for nodes, and the one that
    brings logs to the driver: 2.6 of the 5.7 CPU seconds of its start, and a third of its memory.
    """
    import ray._private.node
    import ray._private.parameter

    node: Any = ray._private.node.Node
    settings: Any = ray._private.parameter.RayParams
    before = settings.__init__, node.start_api_server
    lean = functools.partialmethod(before[0], include_log_monitor=False, no_monitor=True)
    settings.__init__, node.start_api_server = lean, lambda node, **options: None
    try:
        yield
    finally:
        settings.__init__, node.start_api_server = before


def _connect(address: str | None, cpus: int | None) -> None:
    """``ray.init`` without its noise."""
    import ray

    here = {"address": "local", "include_dashboard": False, "num_cpus": cpus}
    options: dict[str, Any] = here if address is None else {"address": address}
    _keep_off_stdout()
    alone = _without_onlookers() if address is None else contextlib.nullcontext()
    try:
        with alone:
            ray.init(**options, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        if address is None:
            raise
        raise ClusterError(_refused(address, str(error))) from error


def _refused(address: str, said: str) -> str:
    """Why Ray did not connect, in one line; ``said``: Ray's own words, of several."""
    versions = re.findall(r"Ray: (\S+)\s+Python: (\S+)", said)
    if len(versions) == 2:
        there, here = (f"Ray {ray} on Python {python}" for ray, python in versions)
        return (
            f"the cluster at {address} runs {there}, this program {here}: install the same minor "
            "versions on both"
        )
    return (
        f"no Ray cluster answers at {address} ({' '.join(said.split())}); check the address and "
        "that RAY_AUTH_TOKEN or ~/.ray/auth_token holds the cluster's token"
    )


class RaySession:
    """A local Ray that ends with us, or a place in a running cluster.

    A session that was open already (a notebook's, a test's) is used and left open.

    Attributes:
        drained: nodes that take nothing new and will go, as of the last look.

    Raises:
        ClusterError: no cluster answers at ``address``.
    """

    def __init__(self, address: str | None = None, cpus: int | None = None) -> None:
        """``cpus``: cores of a local Ray; all there are, unless told."""
        set_environment(address)
        import ray

        self._address = address
        self.drained: frozenset[str] = frozenset()
        self._nodes: dict[str, Node] = {}
        self._watch: NodeWatch[tuple[dict[str, Node], frozenset[str]]] | None = None
        self._ours = not ray.is_initialized()
        if not self._ours:
            if address is not None:
                raise ClusterError(
                    f"this process is connected to a Ray already: ray.shutdown() before {address}"
                )
            return
        if address is not None:
            _must_answer(address)
        # Ray puts the driver's working directory on every worker's path, and workers live in it:
        # it must be empty, and stay for as long as Ray does.
        self._folder = tempfile.TemporaryDirectory(prefix="quintain-ray-")
        with working_in(self._folder.name):
            _connect(address, cpus)
        token = Path.home() / ".ray" / "auth_token"
        if token.exists():  # Ray writes it readable by everybody
            token.chmod(0o600)

    def machine(self, threads: int) -> Machine:
        """The nodes that are alive and could run a trial of so many cores, the largest first.

        Raises:
            ClusterError: there is none.
        """
        self._nodes = nodes_alive()
        found = largest_first(self._nodes)
        fitting = tuple(node for node in found if node.cores >= threads)
        if not fitting:
            most = max((node.cores for node in found), default=0)
            raise ClusterError(
                f"no node has room for a trial of {threads} cores; the largest has {most} cores: "
                "lower resources.cpus_per_trial"
            )
        return Machine(fitting, threads)

    def moved(self, wait_s: float = 0.0) -> tuple[Node, ...] | None:
        """The nodes there are, if any went or came since they were last told; else None.

        It is as they were up to ``LOOK_S`` ago, or now where ``wait_s`` is enough to learn that.
        """
        if self._watch is None:
            self._watch = NodeWatch(_nodes_and_drained, LOOK_S)
        news = self._watch.news(wait_s)
        if news is None:
            return None
        alive, self.drained = news
        there = {name: node for name, node in alive.items() if name not in self.drained}
        if there.keys() == self._nodes.keys():
            return None
        # what is free on the others now is what our own workers have left
        self._nodes = {name: self._nodes.get(name, node) for name, node in there.items()}
        return largest_first(self._nodes)

    @property
    def alone_here(self) -> bool:
        """Whether this Ray is ours and of this host only, so that no worker is anywhere else."""
        import ray

        return self._ours and self._address is None and len(ray.nodes()) == 1

    def close(self) -> None:
        """End what we started; leave what we found."""
        import ray

        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._ours and ray.is_initialized():
            ray.shutdown()
            self._folder.cleanup()


def largest_first(nodes: Mapping[str, Node]) -> tuple[Node, ...]:
    """As a machine is told."""
    return tuple(sorted(nodes.values(), key=lambda n: (n.cores, n.memory_mb), reverse=True))


def _nodes_and_drained() -> tuple[dict[str, Node], frozenset[str]]:
    """Each node that is alive, and which of them are to go."""
    import ray

    return nodes_alive(), frozenset(ray._private.state.state.get_draining_nodes())


def nodes_alive() -> dict[str, Node]:
    """Cores and memory that Ray hands out on each node, by its id.

    Memory is what Ray has left: its own store of objects is not in it, nor what others have asked
    for, unless that is all there is; then what comes free will do.
    """
    import ray

    free = ray._private.state.available_resources_per_node()
    found = {}
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            left = free.get(node["NodeID"], {}).get("memory", 0.0) / MB
            # a node that was started without any memory to hand out does not reckon with it
            memory_mb = left if left >= SMALLEST_MB else has.get("memory", 0.0) / MB or math.inf
            found[node["NodeID"]] = Node(int(has.get("CPU", 0)), memory_mb)
    return found
