"""Pilot fits: one model on growing parts of the data, in a worker process of its own.

The process is the local runner's, so that a pilot fit costs what a trial's fold costs: the same
preloaded libraries, mapped data, limits, scoring and profiler. It can be ended whatever it does.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from cluster.pilot_worker import PilotWorker, UnmeasuredError
from evaluators.assignment import Assignment
from evaluators.curves import SHORTEST_S, time_curve
from evaluators.pilot import Part
from evaluators.types import Configuration, Dataset

#: Parts above this share of a fold are fitted only where that is cheap.
LARGEST_SHARE = 0.16
CHEAP = 0.1
#: Parts fitted in less are fitted so many times, if there is time, and the median counts: in rounds
#: through all, since what disturbs a fit lasts for a while and would bend the curve at one size.
REPEATED_BELOW_S, TIMES = 1.0, 3
#: Of a model's seconds, how much its default configuration may take; of the rest, its dearest.
DEFAULT_SHARE, DEAREST_SHARE = 0.5, 0.6
#: The first fit, of next to no data, has so many seconds whatever is left of a model's.
FIRST_S = 10.0

Kind = Literal["default", "dearest", "drawn"]


@dataclass(frozen=True, slots=True)
class Fit:
    """One configuration on one part; figures of one fold, the mean of its fits.

    Attributes:
        rows: it learnt from.
        seconds: wall seconds of the whole fold: load, fit, score, and what scoring a trial takes.
        fit_s: wall seconds of the fit alone.
        score_s: wall seconds of predicting and scoring the rows to test on.
        tested: how many those are.
        cpu_s: of the whole fold.
        peak_mb: highest own memory of the process, in units of 2**20 bytes.
        scores: by metric.
    """

    kind: Kind
    params: Mapping[str, Any]
    rows: int
    seconds: float
    fit_s: float
    score_s: float
    tested: int
    cpu_s: float
    peak_mb: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is fitted of a model.

    Attributes:
        default: parameters of its default configuration.
        otherwise: those to take in its place where it cannot be fitted.
        dearest: the dearest corner of its space; None if it is not known.
        drawn: configurations spread over its space.
    """

    default: Mapping[str, Any]
    otherwise: Mapping[str, Any]
    dearest: Mapping[str, Any] | None
    drawn: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Piloted:
    """What was measured of a model.

    Attributes:
        base_mb: own memory of a worker whose fit has next to no data.
        fits: in the order they were made.
        said: why there is not more: a failure, a death, no time.
        wall_s: seconds it took, the start of the process included.
    """

    model: str
    base_mb: float
    fits: tuple[Fit, ...]
    said: str
    wall_s: float

    def of(self, kind: Kind) -> list[Fit]:
        """The fits of one kind."""
        return [fit for fit in self.fits if fit.kind == kind]


class Pilot:
    """The order in which a model's pilot fits are made, and when they stop.

    ``most``: the largest share of a fold to fit. ``cheap``: of the seconds left, how much a part
    larger than ``LARGEST_SHARE`` may take.
    """

    def __init__(
        self, worker: PilotWorker, model: str, parts: Sequence[Part], seconds: float,
        most: float = 1.0, cheap: float = CHEAP,
    ) -> None:  # fmt: skip
        self._worker = worker
        self._model = model
        self._parts = parts
        self._most = most
        self._cheap = cheap
        self._until = time.monotonic() + seconds
        self._made: list[list[Fit]] = []
        self.base_mb = 0.0
        self.said = ""

    @property
    def fits(self) -> list[Fit]:
        """In the order they were made; of repeated ones the median."""
        return [_median(made) for made in self._made]

    def run(self, candidates: Candidates) -> None:
        """Warm up, then the default on growing parts, then the dearest, then those drawn."""
        default = candidates.default
        try:
            warm = self._warmed(default)
        except UnmeasuredError as failed:
            if failed.over or candidates.otherwise == default:
                raise
            default = candidates.otherwise
            warm = self._warmed(default)
        self.base_mb = warm.peak_mb
        alone = candidates.dearest is None and not candidates.drawn
        self._grow("default", default, warm, self._left() * (1.0 if alone else DEFAULT_SHARE))
        if candidates.dearest is not None and candidates.dearest != default:
            with self._failures_told("its dearest configuration"):
                first = self.measure("dearest", candidates.dearest, 0, max(self._left(), 1.0))
                self._grow("dearest", candidates.dearest, first, self._left() * DEAREST_SHARE)
        self._draw(candidates.drawn)

    @contextmanager
    def _failures_told(self, whose: str) -> Iterator[None]:
        """Go on after a configuration that fails by itself, and keep the last one's words."""
        try:
            yield
        except UnmeasuredError as failed:
            self.said = f"{whose}: {failed}"
            if failed.over:
                raise UnmeasuredError(self.said, over=True) from None

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _warmed(self, params: Mapping[str, Any]) -> Fit:
        """The first fit of the process loads what is loaded late; the second counts, if it can."""
        first = self.measure("default", params, 0, max(self._left(), FIRST_S))
        if self._left() < 2 * first.seconds * len(self._parts[0].splits):
            return first
        return self.measure("default", params, 0, self._left())

    def measure(self, kind: Kind, params: Mapping[str, Any], part: int, seconds: float) -> Fit:
        """One fit; UnmeasuredError where it does not end with a score within so many seconds."""
        outcome = self._worker.fit(Configuration(self._model, params), part, seconds)
        used, splits = outcome.resources, self._parts[part].splits
        folds, tested = len(splits), sum(len(split.test) for split in splits)
        return Fit(
            kind, params, self._parts[part].rows, used.wall_s / folds, used.fit_s / folds,
            used.score_s / folds, tested // folds, used.cpu_s / folds, used.peak_mb,
            outcome.scores,
        )  # fmt: skip

    def _grow(self, kind: Kind, params: Mapping[str, Any], first: Fit, seconds: float) -> None:
        """Larger and larger parts, while the next one should end within so many seconds.

        Where nothing larger is affordable, the warm-up fit is what is known.
        """
        until = time.monotonic() + seconds
        known, grown = [first], []
        for place, part in enumerate(self._parts[1:], start=1):
            left = until - time.monotonic()
            curve = time_curve([fit.rows for fit in known], [fit.seconds for fit in known])
            needed = curve.at(part.rows).value * len(part.splits)
            large = part.share > LARGEST_SHARE
            if part.share > self._most or needed > (self._cheap * left if large else left):
                break
            # what runs longer than predicted may take what the later fits would have had
            fit = self.measure(kind, params, place, max(4 * needed, left, self._left()))
            known.append(fit)
            grown.append((place, [fit]))
            self._made.append(grown[-1][1])
        if not grown:
            self._made.append([first])
        for place, made in (TIMES - 1) * grown:
            left = until - time.monotonic()
            if made[0].seconds * len(self._parts[place].splits) < min(REPEATED_BELOW_S, left / 4):
                made.append(self.measure(kind, params, place, max(4 * REPEATED_BELOW_S, left)))

    def _draw(self, drawn: Sequence[Mapping[str, Any]]) -> None:
        """The drawn configurations on the largest part that time allows for all of them."""
        default = {fit.rows: fit.seconds for fit in self.fits if fit.kind == "default"}
        dearest = {fit.rows: fit.seconds for fit in self.fits if fit.kind == "dearest"}
        if not drawn or not default:
            return
        rows = min(default)
        for each in sorted(default):
            typical = (default[each] * dearest.get(each, 2 * default[each])) ** 0.5
            if typical * len(drawn) <= 0.7 * self._left() or default[rows] < SHORTEST_S:
                rows = each
        place = next(place for place, part in enumerate(self._parts) if part.rows == rows)
        for params in drawn:
            if self._left() <= 0:
                return
            with self._failures_told(f"{dict(params)}"):
                self._made.append([self.measure("drawn", params, place, max(self._left(), 1.0))])


def pilot(
    worker_of: tuple[Assignment, Dataset],
    parts: Sequence[Part],
    model: str,
    candidates: Candidates,
    *,
    seconds: float,
    most: float = 1.0,
    cheap: float = CHEAP,
) -> Piloted:
    """Measure a model for about so many seconds, half of them for the start of its process at most.

    Args:
        worker_of: what a worker of the sweep has.
        parts: see ``evaluators.pilot.parts``: the first one warms up.
        model: which of the assignment's.
        candidates: what is fitted of it.
        seconds: what is left of them ends a fit that takes longer.
        most: the largest share of a fold to fit.
        cheap: see ``Pilot``.

    Nothing a model does is raised: ``said`` tells.
    """
    began = time.monotonic()
    run: Pilot | None = None
    said = ""
    try:
        with PilotWorker(*worker_of, parts) as worker:
            left_s = max(seconds - (time.monotonic() - began), seconds / 2)
            run = Pilot(worker, model, parts, left_s, most, cheap)
            run.run(candidates)
    except UnmeasuredError as failed:
        said = str(failed)
    wall_s = time.monotonic() - began
    if run is None:
        return Piloted(model, 0.0, (), said, wall_s)
    return Piloted(model, run.base_mb, tuple(run.fits), said or run.said, wall_s)


def _median(fits: Sequence[Fit]) -> Fit:
    """Of fits of the same: the median of what they took, the highest peak."""
    return replace(
        fits[0],
        seconds=median(fit.seconds for fit in fits),
        fit_s=median(fit.fit_s for fit in fits),
        score_s=median(fit.score_s for fit in fits),
        cpu_s=median(fit.cpu_s for fit in fits),
        peak_mb=max(fit.peak_mb for fit in fits),
    )
