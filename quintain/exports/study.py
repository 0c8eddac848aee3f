"""A sweep as an Optuna study.

A trial's state is the nearest that Optuna has: completed COMPLETE, pruned PRUNED, running RUNNING,
waiting WAITING; failed, cancelled, and completed without a score FAIL. The sweep's own state, the
cause and the reason stand in the trial's user attributes, with all scores and the cost.

Intermediate values are what trials were compared by on their way: of a raced sweep the score at
each rung, else the mean of the objective over the first folds. The study's user attribute
``intermediate_values`` says which.
"""

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from statistics import fmean
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from evaluators.errors import QuintainError
from quintain.exports.distributions import Named
from quintain.exports.evidence import Exported, Moments
from search.bodies import plain
from search.view import SweepView
from search.view_rows import TrialView

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

#: What a second objective may be: less of it is better.
COSTS = ("wall_s", "fit_s", "cpu_s", "peak_mb", "predict_ms_per_1k")
#: User attributes of their own: what people sort by. Each costs Optuna a query when it is stored.
_TOLD = (
    "cause", "reason", "model", "worker", "infeasible", "wall_s", "fit_s", "cpu_s", "peak_mb",
    "predict_ms_per_1k",
)  # fmt: skip
_MORE = (
    "origin", "attempt", "rung", "cached", "threshold", "queue_s", "start_s", "load_s", "score_s",
    "overhead_s", "cores_used",
)  # fmt: skip
_STATES = {
    "completed": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "running": TrialState.RUNNING,
    "waiting": TrialState.WAITING,
    "failed": TrialState.FAIL,
    "cancelled": TrialState.FAIL,
}


def study_of(
    found: Exported, *, cost: str | None = None, storage: "BaseStorage | str | None" = None
) -> optuna.Study:
    """A study named as the sweep, with its trials under their own numbers.

    Args:
        found: the sweep.
        cost: a second objective, to be minimized: "fit_s" or another of ``COSTS``.
        storage: as Optuna takes it; None for memory.

    Raises:
        QuintainError: no such cost.
        optuna.exceptions.DuplicatedStudyError: the storage has a study of that name.
    """
    view = found.view
    if cost is not None and cost not in COSTS:
        raise QuintainError(f"cost {cost!r} is not known; one of {', '.join(COSTS)}")
    better = StudyDirection.MAXIMIZE if view.direction == "maximize" else StudyDirection.MINIMIZE
    directions = [better] if cost is None else [better, StudyDirection.MINIMIZE]
    with quiet():
        study = optuna.create_study(storage=storage, study_name=view.id, directions=directions)
        study.set_metric_names([view.metric] if cost is None else [view.metric, cost])
        for name, value in _attributes(view).items():
            study.set_user_attr(name, value)
        study.add_trials(frozen(found, cost))
    return study


def frozen(found: Exported, cost: str | None = None) -> Iterator[FrozenTrial]:
    """Each trial as Optuna keeps it."""
    view, named = found.view, Named(found.view)
    for trial in view.trials:
        yield _frozen(view, trial, found.moments[trial.trial], named, cost)


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna announces each study it makes, and some of what is used here as experimental."""
    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(said)


def _frozen(
    view: SweepView, trial: TrialView, when: Moments, named: Named, cost: str | None
) -> FrozenTrial:
    state, path = _STATES[trial.state], _path(view, trial)
    scored = [trial.score] if cost is None else [trial.score, getattr(trial, cost)]
    if state is TrialState.COMPLETE and not all(map(math.isfinite, scored)):
        state = TrialState.FAIL
    values = scored if state is TrialState.COMPLETE else None
    if state is TrialState.PRUNED and cost is None and path and _by_objective(view):
        values = [path[max(path)]]  # as Optuna itself has it
    began = when.asked if when.began is None else when.began
    ended = began if when.ended is None else when.ended
    params = named.params(trial.model, trial.params)
    folds = list(trial.folds.get(view.metric, ()))
    told = FrozenTrial(
        number=trial.trial,
        trial_id=trial.trial,
        state=state,
        value=None,
        values=values,
        datetime_start=None if state is TrialState.WAITING else datetime.fromtimestamp(began),
        datetime_complete=datetime.fromtimestamp(ended) if state.is_finished() else None,
        params=params,
        distributions={name: named.each[name] for name in params},
        user_attrs=_trial_attributes(trial, params),
        # what Optuna's terminator reads the noise of a score from
        system_attrs={"terminator:cv_scores": folds} if state is TrialState.COMPLETE else {},
        intermediate_values=path,
    )
    if view.constraints and state is TrialState.COMPLETE:
        told.set_constraint("search.constraints", 1.0 if trial.infeasible else 0.0)
    return told


def _by_objective(view: SweepView) -> bool:
    """Whether intermediate values are on the scale of the objective."""
    raced = view.header.get("raced")
    return not raced or raced["metric"] == view.metric


def _path(view: SweepView, trial: TrialView) -> dict[int, float]:
    """What the trial was worth on its way, by rung or by the number of folds done."""
    if view.header.get("raced"):
        return {rung: score for rung, score in enumerate(trial.path) if math.isfinite(score)}
    folds = trial.folds.get(view.metric, ())
    means = {count: fmean(folds[:count]) for count in range(1, len(folds) + 1)}
    return {count: mean for count, mean in means.items() if math.isfinite(mean)}


def _attributes(view: SweepView) -> Mapping[str, Any]:
    """What the study says of itself."""
    raced = view.header.get("raced")
    told = view.to_json()
    on_the_way = (
        f"{raced['metric']} at each rung of racing" if raced
        else f"mean of {view.metric} over the first folds"
    )  # fmt: skip
    names = ("sweep", "state", "metric", "baseline", "estimate", "records")
    return {
        **{name: told[name] for name in names},
        "intermediate_values": on_the_way,
        "spec": plain(view.header.get("spec")),
        "note": view.header.get("note"),
    }


def _trial_attributes(trial: TrialView, params: Mapping[str, Any]) -> dict[str, Any]:
    """All that Optuna has no place for; what is not known is left out."""
    told: dict[str, Any] = {"state": trial.state}
    told |= {name: getattr(trial, name) for name in _TOLD}
    told |= {"scores": trial.scores, "folds": trial.folds}
    told["more"] = {name: getattr(trial, name) for name in _MORE}
    if len(params) < len(trial.params):
        told["params"] = dict(trial.params)
    known = {name: plain(value) for name, value in told.items()}
    return {name: value for name, value in known.items() if value not in (None, "", {})}
