"""A service as the command line talks to it."""

import json
import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import httpx

from evaluators.errors import QuintainError
from search.entries import Entry
from search.errors import SpecError, UnknownSweepError
from search.view import SweepView

if TYPE_CHECKING:  # what only asks needs no spec
    from quintain.service.bundle import Bundle
    from search.spec import Spec

#: The environment's word for a user's token.
VARIABLE = "QUINTAIN_TOKEN"
#: Rows asked for at a time.
PAGE = 500


class ServiceUnreachableError(QuintainError):
    """Nothing that is a service of ours answers."""


class ServiceRefusedError(QuintainError):
    """The service has refused a request, and said why."""


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
        self, spec: "Spec", *, upload_data: bool = False, priority: int = 0, key: str | None = None,
        fresh: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        """Queue a sweep: its id, its state, whether it is new.

        Own modules go along with it, and with ``upload_data`` the table too.
        """
        headers = {} if key is None else {"Idempotency-Key": key}
        asked = {"spec": spec.to_json(), "folder": str(spec.folder.resolve()), "priority": priority}
        asked |= {"fresh": True} if fresh else {}  # a service of before knows no such key
        from quintain.service.bundle import bundle

        along = bundle(spec, upload_data)
        if along is not None:
            asked |= {"spec": along.spec, "folder": None, "files": self._send(along)}
        return self._json("POST", "/v1/sweeps", json=asked, headers=headers)

    def _send(self, along: "Bundle") -> dict[str, str]:
        """Send what the service does not have yet of a bundle; the digest of each file."""
        digests = along.digests()
        told = self._json("POST", "/v1/uploads/missing", json={"files": digests})
        large = [n for n in told["missing"] if along.files[n].stat().st_size > told["limit"]]
        if large:
            path = along.files[large[0]]
            raise ServiceRefusedError(
                f"{path} has {path.stat().st_size / 1e6:,.0f} MB, and the service takes "
                f"{told['limit'] / 1e6:,.0f} MB at most by upload: put it where the service or the "
                "cluster reads it and name its path or URL, or raise quintain serve --upload-limit"
            )
        sent: set[str] = set()
        for name in told["missing"]:
            if digests[name] not in sent:
                with along.files[name].open("rb") as file:
                    self._ask("PUT", f"/v1/uploads/{digests[name]}", content=file)
                sent.add(digests[name])
        return digests

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

    def extend(self, sweep: str, trials: int | None, timeout_s: float | None) -> dict[str, Any]:
        """Set other budgets; its id, its state and what was set."""
        told = {"trials": trials, "timeout_s": timeout_s}
        return self._json("PATCH", f"/v1/sweeps/{sweep}", json=told)

    def delete(self, sweep: str) -> dict[str, Any]:
        """Take it out; its id and state."""
        return self._json("DELETE", f"/v1/sweeps/{sweep}")

    def use_by_user(self) -> list[dict[str, Any]]:
        """What each user's sweeps took."""
        users: list[dict[str, Any]] = self._json("GET", "/v1/use")["users"]
        return users

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
