"""Who asks, and whether they may: bearer tokens and roles, or this machine alone."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from quintain.service.errors import RefusedError
from quintain.service.settings import Settings, is_loopback
from quintain.service.state import state_of
from search.submissions import Submission
from search.users import ROLES, Role

#: Who asks where nobody has been made a user: whoever is on this machine.
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str
    role: Role

    def must(self, role: Role) -> None:
        """Refuse who has not at least this role."""
        if ROLES.index(self.role) < ROLES.index(role):
            raise RefusedError(403, "role", f"{self.name} may {self.role}, this takes {role}")

    def must_own(self, sweep: str, submission: Submission | None) -> None:
        """Refuse who changes another's sweep without being an admin."""
        owner = None if submission is None else submission.user
        if self.role != "admin" and owner != self.name:
            whose = "nobody's here" if owner is None else f"{owner}'s"
            raise RefusedError(403, "not_yours", f"{sweep} is {whose}: ask them or an admin")


def caller(request: Request) -> Caller:
    """Who asks.

    Raises:
        RefusedError: no token or a wrong one; or, where there are no users, a page of another site.
    """
    state = state_of(request)
    if not state.has_users():
        refuse_strangers(request, state.settings)
        return Caller(LOCAL, "admin")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RefusedError(
            401, "no_token", "this service wants a token: set QUINTAIN_TOKEN to the one that "
            "quintain users --add has shown",
        )  # fmt: skip
    user = state.records.users.known_by(token.strip())
    if user is None:
        raise RefusedError(
            401, "wrong_token", "nobody has this token, or it was revoked: ask an admin"
        )
    return Caller(user.name, user.role)


def refuse_strangers(request: Request, settings: Settings, *, linked: bool = False) -> None:
    """A browser on this machine also carries requests of pages from elsewhere; not to us.

    ``linked``: a page that a link from elsewhere has opened is answered.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    elsewhere = request.headers.get("sec-fetch-site") == "cross-site" and not linked
    if not is_loopback(host) or foreign or elsewhere:
        raise RefusedError(
            403, "not_local", f"without users only {settings.url} itself is answered: "
            "quintain users --add NAME --role admin makes the first one",
        )  # fmt: skip


def _at_least(role: Role) -> Any:
    def check(found: Annotated[Caller, Depends(caller)]) -> Caller:
        found.must(role)
        return found

    return Depends(check)


Reader = Annotated[Caller, _at_least("read")]
Submitter = Annotated[Caller, _at_least("submit")]
Admin = Annotated[Caller, _at_least("admin")]
