"""What a sweep's trials follow from, as digests in its header: by them a later sweep knows them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evaluators.trial_key import TrialKeys, digest_of_parts, evaluation_key, model_key

if TYPE_CHECKING:
    from quintain.prepare import Prepared

#: Of a spec, what changes neither a score nor which trials there are.
_BESIDES: Mapping[str, tuple[str, ...]] = {
    "data": ("source",),  # the rows count, not where they lie
    "holdout": ("source", "looks"),
    "search": ("max_concurrent",),
}


def trial_keys(prepared: "Prepared") -> TrialKeys:
    """Makes the keys of this sweep's trials."""
    spec, task, code = prepared.spec, prepared.assignment, prepared.code
    evaluate = spec.evaluate
    named = [evaluate.metric, *(evaluate.metrics or ()), task.tune and task.tune.name]
    of_metrics = [code.get(_file(name)) or name for name in named if name and ":" in name]
    scoring = [
        task.seed, task.cut, task.tune and [task.tune.name, task.tune.direction],
        task.tuned_objective, evaluate.costs, of_metrics,
        None if task.own is None else task.own.digests,
        *(["shared cuts"] if task.shared_cuts else []),
    ]  # fmt: skip
    evaluation = evaluation_key(prepared.dataset, prepared.splits, task.metrics, scoring)
    models = {
        name: model_key(recipe, code.get(_file(recipe.estimator)))
        for name, recipe in task.recipes.items()
    }
    return TrialKeys(evaluation, models)


def content_of(prepared: "Prepared") -> dict[str, Any]:
    """For the header: the keys of its trials, and two digests that others compare with theirs.

    ``search``: which configurations come, in which order; ``whole``: how the sweep ends as well.
    """
    keys, spec = trial_keys(prepared), prepared.spec
    told, search, race = spec.to_json(), spec.search, prepared.assignment.race
    # who was given up depends on who might win, and within which limits
    allowed = search.constraints, search.trial_timeout, spec.resources.memory_per_trial
    asked = digest_of_parts(
        keys.to_json(), told["model"], search.sampler, search.seed, search.deterministic,
        prepared.objective.direction, race and race.name, told["search"]["warm_start"],
        [str(each) for each in allowed],
    )  # fmt: skip
    asks = {name: each for name, each in told.items() if name not in ("name", "note")}
    for section, names in _BESIDES.items():
        asks[section] = {name: v for name, v in asks[section].items() if name not in names}
    whole = digest_of_parts(asked, asks, prepared.division.holdout)
    return {**keys.to_json(), "search": asked, "whole": whole}


def limits_of(header: Mapping[str, Any]) -> tuple[Any, ...]:
    """What decides whether a trial runs out of time or memory: machine, limits and neighbours."""
    machine, told = header.get("machine") or {}, header.get("spec") or {}
    hardware = [machine.get(name) for name in ("host", "cpus", "memory_mb")]
    search = told.get("search") or {}
    beside = [search.get(name) for name in ("trial_timeout", "max_concurrent")]
    return (*hardware, header.get("address"), told.get("resources"), *beside)


def _file(reference: str) -> str:
    """The file of ``file.py:name``; of anything else a text that is no file's."""
    return reference.rpartition(":")[0] if ".py:" in reference else ""
