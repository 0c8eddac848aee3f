"""``quintain list``: every sweep of a store in a row of its own."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from evaluators.errors import QuintainError
from search.entries import Kind
from search.records import Records, SweepRecord
from search.view import SweepView
from search.view_fold import SweepFold
from search.view_rows import TrialView

ENDS = ("completed", "pruned", "failed", "cancelled")
STYLES = {"failed": "red", "interrupted": "yellow", "running": "green"}
#: What a row follows from; folds, starts and nodes are most of a record.
TOLD: tuple[Kind, ...] = ("asked", "ended", "finalists", "rescored", "winner", "nested")


def rows(store: Records) -> list[dict[str, Any]]:
    """One object a sweep, newest first; the outer folds of a nested one are parts of it."""
    sweeps = {found.id: found for found in store.sweeps() if "outer_of" not in found.header}
    return [row(found, lambda sweep: counted(store, sweeps[sweep])) for found in sweeps.values()]


def counted(store: Records, found: SweepRecord) -> SweepView:
    """Trials, best and estimate of a sweep as its ends tell them; nothing else of it is read."""
    from search.told import told_after  # SQLAlchemy, which a list of a service's sweeps can spare

    fold = SweepFold.of(str(found.header.get("metric", "")), found.header.get("part"))
    for _, entry in told_after(store, found.id, 0, TOLD):
        fold.read(entry)
    return SweepView.of(found.id, found.header, fold, found.state, created=found.created)


def row(found: SweepRecord, view_of: Callable[[str], SweepView]) -> dict[str, Any]:
    """What the last state entry says; a sweep that has begun and has none is counted."""
    summary = found.last.get("summary")
    nested = found.header.get("spec", {}).get("evaluate", {}).get("nested")
    if not found.last:
        summary = {"counts": dict.fromkeys(ENDS, 0), "best": None}
    elif summary is None or nested:
        view = view_of(found.id)
        best = None if view.best is None else {"trial": view.best.trial, "score": view.best.score}
        summary = {"counts": {state: view.counts[state] for state in ENDS}, "best": best}
        summary["estimate"] = view.finals.estimate and view.finals.estimate.score
    return {
        "sweep": found.id,
        "state": found.state,
        "created": datetime.fromtimestamp(found.created, UTC).isoformat(timespec="seconds"),
        "metric": found.header.get("metric"),
        "best": summary["best"],
        "estimate": summary.get("estimate"),
        "trial_counts": summary["counts"],
        "budget": found.header.get("budget"),
        "runner": found.header.get("runner"),
        "rows": found.header.get("rows_searched"),
        "note": found.header.get("note"),
    }


def table(found: list[dict[str, Any]]) -> Table:
    """The same for a person."""
    shown = Table(box=None, header_style="dim")
    for column in ("sweep", "state", "started (UTC)", "trials", "metric", "estimate", "searched"):
        shown.add_column(column, justify="right" if column == "trials" else "left")
    for each in found:
        counts, best = each["trial_counts"], each["best"]
        ended = sum(counts.values()) - counts["cancelled"]
        score = "" if best is None or best["score"] is None else f"{best['score']:.4f}"
        estimate = "" if each["estimate"] is None else f"{each['estimate']:.4f}"
        style = {"failed": "red", "interrupted": "yellow", "running": "green"}.get(
            each["state"], ""
        )
        shown.add_row(
            each["sweep"], Text(each["state"], style), each["created"][:16].replace("T", " "),
            f"{ended}/{each['budget']}", each["metric"], estimate, Text(score, "dim"),
        )  # fmt: skip
    return shown


def trial_of(view: SweepView, number: int) -> TrialView:
    """One trial of a sweep.

    Raises:
        QuintainError: there is no such trial.
    """
    for trial in view.trials:
        if trial.trial == number:
            return trial
    raise QuintainError(f"{view.id} has no trial {number}; it has {len(view.trials)}, from 0")


def traceback_of(view: SweepView, number: int) -> str:
    """Why one trial failed, in full.

    Raises:
        QuintainError: there is no such trial, or it did not fail.
    """
    trial = trial_of(view, number)
    if trial.cause is None:
        raise QuintainError(f"trial {number} of {view.id} is {trial.state}, it has no cause")
    return trial.traceback or f"{trial.cause}: {trial.reason} (no traceback: none was left)"
