"""How much quicker a fit gets with more threads, and how many cores it keeps busy then."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cluster.pilot_worker import PilotWorker, UnmeasuredError
from cluster.pilots import Fit, Pilot
from evaluators.limits import usable_cores
from evaluators.pilot import Part
from quintain.prepare import Prepared

#: A shorter fit tells of the start of its threads and of the clock.
LONG_S = 1.0
#: Each number of threads has a fit that warms up and then so many; the quickest counts, since
#: whatever else runs on the machine can only make one longer.
REPEATS = 4
#: A model whose busiest thread does more of the work than this has no use for others. Unlike the
#: cores busy, that share is the same on a busy machine. Of less work the clock of threads, which
#: ticks every 10 ms, cannot tell.
MOSTLY_ALONE, TELLING_S = 0.8, 0.1


@dataclass(frozen=True, slots=True)
class Threaded:
    """The quickest of some fits with the same number of threads allowed.

    Attributes:
        fit_s: wall seconds of it.
        cores: CPU seconds for each wall second of the whole piece of work, loading included.
        alone: the share of all fits' CPU seconds that their busiest thread took.
    """

    fit_s: float
    cores: float
    alone: float


def by_threads(
    prepared: Prepared, pieces: Sequence[Part], model: str, fits: Sequence[Fit], seconds: float
) -> tuple[dict[int, Threaded], int, str]:
    """A model's default configuration with 1, 2, 4, ... threads up to the cores.

    Each number has a process of its own: what OpenMP and BLAS may use is settled when they load.

    Args:
        prepared: the data and the models.
        pieces: the parts of it that there are.
        model: which of the models.
        fits: of it with one thread, by rows; at least one.
        seconds: for all of it, the start of the processes not counted.

    Returns:
        The fits by number of threads, of how many rows, and why there are not more; nothing where
        there is one core or too little time.
    """
    counts = [count for count in (1, 2, 4, 8, 16, 32, 64) if count <= usable_cores()]
    rows = telling_rows(fits, seconds / len(counts))
    if len(counts) < 2 or rows is None:
        return {}, 0, ""
    part = _of_one_fold(pieces, rows)
    found: dict[int, Threaded] = {}
    said = ""
    for count in counts:
        try:
            found[count] = _quickest(prepared, part, model, count, seconds / len(counts))
        except UnmeasuredError as failed:
            said = f"with {count} thread{'s' * (count > 1)}: {failed}"
            break
    return (found, rows, said) if len(found) > 1 else ({}, 0, said)


def telling_rows(fits: Sequence[Fit], seconds: float) -> int | None:
    """Rows of the smallest fit long enough to tell, else of the longest that time allows.

    ``seconds``: for the fits of one number of threads. None where not even the smallest can be
    made three times.
    """
    affordable = [fit for fit in fits if 3 * fit.fit_s <= seconds]
    long = [fit for fit in affordable if fit.fit_s >= LONG_S]
    return (long or affordable[-1:])[0].rows if affordable else None


def uses_threads(threads: Mapping[int, Threaded]) -> bool:
    """Whether the work is shared out where many threads are allowed."""
    return threads[max(threads)].alone < MOSTLY_ALONE


def _of_one_fold(pieces: Sequence[Part], rows: int) -> Part:
    """A part's first fold, with as few rows to score as there can be: the fit is meant."""
    whole = next(each for each in pieces if each.rows == rows)
    split = replace(whole.splits[0], test=pieces[0].splits[0].test)
    return Part(len(split.train), whole.share, (split,))


def _quickest(prepared: Prepared, part: Part, model: str, threads: int, seconds: float) -> Threaded:
    """The best of ``REPEATS`` warm fits, of fewer where they take longer than so many seconds.

    Raises:
        UnmeasuredError: none ended with a score.
    """
    task = replace(prepared.assignment, threads=threads)
    with PilotWorker(task, prepared.dataset, [part]) as worker:
        run = Pilot(worker, model, [part], seconds)
        until = time.monotonic() + seconds
        longest_s = 3 * seconds  # what runs on may be a busy machine, or a fit that never ends
        run.measure("default", {}, 0, longest_s)
        before = worker.thread_seconds()
        made = [run.measure("default", {}, 0, longest_s)]
        while len(made) < REPEATS and time.monotonic() + made[-1].seconds <= until:
            made.append(run.measure("default", {}, 0, longest_s))
        spent = [took - before.get(key, 0.0) for key, took in worker.thread_seconds().items()]
    best, all_s = min(made, key=lambda fit: fit.fit_s), sum(fit.cpu_s for fit in made)
    alone = max(spent, default=0.0) / all_s if all_s >= TELLING_S else 1.0
    return Threaded(best.fit_s, best.cpu_s / best.seconds, min(1.0, alone))
