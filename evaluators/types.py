"""What travels between the rooms: frozen, small, and free of behaviour."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

#: How a model's output is to be read: probabilities of the classes, decision values, or, where the
#: target is a number, predictions of it.
ScoreKind = Literal["proba", "decision", "value"]

#: What is to be predicted: one of several labels, or a number.
Task = Literal["classification", "regression"]


@dataclass(frozen=True, slots=True)
class Column:
    """One feature. ``levels`` is None for a number, else the category names by code."""

    name: str
    levels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Dataset:
    """A table ready for search: one numeric matrix that can be shared without a copy.

    Attributes:
        values: (rows, columns), C order, float32 or float64; categories as codes; NaN = missing.
        target: (rows,) int32 class codes 0..k-1; in binary data 1 is the positive class. In
            regression (rows,) float64, the numbers themselves.
        columns: one per column of ``values``.
        classes: the label as the user wrote it, by code; empty in regression.
        groups: (rows,) int64 codes, or None.
        time: (rows,) float64, or None.
        weight: (rows,) float64 above zero, or None.
        fingerprint: hex digest of the content, whatever the order of rows.
        warnings: what was noticed while reading.
        identity: (rows,) uint64 hash of the row as the source table has it, every column
            included whatever its role, so that dropping a column changes no identity; or None.
        table: hex digest of all identities of the source table; empty where they are not known.
        names: hex digest of the source table's column names: tables with others share no row.
        source: uint64 identities of all rows of the source table, also of those that a part of it
            leaves out; only what ``evaluators.data.load`` returns has them.
    """

    values: Floats
    target: NDArray[Any]
    columns: tuple[Column, ...]
    classes: tuple[str, ...]
    groups: Ints | None = None
    time: Floats | None = None
    weight: Floats | None = None
    fingerprint: str = ""
    warnings: tuple["Warned", ...] = ()
    identity: NDArray[np.uint64] | None = None
    table: str = ""
    names: str = ""
    source: NDArray[np.uint64] | None = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.target)

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return len(self.classes) == 2

    @property
    def regression(self) -> bool:
        """Whether the target is a number."""
        return not self.classes

    def counts(self, rows: Any) -> Ints:
        """(classes,) how many of ``rows``, positions or a mask, are of each class.

        In regression (1,): all of them, as if they were of one.
        """
        part = self.target[rows]
        if self.regression:
            return np.array([len(part)])
        return np.bincount(part, minlength=len(self.classes))

    @property
    def answer(self) -> str:
        """What a message calls a row's target."""
        return "number" if self.regression else "label"

    def of_class(self, code: int) -> str:
        """What a message says of rows of one class, as " of class 'yes'"; nothing in regression."""
        return "" if self.regression else f" of class {self.classes[code]!r}"

    def take(self, index: Ints) -> "Dataset":
        """The rows at ``index``, copied; fingerprint, table and names stay those of the whole."""

        def part(array: Any) -> Any:
            return None if array is None else array[index]

        return Dataset(
            self.values[index],
            self.target[index],
            self.columns,
            self.classes,
            part(self.groups),
            part(self.time),
            part(self.weight),
            self.fingerprint,
            self.warnings,
            part(self.identity),
            self.table,
            self.names,
        )


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing the user should know: a stable code, a sentence, and the figure behind it."""

    code: str
    message: str
    figure: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One fold: rows to train on and rows to score, as positions in the dataset."""

    train: Ints
    test: Ints
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point of the search space: a ``[[model]]`` block by name, and its parameters.

    ``params`` holds only JSON values, without the block's own fixed parameters.
    """

    model: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resources:
    """What a piece of work cost. Seconds are wall seconds unless named cpu.

    ``peak_mb`` is the highest own (anonymous) memory of the process and its children while the
    work ran, interpreter and libraries included, shared data excluded, in units of 2**20 bytes.
    ``predict_ms_per_1k`` is milliseconds of the model's own prediction of a fold's test rows in one
    call, for 1,000 of them; of several folds their median. NaN where nothing was predicted.
    ``bytes_read`` is what storage delivered to the process and its children (Linux's
    ``read_bytes``), NaN where the platform does not tell. Pages of a mapped file count, which is
    how workers have the data, and what the page cache still held does not: so 0 means that the
    disk held nothing up. ``rchar`` would not do: it misses mapped files and counts pipes.
    ``measuring_s`` is CPU seconds that the profiler itself took; ``cpu_s`` is without them.
    """

    wall_s: float = 0.0
    load_s: float = 0.0
    fit_s: float = 0.0
    score_s: float = 0.0
    cpu_s: float = 0.0
    peak_mb: float = 0.0
    threads: int = 0
    predict_ms_per_1k: float = math.nan
    bytes_read: float = math.nan
    measuring_s: float = 0.0


def together(parts: Sequence[Resources]) -> Resources:
    """Of all folds: seconds add up, peaks and thread counts are maxima, latency is the median."""
    latencies = [each for part in parts if not math.isnan(each := part.predict_ms_per_1k)]
    return Resources(
        wall_s=sum(part.wall_s for part in parts),
        load_s=sum(part.load_s for part in parts),
        fit_s=sum(part.fit_s for part in parts),
        score_s=sum(part.score_s for part in parts),
        cpu_s=sum(part.cpu_s for part in parts),
        peak_mb=max((part.peak_mb for part in parts), default=0.0),
        threads=max((part.threads for part in parts), default=0),
        predict_ms_per_1k=statistics.median(latencies) if latencies else math.nan,
        bytes_read=sum(part.bytes_read for part in parts),
        measuring_s=sum(part.measuring_s for part in parts),
    )


@dataclass(frozen=True, slots=True)
class NodeUse:
    """What a node did for some seconds, as far as this process may use it (``evaluators.limits``).

    Attributes:
        host: the node's name.
        seconds: how long.
        cores: that may be used.
        cores_busy: of them, as a mean over the seconds; everybody's work counts.
        memory_mb: in use at the end, page cache excluded, in units of 2**20 bytes.
        memory_total_mb: that may be used.
    """

    host: str
    seconds: float
    cores: int
    cores_busy: float
    memory_mb: float
    memory_total_mb: float


@dataclass(frozen=True, slots=True, eq=False)
class FoldResult:
    """One fold scored.

    Attributes:
        fold: 0-based index over all repeats.
        scores: metric name to value in the metric's own direction; NaN where undefined.
        confusion: counts at ``cut``, ``[true][predicted]``; empty in regression.
        output: (test rows,) for binary data and regression, else (test rows, classes): float64.
        kind: how to read ``output``.
        cut: an output above it is the label 1; None for the default of its kind.
        log_prior_shift: by class, how far class weights or resampling bent the shares that the
            model learnt (see ``evaluators.prior``); None where they did not.
        early: what a booster's first fold scored after a few of its rounds; NaN where it was not
            looked at.
    """

    fold: int
    scores: Mapping[str, float]
    confusion: tuple[tuple[int, ...], ...]
    resources: Resources
    output: Floats
    kind: ScoreKind
    cut: float | None = None
    log_prior_shift: tuple[float, ...] | None = None
    early: float = math.nan


#: Why a trial failed.
Cause = Literal[
    "out_of_memory",
    "timeout",
    "bad_parameters",
    "numeric",
    "user_code",
    "crashed",
    "worker_lost",
    "preempted",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a configuration could not be scored: typed cause, one short line, the whole traceback."""

    cause: Cause
    reason: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the true value is believed to be.

    Attributes:
        low: lower end, NaN if there is none; in the unit of the score.
        high: upper end.
        level: how often such an interval is meant to hold the truth, as 0.95.
        method: how it was made, in words for a person.
    """

    low: float
    high: float
    level: float
    method: str

    @property
    def width(self) -> float:
        """Upper less lower end; NaN if there is no interval."""
        return self.high - self.low


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How one configuration ended in a worker.

    Attributes:
        scores: metric name to the trial's score (pooled or averaged as the metric says).
        folds: per-fold scores, by metric, in fold order.
        oof: encoded out-of-fold outputs (see ``evaluators.oof``), or None.
        warnings: distinct warnings of the model's library, first lines only.
        interval: of the objective, where it was asked for.
        kind: how the outputs are to be read; None where there are none.
        threshold: the cut that all out-of-fold rows together choose, on the scale of ``kind``;
            None where none was tuned (see ``evaluators.thresholds``).
        tuned_confusion: as ``confusion``, each fold cut where the other folds say.
        path: what a raced trial scored at each rung (see ``evaluators.race``); NaN where it was not
            looked at. Empty without a race.
        given_up: the rung at which its bar ended it; None where it went to its end.
        parts: results of folds, where some folds of a configuration were asked for and no score.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    folds: Mapping[str, Sequence[float]] = field(default_factory=dict)
    confusion: tuple[tuple[int, ...], ...] = ()
    resources: Resources = Resources()
    oof: bytes | None = None
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    interval: Interval | None = None
    kind: ScoreKind | None = None
    threshold: float | None = None
    tuned_confusion: tuple[tuple[int, ...], ...] = ()
    path: tuple[float, ...] = ()
    given_up: int | None = None
    parts: tuple[FoldResult, ...] = field(default=(), repr=False)
