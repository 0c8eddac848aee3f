"""What a worker of the local runner does: it serves one driver until that is gone."""

import contextlib
import os
import pickle
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from cluster.worker import Worker
from evaluators import blackbox
from evaluators.importing import import_all
from search.events import Pack


def go_first() -> None:
    """Where memory runs out, let the kernel kill a trial and never its driver (see proc(5))."""
    with contextlib.suppress(OSError):  # not on Linux, or not allowed
        Path("/proc/self/oom_score_adj").write_text("800")


def end_with(parent: int) -> None:
    """End this process soon after its parent, whatever it is doing: nobody wants the answer."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


def work(pipe: Connection, box: Path, parent: int, modules: Sequence[str], asked_at: float) -> None:
    """Serve packs until the driver closes its end. What arrives was pickled by it.

    It is a workload first, then packs of it; None lets the workload go, and another may come.

    Args:
        pipe: to the driver.
        box: where the black box is kept.
        parent: the process to end with.
        modules: what is imported first.
        asked_at: when the driver asked for this worker, by the clock that all processes share.
    """
    go_first()
    blackbox.open_box(box)
    threading.Thread(target=end_with, args=[parent], daemon=True).start()
    import_all(modules)
    start_s = time.monotonic() - asked_at  # the interpreter and the imports
    try:
        worker: Worker | None = None
        while True:
            blob = pipe.recv_bytes()
            began = time.perf_counter()  # what was waited before is nobody's start
            message = pickle.loads(blob)
            if isinstance(message, Pack) and worker is not None:
                for report in worker.work(message):
                    pipe.send_bytes(pickle.dumps(report))
                if worker.evaluator.spent:
                    os._exit(0)  # a fit that cannot be interrupted is still running here
                continue
            worker = None
            if message is not None:
                assignment, dataset, partitions = message
                evaluator = assignment.evaluator(dataset, partitions)
                worker = Worker(evaluator, start_s + time.perf_counter() - began)
                start_s = 0.0
                del evaluator, assignment, dataset, partitions
                pipe.send_bytes(pickle.dumps("ready"))
            del message
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the driver is gone, and with it whoever wanted the answer
