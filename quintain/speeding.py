"""Time, memory and score of each algorithm against rows and threads, on the user's own data."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster.pilot_worker import PilotWorker, UnmeasuredError
from cluster.pilots import Candidates, Fit, Pilot
from evaluators.curves import MemoryCurve, Range, TimeCurve, memory_curve, time_curve
from evaluators.models import make_recipe, registered, steady
from evaluators.pilot import SHARES, Part, parts, shown_row_mb
from quintain.others import OthersLoad
from quintain.prepare import Prepared, prepare
from quintain.thread_speeds import Threaded, by_threads
from search.errors import PlanError
from search.spec import read_spec

#: Seconds for all algorithms together; an algorithm may overrun, and the next have less, but so
#: much of an equal share at least.
MEASURED_S, LEAST_SHARE = 180.0, 0.6
FOLDS = 3
#: Of an algorithm's seconds, how much goes into rows; the rest into threads.
ROWS_SHARE = 0.75


@dataclass(frozen=True)
class Speed:
    """One algorithm at its default configuration.

    Attributes:
        fits: by rows, ascending; each the mean of ``FOLDS`` folds, its scores cross-validated.
        threads: a fit by the number of threads it may use; empty where too little time was left.
        threads_rows: how many rows that fit has.
        said: why there is not more.
        steady: see ``evaluators.curves.TimeCurve``.
    """

    model: str
    fits: tuple[Fit, ...]
    base_mb: float
    data_row_mb: float
    threads: Mapping[int, Threaded]
    threads_rows: int
    said: str
    steady: bool = False

    @property
    def time(self) -> TimeCurve:
        """Seconds of one fit by rows."""
        rows, seconds = [fit.rows for fit in self.fits], [fit.fit_s for fit in self.fits]
        return time_curve(rows, seconds, steady=self.steady)

    @property
    def memory(self) -> MemoryCurve:
        """Own memory of the process by rows."""
        rows, peaks = [fit.rows for fit in self.fits], [fit.peak_mb for fit in self.fits]
        return memory_curve(rows, peaks, self.base_mb, self.data_row_mb)

    @property
    def score_ms_per_1k(self) -> float:
        """Milliseconds to predict and score 1,000 rows, after a fit of the largest part."""
        last = self.fits[-1]
        return 1e6 * last.score_s / max(1, last.tested)

    def full(self, rows: float) -> Range:
        """Seconds of one fit of so many rows."""
        return self.time.at(rows)


@dataclass(frozen=True)
class Speeds:
    """All algorithms on one table.

    Attributes:
        rows: of the whole table: what predictions are for.
        deadline_s: seconds in which one fit of all rows is to end, or None.
        others: cores that other programs kept busy meanwhile, on average; None if unknown.
    """

    name: str
    rows: int
    metric: str
    speeds: tuple[Speed, ...]
    deadline_s: float | None
    wall_s: float
    others: float | None = None

    def meets(self, speed: Speed) -> bool | None:
        """Whether a fit of all rows should end in time, nine times in ten; None if not asked."""
        if self.deadline_s is None or not speed.fits:
            return None
        return speed.full(self.rows).high <= self.deadline_s

    def to_json(self) -> dict[str, Any]:
        """What ``quintain speed --json`` prints, the picture apart."""
        return {
            "name": self.name,
            "rows": self.rows,
            "metric": self.metric,
            "folds": FOLDS,
            "deadline_s": self.deadline_s,
            "models": {speed.model: self._model(speed) for speed in self.speeds},
            "wall_s": self.wall_s,
            "others_cores": self.others,
        }

    def _model(self, speed: Speed) -> dict[str, Any]:
        if not speed.fits:
            return {"said": speed.said}
        full, peak = speed.full(self.rows), speed.memory.at(self.rows)
        return {
            "rows": [fit.rows for fit in speed.fits],
            "fit_s": [fit.fit_s for fit in speed.fits],
            "score": [fit.scores[self.metric] for fit in speed.fits],
            "score_s": [fit.score_s for fit in speed.fits],
            "score_ms_per_1k": speed.score_ms_per_1k,
            "peak_mb": [fit.peak_mb for fit in speed.fits],
            "threads": {str(count): each.fit_s for count, each in speed.threads.items()},
            "threads_cores": {str(count): each.cores for count, each in speed.threads.items()},
            "threads_rows": speed.threads_rows,
            "full_fit_s": [full.value, full.low, full.high],
            "full_peak_mb": [peak.value, peak.low, peak.high],
            "power": speed.time.slope,
            "meets": self.meets(speed),
            "said": speed.said,
        }


def speed(
    data: Any,
    target: str | None,
    models: Sequence[str] = (),
    *,
    deadline_s: float | None = None,
    measured_s: float = MEASURED_S,
    shares: Sequence[float] = SHARES,
    tell: Callable[[str], None] = lambda line: None,
) -> Speeds:
    """Measure algorithms on growing parts of a table.

    Args:
        data: what ``[data] source`` takes, or a DataFrame.
        target: the column to predict.
        models: registered names or references; empty: every registered one that is installed.
        deadline_s: seconds in which one fit of all rows is to end.
        measured_s: seconds for the fits of all algorithms.
        shares: of a fold's rows, the parts to fit.
        tell: is called with what is being measured.

    Raises:
        PlanError: no algorithm could be measured, or none has a fit as short as the deadline.
        QuintainError: the data or an algorithm cannot be used.
    """
    began, load = time.monotonic(), OthersLoad()
    prepared = _prepared(data, target, models)
    pieces = parts(prepared.dataset, prepared.splits, shares)
    found = _speeds(prepared, pieces, measured_s, tell)
    name = Path(data).stem if isinstance(data, (str, Path)) else "data"
    made = Speeds(
        name, prepared.dataset.rows, prepared.objective.name, found, deadline_s,
        time.monotonic() - began, load.cores(),
    )  # fmt: skip
    refuse_impossible(made)
    return made


def _speeds(
    prepared: Prepared, pieces: Sequence[Part], measured_s: float, tell: Callable[[str], None]
) -> tuple[Speed, ...]:
    """Every algorithm; what one leaves of the time is the others'."""
    names = list(prepared.assignment.recipes)
    found, left_s = [], measured_s
    for place, name in enumerate(names):
        tell(f"measuring {name}: {place + 1} of {len(names)}")
        # what dear ones overrun by may not starve those that come after them
        share = max(left_s / (len(names) - place), LEAST_SHARE * measured_s / len(names))
        before = time.monotonic()
        found.append(_speed(prepared, pieces, name, share))
        left_s = max(left_s - (time.monotonic() - before), 1.0)
    return tuple(found)


def _prepared(data: Any, target: str | None, models: Sequence[str]) -> Prepared:
    """The table as a sweep of these algorithms has it, without a hold-out."""
    given = isinstance(data, (str, Path))
    source = str(data) if given else "(in memory)"

    def asked(names: Sequence[str]) -> Prepared:
        spec = {
            "name": "speed",
            "data": {"source": source, "target": target or "target"},
            "evaluate": {"folds": FOLDS},
            "holdout": {"test_size": False},
            "model": [
                {"estimator": name} | ({"space": {}} if ":" in name else {}) for name in names
            ],
        }
        return prepare(read_spec(spec), None if given else data)

    if models:
        return asked(models)
    # which of the two tables of models is meant shows only once the target is read
    regression = asked(["dummy"]).dataset.regression
    return asked([name for name in registered(regression) if _installed(name, regression)])


def _installed(name: str, regression: bool) -> bool:
    """Whether a registered model can be made here; the constant one is no algorithm."""
    from evaluators.errors import ModelError

    try:
        make_recipe(name, name, {}, None, Path(), regression=regression)
    except ModelError:
        return False
    return name != "dummy"


def _speed(prepared: Prepared, pieces: Sequence[Part], model: str, seconds: float) -> Speed:
    """One algorithm: rows first, then threads."""
    data, task = prepared.dataset, prepared.assignment
    run: Pilot | None = None
    said = ""
    began = time.monotonic()
    try:
        with PilotWorker(task, data, pieces) as worker:
            run = Pilot(worker, model, pieces, seconds * ROWS_SHARE, cheap=1.0)
            run.run(Candidates({}, {}, None))
    except UnmeasuredError as failed:
        said = str(failed)
    fits = () if run is None else tuple(run.fits)
    row_mb = shown_row_mb(task, task.recipes[model], data, prepared.splits[0])
    base_mb = 0.0 if run is None else run.base_mb
    alone = Speed(model, fits, base_mb, row_mb, {}, 0, said, steady(task.recipes[model]))
    if not fits or said:
        return alone
    left_s = max(seconds - (time.monotonic() - began), seconds * (1 - ROWS_SHARE))
    threads, rows, said = by_threads(prepared, pieces, model, alone.fits, left_s)
    return replace(alone, threads=threads, threads_rows=rows, said=said)


def refuse_impossible(made: Speeds) -> None:
    """Refuse what tells nothing: no algorithm measured, or a deadline below every single fit."""
    known = [each for each in made.speeds if each.fits]
    if not known:
        said = "; ".join(f"{each.model}: {each.said}" for each in made.speeds)
        raise PlanError(f"no fit ended, so there is nothing to tell ({said})")
    quickest = min(known, key=lambda each: each.full(made.rows).high)
    needed = quickest.full(made.rows)
    if made.deadline_s is not None and made.deadline_s < needed.low:
        raise PlanError(
            f"the deadline of {made.deadline_s:g}s is shorter than one fit of any of "
            f"{', '.join(each.model for each in known)} on {made.rows} rows; the smallest that "
            f"would do: {needed.high:.3g}s ({quickest.model})"
        )
