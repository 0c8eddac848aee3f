"""What records give back: a sweep as a list shows it, locked rows, a look at them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.entries import SweepState
from search.lease import Holder


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """One sweep as a list shows it.

    Attributes:
        created: seconds since the epoch, by the store's clock.
        header: what stood when it was created: spec, metric, data, machine.
        state: as recorded, or "interrupted" where it should run and no driver is alive.
        last: body of the last "state" entry, empty before the first.
        driver: who drives it now, None if nobody does.
    """

    id: str
    name: str
    serial: int
    created: float
    header: Mapping[str, Any]
    state: SweepState
    last: Mapping[str, Any]
    driver: Holder | None


@dataclass(frozen=True, slots=True)
class HoldoutRecord:
    """Rows that are locked away from every sweep of the store.

    Attributes:
        digest: of the rows' identities.
        names: digest of the source table's column names.
        rows: how many.
        identities: of the rows, sorted, eight bytes each.
        sweep: the first that locked them.
        time: when, in seconds since the epoch.
    """

    digest: str
    names: str
    rows: int
    identities: bytes
    sweep: str
    time: float


@dataclass(frozen=True, slots=True)
class LookRecord:
    """One look at locked rows.

    Attributes:
        seq: rises from look to look of the store; 0 before it is recorded.
        holdout: digest of the rows.
        time: when, in seconds since the epoch.
        body: who, why, which model, what was answered.
        outputs: the model's outputs on the rows, in the order of their sorted identities.
    """

    seq: int
    holdout: str
    sweep: str
    time: float
    body: Mapping[str, Any]
    outputs: bytes
