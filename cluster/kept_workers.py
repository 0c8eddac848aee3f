"""Local workers that outlive their sweep: a search that follows within a minute starts at once.

A child's interpreter and imports take a second or more, as long as two hundred fits of 5 ms.
"""

import atexit
import os
import pickle
import shutil
import threading
from pathlib import Path

from cluster.local import Child, LocalRunner
from cluster.runner import Machine

#: Seconds that idle children are kept.
KEPT_S = 60.0


class Crew:
    """Children between two sweeps of this process: idle, without a workload, of known threads."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[tuple[Child, int]] = []
        self._end: threading.Timer | None = None

    def take(self, count: int, threads: int) -> list[Child]:
        """At most so many children that live and were started for fits of so many threads."""
        with self._lock:
            fit = [child for child, of in self._idle if of == threads and child.process.lives]
            fit = fit[:count]
            self._idle = [(child, of) for child, of in self._idle if child not in fit]
        for child in fit:
            child.ready = False  # until it has its next workload
        return fit

    def give(self, children: list[Child], threads: int) -> None:
        """Keep these, which have nothing to do, for a while."""
        kept = [child for child in children if child.send(pickle.dumps(None))]
        for child in children:
            if child not in kept:
                child.kill()
        with self._lock:
            self._idle += [(child, threads) for child in kept]
            if self._end is not None:
                self._end.cancel()
            self._end = threading.Timer(KEPT_S, self.dismiss)
            self._end.daemon = True
            self._end.start()

    def dismiss(self) -> None:
        """End all that are kept and remove their folders."""
        if self.pid != os.getpid():  # a fork: they are its parent's
            return
        with self._lock:
            idle, self._idle = self._idle, []
            if self._end is not None:
                self._end.cancel()
                self._end = None
        for child, _ in idle:
            child.kill()
        for folder in {folder_of(child) for child, _ in idle}:
            shutil.rmtree(folder, ignore_errors=True)


def folder_of(child: Child) -> Path:
    """Where a child lives."""
    return child.log.parent


class KeptLocalRunner(LocalRunner):
    """A local runner that takes children of earlier sweeps, and leaves its own to later ones."""

    def prepare(self) -> Machine:
        """Take what is kept, start what is missing."""
        self._children += crew().take(self._workers, self._threads)
        return super().prepare()

    def close(self) -> None:
        """Keep the children that are idle or still starting; end those that may be fitting.

        What one that starts has not read yet it reads later, in order: this workload, that it is
        to let it go, and the next one.
        """
        idle = [child for child in self._children if child.pack is None and child.process.lives]
        self._children = [child for child in self._children if child not in idle]
        crew().give(idle, self._threads)
        own = self._folder
        if own is not None and own in {folder_of(child) for child in idle}:
            self._folder = None  # they live there
        super().close()


def crew() -> Crew:
    """The one of this process; a fork has none of its parent's."""
    global _crew
    if _crew is None or _crew.pid != os.getpid():
        _crew = Crew()
        atexit.register(_crew.dismiss)
    return _crew


_crew: Crew | None = None
