"""The records of a sweep as its driver on a cluster has them: the service's, over the network."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from evaluators.own_code import private_folder
from quintain.service.bundle import planted
from quintain.service.wire import packed, unpacked
from search.changes import Change
from search.errors import LeaseError, RecordsError
from search.lease import Lease, this_process
from search.records import Records

#: Seconds for which a driver goes on asking a service that does not answer.
PATIENCE_S = 600.0
#: Seconds between two tries, at first and at most.
FIRST_S, MOST_S = 0.5, 10.0


class PostedStore:
    """The store's calls that a driver needs. Of a call that is tried again only one counts."""

    def __init__(self, url: str, token: str) -> None:
        self.place = url
        self.heard = 0
        self._posted = 0
        self._lock = threading.Lock()
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1/driver/", timeout=30,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def take(self, sweep: str, launch: str | None = None) -> str:
        """A lease on ``sweep`` for this process: its token."""
        told = self._call("take", sweep, launch, this_process(sweep, time.time()))
        self.heard, self._posted = told["heard"], told["posted"]
        token: str = told["token"]
        return token

    def insert_entries(
        self, sweep: str, rows: Sequence[Mapping[str, Any]], token: str | None
    ) -> None:
        """All of ``rows`` or none, while ``token`` holds the sweep."""
        with self._lock:
            self._call("post", self._posted + 1, sweep, list(rows), token)
            self._posted += 1

    def insert_partition(self, data: str, sweep: str, role: str, seeds: Iterator[int]) -> int:
        """The service draws by the same rule, so that ``seeds`` are not needed."""
        seed: int = self._call("insert_partition", data, sweep, role)
        return seed

    def select_sweeps(self, sweep: str | None = None) -> list[tuple[Any, Any]]:
        """Each sweep, or one: its row and its holder."""
        return [(row, holder) for row, holder in self._call("select_sweeps", sweep)]

    def select_ids(self) -> list[tuple[str, str]]:
        """(id, name) of each sweep."""
        return [(sweep, name) for sweep, name in self._call("select_ids")]

    def orders(self, sweep: str, after: int) -> list[Change]:
        """Orders to a sweep after a change."""
        found = self._call("orders", sweep, after, patience_s=0.0)
        return [Change(**told, sweep=sweep) for told in found]

    def beat(self, sweep: str, token: str) -> None:
        """A sign of life; the next one comes soon enough where this one does not arrive."""
        self._call("beat", sweep, token, patience_s=0.0)

    def fetch(self, digest: str, place: Path) -> None:
        """Bring a content that was uploaded for this sweep, whole or not at all.

        Raises:
            RecordsError: the service has refused, or has been away for too long.
        """
        half = place.with_name(f"{digest}.{os.getpid()}")

        def once() -> httpx.Response:
            found = hashlib.sha256()
            with self._http.stream("GET", f"uploads/{digest}") as answer, half.open("wb") as file:
                if not answer.is_success:
                    answer.read()
                    return answer
                for piece in answer.iter_bytes():
                    found.update(piece)
                    file.write(piece)
            if found.hexdigest() != digest:
                raise httpx.ReadError("it came in part")
            return answer

        self._tried(once, PATIENCE_S)
        half.rename(place)

    def __getattr__(self, method: str) -> Any:
        """The other calls are the store's own."""
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda *args: self._call(method, *args)

    def _call(self, method: str, *args: Any, patience_s: float = PATIENCE_S) -> Any:
        """One call, tried again while the service is away, for so many seconds.

        Raises:
            LeaseError: this driver's sweep is another's now.
            RecordsError: the service has been away for too long, or has refused.
        """
        sent = {"args": packed(args)}
        answer = self._tried(lambda: self._http.post(method, json=sent), patience_s)
        return unpacked(answer.json()["answer"])

    def _tried(self, once: Callable[[], httpx.Response], patience_s: float) -> httpx.Response:
        """A request, sent until it is answered."""
        until, pause = time.monotonic() + patience_s, FIRST_S
        while True:
            answer = None
            try:
                answer = once()
            except httpx.TransportError as error:
                trouble = str(error)
            if answer is not None and answer.is_success:
                return answer
            if answer is not None and answer.status_code not in (500, 502, 503, 504):
                raise _refused(answer)
            if answer is not None:
                trouble = f"HTTP {answer.status_code}"
            if time.monotonic() > until:
                raise RecordsError(f"the service at {self.place} does not answer: {trouble}")
            time.sleep(pause)
            pause = min(2 * pause, MOST_S)


class PostedChanges:
    """The orders to a sweep, as ``search.changes.Changes`` tells them."""

    def __init__(self, store: PostedStore) -> None:
        self._store = store

    def of(self, sweep: str, *, after: int = 0, kinds: Sequence[str] = ()) -> list[Change]:
        """Orders after a change; ``kinds`` are those of orders."""
        return self._store.orders(sweep, after)


class PostedLocation:
    """Where the records are, for people; large files stay with the driver."""

    def __init__(self, url: str) -> None:
        self.shown = self.place = self.address = url
        # by the service: another's sweep of the same id has other files
        of_it = hashlib.sha256(url.encode()).hexdigest()[:8]
        self.folder = private_folder(f"quintain-driver-files-{of_it}")


def posted_records(url: str, token: str, sweep: str, launch: str) -> tuple[Records, Lease, int]:
    """The records behind a service, the lease of ``sweep``, and what was heard of its orders.

    Raises:
        LeaseError: the sweep is no longer this driver's to take.
    """
    store = PostedStore(url, token)
    records = Records(store, PostedLocation(url), True)  # type: ignore[arg-type]
    records.__dict__["changes"] = PostedChanges(store)
    lease = records.acquire(sweep, launch)
    return records, lease, store.heard


def files_of(records: Records, header: Mapping[str, Any]) -> Path | None:
    """A folder with the files that were submitted with a sweep; None where none were."""
    files = header.get("files")
    if not files:
        return None
    home = records.folder / "uploads"
    contents = home / "contents"
    contents.mkdir(parents=True, exist_ok=True)
    for digest in set(files.values()):
        if not (contents / digest).is_file():
            records.statements.fetch(digest, contents / digest)  # type: ignore[attr-defined]
    return planted(home / "trees", files, lambda digest: contents / digest)


def _refused(answer: httpx.Response) -> RecordsError:
    """What the service has refused, as the store would have raised it."""
    try:
        told = answer.json()["error"]
        code, message = told["code"], told["message"]
    except (ValueError, KeyError, TypeError):
        return RecordsError(f"the service answered HTTP {answer.status_code}")
    lost = code in ("driver_alive", "not_this_driver")
    return LeaseError(message) if lost else RecordsError(message)
