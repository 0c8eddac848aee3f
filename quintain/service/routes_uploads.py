"""REST: contents that travel to the service, what drivers fetch of them, and the scout's line."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from quintain.service.errors import RESPONSES, RefusedError
from quintain.service.guarding import Submitter
from quintain.service.routes_driver import Driver
from quintain.service.state import state_of
from quintain.service.uploads import refused

routes = APIRouter(prefix="/v1", tags=["uploads"], responses=RESPONSES)


class Announced(BaseModel):
    """Files that are to go along with a sweep."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, str] = Field(description="the SHA-256 of each by its name")


class Told(BaseModel):
    """What a scout has found: by question, what cannot be used and why."""

    model_config = ConfigDict(extra="forbid")

    quintain: str
    python: str
    answers: dict[str, dict[str, str]]


@routes.post("/uploads/missing")
def missing(asked: Announced, request: Request, caller: Submitter) -> dict[str, Any]:
    """Of these files, the names of those whose content has to be sent."""
    uploads = state_of(request).uploads
    problems = refused(asked.files)
    if problems:
        raise RefusedError(422, "bad_files", problems[0])
    return {"missing": uploads.missing(asked.files), "limit": uploads.limit}


@routes.put("/uploads/{digest}", status_code=201)
async def keep(digest: str, request: Request, caller: Submitter) -> dict[str, Any]:
    """A content, under its SHA-256; the same content is kept once."""
    await state_of(request).uploads.keep(digest, request.stream())
    return {"digest": digest}


@routes.get("/driver/uploads/{digest}")
def fetch(digest: str, request: Request, mine: Driver) -> FileResponse:
    """A content of the driver's own sweep."""
    state = state_of(request)
    files = state.records.sweep(mine.sweep).header.get("files") or {}
    if digest not in files.values():
        raise RefusedError(404, "not_found", "that content does not belong to this sweep")
    return FileResponse(state.uploads.path(digest), media_type="application/octet-stream")


@routes.post("/scout", include_in_schema=False)
async def scout(told: Told, request: Request) -> dict[str, Any]:
    """The line of the service's own job on the cluster: answers one way, questions the other."""
    scouting = state_of(request).scouting
    _, _, token = request.headers.get("authorization", "").partition(" ")
    if scouting is None or not scouting.known(token.strip()):
        raise RefusedError(401, "not_this_scout", "this service has sent out no such scout")
    return await scouting.talk(told.model_dump())
