"""One configuration on its way through its folds: the limits it keeps and what it has come to."""

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from evaluators.metrics import Metric
from evaluators.profiler import Profiler
from evaluators.race import Bar
from evaluators.thresholds import Tuned
from evaluators.types import Failure, FoldResult, Ints, Resources, Split, together
from evaluators.watchdog import Overrun


class Run:
    """One configuration under way on ``splits``, within ``limit_s`` and ``memory_mb``.

    ``busy_s`` counts the seconds spent here, not those in which whoever takes the folds works.
    ``meter`` is that of the fold under way, or of what comes after the last one.

    ``race``: the metric at each rung, None for no rungs; ``path``: the scores there, NaN where not
    reached; ``given_up``: the rung at which ``bar`` ended it. ``cuts``: see ``evaluators.rows``.
    """

    def __init__(
        self,
        splits: Sequence[Split],
        limit_s: float | None,
        memory_mb: float | None,
        race: Metric | None = None,
        bar: Bar | None = None,
    ) -> None:
        self.splits = splits
        self.limit_s = limit_s
        self.memory_mb = memory_mb
        self.folds: list[FoldResult] = []
        self.tuned: Tuned | None = None
        self.said: dict[str, None] = {}
        self.busy_s = 0.0
        self.meter = Profiler()
        self._measured = self._told = False
        self.race = race
        self.path: list[float] = [math.nan] * len(splits) if race is not None else []
        self.given_up: int | None = None
        self.cuts: Ints | None = None
        self._bar = bar

    @property
    def few_rows(self) -> bool:
        """Whether rung 0 of what is not fitted in rounds is worth a look."""
        return self._bar is None or self._bar.few_rows

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Time spent inside counts as the trial's."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.busy_s += time.perf_counter() - began

    @property
    def early(self) -> float:
        """What rung 0 scored; NaN where it was not reached."""
        return self.path[0] if self.path else math.nan

    def measure(self) -> None:
        """Something new is measured: a fold, or what comes after the last one.

        What other work has left in memory is handed back before the first.
        """
        self.meter, self._told = Profiler(fresh=not self._measured), False
        self._measured = True

    def take_over(self, fold: FoldResult) -> None:
        """A fold that was done elsewhere: its seconds, and what its few rounds scored."""
        self.busy_s += fold.resources.wall_s
        if self.race is not None and not math.isnan(fold.early):
            self.reach(0, fold.early)

    def add(self, fold: FoldResult) -> int:
        """One fold more, which tells what it took: how many there are."""
        self.folds.append(fold)
        self._told = True
        return len(self.folds)

    def by_fold(self, metrics: Sequence[Metric]) -> dict[str, list[float]]:
        """Scores by metric of the folds that are done; a few rounds are no fold's score."""
        whole = [] if self.given_up == 0 else self.folds
        return {each.name: [fold.scores[each.name] for fold in whole] for each in metrics}

    def cost(self) -> Resources:
        """What the trial took so far: the folds that are done, and what is under way or failed."""
        parts = [fold.resources for fold in self.folds]
        if not self._told:  # or the last fold would count twice
            parts.append(self.meter.resources)
        return replace(together(parts), wall_s=self.busy_s)

    def reach(self, rung: int, score: float, *, waits: bool = True) -> bool:
        """Note a rung's score; whether the trial is given up there.

        ``waits``: whether a bar that only pauses ends it there.
        """
        self.path[rung] = score
        bar = self._bar
        if bar is not None and bar.falls_short(rung, score) and (waits or not bar.pauses):
            self.given_up = rung
        return self.given_up is not None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what the model's library warns of, whether the fit succeeds or not."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            finally:
                for warning in caught:
                    first_line = str(warning.message).strip().split("\n")[0][:200]
                    self.said.setdefault(f"{warning.category.__name__}: {first_line}")


def overrun(seen: Overrun, number: int, run: Run) -> Failure:
    """The watchdog's finding as a failure."""
    where = f"fold {number + 1} of {len(run.splits)}"
    if seen.kind == "timeout":
        elapsed = run.busy_s + seen.elapsed_s
        return Failure(
            "timeout", f"still fitting {where} after {elapsed:.1f} s, limit {run.limit_s:g} s"
        )
    return Failure(
        "out_of_memory",
        f"reached {seen.peak_mb:.0f} MB in {where}, limit {seen.limit:.0f} MB",
    )
