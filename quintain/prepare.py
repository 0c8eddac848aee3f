"""From a spec to everything a sweep needs: rows, folds, metrics, models, baseline.

Whatever can be refused is refused here, before anything is written.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluators.assignment import Assignment
from evaluators.baseline import Baseline
from evaluators.data import load
from evaluators.errors import QuintainError
from evaluators.mapped import mapped
from evaluators.metrics import Metric
from evaluators.models import ModelRecipe, check_params, make_recipe
from evaluators.open_rounds import check_open_rounds
from evaluators.own_code import own_code
from evaluators.resampling import Resampling
from evaluators.splits import SplitPlan, natural_splitter
from evaluators.suspicion import suspicions
from evaluators.types import Dataset, Split, Warned
from quintain.binning import costly_folds
from quintain.content import content_of
from quintain.fitting import check_outputs, check_weights
from quintain.hardware import machine
from quintain.locking import Division, divide
from quintain.measures import Measures, measures
from quintain.part import (
    SearchedPart,
    baselines,
    folds_of,
    searched_before_hold_out,
    searched_part,
)
from quintain.tasks import grid_warnings, misplaced, seems_regression, settled
from quintain.warm import refuse_unknown
from search.errors import RecordsError, SpecError
from search.opening import size_of
from search.policy import FinalRules, Policy, StopRules
from search.records import Records
from search.room import Node
from search.space import Space
from search.spec import Spec, read_spec, space_of
from search.spec_folds import folds_key


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A sweep that can start.

    ``dataset`` holds all development rows and no others. ``part`` are those searched on, None for
    all; ``splits`` lie in it. ``baseline`` is on all of them, ``searched_baseline`` on the part's
    folds, None where that is the same.
    """

    spec: Spec
    space: Space
    dataset: Dataset
    division: Division
    plan: SplitPlan
    splits: list[Split]
    assignment: Assignment
    baseline: Baseline
    warnings: tuple[Warned, ...]
    part: SearchedPart | None = None
    searched_baseline: Baseline | None = None

    @property
    def rows_searched(self) -> int:
        """Rows that trials are scored on; the finalists' are all of ``dataset``."""
        return self.dataset.rows if self.part is None else len(self.part.rows)

    @property
    def objective(self) -> Metric:
        """The metric that ranks trials."""
        return self.assignment.objective

    @property
    def positive_share(self) -> float | None:
        """Share of the positive class among the development rows; None if not binary."""
        return float(self.dataset.target.mean()) if self.dataset.binary else None

    @property
    def code(self) -> dict[str, str]:
        """The user's own files by name, and a digest of what stands in them."""
        evaluate, spec = self.spec.evaluate, self.spec
        named: list[str | None] = [block.estimator for block in spec.model]
        named += [
            spec.data.source,
            spec.holdout.source,
            evaluate.splitter,
            evaluate.metric,
            *(evaluate.metrics or ()),
        ]
        files = {str(name).rpartition(":")[0] for name in named if ".py:" in str(name)}
        own = self.assignment.own
        return {
            file: hashlib.sha256((spec.folder / file).read_bytes()).hexdigest()[:16]
            for file in sorted(files)
        } | ({} if own is None else own.digests)

    def policy(
        self, slots: int, finals: FinalRules | None = None, nodes: tuple[Node, ...] = (),
        foreseen_mb: Mapping[str, float] | None = None,
    ) -> Policy:  # fmt: skip
        """The spec's budgets and rules for a sweep on so many slots of these nodes.

        ``foreseen_mb``: what a plan says that a trial takes, by model.
        """
        search, race = self.spec.search, self.assignment.race
        stop = search.stop_when
        rules = StopRules(
            stop.metric, stop.no_gain_for, stop.failed_limit(search.trials), stop.converged
        )
        test_rows = sum(len(split.test) for split in self.splits) / len(self.splits)
        numbers = len(self.dataset.classes) if len(self.dataset.classes) > 2 else 1
        return Policy(
            budget=search.trials, objective=self.objective.name,
            direction=self.objective.direction, slots=slots, timeout_s=search.timeout,
            trial_timeout_s=search.trial_timeout, stop=rules, deterministic=search.deterministic,
            finals=finals, race=None if race is None else race.direction,
            opening=0 if race is None or search.deterministic else size_of(search.trials),
            constraints=search.constraints.limits, nodes=nodes,
            threads=self.spec.resources.cpus_per_trial,
            memory_mb=self.spec.resources.memory_limit_mb, foreseen_mb=foreseen_mb or {},
            folds=len(self.splits), fold_outputs=test_rows * numbers,
            costly_folds=costly_folds(self),
        )  # fmt: skip

    def header(self, runner: str) -> dict[str, Any]:
        """What the record says of the sweep before its first trial."""
        data, spec, race = self.dataset, self.spec, self.assignment.race
        return {
            "spec": spec.to_json(),
            "folder": str(spec.folder),
            "note": spec.note,
            "metric": self.objective.name,
            "metrics": [metric.name for metric in self.assignment.metrics],
            "direction": self.objective.direction,
            "raced": None if race is None else {"metric": race.name, "direction": race.direction},
            "threshold": self.assignment.cut,
            "tuned_for": None if self.assignment.tune is None else self.assignment.tune.name,
            "task": "regression" if data.regression else "classification",
            "target": spec.data.target or "target",
            "positive": data.classes[1] if data.binary else None,
            "positive_share": self.positive_share,
            "classes": list(data.classes),
            "columns": [column.name for column in data.columns],
            "rows_searched": self.rows_searched,
            "part": None if self.part is None else self.part.header,
            "fingerprint": data.fingerprint,
            "table": data.table,
            "folds": len(self.splits) // spec.evaluate.repeats,
            "repeats": spec.evaluate.repeats,
            "folds_seed": self.plan.seed,
            "splitter": self.plan.splitter,
            "code": self.code,
            "runner": runner,
            "machine": machine(),
            "budget": spec.search.trials,
            "seed": spec.search.seed,
            "content": content_of(self),
            **self.division.header,
        }


def prepare(
    spec: Spec,
    data: Any = None,
    store: Records | None = None,
    header: Mapping[str, Any] | None = None,
    grown_from: str | None = None,
) -> Prepared:
    """Read the data, lock the hold-out, make folds, resolve metrics and models.

    Args:
        spec: what is asked for.
        data: a DataFrame or (X, y) in place of the spec's source.
        store: whose hold-outs are kept back from the search; it is only read.
        header: of the sweep, where it is there already, see ``quintain.locking.divide``.
        grown_from: the table of the sweep that this one is to continue, see there too.
    """
    earlier = searched_before_hold_out(header)
    if header is None:
        refuse_unknown(spec, store)
    own = own_code(spec.code.include, spec.folder)  # before anything of it is named
    spec, recipes, whole, measured = _resolved(spec, data, earlier)
    division = divide(spec, whole, store, header, grown_from)
    division = replace(division, development=mapped(division.development))
    dataset = division.development
    check_weights(spec, recipes, dataset)
    check_outputs(measured, recipes, dataset)
    varied = "vary" in (header or {})
    plan = replace(_plan(spec, dataset), fresh=varied)
    rows = None if earlier else spec.data.rows
    part = searched_part(rows, dataset, plan, division.rows_locked, header)
    splits, split_warnings = folds_of(plan, dataset, part)
    splits = mapped(splits)
    metrics = measured.metrics
    constant, on_part = baselines(metrics, dataset, plan, splits, part, measured.tune)
    suspected = suspicions(dataset, metrics[0], constant.scores[metrics[0].name])
    of_part = () if part is None else part.warnings(dataset)
    resources = spec.resources
    assignment = Assignment(
        recipes=recipes, metrics=metrics, threads=resources.cpus_per_trial, seed=spec.search.seed,
        reseeded=varied, fit_seconds=spec.search.trial_timeout, cut=measured.cut,
        tune=measured.tune,
        tuned_objective=measured.tuned_objective,
        fresh_dearer=1.0 if part is None else part.dearer,
        race=measured.raced(spec.search, dataset.binary), shared_cuts=spec.search.shared_cuts,
        own=own,
    )  # fmt: skip
    return Prepared(
        spec, space_of(spec), dataset, division, plan, splits, assignment,
        constant,
        (
            *dataset.warnings, *division.warnings, *of_part, *split_warnings, *suspected,
            *grid_warnings(spec),
        ),
        part, on_part,
    )  # fmt: skip


def _resolved(
    spec: Spec, data: Any, part_only: bool
) -> tuple[Spec, dict[str, ModelRecipe], Dataset, Measures]:
    """The spec as the target settles it, models, rows, metrics; all problems are told together."""
    problems: list[str] = []
    recipes: dict[str, ModelRecipe] = {}
    measured = Measures(())
    try:
        whole = read_data(spec, data, part_only)
    except QuintainError as error:
        try:
            _recipes(spec, seems_regression(spec))
        except SpecError as wrong:
            raise SpecError([*wrong.problems, f"$.data: {error}"]) from error
        raise
    spec = settled(spec, whole)
    try:
        recipes = _recipes(spec, whole.regression)
    except SpecError as error:
        problems += error.problems
    try:
        measured = measures(spec, whole)
    except SpecError as error:
        problems += error.problems
    if problems:
        raise SpecError(problems)
    return spec, recipes, whole, measured


def spec_of(header: Mapping[str, Any]) -> Spec:
    """The spec a sweep was started with, paths relative to where it stood then.

    Raises:
        RecordsError: it was a search of ``SearchCV``, which has none.
    """
    if "searchcv" in header:
        raise RecordsError(
            "this is a search of quintain.SearchCV, whose data and estimator only its program "
            "has: call the same fit again there, and it goes on where it was cut off"
        )
    told = dict(header["spec"])
    if "tuned_for" not in header:  # of before thresholds were tuned, where 0.5 was no choice
        told["evaluate"] = {**told.get("evaluate", {}), "threshold": "auto"}
    if told.get("evaluate", {}).get("folds_seed") == "new":  # a resumed sweep keeps its folds
        told["evaluate"] = {**told["evaluate"], "folds_seed": header["folds_seed"]}
    spec: Spec = read_spec(told).in_folder(Path(header["folder"]))
    return spec


def read_data(spec: Spec, data: Any, part_only: bool) -> Dataset:
    """The whole table the spec names, hold-out included; ``part_only``: the part of it that is
    searched, as earlier versions took it.
    """
    part = spec.data
    return load(
        part.source if data is None else data, part.target, positive=part.positive,
        drop=tuple(part.drop), group_column=part.group_column, time_column=part.time_column,
        weight_column=part.weight_column, folder=spec.folder,
        rows=part.rows if part_only else None, task=part.task,
    )  # fmt: skip


def _plan(spec: Spec, dataset: Dataset) -> SplitPlan:
    """Folds by the spec; their seed by what stands in it, so that sweeps on the same data pair."""
    evaluate = spec.evaluate
    splitter = evaluate.splitter
    if splitter == "auto":
        splitter = natural_splitter(dataset)
    match evaluate.folds_seed:
        case "auto":
            key = f"{dataset.fingerprint} {folds_key(spec)}".encode()
            seed = int.from_bytes(hashlib.sha256(key).digest()[:4])
        case "new":
            seed = int.from_bytes(os.urandom(4))
        case number:
            seed = number
    return SplitPlan(splitter, evaluate.folds, evaluate.repeats, seed, spec.folder)


def _recipes(spec: Spec, regression: bool) -> dict[str, ModelRecipe]:
    """Every model of the spec, its parameters checked; all problems at once."""
    problems, recipes = list(misplaced(spec)) if regression else [], {}
    space = space_of(spec)
    for position, block in enumerate(spec.model):
        at = f"$.model[{position}]"
        try:
            recipe = make_recipe(
                block.name, block.estimator, block.params, block.fixed_class_weight, spec.folder,
                Resampling(block.fixed_resample, block.fixed_ratio), regression,
            )  # fmt: skip
        except QuintainError as error:
            problems.append(f"{at}.estimator: {error}")
            continue
        recipes[block.name] = recipe
        searched = [parameter.name for parameter in space.models[block.name]]
        problems += [f"{at}.params: {said}" for said in check_params(recipe, block.params)]
        problems += [f"{at}.space: {said}" for said in check_params(recipe, searched)]
        try:
            check_open_rounds(recipe, {*block.params, *searched}, block.methods)
        except QuintainError as error:
            problems.append(f"{at}.params: {error}")
    if problems:
        raise SpecError(problems)
    return recipes
