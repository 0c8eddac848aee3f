"""Makes a kill by Ray's memory monitor end one trial instead of the whole sweep.

In ray 2.60 ``ActorManager._actor_task_failed`` knows actor errors and task errors only;
``OutOfMemoryError`` is neither, so ``Tuner.fit`` raises and every trial is lost. Of an actor that
is killed while it starts, Tune keeps no error at all. This wraps the two private methods that hear
of it. ``pyproject.toml`` pins ray to the minor version it was tried with.
"""

from collections.abc import Callable
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import OutOfMemoryError, RayActorError


class TrialOutOfMemory(RayActorError):  # noqa: N818 - named as Ray names its own
    """The node's memory monitor killed the worker of a trial."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[Any, ...]:
        return TrialOutOfMemory, (self.text,)


def survive_memory_kills() -> None:
    """Install the translation, once a process."""
    for name in ("_actor_task_failed", "_actor_start_failed"):
        original = getattr(RayActorManager, name)
        if not getattr(original, "translates_memory_kills", False):
            setattr(RayActorManager, name, _translating(original))


def _translating(original: Callable[..., None]) -> Callable[..., None]:
    def failed(self: Any, *, exception: Exception, **tracked: Any) -> None:  # as Ray calls both
        if isinstance(exception, OutOfMemoryError):
            exception = TrialOutOfMemory(str(exception))
        original(self, exception=exception, **tracked)

    failed.translates_memory_kills = True  # type: ignore[attr-defined] # a mark on a function
    return failed
