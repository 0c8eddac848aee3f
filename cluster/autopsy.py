"""Why did a worker die? What Ray says, and the note a fatal signal leaves on the worker's node.

Ray reports a segmentation fault and a SIGKILL with the same words, so each worker has Python's
fault handler write into a file named by its actor; whoever wants to know reads it on that node.
"""

import contextlib
import faulthandler
import tempfile
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.memory_kill import TrialOutOfMemory
from search.events import Loss

_handles: list[Any] = []  # the fault handler needs its file open for the life of the process


def leave_note_on_fault(run: str) -> None:
    """In a worker: have a fatal signal write its name beside this actor's id."""
    path = _note(run, ray.get_runtime_context().get_actor_id() or "")
    path.parent.mkdir(parents=True, exist_ok=True)
    _handles.append(path.open("w"))
    faulthandler.enable(_handles[-1], all_threads=False)


def take_note_away(run: str) -> None:
    """In a worker that ends well: nothing is left behind."""
    faulthandler.disable()
    path = _note(run, ray.get_runtime_context().get_actor_id() or "")
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other workers of the run still have theirs
        path.parent.rmdir()


def cause_of_death(error: BaseException | None, run: str, node: str | None) -> tuple[Loss, str]:
    """How a worker was lost and one line about it. ``node``: Ray's id of its node, if known."""
    if isinstance(error, TrialOutOfMemory):
        return "memory", "the node ran low on memory and Ray's monitor killed the worker"
    said = str(error).strip()
    if not isinstance(error, RayActorError):
        return "killed", said.split("\n")[0][:200]
    if isinstance(error, ActorDiedError) and "creation task" in said:
        return "never_started", said.split("\n")[-1][:300]
    if error.preempted:
        return "preempted", "the worker's node was preempted"
    if node is not None and not _alive(node):
        return "node", "the worker's node went away"
    note = _read(run, error.actor_id or "", node)
    if note:
        return "segfault", f"worker died: {note}"
    return "killed", "worker was killed from outside (SIGKILL, or the system ran out of memory)"


def _alive(node: str) -> bool:
    return any(n["NodeID"] == node and n["Alive"] for n in ray.nodes())


def _note(run: str, actor: str) -> Path:
    return Path(tempfile.gettempdir()) / f"quintain-faults-{run}" / actor


def _read(run: str, actor: str, node: str | None) -> str:
    """First line of the fault handler's note, read here or by a small task on the node."""
    if node is None or node == ray.get_runtime_context().get_node_id():
        return read_note(run, actor)
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    reader = ray.remote(read_note).options(num_cpus=0, scheduling_strategy=strategy)
    task = reader.remote(run, actor)
    try:
        note: str = ray.get(task, timeout=10)
    except ray.exceptions.RayError:
        return ""  # the node went while we asked: the caller's word stands
    return note


def read_note(run: str, actor: str) -> str:
    """What a fatal signal wrote on this node, or nothing."""
    path = _note(run, actor)
    try:
        lines = path.read_text(errors="replace").splitlines()
        path.unlink()
    except OSError:
        return ""
    return lines[0].removeprefix("Fatal Python error: ") if lines else ""
