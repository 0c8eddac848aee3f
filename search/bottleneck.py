"""What held a sweep up: cores, memory, the scheduler or the data; by figures of its record."""

import math
from dataclasses import dataclass
from typing import Any, Literal

#: Slots that had no trial for this share of the time point at whoever hands trials out.
IDLE_SHARE = 0.25
#: So much of the trials' own time spent on cutting their rows out of the data points at the data.
LOAD_SHARE = 0.25
#: Other work that had so much of the cores is named.
OTHERS_SHARE = 0.25
#: A node with so much of its memory in use had no room for another trial.
FULL_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Use:
    """The figures that a verdict rests on; NaN and None for what is not known.

    Attributes:
        idle_share: of the slots' time, what was no trial's.
        load_share: of the trials' wall time, what went into fetching their rows.
        start_s: seconds in which workers became ready, of that idle time.
        cores: that trials may use. ``cores_used``: by trials and finalists, as a mean over the
            wall time. ``cores_busy``: on their nodes, with whatever else ran there.
        slots: trials at a time. ``slots_by_cores``: that the cores allow.
        slots_asked: by the spec, None for "auto".
        memory_share: of the fullest node, the most that was in use.
        held_by_memory: whether a trial ever had to wait for memory while a core was free.
    """

    idle_share: float
    load_share: float
    start_s: float
    cores: int | None
    cores_used: float
    cores_busy: float
    slots: int | None
    slots_by_cores: int | None
    slots_asked: int | None
    memory_share: float
    held_by_memory: bool = False


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What would have to be more, or quicker, for the sweep to be quicker, and why we think so."""

    name: Literal["cores", "memory", "scheduler", "data"]
    why: str
    use: Use

    def to_json(self) -> dict[str, Any]:
        """As a program reads it."""
        told = ("idle_share", "load_share", "start_s", "cores", "cores_used", "cores_busy", "slots",
                "slots_by_cores", "memory_share", "held_by_memory")  # fmt: skip
        return {"name": self.name, "why": self.why} | {
            name: getattr(self.use, name) for name in told
        }


def bottleneck(use: Use) -> Bottleneck | None:
    """The first that holds, else the cores; None before any trial has taken time.

    - memory: fewer slots than the cores and the spec allow, or slots idle for IDLE_SHARE of their
      time while trials waited for memory or a node's memory was FULL_SHARE in use;
    - scheduler: slots without a trial for IDLE_SHARE of their time: starting, waiting, idle;
    - data: trials spent LOAD_SHARE of their time on fetching their rows;
    - cores: slots were at work, and so more of them would have helped.
    """
    if math.isnan(use.idle_share):
        return None
    idle = use.idle_share >= IDLE_SHARE
    if _held_by_memory(use):
        why = f"{use.slots} trials at a time where the cores allow {use.slots_by_cores}"
        return Bottleneck("memory", why, use)
    if idle and use.held_by_memory:
        why = f"trials waited for memory; slots had none for {use.idle_share:.0%} of the time"
        return Bottleneck("memory", why, use)
    if idle and use.memory_share >= FULL_SHARE:
        why = f"a node had {use.memory_share:.0%} of its memory in use while slots were idle"
        return Bottleneck("memory", why, use)
    if idle:
        starting = f", {use.start_s:.1f} s of it starting workers" if use.start_s >= 0.1 else ""
        why = f"slots had no trial for {use.idle_share:.0%} of the time{starting}"
        return Bottleneck("scheduler", why, use)
    if use.load_share >= LOAD_SHARE:
        why = f"{use.load_share:.0%} of the trials' time went into fetching their rows"
        return Bottleneck("data", why, use)
    return Bottleneck("cores", _why_cores(use), use)


def _held_by_memory(use: Use) -> bool:
    """Whether something other than cores and the user's own limit kept slots away."""
    if use.slots is None or use.slots_by_cores is None:
        return False
    allowed = min(use.slots_by_cores, use.slots_asked or use.slots_by_cores)
    return use.slots < allowed


def _why_cores(use: Use) -> str:
    """How busy slots were, and what of the cores there is they used."""
    why = f"slots were at work for {1.0 - use.idle_share:.0%} of the time"
    if use.cores is not None and not math.isnan(use.cores_used):
        why += f", on {use.cores_used:.1f} of {use.cores} cores"
        if use.cores_busy - use.cores_used >= OTHERS_SHARE * use.cores:
            why += f"; other work had {use.cores_busy - use.cores_used:.1f}"
    limited = use.slots_asked is not None and use.slots_asked < (use.slots_by_cores or 0)
    return f"{why}; max_concurrent = {use.slots_asked} allows no more" if limited else why
