"""How a sweep looks while it runs: a live panel on a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterable

import psutil
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cluster.runner import Machine
from search.driver import Listener
from search.entries import Entry
from search.report import headline
from search.sweep import Sweep
from search.view import SweepView

#: Seconds between two plain lines, unless there is a new best.
LINE_EVERY_S = 5.0


class Progress:
    """Shows one sweep on ``console``. The sweep feeds it; it never looks for itself."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._last_line = 0.0
        self._shown_best: float | None = None
        self._last_seen: Sweep | None = None

    def begin(self, view: SweepView, machine: Machine, budget: int, slots: int) -> Listener:
        """Print what is known before the first trial."""
        self._view, self._machine = view, machine
        self._slots, self._budget = slots, budget
        self._started = time.monotonic()
        for line in headline(view):
            self._console.print(line, soft_wrap=not self._console.is_terminal, highlight=False)
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        psutil.cpu_percent()
        return self.show

    def say(self, line: str) -> None:
        """Something is done before the sweep starts."""
        self._console.print(line, soft_wrap=True, highlight=False)

    def show(self, sweep: Sweep, entries: Iterable[Entry]) -> None:
        """One event has been handled."""
        self._last_seen = sweep
        now = time.monotonic()
        if self._live is not None:
            if now - self._last_line >= 0.2:
                self._last_line = now
                self._live.update(self.panel(sweep))
            return
        best = sweep.best.score if sweep.best else None
        if best != self._shown_best or now - self._last_line >= LINE_EVERY_S:
            self._last_line, self._shown_best = now, best
            self._console.print(self._line(sweep), soft_wrap=True, highlight=False)

    def end(self) -> None:
        """Take the panel away, or say how it ended; the report follows."""
        if self._live is not None:
            self._live.stop()
        elif self._last_seen is not None:
            self._console.print(self._line(self._last_seen), soft_wrap=True, highlight=False)

    def panel(self, sweep: Sweep) -> Group:
        """Three lines: the budget, the incumbent beside the baseline, time and machine."""
        trials = sweep.trials
        bar = Table.grid(padding=(0, 1))
        if sweep.finals is not None:
            done, jobs = sweep.finals.progress
            stage = f"search over; finalists on fresh folds, {done} of {jobs} done"
            bar.add_row(ProgressBar(total=jobs, completed=done, width=40), stage)
            return Group(bar, Text(self._best(sweep)), Text(self._load(sweep), "dim"))
        bar.add_row(
            ProgressBar(total=self._budget, completed=trials.ended, width=40),
            f"{trials.ended} of {self._budget} trials",
            f"{trials.count('running')} running",
            Text(f"{trials.count('failed')} failed", "red" if trials.count("failed") else "dim"),
        )
        return Group(bar, Text(self._best(sweep)), Text(self._load(sweep), "dim"))

    def _line(self, sweep: Sweep) -> str:
        trials = sweep.trials
        if sweep.finals is not None:
            done, jobs = sweep.finals.progress
            return f"finalists on fresh folds, {done} of {jobs} done · {self._load(sweep)}"
        return (
            f"{trials.ended}/{self._budget} trials, {trials.count('running')} running, "
            f"{trials.count('failed')} failed · {self._best(sweep)} · {self._load(sweep)}"
        )

    def _best(self, sweep: Sweep) -> str:
        """The incumbent beside the baseline."""
        metric, baseline = self._view.metric, self._view.baseline
        beside = "" if baseline is None else f" (baseline {baseline.score:.4f}, {baseline.kind})"
        if sweep.best is None or sweep.best.score is None:
            return f"no score yet{beside}"
        best = sweep.best
        model = best.configuration.model
        return f"best {metric} {best.score:.4f}{beside}, trial {best.number}, {model}"

    def _load(self, sweep: Sweep) -> str:
        """Time left, and this machine's use against what it has."""
        memory = psutil.virtual_memory()
        used, total = (memory.total - memory.available) / 2**30, memory.total / 2**30
        nodes = len(self._machine.nodes)
        here = "" if nodes == 1 else f", {nodes} nodes"
        return (
            f"{self._eta(sweep)} · CPU {psutil.cpu_percent():.0f}% of {psutil.cpu_count()} cores, "
            f"memory {used:.1f} of {total:.1f} GiB{here}"
        )

    def _eta(self, sweep: Sweep) -> str:
        """By the plan as trials have corrected it, else from the pace of the latest trials."""
        passed = f"{duration(time.monotonic() - self._started)} passed"
        left = 0 if sweep.finals is not None else self._budget - sweep.trials.ended
        plan = self._view.plan
        if plan is not None and left:
            foreseen, pace = plan.foreseen, sweep.learning.pace
            if foreseen.trials is not None:
                left = max(0, min(left, foreseen.trials - sweep.trials.ended))
            middle, most = foreseen.left(left, self._slots, pace.latest(), pace.mix())
            told = f"{duration(middle)} left ({duration(most)} nine times in ten)"
            return f"{passed}, about {told}; planned {duration(foreseen.p50_s)}"
        seconds = sweep.learning.pace.remaining(left) if left else None
        if seconds is None:
            return passed
        return f"{passed}, about {duration(seconds / self._slots)} left"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
