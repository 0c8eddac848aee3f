"""The cases of profiler_truths: work whose cost is known from elsewhere than the profiler.

Truths: memory is what was allocated and touched beside what the process had; CPU seconds are the
threads' own clocks, or the kernel's scheduler statistics of each thread (proc(5), schedstat).
"""

import hashlib
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import psutil

from evaluators import profiler
from evaluators.profiler import Profiler

MB = 2**20
HELD_S = 0.05

Kind = Literal["memory", "cpu", "cost"]
Truth = dict[str, float]


#: How far a figure may be from its truth.
LIMITS: dict[Kind, Callable[[float], float]] = {
    "memory": lambda truth: max(5.0, 0.05 * truth),
    "cpu": lambda truth: 0.03 * truth,
    "cost": lambda truth: 0.01,  # of a fit of one second; its truth is nothing
}


@dataclass(frozen=True, slots=True)
class Case:
    """A piece of work: ``run`` gives its truth and what the profiler said, in ``unit``."""

    kind: Kind
    run: Callable[[], Truth]

    @property
    def unit(self) -> str:
        return "MB" if self.kind == "memory" else "s"


# -- truths -----------------------------------------------------------------------------------


def anonymous_mb(*pids: int) -> float:
    """Anonymous memory of this and other processes, by the kernel."""
    told = [Path(f"/proc/{pid}/status").read_text() for pid in (os.getpid(), *pids)]
    return sum(int(re.findall(r"RssAnon:\s+(\d+)", text)[0]) for text in told) / 1024


def process_s() -> float:
    """CPU seconds of this process, ended threads included, the sampler's left out."""
    sampler = profiler._sampler()._thread.native_id
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = Path(f"/proc/self/task/{sampler}/schedstat").read_text().split()[0]
    return used.ru_utime + used.ru_stime - int(told) / 1e9


def threads_s(*pids: int) -> float:
    """CPU seconds of all living threads of this and other processes, the sampler's left out."""
    sampler = profiler._sampler()._thread.native_id
    total = 0
    for pid in (os.getpid(), *pids):
        for task in Path(f"/proc/{pid}/task").iterdir():
            if task.name != str(sampler):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def settle() -> None:
    """Let threads come to rest: those of numpy's BLAS spin for some 50 ms once they are there."""
    with Profiler():
        time.sleep(0.3)


# -- memory -----------------------------------------------------------------------------------


def held_bytearray(size: int) -> None:
    kept = bytearray(size)
    time.sleep(HELD_S)
    kept[-1] = 1


def held_array(size: int) -> None:
    kept = np.ones(size // 8)
    time.sleep(HELD_S)
    kept[-1] = 2.0


def in_one_call(size: int) -> None:
    """Taken, written and freed inside of one C call that holds the interpreter lock."""
    sum(map(len, map(bytearray, [size])))


def memory(allocate: Callable[[int], None], megabytes: int) -> Truth:
    """The peak above what was there, against what was allocated."""
    settle()
    before = anonymous_mb()
    with Profiler() as meter:
        allocate(megabytes * MB)
    return {"truth": megabytes, "measured": meter.resources.peak_mb - before}


def after_a_large_trial(megabytes: int, kept_mb: int) -> Truth:
    """A reused worker: a large trial, of which malloc keeps freed blocks, then a small one.

    The truth is what the small one would show in a new process.
    """
    settle()
    before = anonymous_mb()
    with Profiler():
        blocks = [bytes(50_000) for _ in range(kept_mb * MB // 50_000)]
        in_one_call(500 * MB)
        fence = bytes(50_000)  # above them, so that malloc cannot give the rest back by itself
        blocks.clear()
    time.sleep(1.0)
    with Profiler() as meter:
        held_array(megabytes * MB)
    assert len(fence) == 50_000
    return {"truth": megabytes, "measured": meter.resources.peak_mb - before}


def _hold_together(megabytes: int, hold_s: float, folder: str) -> int:
    kept = bytearray(megabytes * MB)
    (Path(folder) / str(os.getpid())).touch()
    deadline = time.monotonic() + 60
    while len(os.listdir(folder)) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(hold_s)
    return len(kept)


def _parallel(work: Callable[..., Any], *arguments: Any) -> Any:
    from joblib import Parallel, delayed

    return Parallel(n_jobs=2)(delayed(work)(*arguments) for _ in range(2))


def _pid_after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def _workers() -> list[int]:
    """Two loky workers that are up and have imported what they need, and loky's own processes."""
    pids: set[int] = set()
    while len(pids) < 2:
        pids.update(_parallel(_pid_after, 0.3))
    with tempfile.TemporaryDirectory() as folder:
        _parallel(_hold_together, 1, 0.0, folder)
    settle()
    return [child.pid for child in psutil.Process().children(recursive=True)]


def memory_of_children(megabytes: int) -> Truth:
    """Two joblib workers, each with so much for 50 ms at the same time."""
    pids = _workers()
    before = anonymous_mb(*pids)
    with tempfile.TemporaryDirectory() as folder, Profiler() as meter:
        _parallel(_hold_together, megabytes, HELD_S, folder)
    return {"truth": 2 * megabytes, "measured": meter.resources.peak_mb - before}


# -- CPU seconds ------------------------------------------------------------------------------


def burn(seconds: float) -> float:
    """Use so many CPU seconds of this thread; what it really used."""
    block, began = bytes(MB), time.thread_time()
    while (used := time.thread_time() - began) < seconds:
        hashlib.sha256(block).digest()
    return used


def cpu_of_threads(threads: int, seconds: float) -> Truth:
    """Each thread's own clock."""
    used: list[float] = []
    settle()
    with Profiler() as meter:
        workers = [
            threading.Thread(target=lambda: used.append(burn(seconds))) for _ in range(threads)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return {"truth": sum(used), "measured": meter.resources.cpu_s}


def cpu_of_children(seconds: float) -> Truth:
    """Two joblib workers that live on: the scheduler's statistics of all their threads."""
    pids = _workers()
    with Profiler() as meter:
        before = threads_s(*pids)
        _parallel(burn, seconds)
        after = threads_s(*pids)
    return {"truth": after - before, "measured": meter.resources.cpu_s}


def cpu_of_ended_children(seconds: float) -> Truth:
    """Two programs that end: what the kernel charged us for them, and our own thread's clock."""
    settle()
    code = f"import time\nwhile time.process_time() < {seconds}: pass"
    with Profiler() as meter:
        own, before = time.thread_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
        started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
        for each in started:
            each.wait()
        own, after = time.thread_time() - own, resource.getrusage(resource.RUSAGE_CHILDREN)
    charged = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"truth": own + charged, "measured": meter.resources.cpu_s}


def cpu_of_a_model(name: str) -> Truth:
    """A fit in OpenMP's threads: what the kernel charged the process, less the sampler's own.

    The threads' own statistics would not do: scikit-learn's binning has some that end.
    """
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20_000, 10))
    target = (values[:, 0] * values[:, 1] + rng.normal(size=len(values)) > 0).astype(int)
    model = _model(name)
    model.fit(values[:500], target[:500])  # its threads are there
    settle()
    with Profiler() as meter:
        before = process_s()
        model.fit(values, target)
        after = process_s()
    return {"truth": after - before, "measured": meter.resources.cpu_s}


def _model(name: str) -> Any:
    if name == "xgboost":
        from xgboost import XGBClassifier

        return XGBClassifier(n_estimators=60, max_depth=8, n_jobs=2)
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=127, early_stopping=False)


# -- its own cost -----------------------------------------------------------------------------


def one_second() -> float:
    """A fit that lasts one second; the CPU seconds its thread had of it."""
    block, began, used = bytes(MB), time.perf_counter(), time.thread_time()
    while time.perf_counter() - began < 1.0:
        hashlib.sha256(block).digest()
    return time.thread_time() - used


def cost(children: bool) -> Truth:
    """What a fit of one second takes beyond itself: the process's clock less the work's thread's.

    Entering, leaving and the sampler are all in it, whether the profiler counts them or not.
    """
    if children:
        _workers()
    settle()
    began = time.process_time()
    with Profiler():
        used = one_second()
    return {"truth": 0.0, "measured": time.process_time() - began - used}


def cost_as_told() -> Truth:
    """What the profiler says it took, against the same truth: both within 1% of the fit."""
    settle()
    began = time.process_time()
    with Profiler() as meter:
        used = one_second()
    return {"truth": time.process_time() - began - used, "measured": meter.cost_s}


CASES: dict[str, Case] = {
    **{
        f"{size} MB for 50 ms, {name}": Case("memory", partial(memory, how, size))
        for size in (20, 100, 500)
        for name, how in (("bytearray", held_bytearray), ("array", held_array))
    },
    "300 MB in one C call": Case("memory", partial(memory, in_one_call, 300)),
    **{
        f"50 MB after a large trial that left {left}": Case(
            "memory", partial(after_a_large_trial, 50, left)
        )
        for left in (20, 200)
    },
    "2 x 100 MB for 50 ms in joblib children": Case("memory", partial(memory_of_children, 100)),
    **{
        f"{threads} threads, 0.5 s each": Case("cpu", partial(cpu_of_threads, threads, 0.5))
        for threads in (1, 2, 4)
    },
    "2 joblib children, 0.5 s each": Case("cpu", partial(cpu_of_children, 0.5)),
    "2 children that end, 0.5 s each": Case("cpu", partial(cpu_of_ended_children, 0.5)),
    "xgboost, 2 threads": Case("cpu", partial(cpu_of_a_model, "xgboost")),
    "HistGradientBoosting, OpenMP": Case("cpu", partial(cpu_of_a_model, "hist")),
    "own cost on a fit of 1 s": Case("cost", partial(cost, False)),
    "own cost on it, two children alive": Case("cost", partial(cost, True)),
    "own cost as it tells it": Case("cost", cost_as_told),
}
