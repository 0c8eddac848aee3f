"""A sweep as MLflow runs: one for the sweep, and under it one for each trial.

An experiment has the sweep's name. The sweep's run has the winner's parameters, the estimate and
what all cost, and as artifacts the spec, the report and the trials as CSV. A trial's run has its
parameters, its scores (each fold's as steps of ``folds/METRIC``) and its cost; a failed one its
traceback. A run's status is FINISHED where the trial completed, KILLED where it was pruned or
cancelled, FAILED, RUNNING, or SCHEDULED where it waits; the tag ``quintain.state`` says which.
"""

import json
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluators.errors import QuintainError
from quintain.exports.evidence import Exported, Moments
from search.view import SweepView
from search.view_rows import TrialView

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

_STATUS = {
    "completed": "FINISHED", "pruned": "KILLED", "cancelled": "KILLED", "failed": "FAILED",
    "running": "RUNNING", "waiting": "SCHEDULED",
}  # fmt: skip
_SWEEP_STATUS = {"completed": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
_COSTS = (
    "wall_s", "queue_s", "start_s", "load_s", "fit_s", "score_s", "overhead_s", "cpu_s",
    "cores_used", "peak_mb", "predict_ms_per_1k",
)  # fmt: skip
#: What MLflow allows in a name; anything else becomes a dash.
_NOT_ALLOWED = re.compile(r"[^\w\-. :/]")
#: Of MLflow's: most metrics, and most parameters and tags, of one call; letters of a value.
_METRICS, _PARAMS, _LETTERS = 1000, 100, 5000


def log_runs(found: Exported, uri: str | None = None) -> tuple[str, str]:
    """Log the sweep to a tracking server; its address, and the id of the sweep's run.

    Args:
        found: the sweep, which has to be over for its run to end.
        uri: the server, or ``sqlite:///mlflow.db``; None: as MLflow's own settings say.

    Raises:
        QuintainError: MLflow is not installed, cannot be reached, or has the sweep already.
    """
    try:
        import mlflow
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mlflow":
            raise
        raise QuintainError("exports to MLflow need it: pip install 'quintain[mlflow]'") from None
    uri = uri or mlflow.get_tracking_uri()
    try:
        client = MlflowClient(tracking_uri=uri)
        return _shown(uri), _logged(client, found)
    except MlflowException as error:
        first = str(error).strip().splitlines()[0]
        raise QuintainError(f"MLflow at {_shown(uri)} does not take it: {first}") from error


def _shown(uri: str) -> str:
    """An address without its password."""
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1:***@", uri)


def _logged(client: "MlflowClient", found: Exported) -> str:
    view = found.view
    experiment = client.get_experiment_by_name(view.name)
    if experiment is None:
        number = client.create_experiment(view.name)
    else:
        number = experiment.experiment_id
        known = client.search_runs([number], f"tags.`quintain.sweep` = '{view.id}'", max_results=1)
        if known:
            raise QuintainError(
                f"{view.id} is there already, as run {known[0].info.run_id} of the experiment "
                f"{view.name}: delete that first"
            )
    parent = client.create_run(
        number, start_time=_ms(view.created), tags=_sweep_tags(view), run_name=view.id
    )
    run: str = parent.info.run_id
    _batches(client, run, _sweep_metrics(view), _params(_winner(view)))
    _artifacts(client, run, found)
    for trial in view.trials:
        _trial(client, number, run, view, trial, found.moments[trial.trial])
    if view.state in _SWEEP_STATUS:
        ended = [each.ended for each in found.moments.values() if each.ended is not None]
        last = max(ended, default=view.created)
        client.set_terminated(run, _SWEEP_STATUS[view.state], end_time=_ms(last))
    return run


def _trial(
    client: "MlflowClient", experiment: str, parent: str, view: SweepView, trial: TrialView,
    when: Moments,
) -> None:  # fmt: skip
    """One trial's run, under the sweep's."""
    began = when.asked if when.began is None else when.began
    tags = {
        "mlflow.parentRunId": parent, "quintain.sweep_of_trial": view.id,
        "quintain.trial": str(trial.trial), "quintain.state": trial.state, "model": trial.model,
    }  # fmt: skip
    more = {
        "quintain.cause": trial.cause, "quintain.reason": trial.reason,
        "quintain.worker": trial.worker, "quintain.infeasible": trial.infeasible,
    }  # fmt: skip
    tags |= {name: str(value)[:_LETTERS] for name, value in more.items() if value}
    made = client.create_run(
        experiment, start_time=_ms(began), tags=tags, run_name=f"{view.id}:{trial.trial}"
    )
    run, at = made.info.run_id, began if when.ended is None else when.ended
    costs = {name: getattr(trial, name) for name in _COSTS}
    metrics = [(name, value, 0) for name, value in {**trial.scores, **costs}.items()]
    metrics += [
        (f"folds/{name}", value, fold)
        for name, values in trial.folds.items()
        for fold, value in enumerate(values)
    ]
    _batches(client, run, _metrics(metrics, at), _params({"model": trial.model, **trial.params}))
    if trial.traceback:
        client.log_text(run, trial.traceback, "traceback.txt")
    if trial.state == "running":
        client.update_run(run, "RUNNING")
    elif trial.state == "waiting":
        client.update_run(run, "SCHEDULED")
    else:
        client.set_terminated(run, _STATUS[trial.state], end_time=_ms(at))


def _sweep_tags(view: SweepView) -> dict[str, str]:
    told = {
        "quintain.sweep": view.id, "quintain.state": view.state, "quintain.metric": view.metric,
        "quintain.direction": view.direction, "quintain.records": view.records,
        "mlflow.note.content": view.header.get("note") or "",
    }  # fmt: skip
    return {name: str(value)[:_LETTERS] for name, value in told.items() if value}


def _winner(view: SweepView) -> Mapping[str, Any]:
    return {} if view.best is None else {"model": view.best.model, **view.best.params}


def _sweep_metrics(view: SweepView) -> "list[Metric]":
    told: dict[str, float] = {"wall_s": view.wall_s, "cpu_s": view.resources.cpu_s}
    told["trials"] = float(len(view.trials))
    if view.best is not None:
        told[f"selection_{view.metric}"] = view.best.score
    if (found := view.finals.estimate) is not None:
        told[f"estimate_{view.metric}"] = found.score
        told[f"estimate_{view.metric}_low"] = found.interval.low
        told[f"estimate_{view.metric}_high"] = found.interval.high
    if view.baseline is not None:
        told[f"baseline_{view.metric}"] = view.baseline.score
    return _metrics([(name, value, 0) for name, value in told.items()], view.created)


def _metrics(told: Sequence[tuple[str, float, int]], at: float) -> "list[Metric]":
    """(name, value, step), those without a value left out."""
    from mlflow.entities import Metric

    return [
        Metric(_NOT_ALLOWED.sub("-", name), float(value), _ms(at), step)
        for name, value, step in told
        if math.isfinite(value)
    ]


def _params(params: Mapping[str, Any]) -> "list[Param]":
    from mlflow.entities import Param

    return [
        Param(_NOT_ALLOWED.sub("-", name), str(value)[:_LETTERS]) for name, value in params.items()
    ]


def _batches(
    client: "MlflowClient", run: str, metrics: "Sequence[Metric]", params: "Sequence[Param]"
) -> None:
    """In calls of the size that MLflow takes."""
    for start in range(0, len(metrics), _METRICS):
        client.log_batch(run, metrics=metrics[start : start + _METRICS])
    for start in range(0, len(params), _PARAMS):
        client.log_batch(run, params=params[start : start + _PARAMS])


def _artifacts(client: "MlflowClient", run: str, found: Exported) -> None:
    """The spec, the report, and all trials in one file."""
    from quintain.exports.tables import csv_file
    from search.report import report_text

    view = found.view
    client.log_text(run, json.dumps(view.header.get("spec"), indent=1), "spec.json")
    client.log_text(run, json.dumps(view.to_json(), indent=1), "sweep.json")
    client.log_text(run, report_text(view), "report.txt")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trials.csv")
        csv_file(view, path)
        client.log_artifact(run, str(path))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
