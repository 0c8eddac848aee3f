"""What ``quintain serve`` was told, checked before a port is opened."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from evaluators.errors import QuintainError
from evaluators.limits import usable_cores


class ServiceError(QuintainError):
    """The service cannot start as it was told."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one service runs.

    Attributes:
        records: URL of the store; None for the default one.
        max_sweeps: that run at the same time.
        slots: trials at a time of each sweep.
        data_roots: folders in which a spec's files must lie; empty: wherever the user may read.
        tls: certificate and key; None for plain HTTP.
        behind_proxy: TLS ends in front of us, and this port is reached by the proxy alone.
        cluster: URL of a Ray cluster's dashboard on which drivers run; None: on this machine.
        upload_limit: bytes of one file that may be sent along with a sweep.
        webhook: URL that is told of each sweep's end.
        public_url: where the cluster's nodes reach us; None: where we listen.
    """

    records: str | None = None
    host: str = "127.0.0.1"
    port: int = 8700
    max_sweeps: int = 2
    slots: int = 1
    data_roots: tuple[Path, ...] = field(default=())
    tls: tuple[Path, Path] | None = None
    behind_proxy: bool = False
    cluster: str | None = None
    public_url: str | None = None
    webhook: str | None = None
    upload_limit: int = 200_000_000

    @property
    def url(self) -> str:
        """Where the service answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def reached_at(self) -> str:
        """Where drivers on a cluster post to."""
        return self.public_url or self.url

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host's name is of this machine's own network."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def slots_each(max_sweeps: int) -> int:
    """Trials at a time of each sweep when all that may run do run on this machine's cores."""
    return max(1, usable_cores() // max_sweeps)


def refuse_unsafe(settings: Settings, users: int) -> None:
    """Refuse to be reached from other machines without users, or without TLS.

    Raises:
        ServiceError: what is missing and how to mend it.
    """
    if settings.cluster is not None:
        _refuse_unreachable(settings)
    if settings.loopback and not settings.behind_proxy:
        return
    if users == 0:
        raise ServiceError(
            f"{settings.host} can be reached from other machines, and whoever reaches the service "
            "runs code on this one: make a user first (quintain users --add NAME --role admin), "
            "or leave out --host"
        )
    if settings.tls is None and not settings.behind_proxy:
        raise ServiceError(
            f"on {settings.host} tokens would cross the network in the clear: give --tls-cert and "
            "--tls-key, or --behind-proxy where a proxy in front of this port speaks TLS"
        )


def _refuse_unreachable(settings: Settings) -> None:
    """Drivers on other machines post to us: a loopback address leads them to themselves."""
    there = urlsplit(settings.cluster or "").hostname or ""
    here = urlsplit(settings.reached_at).hostname or ""
    if is_loopback(here) and not is_loopback(there):
        raise ServiceError(
            f"nodes of {settings.cluster} cannot post to {settings.reached_at}: give --host an "
            "address that they reach, or --public-url where a proxy stands in front"
        )
