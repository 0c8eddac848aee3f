"""The commands of a user who has a service and a cluster behind it, walked one after the other."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from drills.served import QUINTAIN
from drills.stage import Stage
from drills.tunnel import Tunnel

#: Seconds in which a sweep that waits is stopped.
STOP_S = 2.0
_SPEC = """
name = "{name}"
[data]
source = "table.csv"
target = "y"
[holdout]
test_size = false
[evaluate]
metric = "roc_auc"
folds = 3
[search]
trials = {trials}
sampler = "random"
[code]
include = ["src/"]
[[model]]
estimator = "drilled.models:Slow"
params = {{ seconds = {fit_s} }}
space = {{ C = {{ float = [0.001, 100.0], log = true }} }}
"""


class Shell:
    """A user's terminal in the laptop's folder; ``wrong`` gathers what was not as it should be."""

    def __init__(self, stage: Stage, url: str) -> None:
        """``url``: where the service is asked."""
        self.wrong: list[str] = []
        self._folder = stage.user
        token = {"QUINTAIN_TOKEN": stage.served.token} if stage.served.token else {}
        self._environment = {**os.environ, "QUINTAIN_SERVICE": url, **token}

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """A command in the background."""
        return subprocess.Popen(
            [QUINTAIN, *command], cwd=self._folder, env=self._environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *command: str, code: int = 0) -> str:
        """A command to its end, which must have that exit code; its standard output."""
        done = subprocess.run(
            [QUINTAIN, *command], cwd=self._folder, env=self._environment, text=True,
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode != code:
            self.wrong.append(f"{command} ended with {done.returncode}: {done.stderr[-500:]}")
        if "Traceback" in done.stderr:
            self.wrong.append(f"{command} showed a traceback: {done.stderr[-500:]}")
        return done.stdout

    def json(self, *command: str) -> Any:
        """The one JSON value of a command; an empty object where it failed."""
        said = self.run(*command, "--json")
        return json.loads(said) if said.strip() else {}

    def write(self, name: str, trials: int, fit_s: float) -> str:
        """A spec in the folder."""
        (self._folder / f"{name}.toml").write_text(
            _SPEC.format(name=name, trials=trials, fit_s=fit_s)
        )
        return f"{name}.toml"

    def check(self, holds: bool, said: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(said)


def commands(stage: Stage, trials: int = 12, fit_s: float = 0.5) -> list[str]:
    """Submit, follow, list, show, trials, logs, report, stop, delete: as documented."""
    where = urlsplit(stage.served.url)
    assert where.hostname is not None
    assert where.port is not None
    with Tunnel(where.hostname, where.port) as tunnel:
        return _walked(stage, Shell(stage, tunnel.url), trials, fit_s)


def _walked(stage: Stage, shell: Shell, trials: int, fit_s: float) -> list[str]:
    """One command after the other; what was wrong."""
    spec = shell.write("walked", trials, fit_s)
    began = time.monotonic()
    follower = shell.start("submit", spec, "--upload-data", "--follow")
    waiting = _stopped_while_it_waits(stage, shell)
    try:
        out, err = follower.communicate(timeout=240)
    finally:
        follower.kill()
    stage.told["followed_s"] = round(time.monotonic() - began, 1)
    code = follower.returncode
    shell.check(code == 0, f"--follow ended with {code}: {err[-800:]}")
    if code or not out.split():
        return shell.wrong
    sweep = out.split()[0]
    shell.check(f"{sweep} is completed" in err, f"--follow showed {err[-300:]}")
    listed = {row["sweep"]: row for row in shell.json("list")}
    shell.check({sweep, waiting} <= set(listed), f"list has {sorted(listed)}")
    shown = shell.json("show", sweep)
    shell.check(shown.get("state") == "completed", f"show says {shown.get('state')}")
    _read(shell, sweep, trials, shown)
    shell.run("delete", waiting)
    shell.check(waiting not in {row["sweep"] for row in shell.json("list")}, "it is still listed")
    shell.run("show", "nobody-9", code=2)
    return shell.wrong + stage.settled(sweep, trials)


def _stopped_while_it_waits(stage: Stage, shell: Shell) -> str:
    """A further sweep is queued behind others until it has to wait, and is stopped at once."""
    filling = shell.write("filling", 8, 0.5)
    queued: list[str] = []
    while len(queued) < 8:  # as many as the service runs at a time, and one more
        told: Mapping[str, Any] = shell.json("submit", filling, "--upload-data", "--fresh")
        queued.append(str(told.get("sweep")))
        if stage.served.state(queued[-1]) == "queued" and len(queued) > 2:
            break
    began = time.monotonic()
    shell.run("stop", queued[-1])
    stage.told["stopped_waiting_s"] = round(time.monotonic() - began, 2)
    state = stage.served.state(queued[-1])
    shell.check(state == "stopped", f"a sweep that waited is {state} after a stop")
    shell.check(stage.told["stopped_waiting_s"] <= STOP_S, "stopping what waits took long")
    for sweep in queued[:-1]:
        shell.run("stop", sweep)
    return queued[-1]


def _read(shell: Shell, sweep: str, trials: int, shown: Mapping[str, Any]) -> None:
    """What has been found, by every command that tells of it."""
    rows = shell.json("trials", sweep)
    shell.check(len(rows) == trials, f"trials has {len(rows)} rows")
    one = shell.json("show", sweep, "--trial", "0")
    shell.check(bool(one.get("attempts")), "a trial has no attempts")
    shell.check(bool(shell.run("logs", sweep).strip()), "the driver's log is empty")
    report = shell.run("report", sweep)
    shell.check(sweep in report, "the report does not name its sweep")
    told = shell.json("report", sweep)
    shell.check(told.get("estimate") == shown.get("estimate"), "report and show differ")
