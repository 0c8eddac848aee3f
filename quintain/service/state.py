"""What the routes of one service share."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from fastapi import Request

from quintain.service.ground import Ground
from quintain.service.keeper import Keeper
from quintain.service.launching import Drivers
from quintain.service.news import News
from quintain.service.settings import Settings
from quintain.service.shown import Shown
from quintain.service.uploads import Uploads
from search.records import Records

if TYPE_CHECKING:  # only where there is a cluster
    from quintain.service.scouting import Scouting

#: Seconds for which it is remembered that there are no users.
NO_USERS_FOR_S = 1.0


@dataclass(slots=True)
class State:
    """One service.

    Attributes:
        uploads: contents that were sent along with sweeps.
        ground: who looks at what a spec asks of the machine that it will run on.
        news: of sweeps that are watched.
        scouting: the same where that is a cluster.
        requests: answered, by method, route and status.
        seconds: that they took, by method and route.
    """

    settings: Settings
    records: Records
    keeper: Keeper
    drivers: Drivers
    shown: Shown
    uploads: Uploads
    ground: Ground
    news: News
    scouting: "Scouting | None" = None
    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    seconds: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    _users: bool = False
    _users_at: float = -NO_USERS_FOR_S

    def has_users(self) -> bool:
        """Whether a token is wanted. Once there was a user it is, for as long as this runs."""
        if not self._users and time.monotonic() - self._users_at >= NO_USERS_FOR_S:
            self._users = bool(self.records.users.all())
            self._users_at = time.monotonic()
        return self._users


def state_of(request: Request) -> State:
    """The service that a request came to."""
    return cast(State, request.app.state.service)
