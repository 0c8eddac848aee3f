"""``quintain holdout``: a look at the locked rows, and the ledger of all looks taken."""

import getpass
import math
import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluators.errors import QuintainError
from search.bodies import plain
from search.records import LookRecord, Records
from search.view import SweepView, read_view

if TYPE_CHECKING:  # scikit-learn and pandas are for looks, not for the list of them
    from evaluators.assignment import Assignment
    from evaluators.fingerprint import Hashes
    from evaluators.types import Configuration, Dataset
    from quintain.prepare import Prepared
    from search.ledger import LockedRows, Submission
    from search.view_rows import TrialView

#: What ``--json`` prints of a look, in its order.
KEYS = (
    "sweep", "trial", "model", "params", "look", "score", "low", "high", "level", "remaining",
    "method", "metric", "rows", "shown_better", "who", "when", "why",
)  # fmt: skip
#: Looks by other programs while we think over what to answer: after so many it is no accident.
_TURNS = 20


def look(sweep: str, why: str, data: Any = None, *, records: str | None = None) -> dict[str, Any]:
    """Score the winner, refitted on every row but the locked ones, on the locked rows.

    The look is in the ledger before this returns the object of ``quintain holdout --json``; if it
    cannot be recorded, nothing is told. ``data``: the table, where the sweep's was not a file.

    Raises:
        QuintainError: no reason, no hold-out, no winner, no look left, or the data has changed.
    """
    from quintain.prepare import prepare, spec_of
    from quintain.sameness import must_be_the_same

    why = " ".join(why.split())
    if not why:
        raise QuintainError('a look at the hold-out needs its reason: --why "to report the model"')
    with Records.open(records, create=False) as store:
        view = read_view(store, store.resolve(sweep))
        winner = _winner(view)
        digest, names = _holdout(view)
        spec = spec_of(view.header)
        _refuse_at_the_budget(store, view.id, digest, names, spec.holdout.looks)
        prepared = prepare(spec, data, store, view.header)
        must_be_the_same(view.id, view.header, prepared)
        test, submission = _submission(prepared, winner, view.threshold)
        told = {
            "sweep": view.id, "trial": None if winner.trial < 0 else winner.trial,
            "model": winner.model, "params": dict(winner.params),
            "metric": prepared.objective.name, "target": test.name, "who": _user(), "why": why,
        }  # fmt: skip
        for _ in range(_TURNS):
            after, body = _answered(store, names, prepared, test, submission, told)
            record = LookRecord(0, digest, view.id, time.time(), body, submission.to_bytes())
            if store.add_look(record, names, after):
                return shown(record)
            _refuse_at_the_budget(store, view.id, digest, names, spec.holdout.looks)
    raise QuintainError("others look at these rows at this moment: try again")


def ledger(sweep: str, *, records: str | None = None) -> list[dict[str, Any]]:
    """Every look at any of the rows that this sweep has locked, by whichever sweep, oldest first.

    Raises:
        QuintainError: the sweep has no hold-out.
    """
    with Records.open(records, create=False) as store:
        return looks_of(store, read_view(store, store.resolve(sweep)))


def looks_of(store: Records, view: SweepView) -> list[dict[str, Any]]:
    """The same of an open store.

    Raises:
        QuintainError: the sweep has no hold-out.
    """
    digest, names = _holdout(view)
    rows = _rows(store, names)
    return [
        shown(each)
        for each in store.looks(names)
        if np.isin(rows[digest], rows[each.holdout]).any()
    ]


def shown(record: LookRecord) -> dict[str, Any]:
    """A look as it is printed: what was told, not what the ledger keeps to itself."""
    when = datetime.fromtimestamp(record.time, UTC).isoformat(timespec="seconds")
    first = record.body["look"] == 1
    body = {**record.body, "when": when, "shown_better": None if first else record.body["told"]}
    return {key: plain(body[key]) for key in KEYS}


def sentence(told: Mapping[str, Any]) -> str:
    """A look for a person."""
    score, low, high = (_number(told[key]) for key in ("score", "low", "high"))
    model = told["model"] if told["trial"] is None else f"{told['model']}, trial {told['trial']}"
    left = f"{told['remaining']} look{'s' * (told['remaining'] != 1)}"
    lines = [
        f"look {told['look']} at {told['rows']} locked rows: {told['metric']} {score}  "
        f"({told['level']:.1%} interval {low} to {high}; {told['method']})",
        f"{told['sweep']} ({model}), {told['who']}: {told['why']}",
        f"left on these rows: {left}",
    ]
    if told["shown_better"] is not None:
        lines.insert(1, _ladder_line(told["shown_better"]))
    return "\n".join(lines)


def table(found: Sequence[Mapping[str, Any]]) -> Any:
    """The ledger for a person."""
    from rich.table import Table

    drawn = Table(box=None, header_style="dim")
    columns = ("look", "when (UTC)", "who", "why", "sweep", "model", "metric", "answer", "of")
    for column in columns:
        drawn.add_column(column)
    for each in found:
        answer = f"{_number(each['score'])} ({_number(each['low'])} to {_number(each['high'])})"
        drawn.add_row(
            str(each["look"]), each["when"][:16].replace("T", " "), each["who"], each["why"],
            each["sweep"], each["model"], each["metric"], answer,
            "the best before" if each["shown_better"] is False else "this model",
        )  # fmt: skip
    return drawn


def _ladder_line(better: bool) -> str:
    if better:
        return "shown to be better than what was looked at before; rounded to one row"
    return (
        "this is the best that was looked at so far: the model at hand was not shown to be better"
    )


def _number(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.4f}"


def _winner(view: SweepView) -> "TrialView":
    if (whole := view.header.get("outer_of")) is not None:
        raise QuintainError(f"{view.id} is one outer fold of {whole}: quintain holdout {whole}")
    if view.state in ("running", "stopping"):
        raise QuintainError(f"{view.id} is {view.state}: look at the hold-out when it has ended")
    if view.best is None:
        raise QuintainError(f"no trial of {view.id} has completed: see quintain trials {view.id}")
    return view.best


def _holdout(view: SweepView) -> tuple[str, str]:
    """The digests of the locked rows and of the table's columns."""
    digest = view.header.get("holdout")
    if digest is None:
        raise QuintainError(
            f"{view.id} has no hold-out: write test_size = 0.2 under [holdout] in its spec, or "
            f"source = a table of test rows, and run it again"
        )
    return str(digest), str(view.header["source_columns"])


def _rows(store: Records, names: str) -> "dict[str, Hashes]":
    from search.ledger import unpacked

    return {each.digest: unpacked(each.identities) for each in store.holdouts(names)}


def _refuse_at_the_budget(store: Records, sweep: str, digest: str, names: str, looks: int) -> None:
    from search.ledger import budget, used

    rows, taken = _rows(store, names), store.looks(names)
    spent, looks = used(rows[digest], taken, rows), budget(rows[digest], taken, rows, looks)
    if spent >= looks:
        raise QuintainError(
            f"all {looks} looks at the {len(rows[digest])} locked rows of {sweep} are used up: "
            f"rows that nobody has seen bring new ones, quintain refresh {sweep} --data NEWER"
        )


def _submission(
    prepared: "Prepared", winner: "TrialView", threshold: float | None
) -> "tuple[LockedRows, Submission]":
    """The locked rows by sorted identity, and what the refitted winner says of them."""
    from evaluators.types import Configuration

    test, locked = _test_rows(prepared)
    found = Configuration(winner.model, winner.params)
    try:
        return test, submit(prepared.assignment, prepared.dataset, locked, found, threshold)
    except QuintainError as error:
        raise QuintainError(
            f"the winner cannot be refitted, so no look was taken: {error}"
        ) from error


def submit(
    assignment: "Assignment", training: "Dataset", rows: "Dataset", found: "Configuration",
    threshold: float | None,
) -> "Submission":  # fmt: skip
    """What a configuration, fitted on ``training``, says of other ``rows``.

    ``threshold``: the tuned one, used where the objective is a score at it.

    Raises:
        QuintainError: it cannot be fitted, or cannot answer; the reason in one line.
    """
    from evaluators.models import classify_failure
    from evaluators.refit import refit
    from evaluators.scoring import labels_of, outputs
    from search.ledger import Submission

    cut = threshold if assignment.tuned_objective else None
    try:
        fitted = refit(assignment, training, found, cut)
        output, kind = outputs(fitted.model, rows.values, len(rows.classes))
    except Exception as error:
        recipe = assignment.recipes[found.model]
        failure = classify_failure(error, user_code=recipe.target is not None)
        raise QuintainError(failure.reason) from error
    labels = labels_of(output, kind, fitted.threshold)
    return Submission(output, kind, labels, rows.classes, fitted.model.log_prior_shift)


def _test_rows(prepared: "Prepared") -> "tuple[LockedRows, Dataset]":
    from search.ledger import LockedRows

    locked = prepared.division.locked
    assert locked is not None  # must_be_the_same has compared its digest
    assert locked.identity is not None
    order = np.argsort(locked.identity, kind="stable")
    identities, locked = locked.identity[order], locked.take(order)
    name = prepared.spec.data.target or "target"
    return LockedRows(identities, locked.target, locked.classes, name, locked.groups), locked


def _user() -> str:
    """Who looks: user@host; in a container a user may have a number only."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def _answered(
    store: Records, names: str, prepared: "Prepared", test: "LockedRows", submission: "Submission",
    told: Mapping[str, Any],
) -> tuple[int, dict[str, Any]]:  # fmt: skip
    """The number of the last look taken, and what the ledger is to keep of the next."""
    from search.ledger import answer, budget, look_body

    looks, rows = store.looks(names), _rows(store, names)
    found = answer(prepared.objective, test, submission, looks, rows)
    if math.isnan(found.exact):
        raise QuintainError(
            f"{prepared.objective.name} is undefined for this model on the locked rows, so no look "
            f"was taken"
        )
    allowed = budget(test.identities, looks, rows, prepared.spec.holdout.looks)
    remaining = allowed - found.look
    return max((each.seq for each in looks), default=0), look_body(
        found, remaining=remaining, **told
    )
