"""Run fault drills: ``scripts/faults [NAME ...] [--json FILE] [--keep]``."""

import argparse
import json
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drills import cluster_drills, command_drills, hosts, local_drills
from drills.backing import small_disk
from drills.stage import Stage, hosts_stage, local_stage, own_folder

Drill = Callable[[Stage], list[str]]

#: On one cluster of a head and two workers, one after the other.
ON_HOSTS: dict[str, Drill] = {
    "worker": cluster_drills.worker_power_cut, "driver-host": cluster_drills.driver_host_power_cut,
    "cable": cluster_drills.cable_cut, "head": cluster_drills.head_power_cut,
    "drained": cluster_drills.drained_host, "two-sweeps": cluster_drills.two_sweeps,
    "stop": cluster_drills.clean_stop, "commands": command_drills.commands,
}  # fmt: skip
#: Each on a service of its own.
ON_ONE: dict[str, Drill] = {
    "kills": local_drills.kills, "clients": local_drills.many_clients,
    "same": local_drills.sent_five_times,
}  # fmt: skip
NAMES = (*ON_HOSTS, *ON_ONE, "database", "disk")


def main() -> int:
    """Run them; 0 where all is well, 1 where something was wrong, 2 where they cannot run here."""
    asked = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    asked.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    asked.add_argument("--keep", action="store_true", help="keep logs and say where")
    told = asked.parse_args()
    unknown = set(told.names) - set(NAMES)
    if unknown:
        asked.error(f"no drill {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    names = told.names or list(NAMES)
    why_not = hosts.why_not()
    if why_not and set(names) & {*ON_HOSTS, "disk"}:
        print(f"drills on hosts cannot run here: {why_not}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _ended)
    results: list[dict[str, Any]] = []
    on_hosts = [name for name in names if name in ON_HOSTS]
    if on_hosts:
        with own_folder(told.keep) as folder, _place(folder, hosts_stage(folder)) as stage:
            results += [_run(name, ON_HOSTS[name], stage) for name in on_hosts]
    for name in [name for name in names if name not in ON_HOSTS]:
        with own_folder(told.keep) as folder:
            results.append(_alone(name, folder))
    if told.json:
        host = {"machine": platform.platform(), "python": platform.python_version()}
        told.json.write_text(json.dumps({"host": host, "drills": results}, indent=2) + "\n")
    return int(any(each["problems"] for each in results))


def _alone(name: str, folder: Path) -> dict[str, Any]:
    """A drill that has a service of its own."""
    if name == "database":
        with _place(folder, local_stage(folder, postgres=True)) as stage:
            return _run(name, local_drills.database_restart, stage)
    if name == "disk":
        with small_disk(folder / "disk", 8) as disk, _place(folder, local_stage(disk)) as stage:
            return _run(name, lambda at: local_drills.disk_full(at, disk), stage)
    with _place(folder, local_stage(folder)) as stage:
        return _run(name, ON_ONE[name], stage)


@contextmanager
def _place(folder: Path, made: Any) -> Iterator[Stage]:
    print(f"logs in {folder}", file=sys.stderr)
    with made as stage:
        yield stage


def _run(name: str, drill: Drill, stage: Stage) -> dict[str, Any]:
    """One drill: what it told, as a line and for the file."""
    stage.told = {}
    began = time.monotonic()
    try:
        problems = drill(stage)
    except Exception as error:  # the next drill may still tell something
        traceback.print_exc()
        problems = [repr(error)]
    seconds = round(time.monotonic() - began, 1)
    print(f"{name}: {'ok' if not problems else 'WRONG'} in {seconds} s")
    for key, value in stage.told.items():
        print(f"  {key}: {value}")
    for each in problems:
        print(f"  wrong: {each}")
    sys.stdout.flush()
    return {"drill": name, "seconds": seconds, "problems": problems, **stage.told}


def _ended(*_: Any) -> None:
    """So that SIGTERM takes the stage down as Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
