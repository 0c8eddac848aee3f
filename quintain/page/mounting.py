"""The page as a part of the service's application."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from quintain.page import routes_around, routes_sweeps, routes_trials
from quintain.page.asides import Asides
from quintain.page.headlines import Headlines
from quintain.page.rendering import HERE
from quintain.page.session import Sessions
from quintain.service.state import State


def mount(app: FastAPI, state: State) -> Asides:
    """Put the page at ``/``; what is given back is closed when the service ends."""
    app.state.sessions = Sessions()
    app.state.headlines = Headlines(state.records, state.shown)
    app.state.asides = asides = Asides(state.settings.records)
    for module in (routes_around, routes_sweeps, routes_trials):
        app.include_router(module.routes)
    app.mount("/static", StaticFiles(directory=HERE / "static"))
    return asides
