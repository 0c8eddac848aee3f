"""REST: sweeps, from the queue to their end."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from quintain.listing import row
from quintain.roads import near_roads
from quintain.service.errors import RESPONSES, RefusedError
from quintain.service.guarding import Caller, Reader, Submitter
from quintain.service.intake import admitted, digest_of
from quintain.service.shown import page_of
from quintain.service.state import State, state_of
from quintain.service.uploads import BY_NAME
from quintain.stopping import FINAL
from quintain.stopping import stop as stop_sweep
from quintain.upkeep import delete as take_out
from quintain.upkeep import extend, use_by_user
from quintain.warm import refuse_unknown
from search.records import SweepRecord
from search.submissions import Submission

routes = APIRouter(prefix="/v1", tags=["sweeps"], responses=RESPONSES)

Limit = Annotated[int, Query(ge=1, le=1000, description="rows of a page")]
After = Annotated[str | None, Query(description="`next` of the page before")]
Json = dict[str, Any]
AGAIN: dict[int | str, Json] = {
    200: {"model": Json, "description": "It was queued before, under the same Idempotency-Key"}
}


class Asked(BaseModel):
    """A sweep that is asked for."""

    model_config = ConfigDict(extra="forbid")

    spec: Json = Field(description="the spec as JSON, as docs/spec.schema.json describes it")
    folder: str | None = Field(None, description="where its relative paths start, absolute")
    files: dict[str, str] = Field(
        {}, description="files that were sent along, each with its SHA-256; paths start there",
        json_schema_extra=BY_NAME,
    )  # fmt: skip
    priority: int = Field(0, ge=-100, le=100, description="higher goes first")
    fresh: bool = Field(False, description="run again what the records know already")


class Budgets(BaseModel):
    """What may be changed of a sweep that waits or runs: one of them, or both."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"anyOf": [
            {"required": ["trials"], "properties": {"trials": {"type": "integer"}}},
            {"required": ["timeout_s"], "properties": {"timeout_s": {"type": "number"}}},
        ]},
    )  # fmt: skip

    trials: int | None = Field(None, ge=1, le=10_000_000, description="configurations in all")
    timeout_s: float | None = Field(None, gt=0, le=1e9, description="wall seconds in all")


class Stop(BaseModel):
    """Why a sweep is to stop."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=500)


@routes.post("/sweeps", status_code=201, responses=AGAIN)
def create(
    asked: Asked, request: Request, response: Response, caller: Submitter,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Json:  # fmt: skip
    """Queue a sweep; under the same Idempotency-Key it is queued once, and 200 the next times."""
    state = state_of(request)
    spec, header = admitted(asked.spec, asked.folder, state.ground, asked.files, state.uploads)
    refuse_unknown(spec, state.records)
    header |= {"fresh": True} if asked.fresh else {}
    told = asked.model_dump(exclude=None if asked.fresh else {"fresh"})
    sweep, new = state.records.submissions.submit(
        spec.name, header, caller.name, priority=asked.priority, key=idempotency_key,
        digest=digest_of(told),
    )  # fmt: skip
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/sweeps/{sweep}"
    state.keeper.nudge()
    warnings = [asdict(each) for each in near_roads(spec, state.records)]
    now = "queued" if new else state.records.state(sweep)
    return {"sweep": sweep, "state": now, "new": new, "warnings": warnings}


@routes.get("/sweeps")
def sweeps(
    request: Request, caller: Reader,
    state: Annotated[list[str] | None, Query(description="only in one of these states")] = None,
    user: Annotated[str | None, Query(description="only this user's")] = None,
    name: Annotated[str | None, Query(description="only of this name")] = None,
    sort: Literal["created", "-created", "sweep", "-priority"] = "-created",
    limit: Limit = 100, after: After = None,
) -> Json:  # fmt: skip
    """Sweeps in pages, the newest first unless told; rows as `quintain list --json` has them."""
    service = state_of(request)
    submissions = service.records.submissions.all()
    found = [
        each
        for each in service.records.sweeps()
        if "outer_of" not in each.header
        and (not state or each.state in state)
        and (not name or each.name == name)
        and (not user or _owner(submissions.get(each.id)) == user)
    ]

    def key(each: SweepRecord) -> tuple[Any, ...]:
        mine = submissions.get(each.id)
        orders: dict[str, tuple[Any, ...]] = {
            "created": (each.created,), "-created": (-each.created,),
            "sweep": (each.name, each.serial), "-priority": (-(mine.priority if mine else 0),),
        }  # fmt: skip
        return (*orders[sort], each.name, -each.serial)

    page, following = page_of(found, key, limit, after)
    rows = [row(each, service.shown.view) | _submitted(submissions.get(each.id)) for each in page]
    return {"sweeps": rows, "next": following}


@routes.get("/use")
def use(request: Request, caller: Reader) -> Json:
    """Core-hours and the failed share by user, as `quintain list --by user --json` has them."""
    state = state_of(request)
    return {"users": use_by_user(state.records, state.shown.view)}


@routes.get("/sweeps/{sweep}")
def show(sweep: str, request: Request, caller: Reader) -> Json:
    """One sweep as `quintain show --json` tells it, and who submitted it."""
    state = state_of(request)
    sweep = state.records.resolve(sweep)
    told = state.shown.view(sweep).to_json()
    return told | _submitted(state.records.submissions.get(sweep))


@routes.patch("/sweeps/{sweep}")
def patch(sweep: str, asked: Budgets, request: Request, caller: Submitter) -> Json:
    """Other budgets for a sweep that is not completed; a running one has them within seconds."""
    state, sweep, _ = _mine(request, sweep, caller)
    return extend(state.records, sweep, caller.name, asked.trials, asked.timeout_s)


@routes.post("/sweeps/{sweep}/stop")
def stop(
    sweep: str, request: Request, caller: Submitter, asked: Stop | None = None
) -> Json:  # fmt: skip
    """Stop a sweep: one that waits at once; of one that runs, running folds have 30 seconds."""
    state, sweep, _ = _mine(request, sweep, caller)
    before = state.records.state(sweep)
    told = stop_sweep(state.records, sweep, caller.name, asked.reason if asked else "")
    if told["state"] in FINAL and before not in FINAL:
        state.keeper.over(sweep)
    state.keeper.nudge()
    return told


@routes.post("/sweeps/{sweep}/resume")
def resume(sweep: str, request: Request, caller: Submitter) -> Json:
    """Queue a sweep that was stopped or interrupted; nothing that ended runs again."""
    state, sweep, submission = _mine(request, sweep, caller)
    record = state.records.sweep(sweep)
    if submission is not None and submission.state != "ended" and record.state != "stopped":
        return {"sweep": sweep, "state": record.state}
    if record.state in ("completed", "failed"):
        raise RefusedError(409, "over", f"{sweep} is {record.state}: there is nothing to resume")
    if "outer_of" in record.header:
        raise RefusedError(409, "part", f"{sweep} is a part of {record.header['outer_of']}")
    state.records.submissions.again(sweep, caller.name)
    state.keeper.nudge()
    return {"sweep": sweep, "state": "queued"}


@routes.delete("/sweeps/{sweep}")
def delete(sweep: str, request: Request, caller: Submitter) -> Json:
    """Take a sweep that is over out of the store; looks, locked rows and notes stay."""
    state, sweep, _ = _mine(request, sweep, caller)
    told = take_out(state.records, sweep, caller.name)
    state.shown.forget(sweep)
    return told


@routes.get("/sweeps/{sweep}/trials")
def trials(
    sweep: str, request: Request, caller: Reader,
    state: Annotated[list[str] | None, Query(description="only in one of these states")] = None,
    sort: Literal["trial", "-trial", "score"] = "trial",
    limit: Limit = 100, after: After = None,
) -> Json:  # fmt: skip
    """Trials in pages, rows as `quintain trials --json` has them; "score": the best first."""
    service = state_of(request)
    view = service.shown.view(service.records.resolve(sweep))
    sign = -1.0 if view.direction == "maximize" else 1.0
    found = [each for each in view.trials if not state or each.state in state]

    def key(each: Any) -> tuple[Any, ...]:
        if sort == "score":  # those without one come last
            known = each.score == each.score
            return (0 if known else 1, sign * each.score if known else 0.0, each.trial)
        return (each.trial if sort == "trial" else -each.trial,)

    page, following = page_of(found, key, limit, after)
    return {"sweep": view.id, "trials": [each.to_json() for each in page], "next": following}


def _mine(
    request: Request, sweep: str, caller: Caller
) -> tuple[State, str, Submission | None]:  # fmt: skip
    """The service, the whole id, and its submission; refused where it is another's."""
    state = state_of(request)
    sweep = state.records.resolve(sweep)
    submission = state.records.submissions.get(sweep)
    caller.must_own(sweep, submission)
    return state, sweep, submission


def _owner(submission: Submission | None) -> str | None:
    return None if submission is None else submission.user


def _submitted(submission: Submission | None) -> Json:
    """What is told of a sweep's submission; nulls where it was run by hand."""
    if submission is None:
        return {"user": None, "priority": None}
    return {"user": submission.user, "priority": submission.priority}
