"""``quintain model save``: the winner refitted, its card written, both kept as one version."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version as installed
from typing import Any

import psutil

from evaluators.errors import QuintainError
from evaluators.refit import FittedModel
from quintain.hardware import machine
from quintain.result import Result
from quintain.versions.fitted_file import written
from quintain.versions.shelf import Version, put
from search import bodies
from search.records import Records
from search.view import SweepView, read_view

#: The library of an estimator by how its module begins; the distribution's own name.
LIBRARIES = {"sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm"}


def save(sweep: str, *, data: Any = None, records: str | None = None) -> Version:
    """Refit the winner on all rows but the hold-out, and keep it as the sweep's next version.

    Args:
        sweep: an id, a name, or the start of one.
        data: the table or (X, y) that was searched, where that was not a file.
        records: where the records are.

    Raises:
        QuintainError: no winner, other data than was searched, a model that cannot be stored
            safely, or a place that cannot be written.
    """
    with Records.open(records, create=False) as store:
        view = read_view(store, store.resolve(sweep))
        began, cpu = time.perf_counter(), _cpu_s()
        fitted = Result(view, data=data, records=records).fit()
        took = {"refit_wall_s": time.perf_counter() - began, "refit_cpu_s": _cpu_s() - cpu}
        card = card_for(view, fitted) | {"refit": took}
        content = written(fitted, card)
        name, path = put(store, view.id, content)
    return Version(name, path, card)


def card_for(view: SweepView, fitted: FittedModel) -> dict[str, Any]:
    """What whoever uses the model has to know of it; NaN as null."""
    best, header = view.best, view.header
    if best is None:
        raise QuintainError(f"no trial of {view.id} has completed: there is no winner to save")
    library = library_of(fitted.model.model)
    here = machine()
    told: dict[str, Any] = {
        "sweep": view.id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": best.model,
        "trial": None if best.trial < 0 else best.trial,
        "params": dict(best.params),
        "task": header.get("task"),
        "target": header.get("target"),
        "classes": list(fitted.classes),
        "positive": view.positive,
        "threshold": fitted.threshold,
        "columns": [c.name for c in fitted.columns],
        "metric": view.metric,
        "estimate": _estimate(view),
        "selection_score": best.score,
        "baseline": None if view.baseline is None else view.baseline.score,
        "doubts": [f"{each.code}: {each.message}" for each in view.doubts],
        "data": _data(header),
        "trial_resources": {
            "wall_s": best.wall_s, "cpu_s": best.cpu_s, "peak_mb": best.peak_mb,
            "predict_ms_per_1k": best.predict_ms_per_1k,
        },
        "lineage": {
            "continues": header.get("refreshed_from"), "begun": view.created,
            "commit": (header.get("machine") or {}).get("commit"), "code": header.get("code"),
        },
        "library": library,
        "versions": here["versions"] | ({library: installed(library)} if library else {}),
        "python": here["python"],
        "machine": {name: here[name] for name in ("host", "system", "cpus", "memory_mb")},
    }  # fmt: skip
    return {key: bodies.plain(value, f"$.{key}") for key, value in told.items()}


def _estimate(view: SweepView) -> dict[str, Any] | None:
    """The honest score."""
    found = view.finals.estimate
    if found is None:
        return None
    interval = found.interval
    return {
        "score": found.score, "low": interval.low, "high": interval.high,
        "level": interval.level, "method": found.method,
    }  # fmt: skip


def _data(header: Mapping[str, Any]) -> dict[str, Any]:
    """What it was fitted on; locked rows are never among it."""
    return {
        "source": (header.get("spec") or {}).get("data", {}).get("source"),
        "fingerprint": header.get("fingerprint"),
        "rows_fitted": _rows(header),
        "rows_locked": header.get("rows_locked"),
        "fitted_on_holdout": False,
    }


def library_of(estimator: Any) -> str | None:
    """The distribution whose version the stored form depends on; None if it is not known."""
    for kind in type(estimator).__mro__:
        if (name := LIBRARIES.get(kind.__module__.partition(".")[0])) not in (None, "scikit-learn"):
            return name
    first = [LIBRARIES.get(k.__module__.partition(".")[0]) for k in type(estimator).__mro__]
    return next((name for name in first if name), None)


def _rows(header: Mapping[str, Any]) -> int | None:
    part = header.get("part")
    found: int | None = header.get("rows_searched") if part is None else part["of"]
    return found


def _cpu_s() -> float:
    told = psutil.Process().cpu_times()
    return float(told.user + told.system)
