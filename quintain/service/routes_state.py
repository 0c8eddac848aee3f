"""REST: how the service itself is."""

from collections import Counter
from importlib.metadata import version
from typing import Any

import psutil
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from quintain.service.errors import RESPONSES, TEXT, answer
from quintain.service.guarding import Reader
from quintain.service.state import State, state_of
from search.errors import RecordsError

routes = APIRouter(tags=["service"], responses=RESPONSES)

#: The content type of Prometheus' text format.
METRICS = "text/plain; version=0.0.4; charset=utf-8"


@routes.get("/health")
def health() -> dict[str, str]:
    """The process answers. No token is asked for."""
    return {"status": "ok", "version": version("quintain")}


@routes.get("/ready", response_model=None)
def ready(request: Request) -> JSONResponse | dict[str, str]:
    """The store can be read and the queue moves; else 503. No token is asked for."""
    state = state_of(request)
    try:
        state.records.submissions.live()
    except RecordsError:
        return answer(503, "records_unavailable", "the records cannot be read now")
    if state.keeper.trouble is not None:
        return answer(503, "queue_waits", "the queue does not move: the service's log has why")
    return {"status": "ready"}


@routes.get("/v1/capacity")
def capacity(request: Request, caller: Reader) -> dict[str, Any]:
    """What there is to run on, and how much of it is taken."""
    state = state_of(request)
    live = state.records.submissions.live()
    running = sum(each.state == "launched" for each in live)
    return {
        "max_sweeps": state.settings.max_sweeps, "running": running,
        "waiting": len(live) - running, "trials_at_a_time": state.settings.slots,
        "nodes": state.drivers.nodes(),
        # whether files and modules are looked at on the cluster now; null where there is none
        "scout": None if state.scouting is None else state.scouting.there,
    }  # fmt: skip


@routes.get("/metrics", response_class=Response, responses=TEXT)
def metrics(request: Request, caller: Reader) -> Response:
    """For Prometheus."""
    return Response("\n".join(_lines(state_of(request))) + "\n", media_type=METRICS)


def _lines(state: State) -> list[str]:
    """Prometheus' text format."""
    sweeps = Counter(each.state for each in state.records.sweeps())
    live = state.records.submissions.live()
    waiting = sum(each.state == "waiting" for each in live)
    memory = psutil.Process().memory_info().rss
    return [
        "# HELP quintain_sweeps Sweeps of the store by state.",
        "# TYPE quintain_sweeps gauge",
        *(f'quintain_sweeps{{state="{name}"}} {sweeps[name]}' for name in sorted(sweeps)),
        "# HELP quintain_queue_waiting Sweeps that wait for their turn.",
        "# TYPE quintain_queue_waiting gauge",
        f"quintain_queue_waiting {waiting}",
        "# HELP quintain_drivers_running Sweeps that have a driver, or are about to.",
        "# TYPE quintain_drivers_running gauge",
        f"quintain_drivers_running {len(live) - waiting}",
        "# HELP quintain_driver_deaths_total Drivers that died, since the service started.",
        "# TYPE quintain_driver_deaths_total counter",
        f"quintain_driver_deaths_total {state.keeper.deaths}",
        "# HELP quintain_resident_memory_bytes Memory of the service, shared pages included.",
        "# TYPE quintain_resident_memory_bytes gauge",
        f"quintain_resident_memory_bytes {memory}",
        "# HELP quintain_requests_total Requests answered.",
        "# TYPE quintain_requests_total counter",
        *(
            f'quintain_requests_total{{method="{method}",route="{route}",status="{status}"}} {n}'
            for (method, route, status), n in sorted(state.requests.items())
        ),
        "# HELP quintain_request_seconds_total Time until the answer began.",
        "# TYPE quintain_request_seconds_total counter",
        *(
            f'quintain_request_seconds_total{{method="{method}",route="{route}"}} {seconds:.6f}'
            for (method, route), seconds in sorted(state.seconds.items())
        ),
    ]
