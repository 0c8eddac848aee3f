"""One shape for every error: ``{"error": {"code", "message", "problems"}}`` with its status."""

import json
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from cluster.errors import ClusterError
from evaluators.errors import QuintainError
from quintain.upkeep import BudgetsError, NotOverError
from search.errors import LeaseError, PlanError, RecordsError, SpecError, UnknownSweepError
from search.submissions import KeyUsedError

log = logging.getLogger("quintain.service")


class ErrorBody(BaseModel):
    """What went wrong and what to do."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="a word for programs")
    message: str = Field(description="one sentence for people, with the way out")
    problems: list[str] = Field(description="each mistake with its place")


class ErrorAnswer(BaseModel):
    """The answer to a request that was refused."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorBody


class RefusedError(QuintainError):
    """A request that cannot be granted, with its status and its word for programs."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message

    def __str__(self) -> str:
        return self.message


#: By the first class that fits.
_STATUS: tuple[tuple[type[QuintainError], int, str], ...] = (
    (SpecError, 422, "bad_spec"),
    (UnknownSweepError, 404, "unknown_sweep"),
    (LeaseError, 409, "driver_alive"),
    (KeyUsedError, 409, "key_used"),
    (BudgetsError, 409, "over"),
    (NotOverError, 409, "not_over"),
    (PlanError, 422, "no_budget"),
    (ClusterError, 503, "cluster_away"),
    (RecordsError, 503, "records_unavailable"),
    (QuintainError, 422, "refused"),
)

#: Words for what the framework itself refuses.
_CODES = {
    400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
    415: "bad_content_type",
}  # fmt: skip

#: For the OpenAPI document: what any route may answer.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer} for status in (400, 401, 403, 404, 405, 409, 413, 422, 503)
}

#: What a path may be asked by.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

#: For routes whose good answer is no JSON.
TEXT: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


class Ascii(JSONResponse):
    """JSON in ASCII: what is told again of a request or a record may hold half of a pair."""

    def render(self, content: Any) -> bytes:
        """As the record itself is written."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def status_of(error: QuintainError) -> int:
    """The HTTP status of what a person can mend."""
    return next(status for kind, status, _ in _STATUS if isinstance(error, kind))


def answer(
    status: int, code: str, message: str, problems: Sequence[str] = (),
    headers: dict[str, str] | None = None,
) -> JSONResponse:  # fmt: skip
    """The one shape."""
    body = {"error": {"code": code, "message": message, "problems": list(problems)}}
    return Ascii(body, status, headers)


def allowed(request: Request) -> list[str]:
    """Every method of the path; the framework names those of the first route that has it."""
    routes = request.app.router.routes
    return [
        method for method in METHODS
        if any(each.matches({**request.scope, "method": method})[0] == Match.FULL
               for each in routes)
    ]  # fmt: skip


def register(app: FastAPI) -> None:
    """Every way in which a request can fail ends in the one shape."""

    @app.exception_handler(QuintainError)
    def mendable(_request: Request, error: QuintainError) -> JSONResponse:
        if isinstance(error, RefusedError):
            headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
            return answer(error.status, error.code, error.message, headers=headers)
        problems = error.problems if isinstance(error, SpecError) else ()
        message = "the spec cannot run" if problems else str(error)
        status, code = next((s, c) for kind, s, c in _STATUS if isinstance(error, kind))
        return answer(status, code, message, problems)

    @app.exception_handler(RequestValidationError)
    def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors()
        ]
        return answer(422, "bad_request", "the request is not as the API takes it", problems)

    @app.exception_handler(HTTPException)
    def plain(request: Request, error: HTTPException) -> Response:
        if "text/html" in request.headers.get("accept", "") and request.method == "GET":
            from quintain.page.rendering import refused

            return refused(request, error)  # somebody has mistyped an address
        code = _CODES.get(error.status_code, "refused")
        headers = dict(error.headers or {})
        if error.status_code == 405 and "Allow" in headers:
            headers["Allow"] = ", ".join(allowed(request))
        return answer(error.status_code, code, str(error.detail), headers=headers)

    @app.exception_handler(Exception)
    def bug(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(500, "bug", "the service failed at this; its log has the reason")
