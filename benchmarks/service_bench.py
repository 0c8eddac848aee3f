"""A service under load, its real sweeps of trials that cost next to nothing, and its processes."""

import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import psutil
import sqlalchemy as sa

from benchmarks.page_speed import Serving
from quintain.stopping import FINAL
from search.records import Records
from search.tables import entries

HERE = Path(__file__).resolve().parent
SPEC = """
name = "{name}"
[data]
source = "load.csv"
target = "target"
[holdout]
test_size = false
[evaluate]
metric = "roc_auc"
metrics = []
folds = 2
[search]
trials = {trials}
sampler = "{sampler}"
pruner = "none"
[[model]]
estimator = "{estimator}"
"""
NOTHING = """space = { a = { float = [0.0, 1.0] }, b = { float = [0.0, 1.0] } }"""
#: A trial has two folds.
SLEEPING = """params = { seconds = 0.05 }
space = { x = { float = [0.0, 1.0] } }"""


@dataclass(frozen=True, slots=True)
class Bench:
    """One service, and the folder of who asks it.

    Attributes:
        store: the URL of its records.
    """

    served: Serving
    folder: Path
    store: str

    def spec(self, name: str, trials: int, model: str, sampler: str = "random") -> str:
        """A spec of ours, as TOML."""
        file = "sleepers.py:Sleeper" if model == SLEEPING else "overhead_growth.py:Nothing"
        text = SPEC.format(name=name, trials=trials, sampler=sampler, estimator=HERE / file)
        return text + model

    def post(self, spec: str) -> str:
        """Hand it in; the sweep's id."""
        asked = {"spec": tomllib.loads(spec), "folder": str(self.folder)}
        answer = self.served.client.post("/v1/sweeps", json=asked)
        answer.raise_for_status()
        return str(answer.json()["sweep"])

    def counted(self, sweep: str) -> tuple[int, int, int]:
        """Trials that ended, entries, and the number of the last one; from the store itself."""
        it = entries.c
        ended = sa.func.count().filter(it.kind == "ended")
        asked = sa.select(ended, sa.func.count(), sa.func.max(it.seq)).where(it.sweep == sweep)
        with (
            Records.open(self.store, create=False) as records,
            records.statements.database.reading() as connection,
        ):
            found = connection.execute(asked).one()
        return found[0], found[1], found[2] or 0

    def driver(self, sweep: str) -> psutil.Process:
        """The process that drives it, once there is one and a trial has ended."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with Records.open(self.store, create=False) as records:
                found = records.sweep(sweep)
            if found.driver is not None and self.counted(sweep)[0]:
                return psutil.Process(found.driver.pid)
            if found.state in FINAL:
                raise SystemExit(f"{sweep} is {found.state}: {found.last.get('reason')}")
            time.sleep(0.2)
        raise SystemExit(f"{sweep} has no driver")

    def stop(self, sweep: str) -> None:
        """Stop it, and wait until it has."""
        self.served.client.post(f"/v1/sweeps/{sweep}/stop").raise_for_status()
        while self.served.client.get(f"/v1/sweeps/{sweep}").json()["state"] not in FINAL:
            time.sleep(0.2)


def peak_mb(pid: int) -> float | None:
    """The most resident memory that a process has had; None once it is gone."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peaks = [line.split()[1] for line in told.splitlines() if line.startswith("VmHWM:")]
    return int(peaks[0]) * 1024 / 1e6 if peaks else None
