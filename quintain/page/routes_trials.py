"""The pages of trials: the table, one of them, several beside each other."""

import math
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from quintain.page import table
from quintain.page.asides import Asides
from quintain.page.beside import beside, side
from quintain.page.rendering import PageRoute, page
from quintain.page.session import Looking
from quintain.page.under_way import folds_in_all
from quintain.service.errors import RefusedError
from quintain.service.state import state_of

routes = APIRouter(route_class=PageRoute, include_in_schema=False)


@routes.get("/sweeps/{sweep}/trials")
def trials(request: Request, sweep: str, who: Looking) -> Response:
    """Filtered, sorted and cut into pages here: the browser holds one page of any sweep."""
    service = state_of(request)
    view = service.shown.view(service.records.resolve(sweep))
    asked = table.Asked.of(request.query_params)
    found = table.shown(view, asked)
    return page(
        request, "trials.html", who, view=view, asked=asked, found=found, columns=table.COLUMNS,
        states=table.STATES, per=table.PER, folds=folds_in_all(view),
        models=list(dict.fromkeys(trial.model for trial in view.trials)),
        intervals={trial.trial: table.interval_of(trial, view) for trial in found.rows},
    )  # fmt: skip


@routes.get("/sweeps/{sweep}/trials/{number}")
def trial(request: Request, sweep: str, number: int, who: Looking) -> Response:
    """One trial: what it was, what it scored on each fold, what it took, why it failed."""
    service = state_of(request)
    view = service.shown.view(service.records.resolve(sweep))
    found = next((each for each in view.trials if each.trial == number), None)
    if found is None:
        there = f"0 to {view.trials[-1].trial}" if view.trials else "none yet"
        raise RefusedError(404, "no_trial", f"{view.id} has no trial {number}: they are {there}")
    numbers = [each.trial for each in view.trials]
    at = numbers.index(number)
    place = next((n for n, each in enumerate(view.ranked, 1) if each.trial == number), None)
    best = view.best if view.best is not None and view.best.trial >= 0 else None
    return page(
        request, "trial.html", who, view=view, trial=found, place=place, best=best,
        before=numbers[at - 1] if at else None,
        after=numbers[at + 1] if at + 1 < len(numbers) else None,
        folds=folds_in_all(view), interval=table.interval_of(found, view),
        spread=table.spread_of(found, view), classes=_classes(view.header, found.confusion),
        nothing=math.nan, last=(found.traceback.strip().splitlines() or [""])[-1],
    )  # fmt: skip


def _classes(header: Any, matrix: Any) -> list[str]:
    names = [str(name) for name in header.get("classes", ())]
    size = len(matrix or ())
    return names if len(names) == size else [str(code) for code in range(size)]


@routes.get("/compare")
def compare(request: Request, who: Looking, part: str = "") -> Response:
    """Trials, or winners of sweeps, beside each other; for two a verdict that a child makes."""
    service = state_of(request)
    asked = [text for text in request.query_params.getlist("of") if text][:6]
    sides = [side(service, text) for text in dict.fromkeys(asked)]
    made: Any = None
    if len(sides) == 2:
        asides: Asides = request.app.state.asides
        versions = "  ".join(str(each.seq) for each in sides)
        made = asides.get(("compare", *(each.name for each in sides)), versions)
    if part:
        if len(sides) != 2:
            raise RefusedError(422, "two", "a verdict is on two")
        return page(request, "aside.html", who, 202 if made is None else 200, made=made)
    return page(request, "compare.html", who, sides=sides, made=made, told=beside(sides))
