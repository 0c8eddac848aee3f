"""What is done to sweeps after they were begun: other budgets, and taking them out of a store."""

import glob
import shutil
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from evaluators.errors import QuintainError
from quintain.stopping import FINAL
from search.entries import BUDGETED
from search.errors import PlanError
from search.events import BudgetsSet
from search.policy import budgets_entry
from search.records import Records
from search.view import SweepView, read_view

#: Seconds for which what was sent along is kept though no sweep names it: one may be about to.
UNNAMED_S = 86_400.0


class BudgetsError(QuintainError):
    """The budgets of this sweep stay as they are."""


class NotOverError(QuintainError):
    """Only a sweep that is over can be taken out of a store."""


def extend(
    store: Records, sweep: str, user: str, trials: int | None, timeout_s: float | None
) -> dict[str, Any]:
    """Set other budgets for a sweep: at once where it runs or waits, else for when it is resumed.

    Gives its id, its state and the budgets that were named.

    Raises:
        PlanError: no budget was named.
        BudgetsError: it is over, or deterministic.
        LeaseError: a driver took it at this very moment.
    """
    record, submission = store.sweep(sweep), store.submissions.get(sweep)
    if trials is None and timeout_s is None:
        raise PlanError("which budget? name trials, a timeout or both")
    if record.state in ("completed", "failed"):
        raise BudgetsError(
            f"{sweep} is {record.state}: its estimate is of what it had tried; a new sweep with "
            "more trials goes on from there"
        )
    if record.header.get("spec", {}).get("search", {}).get("deterministic"):
        raise BudgetsError(
            f"{sweep} is deterministic: the same spec gives the same trials, so its budgets stay; "
            "start another sweep"
        )
    told = {"trials": trials, "timeout_s": timeout_s}
    store.changes.add(user, sweep, "budgets", told)
    undriven = submission is None or submission.state == "ended" or record.state == "stopped"
    if undriven and record.driver is None:  # no driver is going to read the order
        entry = budgets_entry(BudgetsSet(time.time(), trials, timeout_s, user))
        with store.acquire(sweep) as lease:
            store.append(sweep, [entry], lease)
    return {"sweep": sweep, "state": record.state, **told}


def delete(store: Records, sweep: str, user: str) -> dict[str, Any]:
    """Take a sweep that is over out of the store; looks, locked rows and notes stay.

    Raises:
        NotOverError: it is not over.
        LeaseError: its driver is alive.
    """
    found = store.state(sweep)
    if found not in (*FINAL, "interrupted"):
        raise NotOverError(f"{sweep} is {found}: stop it first")
    store.submissions.delete(sweep, user, found)
    for each in (store.folder / sweep, *store.folder.glob(f"{glob.escape(sweep)}.outer*")):
        shutil.rmtree(each, ignore_errors=True)
    return {"sweep": sweep, "state": "deleted"}


def prune(store: Records, older_s: float, user: str, *, rehearse: bool) -> list[dict[str, Any]]:
    """Take out sweeps that are over and were begun longer ago than ``older_s``, oldest first.

    What was sent along and no sweep names any more goes too. ``rehearse``: only say which.
    """
    until = time.time() - older_s
    old = [
        each for each in reversed(store.sweeps())
        if each.created < until and each.state in FINAL and "outer_of" not in each.header
    ]  # fmt: skip
    told = [{"sweep": each.id, "state": each.state, "created": each.created} for each in old]
    if rehearse:
        return told
    for each in old:
        delete(store, each.id, user)
    _forget_uploads(store)
    return told


def _forget_uploads(store: Records) -> None:
    """Remove contents and trees that no sweep of the store names."""
    named: set[str] = set()
    for each in store.sweeps():
        named |= set((each.header.get("files") or {}).values())
        named.add(str(each.header.get("folder")))
    for place in store.folder.glob("uploads/*/*"):
        unnamed = place.name not in named and str(place) not in named
        if unnamed and time.time() - place.stat().st_mtime > UNNAMED_S:
            shutil.rmtree(place) if place.is_dir() else place.unlink()


def use_by_user(
    store: Records, view_of: Callable[[str], SweepView] | None = None
) -> list[dict[str, Any]]:
    """What each user's sweeps took, the most core-hours first.

    ``core_hours``: CPU time of trials and finalists; ``failed_share``: of trials that reached an
    end, None before one has. ``view_of``: where views are kept.
    """
    view_of = view_of or partial(read_view, store)
    submissions = store.submissions.all()
    found: dict[str | None, dict[str, Any]] = {}
    for record in store.sweeps():
        if "outer_of" in record.header:
            continue
        submission = submissions.get(record.id)
        user = None if submission is None else submission.user
        mine = found.setdefault(
            user, {"user": user, "sweeps": 0, "trials": 0, "failed": 0, "core_hours": 0.0}
        )
        mine["sweeps"] += 1
        if not record.last:
            continue
        view = view_of(record.id)
        mine["trials"] += sum(view.counts[state] for state in BUDGETED)
        mine["failed"] += view.counts["failed"]
        mine["core_hours"] += (view.resources.cpu_s + view.resources.finalists_cpu_s) / 3600
    for mine in found.values():
        mine["failed_share"] = mine["failed"] / mine["trials"] if mine["trials"] else None
    return sorted(found.values(), key=lambda mine: -mine["core_hours"])


def use_table(rows: list[dict[str, Any]]) -> Any:
    """The same for a person."""
    from rich.table import Table

    shown = Table(box=None, header_style="dim")
    for column in ("user", "sweeps", "trials", "failed", "core-hours"):
        shown.add_column(column, justify="left" if column == "user" else "right")
    for row in rows:
        share = "" if row["failed_share"] is None else f"{row['failed_share']:.1%}"
        shown.add_row(
            row["user"] or "(by hand)", str(row["sweeps"]), str(row["trials"]), share,
            f"{row['core_hours']:.2f}",
        )  # fmt: skip
    return shown
