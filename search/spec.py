"""The spec: everything a sweep is asked to do, checked before anything runs.

``docs/spec.md`` is the table of all keys for the user. ``read_spec`` is the only door: it fills in
the names and default spaces of the models, and finds every problem at once. Features of that
table that are not built yet are accepted only at the value that means off.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError

from search.errors import SpecError
from search.space import Parameter, Space
from search.spec_constraints import Constraints
from search.spec_defaults import with_defaults
from search.spec_problems import path, problems_of, without
from search.spec_rules import broken_rules
from search.spec_source import json_tree, read_tree
from search.spec_space import Entry, Ratio, block_parameters, settled
from search.spec_values import (
    AutoOrCount,
    ClassWeight,
    Costs,
    Count,
    Estimator,
    Flag,
    FoldsSeed,
    JsonScalar,
    MemorySize,
    Name,
    Number,
    ParameterName,
    Pruner,
    Resample,
    Rows,
    Seconds,
    Section,
    Seed,
    Splitter,
    TestSize,
    Text,
    Threshold,
    megabytes,
    only,
    refused,
    word,
)

__all__ = ["Spec", "read_spec", "space_of", "spec_schema", "write_schema"]

_FUTURE_SAMPLERS = ("cmaes", "gp", "nsga2")


class Data(Section):
    """``[data]``: where the rows are and which column is what."""

    source: Text = Field(
        description="the data: a path or URL (csv, csv.gz, parquet, arrow, npz), "
        '"module:function" or "file.py:function"'
    )
    target: Text | None = Field(default=None, description="the column to predict")
    task: Annotated[
        Literal["auto", "classification", "regression"],
        word("a task", ("auto", "classification", "regression")),
    ] = Field(default="auto", description="whether the target is a label or a number")
    positive: JsonScalar = Field(default=None, description="the label of the positive class")
    drop: tuple[Text, ...] = Field(default=(), description="columns to leave out")
    group_column: Text | None = Field(
        default=None, description="rows of one group stay in one fold"
    )
    time_column: Text | None = Field(default=None, description="the past trains, the future scores")
    weight_column: Text | None = Field(default=None, description="how much each row counts")
    rows: Rows | None = Field(
        default=None, description="search on a representative part; finalists take all rows"
    )


class Holdout(Section):
    """``[holdout]``: rows that are locked away before the search."""

    test_size: TestSize = Field(default="auto", description="share of the rows; false for none")
    source: Text | None = Field(
        default=None, description="own test rows instead: a table like that of [data]"
    )
    looks: Count = Field(default=10, description="how often the locked rows may be looked at")


class Evaluate(Section):
    """``[evaluate]``: what a good configuration is, and on which folds that is measured."""

    metric: Text | None = Field(default=None, description="what the search optimises")
    metrics: tuple[Text, ...] | None = Field(default=None, description="what is recorded beside it")
    direction: (
        Annotated[Literal["maximize", "minimize"], word("a direction", ("maximize", "minimize"))]
        | None
    ) = Field(default=None, description="needed for metrics we do not know")
    folds: Annotated[Count, Field(ge=2)] | None = Field(
        default=None, description="folds per repeat"
    )
    repeats: Count = Field(default=1, description="how often all rows are split anew")
    splitter: Splitter = Field(default="auto", description="how rows are dealt to folds")
    threshold: Threshold = Field(default="auto", description="where a score becomes a label")
    costs: Costs = Field(
        default=None, description="what each wrong label costs, by true and predicted label"
    )
    folds_seed: FoldsSeed = Field(
        default="auto", description="which folds: the same for the same data"
    )
    nested: Flag = Field(default=False, description="estimate the whole search, inside outer folds")


class StopWhen(Section):
    """``search.stop_when``: reasons to end before the budget is used up."""

    metric: Number | None = Field(
        default=None, description="the metric is at least (at most) this good"
    )
    no_gain_for: Count | None = Field(
        default=None, description="trials in a row without a better one"
    )
    converged: Flag = Field(default=False, description="late gains are below the folds' noise")
    failed: Count | None = Field(
        default=None, description="failed trials; default 20% of the budget"
    )

    def failed_limit(self, trials: int) -> int:
        """So many failed trials end a sweep of ``trials``: as given, else a fifth, at least 10."""
        return self.failed or max(10, trials // 5)


class Search(Section):
    """``[search]``: how configurations are chosen, and for how long."""

    sampler: Annotated[
        Literal["tpe", "random", "grid", "sobol"],
        word("a sampler", ("tpe", "random", "grid", "sobol"), _FUTURE_SAMPLERS),
    ] = Field(default="tpe", description="who proposes configurations")
    trials: Count = Field(default=100, description="distinct configurations that reach an end")
    timeout: Seconds = Field(default=None, description="seconds for the sweep")
    trial_timeout: Seconds = Field(default=None, description="seconds for one trial")
    max_concurrent: AutoOrCount = Field(default="auto", description="trials at the same time")
    pruner: Pruner = Field(default="auto", description="who ends losing trials early")
    shared_cuts: Flag = Field(
        default=False, description="xgboost: one set of bin edges for all folds of the search"
    )
    stop_when: StopWhen = Field(default=StopWhen(), description="reasons to end early")
    constraints: Constraints = Field(default=Constraints(), description="what the winner may cost")
    warm_start: Annotated[tuple[Text, ...], Field(max_length=5)] = Field(
        default=(), description="ids of up to 5 sweeps that the sampler learns from"
    )
    seed: Seed = Field(default=0, description="of the sampler and the models")
    deterministic: Flag = Field(default=False, description="counts in place of measured seconds")


class Resources(Section):
    """``[resources]``: what one trial may use."""

    cpus_per_trial: Count = Field(default=1, description="threads of one fit")
    memory_per_trial: MemorySize = Field(
        default="auto", description="of its own; auto: classes, by measured peaks"
    )
    gpus_per_trial: Annotated[int, only(0)] = Field(default=0, description="(not built yet)")

    @property
    def memory_limit_mb(self) -> float | None:
        """The limit in units of 2**20 bytes; None for no limit."""
        return None if self.memory_per_trial == "auto" else megabytes(self.memory_per_trial)


class Model(Section):
    """``[[model]]``: one model family and its space. ``read_spec`` fills in name and space."""

    name: Name = Field(default="", description="default: the estimator's name")
    estimator: Estimator = Field(
        description='a registered name, "module:Class" or "file.py:function"'
    )
    params: dict[ParameterName, Any] = Field(default={}, description="fixed parameters")
    class_weight: ClassWeight = Field(
        default=None, description="weights of classes, or several to try"
    )
    resample: Resample = Field(
        default="none", description="how training rows are resampled, or several ways to try"
    )
    resample_ratio: Ratio = Field(
        default=None, description="rows of a class for one of the largest, afterwards; or a range"
    )
    space: dict[ParameterName, Entry] = Field(default={}, description="default: the model's own")

    @property
    def fixed_class_weight(self) -> float | str | dict[str, float] | None:
        """``class_weight`` where it is not searched, else None."""
        return None if isinstance(self.class_weight, tuple) else self.class_weight

    @property
    def methods(self) -> tuple[str, ...]:
        """Every way of resampling that may come."""
        return self.resample if isinstance(self.resample, tuple) else (self.resample,)

    @property
    def fixed_resample(self) -> str | None:
        """``resample`` where it is not searched, else None."""
        return None if isinstance(self.resample, tuple) else self.resample

    @property
    def fixed_ratio(self) -> float | None:
        """``resample_ratio`` where it is given and not searched, else None."""
        return self.resample_ratio if isinstance(self.resample_ratio, float) else None

    def parameters(self) -> tuple[Parameter, ...]:
        """What is searched, in the order of the spec; what stands beside the space comes last."""
        beside = (self.class_weight, self.resample, self.resample_ratio)
        return settled(block_parameters(self.space, *beside), self.params)


class Code(Section):
    """``[code]``: own modules, which travel to wherever trials run."""

    include: tuple[Text, ...] = Field(
        default=(), description='folders and files with them, as in ["src/"]'
    )


def _blocks(value: object) -> object:
    if isinstance(value, Mapping):
        raise refused("is one table; write [[model]] with two brackets")
    if value == []:
        raise refused("is empty; at least one [[model]] with an estimator is needed")
    return value


class Spec(Section):
    """A whole spec. Two are equal when they ask for the same, wherever they lie."""

    name: Name = Field(description='what sweeps are called, for example name = "adult"')
    note: Text | None = Field(default=None, description="opens the notebook entry")
    data: Data = Field(description="the table [data] with source and target")
    holdout: Holdout = Field(default=Holdout(), description="rows locked away")
    evaluate: Evaluate = Field(default=Evaluate(), description="metric and folds")
    search: Search = Field(default=Search(), description="sampler and budget")
    resources: Resources = Field(default=Resources(), description="what a trial may use")
    code: Code = Field(default=Code(), description="own modules that trials need")
    model: Annotated[tuple[Model, ...], BeforeValidator(_blocks)] = Field(
        description="at least one [[model]] with an estimator"
    )
    _folder: Path = PrivateAttr(Path())
    _written: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where the spec's relative paths start: absolute."""
        return self._folder

    @property
    def splitter(self) -> str:
        """``evaluate.splitter``, with "auto" decided by the columns that are given."""
        if self.evaluate.splitter != "auto":
            return self.evaluate.splitter
        by_column = {"group": self.data.group_column, "time": self.data.time_column}
        otherwise = "plain" if self.data.task == "regression" else "stratified"
        return next((word for word, column in by_column.items() if column), otherwise)

    def as_regression(self) -> "Spec":
        """The same spec for a target that has turned out to be a number: other default spaces.

        Raises:
            SpecError: what was written is wrong beside those.
        """
        if self.data.task == "regression":
            return self
        data = {**self._written.get("data", {}), "task": "regression"}
        return read_spec({**self._written, "data": data}).in_folder(self.folder)

    def in_folder(self, folder: Path) -> Self:
        """The same spec with its relative paths starting at ``folder``."""
        moved = self.model_copy()
        moved._folder = folder.absolute()
        return moved

    def to_json(self) -> dict[str, Any]:
        """The whole spec for the record, defaults filled in: ``read_spec`` of it is equal."""
        return self.model_dump(mode="json")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self.model_dump() == other.model_dump()

    __hash__ = None  # type: ignore[assignment]


def read_spec(source: Path | str | Mapping[str, Any]) -> Spec:
    """The spec in a TOML file, or in a mapping of the same shape; SpecError with all problems.

    Relative paths start at the file's folder, those of a mapping at the current one.
    """
    if isinstance(source, Mapping):
        given, folder = source, Path()
    else:
        given, folder = read_tree(Path(source)), Path(source).parent
    written, problems = json_tree(given)
    tree = with_defaults(written)
    try:
        spec: Spec | None = Spec.model_validate(tree)
    except ValidationError as error:
        spec = None
        told = tuple(problems)
        problems |= {
            place: sentence
            for place, sentence in problems_of(error, Spec).items()
            if not any(place[: len(each)] == each for each in told)
        }
    broken = broken_rules(without(tree, tuple(problems)))
    problems |= {place: broken[place] for place in broken if place not in problems}
    if problems or spec is None:
        raise SpecError([f"{path(place)}: {problems[place]}" for place in problems])
    spec._written = written
    return spec.in_folder(folder)


def space_of(spec: Spec) -> Space:
    """The search space of all models."""
    return Space({model.name: model.parameters() for model in spec.model})


def spec_schema() -> dict[str, Any]:
    """The JSON Schema of a spec as a person writes it."""
    schema = Spec.model_json_schema(mode="validation", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def write_schema(file: Path) -> None:
    """Publish ``spec_schema`` as ``file``."""
    file.write_text(json.dumps(spec_schema(), indent=2, ensure_ascii=False) + "\n", "utf-8")
