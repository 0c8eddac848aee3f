"""REST for drivers on a cluster: the store's calls, with a token that is worth one sweep.

So no database address enters a job. What a driver may call is a table; each call that names a
sweep must name the driver's own, or an outer fold of it. Of other sweeps it hears how their trials
ended (what is known is not run again), and all of the one that its own only tells again.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import StatementError

from quintain.service.errors import RESPONSES, RefusedError
from quintain.service.state import State, state_of
from quintain.service.wire import packed, unpacked
from search import bodies
from search.changes import ORDERS
from search.store import Store
from search.submissions import Submission

routes = APIRouter(prefix="/v1/driver", tags=["drivers"], responses=RESPONSES)


class Call(BaseModel):
    """One call of a store."""

    model_config = ConfigDict(extra="forbid")

    args: list[Any]


def driver(request: Request) -> Submission:
    """The launched sweep whose driver asks.

    Raises:
        RefusedError: the token is none, or the sweep was launched anew or is over.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = None
    if scheme.lower() == "bearer" and token:
        found = state_of(request).records.submissions.of_secret(token.strip())
    if found is None:
        raise RefusedError(401, "not_this_driver", "no launched sweep's driver has this token")
    return found


Driver = Annotated[Submission, Depends(driver)]

#: Calls that the store answers itself; the number is the place of the sweep among the arguments.
_PLAIN: dict[str, int | None] = {
    "select_ids": None, "beat": 0, "free": 0,
    "count_ended": None, "insert_holdout": None, "select_holdouts": None, "select_looks": None,
    "insert_source": None, "select_source": None, "select_ends": None,
}  # fmt: skip


def _own(mine: Submission, sweep: Any) -> str:
    """A sweep's id, if the driver may act on it."""
    if sweep != mine.sweep and not str(sweep).startswith(f"{mine.sweep}.outer"):
        raise RefusedError(403, "not_this_sweep", f"this driver's sweep is {mine.sweep}")
    return str(sweep)


def _take(state: State, mine: Submission, sweep: str, launch: str | None, holder: Any) -> Any:
    token = state.records.statements.take(_own(mine, sweep), launch, holder)
    return {"token": token, "heard": mine.heard, "posted": mine.posted}


def _post(
    state: State, mine: Submission, number: int, sweep: str, rows: list[Any], token: str
) -> None:
    for row in rows:
        _body(row["body"])
    state.records.submissions.post(mine.sweep, number, _own(mine, sweep), rows, token)


def _entries(state: State, mine: Submission, sweep: str, *which: Any) -> Any:
    if sweep != state.records.header(mine.sweep).get("replays"):
        _own(mine, sweep)
    return state.records.statements.select_entries(sweep, *which)


def _sweeps(state: State, mine: Submission, sweep: str | None) -> Any:
    return state.records.statements.select_sweeps(sweep)


def _draw(state: State, mine: Submission, table: str, sweep: str, role: str) -> int:
    return state.records.draw_partition(table, _own(mine, sweep), role)


def _create(state: State, mine: Submission, name: str, body: str) -> str:
    return state.records.statements.insert_sweep(_own(mine, name), _body(body))


def _settle(state: State, mine: Submission, sweep: str, token: str, body: str) -> None:
    state.records.statements.settle(_own(mine, sweep), token, _body(body))


def _body(text: str) -> str:
    """A body as the store keeps it: one that nobody can read would break every list."""
    if not isinstance(bodies.read_quickly(text), dict):
        raise ValueError(text)
    return text


def _orders(state: State, mine: Submission, sweep: str, after: int) -> Any:
    found = state.records.changes.of(_own(mine, sweep), after=after, kinds=ORDERS)
    return [
        {"seq": c.seq, "time": c.time, "user": c.user, "kind": c.kind, "body": dict(c.body)}
        for c in found
    ]


_SPECIAL: dict[str, Callable[..., Any]] = {
    "take": _take, "post": _post, "select_entries": _entries, "select_sweeps": _sweeps,
    "insert_partition": _draw, "insert_sweep": _create, "orders": _orders,
    "settle": _settle,
}  # fmt: skip

#: What a call raises whose arguments are not as it takes them; a number can be too large for SQL.
_NOT_TAKEN = (
    TypeError, AttributeError, LookupError, ValueError, OverflowError, StatementError,
)  # fmt: skip

Method = Annotated[str, Path(json_schema_extra={"enum": sorted({*_PLAIN, *_SPECIAL})})]


@routes.post("/{method}")
def call(method: Method, asked: Call, request: Request, mine: Driver) -> dict[str, Any]:
    """One call of a driver."""
    state = state_of(request)
    try:
        args = unpacked(asked.args)
        if method in _SPECIAL:
            return {"answer": packed(_SPECIAL[method](state, mine, *args))}
        if method not in _PLAIN:
            raise RefusedError(404, "unknown_call", f"drivers have no call {method!r}")
        place = _PLAIN[method]
        if place is not None:
            _own(mine, args[place])
        answer = getattr(state.records.statements, method)(*args)
    except _NOT_TAKEN as error:
        raise RefusedError(422, "bad_call", f"{method} does not take these arguments") from error
    return {"answer": packed(answer)}


# every call is one of the store's own: a name that it loses is noticed here, not on a cluster
assert all(hasattr(Store, name) for name in _PLAIN)
