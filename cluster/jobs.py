"""Ray's jobs, by the REST that a cluster's dashboard speaks: no Ray is needed on our side.

Our own submission id makes a submission safe to send again: Ray refuses a second job of one id.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

from cluster.errors import ClusterError

JobStatus = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED"]

#: Statuses that a job does not leave.
ENDED: tuple[JobStatus, ...] = ("SUCCEEDED", "FAILED", "STOPPED")


#: Seconds for which a cluster that did not answer is not asked again: who asks has other work.
AWAY_FOR_S = 3.0


class ClusterAwayError(ClusterError):
    """The cluster does not answer now; it may later."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job; ``message`` is Ray's own word on how it stands."""

    status: JobStatus
    message: str


@dataclass(frozen=True, slots=True)
class JobNode:
    """What a node hands out to jobs and trials; memory in units of 2**20 bytes."""

    cores: int
    memory_mb: int


class Jobs:
    """The jobs of one cluster."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """``url``: of the dashboard, http://head:8265; ``token``: where Ray asks for one."""
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=self.url, headers=headers, timeout=httpx.Timeout(20, connect=5)
        )
        self._away_until, self._away = 0.0, ""

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def ray_version(self) -> str:
        """The Ray that the cluster runs.

        Raises:
            ClusterError: what answers is no cluster, or wants another token.
        """
        answer = self._ask("GET", "/api/version")
        try:
            return str(answer.json()["ray_version"])
        except (ValueError, KeyError, TypeError):
            raise ClusterError(f"what answers at {self.url} is no Ray dashboard") from None

    def python_version(self) -> str | None:
        """The Python that the cluster runs; None where it does not tell."""
        answer = self._ask("GET", "/api/v0/cluster_metadata", missing=True)
        try:
            return str(answer.json()["data"]["pythonVersion"])
        except (ValueError, KeyError, TypeError):
            return None

    def ahead_s(self) -> float | None:
        """Seconds that the cluster's clock is ahead of ours, to about one; None if not told."""
        told = self._ask("GET", "/api/version").headers.get("Date")
        return None if told is None else parsedate_to_datetime(told).timestamp() - time.time()

    def guarded(self) -> bool:
        """Whether the cluster asks for a token; one that cannot say so is older and asks none."""
        answer = self._ask("GET", "/api/authentication_mode", missing=True)
        return answer.is_success and answer.json().get("authentication_mode") == "token"

    def nodes(self) -> list[JobNode]:
        """Each node that is alive."""
        told = self._ask("GET", "/api/v0/nodes").json()["data"]["result"]["result"]
        alive = [node["resources_total"] for node in told if node["state"] == "ALIVE"]
        return [
            JobNode(int(has.get("CPU", 0)), round(has.get("memory", 0) / 2**20)) for has in alive
        ]

    def cores(self) -> list[int]:
        """Cores of each node that is alive."""
        return [node.cores for node in self.nodes()]

    def submit(
        self, job: str, entrypoint: str, environment: Mapping[str, str], cpus: float
    ) -> None:
        """Start ``entrypoint`` as the job of that id, on a node with so many cores to spare.

        Sent again under the same id it changes nothing.
        """
        asked = {
            "entrypoint": entrypoint, "submission_id": job, "entrypoint_num_cpus": cpus,
            "runtime_env": {"env_vars": dict(environment)},
        }  # fmt: skip
        try:
            self._ask("POST", "/api/jobs/", json=asked)
        except ClusterError:
            if self.get(job) is None:
                raise

    def get(self, job: str) -> Job | None:
        """A job as it stands; None where there is none of that id."""
        answer = self._ask("GET", f"/api/jobs/{job}", missing=True)
        if answer.status_code == 404:
            return None
        told = answer.json()
        return Job(told["status"], str(told.get("message") or ""))

    def stop(self, job: str) -> None:
        """Ask for a job's end. One that is still pending does not hear it."""
        self._ask("POST", f"/api/jobs/{job}/stop", missing=True)

    def logs(self, job: str) -> str:
        """What a job has printed; empty where there is none of that id."""
        answer = self._ask("GET", f"/api/jobs/{job}/logs", missing=True)
        return "" if answer.status_code == 404 else str(answer.json()["logs"])

    def _ask(self, method: str, path: str, *, missing: bool = False, **more: Any) -> httpx.Response:
        """One request; 404 is an answer where something may be ``missing``."""
        if time.monotonic() < self._away_until:
            raise ClusterAwayError(self._away)
        try:
            answer = self._http.request(method, path, **more)
        except httpx.TransportError as error:
            self._away = f"no Ray cluster answers at {self.url} ({error}): is its dashboard up?"
            self._away_until = time.monotonic() + AWAY_FOR_S
            raise ClusterAwayError(self._away) from error
        if answer.status_code in (401, 403):
            raise ClusterError(
                f"the cluster at {self.url} refuses our token: RAY_AUTH_TOKEN holds the cluster's"
            )
        if answer.is_success or (missing and answer.status_code == 404):
            return answer
        said = answer.text.strip().splitlines() or [f"HTTP {answer.status_code}"]
        # a dashboard whose control plane is away fails at whatever is read
        kind = ClusterAwayError if method == "GET" and answer.status_code >= 500 else ClusterError
        raise kind(f"the cluster at {self.url} has refused: {said[-1][:300]}")
