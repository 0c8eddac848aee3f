"""Replicates of benchmarks.honesty, made in portions: what was made before is not made again."""

import json
import math
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: What one replicate is made from, seed included; and what came of it, kept with its task.
Task = Mapping[str, Any]
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure beside what is required of it; ``required`` is empty where nothing is."""

    what: str
    figure: float
    error: float
    required: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        told = f"{self.what:<58}{self.figure:>+10.4f} +- {self.error:.4f}"
        verdict = (
            "" if self.met is None else f"   {self.required}: {'met' if self.met else 'NOT MET'}"
        )
        return told + verdict


@dataclass(frozen=True, slots=True)
class Part:
    """One sub-part of the benchmark.

    Attributes:
        name: as it is asked for.
        repeats: replicates unless told otherwise.
        tasks: all replicates for that number.
        replicate: makes one, in another process; its figures and how many ``seconds`` it took.
        claims: what all lines together say.
    """

    name: str
    repeats: int
    tasks: Callable[[int], list[Task]]
    replicate: Callable[[Task], Line]
    claims: Callable[[Sequence[Line]], list[Claim]]


def made(
    part: Part, repeats: int, folder: Path, jobs: int, told: Callable[[str], None]
) -> list[Line]:
    """The lines of all replicates; each is kept in ``folder`` as soon as it is made."""
    file = folder / f"{part.name}.jsonl"
    tasks = {_key(task): task for task in part.tasks(repeats)}
    lines = {_key(line["task"]): line for line in kept(file)}
    missing = [task for key, task in tasks.items() if key not in lines]
    if missing:
        told(f"{part.name}: {len(tasks) - len(missing)} of {len(tasks)} are in {file}")
        for line in _run(part.replicate, missing, jobs):
            _keep(file, line)
            lines[_key(line["task"])] = line
            told(f"{part.name}: {sum(key in lines for key in tasks)} of {len(tasks)}")
    return [lines[key] for key in tasks]


def kept(file: Path) -> list[Line]:
    """What an earlier run left; a line torn by its end is left out."""
    if not file.exists():
        return []
    found = []
    for text in file.read_text().splitlines():
        try:
            found.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return found


def _run(replicate: Callable[[Task], Line], tasks: Sequence[Task], jobs: int) -> Iterable[Line]:
    """In processes of one thread each, as they end."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_parent) as pool:
        futures = {pool.submit(replicate, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield {"task": dict(futures[future]), **future.result()}
        finally:
            pool.shutdown(cancel_futures=True)  # one failed, or nobody wants the rest


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next task for ever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _keep(file: Path, line: Line) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = not file.exists() or file.read_bytes()[-1:] in (b"", b"\n")
    with file.open("a") as out:
        out.write(("" if whole else "\n") + json.dumps(line) + "\n")


def _key(task: Task) -> str:
    return json.dumps(task, sort_keys=True)


def mean_and_error(values: Iterable[float]) -> tuple[float, float]:
    """The mean and its standard error; the latter NaN for one value."""
    found = np.asarray(list(values), dtype=float)
    if len(found) < 2:
        return float(found.mean()) if len(found) else math.nan, math.nan
    return float(found.mean()), float(found.std(ddof=1) / math.sqrt(len(found)))


def median_and_error(values: Iterable[float]) -> tuple[float, float]:
    """The median and its standard error by 500 bootstrap draws."""
    found = np.asarray(list(values), dtype=float)
    drawn = np.random.default_rng(0).choice(found, (500, len(found)))
    return float(np.median(found)), float(np.median(drawn, axis=1).std())
