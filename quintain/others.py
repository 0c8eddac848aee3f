"""How many cores other programs kept busy on this machine meanwhile."""

import os
import time

import psutil


class OthersLoad:
    """Looks at the clocks of the machine and of this process, from here to ``cores``."""

    def __init__(self) -> None:
        self._before = _clocks()

    def cores(self) -> float:
        """Mean cores that were busy with something else; what a hypervisor kept back included.

        Children of this process count as its own once they have ended and were waited for.
        """
        before, now = self._before, _clocks()
        wall_s, busy_s, own_s = (new - old for new, old in zip(now, before, strict=True))
        return max(0.0, busy_s - own_s) / max(wall_s, 1e-9)


def _clocks() -> tuple[float, float, float]:
    """Seconds by the clock, of all cores busy, and of this process with its ended children."""
    machine, own = psutil.cpu_times()._asdict(), os.times()
    # guests are counted among the users already
    idle = sum(machine.get(name, 0.0) for name in ("idle", "iowait", "guest", "guest_nice"))
    mine = own.user + own.system + own.children_user + own.children_system
    return time.monotonic(), sum(machine.values()) - idle, mine
