"""What was ordered of a running sweep from elsewhere, as its driver takes it."""

from collections.abc import Iterable

from quintain.stopping import GRACE_S
from search.driver import Orders
from search.events import BudgetsSet, StopAsked
from search.records import Records


def orders_of(store: Records, sweep: str, heard: int) -> Orders:
    """The orders to a sweep after the change numbered ``heard``, each told once."""
    from search.changes import ORDERS  # SQLAlchemy with it: a spec that is refused needs none

    last = heard

    def fresh() -> Iterable[StopAsked | BudgetsSet]:
        nonlocal last
        told: list[StopAsked | BudgetsSet] = []
        for change in store.changes.of(sweep, after=last, kinds=ORDERS):
            last, body = change.seq, change.body
            if change.kind == "stop":
                reason = str(body.get("reason") or f"stopped by {change.user}")
                told.append(StopAsked(change.time, reason, GRACE_S))
            else:
                told.append(BudgetsSet(change.time, body["trials"], body["timeout_s"], change.user))
        return told

    return fresh


def stops_of(store: Records, sweep: str, heard: int) -> Orders:
    """The same with its stops alone: for a search inside the sweep, whose budgets are its own."""
    fresh = orders_of(store, sweep, heard)
    return lambda: [order for order in fresh() if isinstance(order, StopAsked)]
