"""A Ray cluster whose head and workers are hosts of their own, started as cluster/deploy has it."""

import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cluster.errors import ClusterError
from cluster.jobs import Jobs
from drills.hosts import Host, Network

DEPLOY = Path(__file__).resolve().parents[1] / "cluster" / "deploy"
DASHBOARD, GCS = 8265, 6379

#: By Ray's own client of its control plane, which the autoscaler and KubeRay use for it.
_DRAIN = """
import sys, time, ray
from ray._raylet import GcsClient
from ray.core.generated.autoscaler_pb2 import DrainNodeReason
ray.init(address="{gcs}", log_to_driver=False)
[node] = [n["NodeID"] for n in ray.nodes() if n["Alive"] and n["NodeManagerAddress"] == "{address}"]
reason = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
until = int((time.time() + {within}) * 1000)
accepted, why = GcsClient(address="{gcs}").drain_node(node, reason, "drill", until)
print(accepted, why)
sys.exit(not accepted)
"""


def shipped_settings() -> dict[str, str]:
    """What cluster/deploy/ray-up.yaml sets for the head: the drills measure what we ship."""
    text = (DEPLOY / "ray-up.yaml").read_text()
    return dict(re.findall(r"(RAY_[A-Za-z_]+)=([\w.]+)", text))


def until(true: Callable[[], object], seconds: float, what: str) -> float:
    """Wait for something; the seconds it took.

    Raises:
        TimeoutError: it has not come true.
    """
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"not after {seconds:g} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - began


class RayCluster:
    """A head without cores for trials, and workers.

    Attributes:
        token: of the cluster; RAY_AUTH_TOKEN for whoever talks to it.
        workers: by name.
    """

    def __init__(self, network: Network, redis: str | None = None, cores: int = 4) -> None:
        """``redis``: where the head keeps what outlives it; ``cores``: of each worker."""
        self.token = secrets.token_hex(32)
        self.workers: dict[str, Host] = {}
        self._network = network
        self._redis = redis
        self._cores = cores
        self.head = network.host("head")
        self.url = f"http://{self.head.address}:{DASHBOARD}"
        self.jobs = Jobs(self.url, self.token)
        self.start_head()

    def close(self) -> None:
        """Close the connections to it; its hosts go with their network."""
        self.jobs.close()

    def start_head(self) -> None:
        """Start Ray on the head, and wait until its dashboard answers."""
        more = {} if self._redis is None else {
            "RAY_REDIS_ADDRESS": self._redis, "RAY_external_storage_namespace": "drill",
        }  # fmt: skip
        self._ray(
            self.head, "--head", f"--port={GCS}", "--num-cpus=0", f"--dashboard-port={DASHBOARD}",
            f"--dashboard-host={self.head.address}", environment=more,
        )  # fmt: skip
        until(self._answers, 90, f"a dashboard at {self.url}: {self.head.folder}/log")

    def add_worker(self, name: str) -> Host:
        """One more host with cores; it takes a few seconds until it is one of the cluster's."""
        host = self.workers[name] = self._network.host(name)
        self.start_worker(name)
        return host

    def start_worker(self, name: str) -> None:
        """Start Ray on a worker that has power."""
        host = self.workers[name]
        self._ray(host, f"--address={self.head.address}:{GCS}", f"--num-cpus={self._cores}")

    def drain(self, name: str, within_s: float) -> bool:
        """Ask Ray to take a worker away, as a cloud does before it preempts; whether it will."""
        address = self.workers[name].address
        script = _DRAIN.format(gcs=f"{self.head.address}:{GCS}", address=address, within=within_s)
        given = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}
        process = self.head.start([sys.executable, "-c", script], given, log="drain.log")
        return process.wait(60) == 0

    def alive(self) -> int:
        """Nodes that the cluster has."""
        try:
            return len(self.jobs.cores())
        except ClusterError:
            return 0

    def wait_for(self, nodes: int, seconds: float = 90) -> float:
        """Until it has so many nodes; the seconds it took."""
        return until(lambda: self.alive() == nodes, seconds, f"{nodes} nodes, now {self.alive()}")

    def _answers(self) -> bool:
        try:
            return bool(self.jobs.ray_version() and self.jobs.cores())
        except (ClusterError, KeyError, TypeError):
            return False

    def _ray(self, host: Host, *options: str, environment: Mapping[str, str] | None = None) -> None:
        ray = str(Path(sys.executable).parent / "ray")
        command = [
            ray, "start", "--block", "--temp-dir=/tmp/ray", f"--node-ip-address={host.address}",
            "--disable-usage-stats", "--object-store-memory=150000000", f"--memory={2 * 10**9}",
            *options,
        ]  # fmt: skip
        given = {
            # all hosts have the same few cores here, and tests run beside
            "RAY_worker_niceness": "0",
            **shipped_settings(), "RAY_AUTH_TOKEN": self.token, "PYTHONDONTWRITEBYTECODE": "",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **(environment or {}),
        }  # fmt: skip
        host.start(command, given)
