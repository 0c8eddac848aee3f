"""REST: what a sweep has recorded, as it comes; its log, its notes, who changed it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from quintain.service.errors import RESPONSES, TEXT, RefusedError
from quintain.service.guarding import Reader, Submitter
from quintain.service.launching import log_of
from quintain.service.news import MOST, event, told_of
from quintain.service.state import State, state_of
from search.errors import UnknownSweepError

routes = APIRouter(prefix="/v1", tags=["watching"], responses=RESPONSES)

Json = dict[str, Any]
STREAM: dict[int | str, Json] = {200: {"content": {"text/event-stream": {}}}}
#: Seconds after which a quiet stream says that it is there.
COMMENT_EVERY_S = 15.0
#: Bytes of a log in one answer.
LOG_BYTES = 1_000_000

Seq = Annotated[int, Query(ge=0, le=2**62, description="only what came after this number")]


class Note(BaseModel):
    """A line in a sweep's notebook."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=10_000)


@routes.get("/sweeps/{sweep}/record")
def record(
    sweep: str, request: Request, caller: Reader, after: Seq = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
) -> Json:  # fmt: skip
    """The header and the entries themselves, from which everything else is folded."""
    state = state_of(request)
    found = state.records.sweep(state.records.resolve(sweep))
    new = state.records.entries_after(found.id, after, limit)
    return {
        "sweep": found.id, "state": found.state, "created": found.created,
        "header": dict(found.header), "entries": [told_of(seq, entry) for seq, entry in new],
        "next": new[-1][0] if len(new) == limit else None, "last": new[-1][0] if new else after,
        "records": state.records.url, "place": state.records.place,
    }  # fmt: skip


@routes.get("/sweeps/{sweep}/events", response_class=StreamingResponse, responses=STREAM)
def events(
    sweep: str, request: Request, caller: Reader, after: Seq = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:  # fmt: skip
    """Entries as server-sent events, until the sweep is over; Last-Event-ID goes on."""
    state = state_of(request)
    sweep = state.records.resolve(sweep)
    if last_event_id is not None and last_event_id.isdigit():
        after = min(int(last_event_id), 2**62)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = news(state, request, sweep, after)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def news(state: State, request: Request, sweep: str, after: int) -> AsyncIterator[bytes]:
    """News of a sweep, for one who watches it."""
    silent = time.monotonic()
    with state.news.watching(sweep, after) as watched:
        while not await request.is_disconnected():
            try:
                piece = await watched.after(after)
            except UnknownSweepError:
                yield event("gone", {"sweep": sweep}).encode()
                return
            if piece.text:
                yield piece.text
                after, silent = piece.last, time.monotonic()
            if piece.over is not None:
                yield event("end", {"sweep": sweep, "state": piece.over}).encode()
                return
            if time.monotonic() - silent >= COMMENT_EVERY_S:
                yield b": still here\n\n"
                silent = time.monotonic()
            if not piece.more:
                await asyncio.sleep(watched.rest_s)


@routes.get("/sweeps/{sweep}/log", response_class=Response, responses=TEXT)
def log(
    sweep: str, request: Request, caller: Reader,
    after: Annotated[int, Query(ge=0, le=2**62, description="bytes to leave out")] = 0,
) -> Response:  # fmt: skip
    """What its drivers have said, a megabyte at most; X-Next is the `after` of the next call."""
    state = state_of(request)
    sweep = state.records.resolve(sweep)
    submission = state.records.submissions.get(sweep)
    path = log_of(state.records.folder, sweep)
    told, size = b"", 0
    if path.is_file():
        with path.open("rb") as file:
            file.seek(after)
            told, size = file.read(LOG_BYTES), path.stat().st_size
    if submission is not None and submission.state == "launched":  # what comes to the file later
        more = state.drivers.said(submission.launch or "")[max(0, after - size) :]
        told += more[: LOG_BYTES - len(told)]
    headers = {"X-Next": str(after + len(told)), "X-State": state.records.state(sweep)}
    return Response(told.decode(errors="replace"), headers=headers, media_type="text/plain")


@routes.get("/sweeps/{sweep}/notes")
def notes(sweep: str, request: Request, caller: Reader) -> Json:
    """The notebook of a sweep; it outlives the sweep."""
    state = state_of(request)
    sweep = _even_deleted(state, sweep)
    found = state.records.changes.of(sweep, kinds=("note",))
    told = [{"time": n.time, "user": n.user, "text": n.body["text"]} for n in found]
    return {"sweep": sweep, "notes": told}


@routes.post("/sweeps/{sweep}/notes", status_code=201)
def note(sweep: str, asked: Note, request: Request, caller: Submitter) -> Json:
    """Write into the notebook of any sweep."""
    state = state_of(request)
    sweep = state.records.resolve(sweep)
    made = state.records.changes.add(caller.name, sweep, "note", {"text": asked.text})
    return {"sweep": sweep, "time": made.time, "user": made.user, "text": asked.text}


@routes.get("/sweeps/{sweep}/plan")
def plan(sweep: str, request: Request, caller: Reader) -> Json:
    """What was foreseen before its first trial, beside what it took so far; null without one."""
    state = state_of(request)
    view = state.shown.view(state.records.resolve(sweep))
    return {"sweep": view.id, "plan": None if view.plan is None else view.plan.to_json()}


@routes.get("/sweeps/{sweep}/looks")
def looks(sweep: str, request: Request, caller: Reader) -> Json:
    """Looks at rows that are locked for this sweep, by whichever sweep, in their order."""
    from quintain.holdout import looks_of  # with what reads identities of rows

    state = state_of(request)
    view = state.shown.view(state.records.resolve(sweep))
    locked = view.header.get("rows_locked")
    return {"sweep": view.id, "looks": looks_of(state.records, view) if locked else []}


@routes.get("/sweeps/{sweep}/changes")
def changes(sweep: str, request: Request, caller: Reader) -> Json:
    """Who changed it and when; this outlives the sweep too."""
    state = state_of(request)
    sweep = _even_deleted(state, sweep)
    found = [asdict(each) for each in state.records.changes.of(sweep)]
    return {"sweep": sweep, "changes": found}


def _even_deleted(state: State, sweep: str) -> str:
    """The whole id; also of a sweep that is gone and has left a trace."""
    try:
        return state.records.resolve(sweep)
    except UnknownSweepError as error:
        if sweep.isprintable() and state.records.changes.last(sweep):
            return sweep
        raise RefusedError(404, "unknown_sweep", str(error)) from error
