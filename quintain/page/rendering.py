"""Templates into answers: escaped by default, under a policy that lets nothing else run."""

import functools
import logging
import math
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from evaluators.errors import QuintainError
from quintain.page.session import SignInError, Viewer
from quintain.service.errors import RefusedError, status_of
from search.report_tables import compact, count, megabytes, number, score

if TYPE_CHECKING:
    from jinja2 import Environment

log = logging.getLogger("quintain.service")

HERE = Path(__file__).parent
#: Scripts, styles and requests of our own alone; no frame, no inline script, no other host.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: A sign before the word, so that colour never tells alone.
SIGNS = {
    "completed": "✓", "running": "▶", "queued": "…", "waiting": "…", "stopping": "◧",
    "stopped": "■", "cancelled": "■", "interrupted": "!", "failed": "✕", "pruned": "◐",
}  # fmt: skip


@functools.cache
def environment() -> "Environment":
    """The templates, read when the first page is asked for."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters |= {
        "score": score, "number": number, "megabytes": megabytes, "count": count, "minute": minute,
        "compact": compact, "span": span, "signed": signed, "segment": segment, "iso": iso,
    }  # fmt: skip
    found.globals |= {"signs": SIGNS, "nan": math.isnan}
    return found


def page(
    request: Request, template: str, who: Viewer | None, status: int = 200, **context: Any
) -> HTMLResponse:
    """A whole page, or a part of one."""
    text = environment().get_template(template).render(
        who=who, here=request.url.path, query=request.url.query, **context
    )  # fmt: skip
    return HTMLResponse(text.encode("utf-8", "replace"), status, HEADERS)


def moved(place: str) -> RedirectResponse:
    """On to another page, after a form."""
    return RedirectResponse(place, 303, HEADERS)


def minute(seconds: float) -> str:
    """A time of the record for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def iso(seconds: float) -> str:
    """The same for programs."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def span(seconds: float) -> str:
    """Seconds as a person says them."""
    if math.isnan(seconds):
        return "-"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def signed(value: float) -> str:
    """With its sign, as a difference is read."""
    return "-" if math.isnan(value) else f"{'+' if value >= 0 else '−'}{score(abs(value))}"


def segment(text: str) -> str:
    """A name as a part of an address."""
    return quote(text, safe="")


class PageRoute(APIRoute):
    """A route whose errors are pages too; who has not signed in is shown where."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler, within what makes errors readable."""
        handler = super().get_route_handler()

        async def readable(request: Request) -> Response:
            try:
                return await handler(request)
            except SignInError:
                return _sign_in(request)
            except (QuintainError, HTTPException, RequestValidationError) as error:
                return refused(request, error)
            except Exception:
                log.exception("%s %s failed", request.method, request.url.path)
                told = "the service failed at this; its log has the reason"
                return page(request, "error.html", None, 500, told=told, title="Failed")

        return readable


def _sign_in(request: Request) -> Response:
    """Whole pages lead to the form; what a script asks for is refused."""
    if request.method != "GET" or request.query_params.get("part"):
        return HTMLResponse("sign in again", 401, HEADERS)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return moved("/sign-in" if back == "/" else f"/sign-in?next={quote(back, safe='')}")


def refused(request: Request, error: Exception) -> Response:
    """Why a page cannot be had, as a page."""
    if isinstance(error, RequestValidationError):
        status, told = 422, "the address, or the form, is not as it should be"
    elif isinstance(error, HTTPException):
        status, told = error.status_code, str(error.detail)
    elif isinstance(error, RefusedError):
        status, told = error.status, error.message
    else:
        assert isinstance(error, QuintainError)
        status, told = status_of(error), str(error)
    titles = {403: "Not allowed", 404: "Not found", 409: "Not now", 503: "Not now"}
    return page(request, "error.html", None, status, told=told,
                title=titles.get(status, "Cannot be done"))  # fmt: skip
