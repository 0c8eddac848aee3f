"""A sweep that was run before: the same spec on the same rows, told from the records."""

from typing import TYPE_CHECKING, Any

from quintain.driving import Watcher, open_record
from quintain.result import Result
from search.records import Lease, Records
from search.view import read_view

if TYPE_CHECKING:  # scikit-learn and pandas are imported when a sweep is prepared, not before
    from quintain.prepare import Prepared


def stands(prepared: "Prepared", address: str | None, store: Records) -> dict[str, Any] | None:
    """The header of a sweep that stands in the store already, so that nothing need run; or None.

    ``replays``: which sweep it tells again; ``partitions_of``: whose fresh folds its finalists had.
    """
    from quintain.knowing import whole_of

    header = prepared.header("none") | {"address": address}
    source = whole_of(header, store)
    if source is None:
        return None
    first = store.header(source).get("partitions_of", source)
    return {**header, "replays": source, "partitions_of": first}


def told_again(
    prepared: "Prepared", source: str, store: Records, lease: Lease, watcher: Watcher | None,
    data: Any,
) -> Result:  # fmt: skip
    """A sweep that stands in the store as ``source``, to its end, with no fit."""
    from quintain.knowing import tell_again
    from quintain.locking import register

    register(store, lease.sweep, prepared.division)
    if watcher is not None:
        watcher.say(f"{source} was this very sweep: nothing is run (--fresh runs it again)")
    open_record(prepared, "none", store, lease, [], 0, 0)
    tell_again(store, lease, source)
    return Result(read_view(store, lease.sweep), spec=prepared.spec, data=data, prepared=prepared)
