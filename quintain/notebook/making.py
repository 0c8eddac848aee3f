"""The page of one sweep, from a store or from a service."""

from typing import Any

from quintain.notebook.blocks import Page
from quintain.notebook.evidence import gathered
from quintain.notebook.notes import FarNotebook, notes_of
from quintain.notebook.sections import page
from search.records import Records
from search.view import SweepView, read_record


def of_sweep(
    sweep: str, *, records: str | None = None, service: str | None = None, data: Any = None
) -> tuple[Page, SweepView]:
    """The page and the view it was made of.

    Args:
        sweep: an id, a name, or the start of one.
        records: where the store is.
        service: a service in its place where the command line means one.
        data: the table or (X, y) that was searched, where that was not a file.

    Raises:
        QuintainError: no such sweep, or no store.
    """
    from quintain.desk import chosen

    at = chosen(records, service) if service else None
    if at is not None:
        with FarNotebook.of(at) as far:
            view, entries = far.record(sweep)
            found = gathered(view, entries, far.notes(view.id), None)
        return page(found), view
    with Records.open(records, create=False) as store:
        view, entries = read_record(store, store.resolve(sweep))
        found = gathered(view, entries, notes_of(store, view.id), store, data)
    return page(found), view
