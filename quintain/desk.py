"""Where sweeps are kept, as commands ask for it: a store on this machine, or a service."""

import getpass
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import click
from click.core import ParameterSource

from search.view import SweepView

if TYPE_CHECKING:  # what a service answers needs no store
    from search.entries import Entry
    from search.records import Records


class Desk(Protocol):
    """What commands ask of either; the answers are the same."""

    def rows(self) -> list[dict[str, Any]]:
        """Every sweep, newest first, as ``quintain list --json`` prints them."""

    def view(self, sweep: str) -> SweepView:
        """One sweep as it stands."""

    def record(self, sweep: str) -> "tuple[SweepView, list[Entry]]":
        """One sweep as it stands, and its entries."""

    def stop(self, sweep: str, reason: str) -> dict[str, Any]:
        """Stop it; its id and state."""

    def extend(self, sweep: str, trials: int | None, timeout_s: float | None) -> dict[str, Any]:
        """Set other budgets; its id, its state and what was set."""

    def delete(self, sweep: str) -> dict[str, Any]:
        """Take it out; its id and state."""

    def use_by_user(self) -> list[dict[str, Any]]:
        """What each user's sweeps took."""

    def log(self, sweep: str, follow: bool) -> Iterator[str]:
        """What its drivers have said, piece by piece."""

    @property
    def place(self) -> str:
        """Where this is, for people."""


class StoreDesk:
    """A store of this machine, or a database."""

    def __init__(self, store: "Records") -> None:
        self._store = store

    @property
    def place(self) -> str:
        """Where this is, for people."""
        return self._store.place

    def rows(self) -> list[dict[str, Any]]:
        """Every sweep, newest first."""
        from quintain.listing import rows

        return rows(self._store)

    def view(self, sweep: str) -> SweepView:
        """One sweep as it stands."""
        from search.view import read_view

        return read_view(self._store, self._store.resolve(sweep))

    def record(self, sweep: str) -> "tuple[SweepView, list[Entry]]":
        """One sweep as it stands, and its entries."""
        from search.view import read_record

        return read_record(self._store, self._store.resolve(sweep))

    def stop(self, sweep: str, reason: str) -> dict[str, Any]:
        """Order the driver of a sweep, whoever started it, to stop it."""
        from quintain.stopping import stop

        user = getpass.getuser()
        return stop(self._store, self._store.resolve(sweep), user, reason)

    def extend(self, sweep: str, trials: int | None, timeout_s: float | None) -> dict[str, Any]:
        """Set other budgets, whoever drives it."""
        from quintain.upkeep import extend

        user = getpass.getuser()
        return extend(self._store, self._store.resolve(sweep), user, trials, timeout_s)

    def delete(self, sweep: str) -> dict[str, Any]:
        """Take it out of the store."""
        from quintain.upkeep import delete

        return delete(self._store, self._store.resolve(sweep), getpass.getuser())

    def use_by_user(self) -> list[dict[str, Any]]:
        """What each user's sweeps took."""
        from quintain.upkeep import use_by_user

        return use_by_user(self._store)

    def log(self, sweep: str, follow: bool) -> Iterator[str]:
        """What the drivers that a service has started have said."""
        from quintain.service.launching import log_of

        sweep = self._store.resolve(sweep)
        path, after = log_of(self._store.folder, sweep), 0
        while True:
            state = self._store.state(sweep)
            if path.is_file():
                with path.open("rb") as file:
                    file.seek(after)
                    told = file.read()
                after += len(told)
                yield told.decode(errors="replace")
            if not follow or state in ("completed", "stopped", "failed", "interrupted"):
                return
            time.sleep(0.5)


def chosen(records: str | None, service: str | None) -> str | None:
    """The service where one is meant; what the command line says comes before the environment.

    Raises:
        click.UsageError: the command line names a store and a service.
    """
    if not service or not records:
        return service or None
    context = click.get_current_context()
    of_store, of_service = (
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        for name in ("records", "service")
    )
    if of_store and of_service:
        raise click.UsageError("--service and --records name two places: leave out one")
    return None if of_store else service


@contextmanager
def desk(records: str | None, service: str | None) -> Iterator[Desk]:
    """The service where one is meant, else the store.

    Raises:
        QuintainError: it cannot be reached, or opened.
    """
    at = chosen(records, service)
    if at is not None:
        from quintain.service.client import Client

        with Client.at(at) as client:
            yield client
        return
    from search.records import Records

    with Records.open(records, create=False) as store:
        yield StoreDesk(store)
