"""A service as the command line talks to it."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from evaluators.errors import QuintainError
from search.entries import Entry
from search.errors import SpecError, UnknownSweepError
from search.view import SweepView

#: The environment's word for a user's token.
VARIABLE = "QUINTAIN_TOKEN"
#: Rows asked for at a time.
PAGE = 500


class ServiceUnreachableError(QuintainError):
    """Nothing that is a service of ours answers."""


class ServiceRefusedError(QuintainError):
    """The service has refused a request, and said why."""


def spec_to_send(path: Path) -> tuple[dict[str, Any], str]:
    """The spec of a file, valid by itself, and the folder that its relative paths start at.

    Raises:
        SpecError: every problem.
    """
    from search.spec import read_spec

    spec = read_spec(path)
    return spec.to_json(), str(path.parent.resolve())


class Client:
    """One service. A ``quintain.desk.Desk``; use as a context manager."""

    def __init__(self, url: str, token: str | None, timeout_s: float = 30.0) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.place = url
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)

    @classmethod
    def at(cls, url: str | None) -> "Client":
        """The service at ``url``, with the token of the environment.

        Raises:
            ServiceUnreachableError: no URL, or one that would send the token in the clear.
        """
        if not url:
            raise ServiceUnreachableError(
                "which service? --service http://127.0.0.1:8700, or QUINTAIN_SERVICE; "
                "quintain serve starts one"
            )
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServiceUnreachableError(f"{url!r} is no http:// or https:// URL of a service")
        from quintain.service.settings import is_loopback

        token = os.environ.get(VARIABLE)
        if token and parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ServiceUnreachableError(
                f"{url} would carry your token in the clear: name its https:// URL"
            )
        return cls(url.rstrip("/"), token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._http.close()

    def version(self) -> str:
        """Which quintain it is."""
        return str(self._json("GET", "/health")["version"])

    def submit(
        self, spec: Mapping[str, Any], folder: str, *, priority: int = 0, key: str | None = None,
        fresh: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """Queue a sweep: its id, its state, whether it is new."""
        headers = {} if key is None else {"Idempotency-Key": key}
        asked: dict[str, Any] = {"spec": spec, "folder": folder, "priority": priority}
        asked |= {"fresh": True} if fresh else {}  # a service of before knows no such key
        return self._json("POST", "/v1/sweeps", json=asked, headers=headers)

    def rows(self) -> list[dict[str, Any]]:
        """Every sweep, newest first."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            query = {"limit": PAGE} | ({} if after is None else {"after": after})
            page = self._json("GET", "/v1/sweeps", params=query)
            found += page["sweeps"]
            after = page["next"]
            if after is None:
                return found

    def view(self, sweep: str) -> SweepView:
        """One sweep, folded here from what it has recorded."""
        return self.record(sweep)[0]

    def record(self, sweep: str) -> tuple[SweepView, list[Entry]]:
        """The same with its entries."""
        entries: list[Entry] = []
        after = 0
        while True:
            told = self._json("GET", f"/v1/sweeps/{sweep}/record", params={"after": after})
            entries += [
                Entry(e["kind"], e["time"], e["body"], e["trial"], e["attempt"], e["rung"],
                      e["fold"])
                for e in told["entries"]
            ]  # fmt: skip
            if told["next"] is None:
                view = SweepView.build(
                    told["sweep"], told["header"], entries, told["state"],
                    created=told["created"], records=told["records"], place=told["place"],
                )  # fmt: skip
                return view, entries
            sweep, after = told["sweep"], told["next"]

    def stop(self, sweep: str, reason: str) -> dict[str, Any]:
        """Stop it; its id and state."""
        return self._json("POST", f"/v1/sweeps/{sweep}/stop", json={"reason": reason})

    def resume(self, sweep: str) -> dict[str, Any]:
        """Queue it again; its id and state."""
        return self._json("POST", f"/v1/sweeps/{sweep}/resume")

    def log(self, sweep: str, follow: bool) -> Iterator[str]:
        """What its drivers have said, piece by piece."""
        import time

        after = 0
        while True:
            answer = self._ask("GET", f"/v1/sweeps/{sweep}/log", params={"after": after})
            yield answer.text
            now = int(answer.headers["X-Next"])
            over = answer.headers["X-State"] in ("completed", "stopped", "failed")
            if now == after and (over or not follow):
                return
            if now == after:
                time.sleep(0.5)
            after = now

    def follow(self, sweep: str, say: Callable[[str], None]) -> str:
        """Show what its driver says until it is over; its last state."""
        for piece in self.log(sweep, True):
            for line in piece.splitlines():
                say(line)
        state: str = self._json("GET", f"/v1/sweeps/{sweep}")["state"]
        say(f"{sweep} is {state}")
        return state

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        told: dict[str, Any] = self._ask(method, path, **options).json()
        return told

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; what the service refuses is raised as the store would have raised it."""
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ServiceUnreachableError(
                f"no service answers at {self.place} ({error}); quintain serve starts one"
            ) from error
        if answer.is_success:
            return answer
        try:
            told = answer.json()["error"]
            code, message, problems = told["code"], told["message"], told["problems"]
        except (json.JSONDecodeError, KeyError, TypeError):
            raise ServiceUnreachableError(
                f"what answers at {self.place} is no service of ours (HTTP {answer.status_code})"
            ) from None
        if code == "bad_spec":
            raise SpecError(problems)
        if code == "unknown_sweep":
            raise UnknownSweepError(message)
        raise ServiceRefusedError("\n".join([message, *problems]))
