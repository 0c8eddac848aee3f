"""What a child of the local runner runs: ``python -m cluster.local_worker FD BOX MODULE...``."""

import contextlib
import importlib
import os
import pickle
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

from cluster.worker import Worker
from evaluators import blackbox, process
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


def main() -> None:
    """Serve packs until the parent closes its end. What arrives was pickled by our parent.

    It is a workload first, then packs of it; None lets the workload go, and another may come.
    """
    go_first()
    pipe = Connection(int(sys.argv[1]))
    blackbox.open_box(Path(sys.argv[2]))
    threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start()
    for name in sys.argv[3:]:
        with contextlib.suppress(Exception):  # a trial that needs it will tell
            importlib.import_module(name)
    start_s = process.age_s()  # the interpreter and the imports
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
        os._exit(0)  # the parent is gone, and with it whoever wanted the answer


if __name__ == "__main__":
    main()
