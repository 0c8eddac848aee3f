"""What an export is made of: a sweep's view, and when its trials began and ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from search.entries import Entry
from search.view import SweepView


@dataclass(frozen=True, slots=True)
class Moments:
    """Of one trial, in seconds since the epoch: when it was asked, first began, and ended."""

    asked: float
    began: float | None = None
    ended: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """A sweep to be exported. ``moments``: by trial."""

    view: SweepView
    moments: Mapping[int, Moments]

    @classmethod
    def of(cls, view: SweepView, entries: Iterable[Entry]) -> "Exported":
        """The sweep of that view; ``entries``: all of its record."""
        asked: dict[int, float] = {}
        began: dict[int, float] = {}
        ended: dict[int, float] = {}
        for entry in entries:
            if entry.kind == "asked":
                asked[entry.trial] = entry.time
            elif entry.kind == "started":
                began.setdefault(entry.trial, entry.time)
            elif entry.kind == "ended":
                ended[entry.trial] = entry.time
        each = {
            trial: Moments(time, began.get(trial), ended.get(trial))
            for trial, time in asked.items()
        }
        return cls(view, each)


def exported(sweep: str, records: str | None = None, service: str | None = None) -> Exported:
    """The sweep as it stands in a store, or where the command line means one in a service.

    Raises:
        QuintainError: no such sweep, or no store.
    """
    from quintain.desk import desk

    with desk(records, service) as at:
        return Exported.of(*at.record(sweep))
