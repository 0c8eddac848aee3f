"""The service as an ASGI application, and as a process."""

import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quintain.page.mounting import mount
from quintain.service import (
    errors,
    routes_driver,
    routes_state,
    routes_sweeps,
    routes_uploads,
    routes_watch,
)
from quintain.service.ground import Ground, Here
from quintain.service.keeper import Keeper
from quintain.service.launching import Drivers, LocalDrivers
from quintain.service.news import News
from quintain.service.settings import ServiceError, Settings, refuse_unsafe
from quintain.service.shown import Shown
from quintain.service.state import State
from quintain.service.uploads import Uploads
from quintain.service.webhook import Webhook
from search.records import Records

#: Bytes of a request's body at most; a spec is a few thousand.
BODY_BYTES = 2_000_000
#: The same for what drivers post: identities of locked rows, eight bytes each, among it.
DRIVER_BYTES = 500_000_000


def create_app(settings: Settings, records: Records) -> FastAPI:
    """The application; its queue moves from start-up to shutdown."""
    drivers: Drivers = LocalDrivers(settings.records, records.folder, settings.slots)
    uploads = Uploads(records.folder, settings.upload_limit)
    ground: Ground = Here(settings.data_roots)
    scouting = None
    if settings.cluster is not None:
        from quintain.service.jobs import JobDrivers, connected
        from quintain.service.scouting import Scouting

        jobs = connected(settings.cluster)
        drivers = JobDrivers(jobs, settings.reached_at, records.folder, settings.max_sweeps)
        ground = scouting = Scouting(jobs, settings.reached_at, settings.data_roots)
    keeper = Keeper(records, drivers, settings.max_sweeps)
    if settings.webhook is not None:
        keeper.over = Webhook(settings.webhook, records).over
    state = State(
        settings, records, keeper, drivers, Shown(records), uploads, ground, News(records), scouting
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        keeper.start()
        if scouting is not None:
            scouting.start()
        yield
        if scouting is not None:
            scouting.close()
        keeper.close()
        asides.close()

    app = FastAPI(
        title="Quintain", version=version("quintain"), lifespan=lifespan,
        description="Sweeps: submit, watch, stop, resume.",
        default_response_class=errors.Ascii,
        docs_url=None, redoc_url=None,  # both load scripts from other people's servers
    )  # fmt: skip
    app.state.service = state
    errors.register(app)
    # uploads before drivers, whose one route takes any name
    for module in (routes_sweeps, routes_watch, routes_uploads, routes_driver, routes_state):
        app.include_router(module.routes)
    asides = mount(app, state)
    app.add_middleware(Counted, state=state)
    return app


class Counted:
    """Refuses bodies that are too large, numbers each request, and counts what was answered."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        most = await run_in_threadpool(self._most, scope)
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise HTTPException(413, f"a request holds {most} bytes at most")
            return message

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "none")
                state, method = self._state, scope["method"]
                state.requests[(method, route, message["status"])] += 1
                state.seconds[(method, route)] += time.perf_counter() - began
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", secrets.token_hex(8).encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._app(scope, limited, counted)

    def _most(self, scope: Scope) -> int:
        """Bytes of a request's body at most: more only for a driver whose token is good.

        What is uploaded goes to the disk as it comes, and its route knows the limit.
        """
        if scope["path"].startswith("/v1/uploads/"):
            return max(BODY_BYTES, self._state.uploads.limit + 1)
        told = dict(scope["headers"])
        large = int(told.get(b"content-length", b"0") or 0) > BODY_BYTES
        if not large or not scope["path"].startswith("/v1/driver/"):
            return BODY_BYTES
        token = told.get(b"authorization", b"").decode("latin-1").partition(" ")[2].strip()
        known = self._state.records.submissions.of_secret(token)
        return BODY_BYTES if known is None else DRIVER_BYTES


def serve(settings: Settings) -> None:
    """Run until Ctrl-C or SIGTERM. Drivers go on without it, and the next one finds them.

    Raises:
        ServiceError: it would not be safe, or the port is taken.
        RecordsError: the store cannot be opened.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each look at the cluster
    with Records.open(settings.records) as records:
        users = len(records.users.all())
        refuse_unsafe(settings, users)
        certificate, key = settings.tls or (None, None)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(settings, records), host=settings.host, port=settings.port,
                log_level="warning", ssl_certfile=certificate, ssl_keyfile=key,
                proxy_headers=False, timeout_graceful_shutdown=3, server_header=False,
            )
        )  # fmt: skip
        whose = f"{users} users" if users else "this machine alone, no token"
        where = settings.cluster or f"this machine, {settings.slots} trials at a time each"
        logging.getLogger("quintain.service").info(
            "%s for %s; at most %d sweeps at a time on %s; records: %s",
            settings.url, whose, settings.max_sweeps, where, records.place,
        )  # fmt: skip
        try:
            server.run()
        except SystemExit as error:
            raise ServiceError(
                f"port {settings.port} of {settings.host} cannot be opened: is a service running "
                "there already? --port names another"
            ) from error
