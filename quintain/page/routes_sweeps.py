"""The pages of sweeps: the list, one as it stands or runs, its notes, its notebook, its log."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from quintain.notebook.notes import notes_of
from quintain.page import under_way
from quintain.page.asides import Asides
from quintain.page.headlines import Headline, Headlines
from quintain.page.rendering import HEADERS, PageRoute, moved, page, segment
from quintain.page.session import Changing, Looking, Sent, Viewer
from quintain.page.table import interval_of, spread_of
from quintain.service.errors import RefusedError
from quintain.service.launching import log_of
from quintain.service.routes_watch import news
from quintain.service.state import State, state_of
from quintain.stopping import FINAL
from quintain.stopping import stop as stop_sweep
from search.records import SweepRecord
from search.view import SweepView

routes = APIRouter(route_class=PageRoute, include_in_schema=False)

#: Sweeps of a page of the list; rows of the best trials; letters of a note; bytes of a log shown.
PER, BEST, LONGEST, LOG_BYTES = 50, 8, 10_000, 200_000
#: Trials at most whose cost is drawn: each is an element there.
DRAWN = 500
STATES = ("queued", "running", "stopping", "interrupted", "completed", "stopped", "failed")
#: By what the list is sorted; a minus before it: the largest first.
SORTS: dict[str, Callable[[SweepRecord], Any]] = {
    "created": lambda each: (each.created, each.serial),
    "sweep": lambda each: (each.name, each.serial),
    "state": lambda each: (each.state, -each.created),
}


@routes.get("/")
def sweeps(
    request: Request, who: Looking, state: str = "", text: str = "", sort: str = "-created",
    page_: Annotated[int, Query(ge=1, le=10**6, alias="page")] = 1, part: str = "",
) -> Response:  # fmt: skip
    """Every sweep of the store, the newest first unless told."""
    service = state_of(request)
    submissions = service.records.submissions.all()
    every = [each for each in service.records.sweeps() if "outer_of" not in each.header]
    sort = sort if sort.removeprefix("-") in SORTS else "-created"
    found = [each for each in every if not state or each.state == state]
    if text:
        users = {sweep: each.user for sweep, each in submissions.items()}
        found = [each for each in found if _named(each, users.get(each.id, ""), text)]
    found.sort(key=SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))
    pages = max(1, math.ceil(len(found) / PER))
    number = min(page_, pages)
    lines: Headlines = request.app.state.headlines
    rows: list[Headline] = [
        lines.of(each, submissions.get(each.id))
        for each in found[(number - 1) * PER : number * PER]
    ]
    live = any(each.state in ("queued", "running", "stopping") for each in rows)
    template = "sweeps_rows.html" if part == "rows" else "sweeps.html"
    return page(
        request, template, who, rows=rows, total=len(found), every=len(every), state=state,
        text=text, sort=sort, page=number, pages=pages, states=STATES, live=live,
        place=service.records.place, running=sum(each.state == "running" for each in every),
        url=str(request.base_url).rstrip("/"),
    )  # fmt: skip


def _named(found: SweepRecord, user: str, text: str) -> bool:
    """Whether every word stands in its id, its user or its note."""
    told = f"{found.id} {user} {found.header.get('note') or ''}".lower()
    return all(word in told for word in text.lower().split())


@routes.get("/sweeps/{sweep}")
def sweep(request: Request, sweep: str, who: Looking, part: str = "") -> Response:
    """One sweep; ``part=live``: only what changes while it runs."""
    service = state_of(request)
    sweep = service.records.resolve(sweep)
    view, seq = service.shown.seen(sweep)
    template = "sweep_live.html" if part == "live" else "sweep.html"
    more = _live(service, view)
    if part != "live":
        more |= _still(service, view, who)
    return page(request, template, who, view=view, seq=seq, **more)


def _live(service: State, view: SweepView) -> dict[str, Any]:
    """What changes while it runs."""
    live = view.state not in FINAL
    best = view.ranked[:BEST]
    return {
        "live": live, "progress": under_way.progress(view, budget_of(service, view)),
        "running": under_way.running(view), "folds_of": under_way.folds_of,
        "folds": under_way.folds_in_all(view), "pictures": _pictures(view),
        "machine": under_way.machine() if live and service.settings.cluster is None else None,
        "nodes": under_way.nodes_now(view), "best": best,
        "intervals": {trial.trial: interval_of(trial, view) for trial in best},
        "spreads": {trial.trial: spread_of(trial, view) for trial in best},
    }  # fmt: skip


def _pictures(view: SweepView) -> str:
    """The course of the search; where that is not too much to draw, score against cost too."""
    from quintain.notebook.blocks import Pictures
    from quintain.notebook.html import block_html
    from quintain.notebook.pictures import front, history

    few = len(view.ranked) <= DRAWN
    drawn = [each for each in (history(view), front(view) if few else None) if each is not None]
    return block_html(Pictures(drawn)) if drawn else ""


def _still(service: State, view: SweepView, who: Viewer) -> dict[str, Any]:
    """The rest of the page."""
    submission = service.records.submissions.get(view.id)
    owner = None if submission is None else submission.user
    return {
        "submission": submission, "notes": notes_of(service.records, view.id),
        "may_stop": view.state not in FINAL and who.may_change(owner),
        "may_write": who.caller.role != "read", "longest": LONGEST,
    }  # fmt: skip


def budget_of(service: State, view: SweepView) -> int | None:
    """Trials asked for, by the latest order."""
    budget: int | None = view.header.get("budget")
    for change in service.records.changes.of(view.id, kinds=("budgets",)):
        budget = change.body.get("trials") or budget
    return budget


@routes.get("/sweeps/{sweep}/events")
def events(request: Request, sweep: str, who: Looking, after: int = 0) -> StreamingResponse:
    """What is recorded, as it comes: a script asks again for what has changed."""
    service = state_of(request)
    sweep = service.records.resolve(sweep)
    told = request.headers.get("last-event-id", "")
    after = int(told) if told.isdecimal() and len(told) < 19 else max(0, min(after, 2**62))
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    stream = news(service, request, sweep, after)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


@routes.post("/sweeps/{sweep}/notes")
def note(request: Request, sweep: str, who: Changing, fields: Sent) -> Response:
    """Write into the notebook of a sweep."""
    who.caller.must("submit")
    service = state_of(request)
    sweep = service.records.resolve(sweep)
    text = fields.get("text", "").strip()
    if not 0 < len(text) <= LONGEST:
        raise RefusedError(422, "bad_note", f"a note has 1 to {LONGEST:,} letters")
    service.records.changes.add(who.caller.name, sweep, "note", {"text": text})
    return moved(f"/sweeps/{segment(sweep)}#notes")


@routes.post("/sweeps/{sweep}/stop")
def stop(request: Request, sweep: str, who: Changing, fields: Sent) -> Response:
    """Stop it: folds that run have 30 seconds to end."""
    who.caller.must("submit")
    service = state_of(request)
    sweep = service.records.resolve(sweep)
    who.caller.must_own(sweep, service.records.submissions.get(sweep))
    before = service.records.state(sweep)
    told = stop_sweep(service.records, sweep, who.caller.name, fields.get("reason", "")[:500])
    if told["state"] in FINAL and before not in FINAL:
        service.keeper.over(sweep)
    service.keeper.nudge()
    return moved(f"/sweeps/{segment(sweep)}")


@routes.get("/sweeps/{sweep}/notebook")
def notebook(request: Request, sweep: str, who: Looking, part: str = "") -> Response:
    """Everything that is known of it, made by a child."""
    service = state_of(request)
    sweep = service.records.resolve(sweep)
    view, seq = service.shown.seen(sweep)
    version = f"{seq} {service.records.changes.last(sweep)}"
    asides: Asides = request.app.state.asides
    made = asides.get(("notebook", sweep), version)
    if part:
        return page(request, "aside.html", who, 202 if made is None else 200, made=made)
    return page(request, "notebook.html", who, view=view, made=made)


@routes.get("/sweeps/{sweep}/log")
def log(request: Request, sweep: str, who: Looking) -> Response:
    """The end of what its drivers have said."""
    service = state_of(request)
    sweep = service.records.resolve(sweep)
    view, _ = service.shown.seen(sweep)
    path, told, whole = log_of(service.records.folder, sweep), "", True
    if path.is_file():
        with path.open("rb") as file:
            size = file.seek(0, 2)
            whole = size <= LOG_BYTES
            file.seek(0 if whole else size - LOG_BYTES)
            told = file.read().decode(errors="replace")
    changes = service.records.changes.of(sweep)
    return page(request, "log.html", who, view=view, told=told, whole=whole, changes=changes)
