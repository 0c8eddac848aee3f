"""The speed of algorithms as a table for a person."""

import os

from quintain.plan_text import columns, size, span
from quintain.speeding import Speed, Speeds
from quintain.thread_speeds import uses_threads


def lines(speeds: Speeds) -> list[str]:
    """One row for each algorithm, the quickest at the full size first."""
    known = [speed for speed in speeds.speeds if speed.fits]
    known.sort(key=lambda speed: speed.full(speeds.rows).value)
    head = ["algorithm", "measured to", "fit", f"all {speeds.rows:,} rows", "nine in ten",
            "scoring 1,000", "memory", speeds.metric, "threads"]  # fmt: skip
    if speeds.deadline_s is not None:
        head.append(f"in {span(speeds.deadline_s)}")
    return [
        *columns([head, *(_row(speed, speeds) for speed in known)]),
        *(f"{speed.model}: {speed.said}" for speed in speeds.speeds if speed.said),
        f"one fit of the default configuration, one thread; {speeds.metric} is cross-validated on "
        "the largest part measured; measuring took " + span(speeds.wall_s),
        *_busy(speeds),
    ]


def _row(speed: Speed, speeds: Speeds) -> list[str]:
    last, full = speed.fits[-1], speed.full(speeds.rows)
    row = [
        speed.model,
        f"{last.rows:,} rows",
        span(last.fit_s),
        span(full.value),
        f"{span(full.low)} to {span(full.high)}",
        span(speed.score_ms_per_1k / 1000),
        size(speed.memory.at(speeds.rows).high),
        f"{last.scores[speeds.metric]:.4f}",
        _threads(speed),
    ]
    meets = speeds.meets(speed)
    return row if meets is None else [*row, "yes" if meets else "no"]


def _threads(speed: Speed) -> str:
    """How many times quicker with more threads, and how many cores the most of them keep busy:
    "2: 1.8x, 4: 2.9x (3.1 cores)". "-" where a model has no use for them.
    """
    if not speed.threads:
        return "not measured"
    if not uses_threads(speed.threads):
        return "-"
    one_s = speed.threads[1].fit_s
    gains = [f"{count}: {one_s / each.fit_s:.1f}x" for count, each in speed.threads.items()]
    return f"{', '.join(gains[1:])} ({speed.threads[max(speed.threads)].cores:.1f} cores)"


def _busy(speeds: Speeds) -> list[str]:
    """A line where other programs took more than a tenth of the machine."""
    cores = os.cpu_count() or 1
    if speeds.others is None or speeds.others < cores / 10:
        return []
    return [
        f"other programs kept {speeds.others:.1f} of {cores} cores busy meanwhile: on a free "
        "machine fits are shorter, and threads gain more"
    ]
