"""Who looks at the page: a cookie in place of the bearer token, and forms that only we made.

The cookie is a random name for a token that this process keeps; HttpOnly and SameSite=Strict, so
that no script and no other site's page can use it. The token is looked up for each request: who is
revoked is out with the next one. Signing in lasts twelve hours, or as long as the service runs.
"""

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Request
from starlette.responses import Response

from quintain.service.errors import RefusedError
from quintain.service.guarding import LOCAL, Caller, refuse_strangers
from quintain.service.settings import Settings
from quintain.service.state import state_of

#: Seconds after which somebody signs in again, and how many may be signed in.
LASTS_S, MOST = 12 * 3600.0, 10_000
#: Who is on this machine, where there are no users.
NOBODY = "local"


class SignInError(RefusedError):
    """Nobody has signed in here, or not with a token that still counts."""

    def __init__(self) -> None:
        super().__init__(401, "sign_in", "sign in with your token first")


class Sessions:
    """Who has signed in to one service."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, token: str) -> str:
        """Somebody has signed in with this token: the cookie's value."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            self._known[name] = token, time.monotonic() + LASTS_S
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        return name

    def token(self, name: str) -> str | None:
        """The token behind a cookie; None where it is none of ours, or too old."""
        token, until = self._known.get(name, ("", 0.0))
        return token if time.monotonic() < until else None

    def end(self, name: str) -> None:
        """Signed out."""
        with self._lock:
            self._known.pop(name, None)

    def mark(self, name: str) -> str:
        """What a form of this session carries, so that no other site can send one like it."""
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks.

    Attributes:
        session: name of the session; ``NOBODY`` without users.
        mark: for forms.
    """

    caller: Caller
    session: str
    mark: str

    @property
    def signed_in(self) -> bool:
        """Whether there is somebody to sign out."""
        return self.session != NOBODY

    def may_change(self, owner: str | None) -> bool:
        """Whether a sweep of this owner is theirs to stop."""
        if self.caller.role == "read":
            return False
        return self.caller.role == "admin" or owner == self.caller.name


def sessions_of(request: Request) -> Sessions:
    """Those of the service that a request came to."""
    found: Sessions = request.app.state.sessions
    return found


def cookie_of(settings: Settings) -> str:
    """The cookie's name: ports of one host share their cookies, and services must not."""
    return f"quintain-{settings.port}"


def keep(response: Response, settings: Settings, name: str) -> None:
    """Hand out the cookie."""
    response.set_cookie(
        cookie_of(settings), name, max_age=int(LASTS_S), httponly=True, samesite="strict",
        secure=settings.tls is not None or settings.behind_proxy, path="/",
    )  # fmt: skip


def viewer(request: Request) -> Viewer:
    """Who looks.

    Raises:
        SignInError: nobody that we know.
        RefusedError: without users, a page of another site.
    """
    state, sessions = state_of(request), sessions_of(request)
    if not state.has_users():
        # a link on another site's page may lead here: what it opens cannot be read from there
        refuse_strangers(request, state.settings, linked=_opened_by_link(request))
        return Viewer(Caller(LOCAL, "admin"), NOBODY, sessions.mark(NOBODY))
    name = request.cookies.get(cookie_of(state.settings), "")
    token = sessions.token(name)
    user = None if token is None else state.records.users.known_by(token)
    if user is None:
        raise SignInError
    return Viewer(Caller(user.name, user.role), name, sessions.mark(name))


def _opened_by_link(request: Request) -> bool:
    told = request.headers
    return request.method == "GET" and told.get("sec-fetch-dest") == "document"


async def sent(request: Request) -> dict[str, str]:
    """The fields of a form, each once.

    Raises:
        RefusedError: it is no form.
    """
    try:
        fields = parse_qs(
            (await request.body()).decode(), keep_blank_values=True, max_num_fields=50
        )
    except ValueError:
        raise RefusedError(400, "bad_request", "this is no form of ours") from None
    return {name: values[-1] for name, values in fields.items()}


Sent = Annotated[dict[str, str], Depends(sent)]
Looking = Annotated[Viewer, Depends(viewer)]


def changing(who: Looking, fields: Sent) -> Viewer:
    """Who sends a form that changes something; refused unless the form is ours.

    Raises:
        RefusedError: the form was not made for this session.
    """
    if not hmac.compare_digest(fields.get("mark", "").encode(), who.mark.encode()):
        raise RefusedError(
            403, "old_form", "this form was made before you signed in: open the page again"
        )
    return who


Changing = Annotated[Viewer, Depends(changing)]
