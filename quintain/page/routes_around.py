"""The queue, the notebook of the whole store, signing in and out, and what pages are made with."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quintain.page import session, under_way
from quintain.page.asides import Asides
from quintain.page.rendering import HEADERS, PageRoute, moved, page
from quintain.page.session import Changing, Looking, Sent, cookie_of, sessions_of
from quintain.service.errors import RefusedError
from quintain.service.state import state_of
from search.turns import next_turns

routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/queue")
def queue(request: Request, who: Looking, part: str = "") -> Response:
    """Who runs, who waits and in which order, and what there is to run on."""
    service = state_of(request)
    submissions, settings = service.records.submissions, service.settings
    live = submissions.live()
    running = [each for each in live if each.state == "launched"]
    waiting = {each.sweep: each for each in live if each.state == "waiting"}
    turns = next_turns(
        [each.claim for each in waiting.values()], [each.claim for each in running],
        submissions.served(), len(waiting),
    )  # fmt: skip
    rows = []
    for each in running:
        view = service.shown.view(each.sweep)
        budget = view.header.get("budget")
        rows.append((each, view, under_way.progress(view, budget)))
    template = "queue_live.html" if part == "live" else "queue.html"
    return page(
        request, template, who, running=rows, waiting=[waiting[sweep] for sweep in turns],
        settings=settings, trouble=service.keeper.trouble,
        machine=None if settings.cluster else under_way.machine(),
    )  # fmt: skip


@routes.get("/notebook")
def notebook(request: Request, who: Looking, part: str = "") -> Response:
    """All sweeps of the store in the order they began."""
    service = state_of(request)
    version = " ".join(f"{each.id}{each.state}" for each in service.records.sweeps())
    asides: Asides = request.app.state.asides
    made = asides.get(("project",), f"{version} {len(service.records.changes.of())}")
    if part:
        return page(request, "aside.html", who, 202 if made is None else 200, made=made)
    return page(request, "project.html", who, made=made, place=service.records.place)


@routes.get("/sign-in")
def form(request: Request, next: str = "/") -> Response:
    """Where the token goes."""
    if not state_of(request).has_users():
        return moved("/")
    return page(request, "sign_in.html", None, next=_ours(next), told="")


@routes.post("/sign-in")
def sign_in(request: Request, fields: Sent) -> Response:
    """Take a token, hand out a cookie."""
    service, back = state_of(request), _ours(fields.get("next", "/"))
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RefusedError(403, "foreign_form", "this form is not ours: open /sign-in")
    user = service.records.users.known_by(fields.get("token", "").strip())
    if user is None:
        told = "Nobody has this token, or it was revoked."
        return page(request, "sign_in.html", None, 401, next=back, told=told)
    answer = moved(back)
    name = sessions_of(request).begin(fields["token"].strip())
    session.keep(answer, service.settings, name)
    return answer


@routes.post("/sign-out")
def sign_out(request: Request, who: Changing) -> Response:
    """The cookie is worth nothing any more."""
    sessions_of(request).end(who.session)
    answer = moved("/sign-in")
    answer.delete_cookie(cookie_of(state_of(request).settings), path="/")
    return answer


@routes.get("/static/notebook.css")
def style(request: Request) -> Response:
    """The notebook's own colours and tables, which pages share."""
    from quintain.notebook.style import CSS

    headers: dict[str, Any] = {**HEADERS, "Cache-Control": "max-age=300"}
    return Response(CSS, media_type="text/css", headers=headers)


def _ours(place: str) -> str:
    """A page of this service; never an address of somebody else's."""
    fine = place.startswith("/") and not place.startswith("//") and "\\" not in place
    return place if fine and place.isprintable() else "/"
