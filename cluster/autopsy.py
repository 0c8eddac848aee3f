"""Why did a worker die? What Ray says, and the note a fatal signal leaves on the worker's node.

Ray reports a segmentation fault and a SIGKILL with the same words, so each worker has Python's
fault handler write into a file named by its actor; whoever wants to know reads it on that node.
"""

import contextlib
import faulthandler
import tempfile
from math import nan
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.memory_kill import TrialOutOfMemory
from evaluators import blackbox
from evaluators.blackbox import Remains
from search.events import Loss

#: Ending of a black box's name; the note beside it has none.
BOX = ".box"

_handles: list[Any] = []  # the fault handler needs its file open for the life of the process


def leave_note_on_fault(run: str) -> None:
    """In a worker: have a fatal signal write its name beside this actor's id; keep a black box."""
    path = _note(run, ray.get_runtime_context().get_actor_id() or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    blackbox.open_box(path.with_suffix(BOX))
    _handles.append(path.open("w"))
    faulthandler.enable(_handles[-1], all_threads=False)


def take_note_away(run: str) -> None:
    """In a worker that ends well: nothing is left behind."""
    faulthandler.disable()
    path = _note(run, ray.get_runtime_context().get_actor_id() or "")
    path.unlink(missing_ok=True)
    path.with_suffix(BOX).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other workers of the run still have theirs
        path.parent.rmdir()


def cause_of_death(
    error: BaseException | None, run: str, actor: str, node: str | None
) -> tuple[Loss, str, float]:
    """How a worker was lost, one line about it, and the memory it had reached (MB, or NaN).

    ``actor`` and ``node``: Ray's ids of the worker and of its node, the latter if known.
    """
    said = str(error).strip()
    if not isinstance(error, RayActorError):
        return "killed", said.split("\n")[0][:200], nan
    if isinstance(error, ActorDiedError) and "creation task" in said:
        return "never_started", said.split("\n")[-1][:300], nan
    if error.preempted:
        return "preempted", "preempted: the worker's node was drained or taken away", nan
    if node is not None and not _alive(node):
        return "node", "the worker's node went away", nan
    found = _read(run, actor, node)
    if found is None:
        return "node", "the worker's node went away", nan
    note, left = found
    if isinstance(error, TrialOutOfMemory):
        said = "the node ran low on memory and Ray's monitor killed the worker"
        return "memory", said, left.reached_mb
    if note:
        return "segfault", f"worker died: {note}", left.reached_mb
    if left.starved:
        said = "the node ran out of memory and the kernel killed the worker"
        return "memory", said, left.reached_mb
    return "killed", "worker was killed from outside (SIGKILL)", left.reached_mb


def _alive(node: str) -> bool:
    return any(n["NodeID"] == node and n["Alive"] for n in ray.nodes())


def _note(run: str, actor: str) -> Path:
    return Path(tempfile.gettempdir()) / f"quintain-faults-{run}" / actor


def _read(run: str, actor: str, node: str | None) -> tuple[str, Remains] | None:
    """What a worker left, read here or by a small task on its node; None where that is gone too.

    A host without power is noticed first by those that talk to its workers.
    """
    if node is None or node == ray.get_runtime_context().get_node_id():
        return read_note(run, actor)
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    reader = ray.remote(read_note).options(num_cpus=0, scheduling_strategy=strategy)
    task = reader.remote(run, actor)
    try:
        found: tuple[str, Remains] = ray.get(task, timeout=10)
    except ray.exceptions.RayError:
        return None
    return found


def read_note(run: str, actor: str) -> tuple[str, Remains]:
    """What a fatal signal wrote on this node (the first line, or nothing), and the black box."""
    path = _note(run, actor)
    box = path.with_suffix(BOX)
    left = blackbox.read(box)
    try:
        lines = path.read_text(errors="replace").splitlines()
        path.unlink()
        box.unlink()
    except OSError:
        return "", left
    return lines[0].removeprefix("Fatal Python error: ") if lines else "", left
