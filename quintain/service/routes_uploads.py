"""REST: contents that travel to the service, what drivers fetch of them, and the scout's line."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.convertors import Convertor, register_url_convertor

from quintain.service.errors import RESPONSES, RefusedError
from quintain.service.guarding import Submitter
from quintain.service.routes_driver import Driver
from quintain.service.state import state_of
from quintain.service.uploads import BY_NAME, SHA256, refused

routes = APIRouter(prefix="/v1", tags=["uploads"], responses=RESPONSES)


class Sha256(Convertor[str]):
    """A digest in a path; so "missing", and whatever else is none, is no content's place."""

    regex = "[0-9a-f]{64}"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("sha256", Sha256())
Digest = Annotated[str, Path(json_schema_extra=SHA256)]
CONTENT: dict[str, Any] = {"requestBody": {"content": {"application/octet-stream": {}}}}


class Announced(BaseModel):
    """Files that are to go along with a sweep."""

    model_config = ConfigDict(extra="forbid")

    files: dict[str, str] = Field(
        description="the SHA-256 of each by its name", json_schema_extra=BY_NAME
    )


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


@routes.put("/uploads/{digest:sha256}", status_code=201, openapi_extra=CONTENT)
async def keep(digest: Digest, request: Request, caller: Submitter) -> dict[str, Any]:
    """A content, under its SHA-256; the same content is kept once."""
    await state_of(request).uploads.keep(digest, request.stream())
    return {"digest": digest}


@routes.get("/driver/uploads/{digest:sha256}")
def fetch(digest: Digest, request: Request, mine: Driver) -> FileResponse:
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
