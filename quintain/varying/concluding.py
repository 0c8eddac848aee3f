"""What steps came to, kept where they started and where they ran: the diary of one at a time."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evaluators.estimate import tested_share
from quintain.notebook.importances import importances
from quintain.varying.judging import as_json, judge
from search.bodies import plain
from search.entries import Entry
from search.errors import UnknownSweepError
from search.records import Lease, Records
from search.view import SweepView, read_view

if TYPE_CHECKING:
    from quintain.prepare import Prepared


def conclude(prepared: "Prepared", store: Records, lease: Lease) -> None:
    """Judge the steps of a vary sweep that is complete, and write it into both records, once."""
    view = read_view(store, lease.sweep)
    if view.state != "completed" or view.varied:
        return
    body = _told(view, prepared, _parent(view, store))
    entry = Entry("varied", time.time(), body)
    try:
        if not any(each["sweep"] == view.id for each in read_view(store, body["of"]).varied):
            store.append(body["of"], [entry])
    except UnknownSweepError:  # it was deleted meanwhile
        pass
    store.append(view.id, [entry], lease)


def _parent(view: SweepView, store: Records) -> SweepView | None:
    try:
        return read_view(store, view.header["vary"]["of"])
    except UnknownSweepError:
        return None


def _told(view: SweepView, prepared: "Prepared", parent: SweepView | None) -> dict[str, Any]:
    """The object of ``quintain vary --json``."""
    asked = view.header["vary"]
    model, param = asked["model"], asked["param"]
    # the last trial of each candidate counts: one that was cancelled was tried again
    latest = {_key(trial.params): trial for trial in view.trials}
    trials = [latest[_key(each["params"])] for each in asked["candidates"]]
    judged = judge(
        trials, asked["values"], view.metric, view.direction, tested_share(prepared.splits)
    )
    kept, value = asked["candidates"][0]["params"], asked["from"]
    if judged.kept is not None:
        kept = asked["candidates"][judged.kept + 1]["params"]
        value = asked["values"][judged.kept]
    weights = [] if parent is None else [
        each for each in importances(parent.trials) if each.model == model
    ]  # fmt: skip
    told: dict[str, Any] = {
        "sweep": view.id, "of": asked["of"],
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "start_at": asked["start_at"], "model": model, "param": param, "from": asked["from"],
        "params": asked["candidates"][0]["params"], "metric": view.metric,
        "direction": view.direction, "folds": len(judged.folds), "repeats": asked["repeats"],
        "folds_seed": prepared.plan.seed, "kept": value, "kept_params": kept,
        "wall_s": view.wall_s, "cpu_s": view.resources.cpu_s,
        **as_json(judged),
        "importances": [
            {"name": each.name, "mean": each.mean, "low": each.low, "high": each.high}
            for found in weights for each in (*found.each, found.noise)
        ],
    }  # fmt: skip
    if weights:
        told["importances_r2"] = weights[0].r2
    return {name: plain(value, f"$.{name}") for name, value in told.items()}


def _key(params: Any) -> str:
    from search.space import canonical

    return canonical("", params)
