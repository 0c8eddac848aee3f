"""Functions of a user's own that hear of each trial as it ends: a logger, a chat, a counter."""

import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

from cluster.runner import Machine
from evaluators.types import Warned
from quintain.driving import Watcher
from search.driver import Listener
from search.entries import Entry
from search.errors import RecordsError
from search.records import Records
from search.sweep import Sweep
from search.view import SweepView
from search.view_rows import TrialFold, TrialView

#: Called in the driver with a sweep's id and a trial that has ended: completed, pruned, failed or
#: cancelled; once for each, after its end is in the record. Workers wait for no callback, but
#: nothing new is handed out while one runs.
Callback = Callable[[str, TrialView], None]


class Telling:
    """A watcher that tells callbacks too. What they raise is told and ends nothing.

    Each different failure of a callback is recorded once, as a warning of the sweep.
    """

    def __init__(
        self, callbacks: Sequence[Callback], store: Records, watcher: Watcher | None
    ) -> None:
        self._callbacks = tuple(callbacks)
        self._store = store
        self._watcher = watcher
        self._told: set[tuple[str, str]] = set()

    def begin(self, view: SweepView, machine: Machine, budget: int, slots: int) -> Listener:
        """The sweep is about to start, or goes on."""
        watching = self._watcher and self._watcher.begin(view, machine, budget, slots)
        trials: dict[int, TrialFold] = {}

        def listen(sweep: Sweep, entries: Iterable[Entry]) -> None:
            entries = list(entries)
            if watching:
                watching(sweep, entries)
            for entry in entries:
                self._read(view, trials, entry)

        for entry in self._store.entries(view.id):
            _fold(trials, entry)
        return listen

    def say(self, line: str) -> None:
        """Something is done before the sweep starts."""
        if self._watcher:
            self._watcher.say(line)

    def end(self) -> None:
        """The search is over."""
        if self._watcher:
            self._watcher.end()

    def _read(self, view: SweepView, trials: dict[int, TrialFold], entry: Entry) -> None:
        _fold(trials, entry)
        if entry.kind != "ended":
            return
        trial = trials.pop(entry.trial).view(view.metric)
        for callback in self._callbacks:
            try:
                callback(view.id, trial)
            except Exception as error:
                self._failed(view.id, trial.trial, callback, error)

    def _failed(self, sweep: str, trial: int, callback: Callback, error: Exception) -> None:
        name = getattr(callback, "__qualname__", type(callback).__qualname__)
        if (name, repr(error)) in self._told:
            return
        self._told.add((name, repr(error)))
        at = traceback.extract_tb(error.__traceback__)[-1]
        message = (
            f"the callback {name} failed on trial {trial} ({at.filename}, line {at.lineno}): "
            f"{type(error).__name__}: {error}; it goes on being called"
        )
        self.say(message)
        warned = Warned("callback_failed", message, float(trial))
        try:
            self._store.append(sweep, [Entry("warning", time.time(), asdict(warned))])
        except RecordsError:  # said above; the store's trouble is the driver's to deal with
            return


def _fold(trials: dict[int, TrialFold], entry: Entry) -> None:
    if entry.trial >= 0:
        trials.setdefault(entry.trial, TrialFold(entry.trial)).read(entry)
