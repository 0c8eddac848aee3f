"""One simulated sweep, measured: the sweep's own CPU by event, its memory, how busy workers were.

The sweep, its driver and its record are those of every run; only fits and time are simulated. The
CPU seconds that the driver takes (the sweep, and writing the record) pass on the virtual clock, so
that a worker that asks while it is busy waits.
"""

import gc
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from benchmarks.sampler_cost import SPACE, loss
from cluster.replayed import Replay
from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.process import own_memory
from evaluators.types import Outcome, Resources
from search.driver import Driver
from search.entries import Entry
from search.events import Event, Instruction, Item, Ticked
from search.policy import Direction, Policy, StopRules
from search.records import Records
from search.room import Node
from search.space import Space
from search.strategy import make_strategy
from search.sweep import Sweep

#: Cores of a simulated node, each with two gigabytes.
NODE_CORES = 8
#: Trials over which the cost of an event is averaged, before and after the trial it is told for.
WINDOW = 500


@dataclass(frozen=True, slots=True)
class Case:
    """What is simulated. ``seconds``: of a trial, give or take a tenth."""

    sampler: str
    trials: int
    workers: int
    seconds: float
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A real sweep's record, its space and its objective, to be replayed."""

    entries: Sequence[Entry]
    space: Space
    objective: str
    direction: Direction


class TimedSweep(Sweep):
    """A sweep that knows what it costs, in CPU seconds of this process.

    Attributes:
        costs: by trials that had ended: (seconds, events). The runner's looks at the clock
            (``Ticked``) are no events here, but what they cost is counted.
        memory: by trials that had ended: own memory of the process in bytes, at ``looks``.
    """

    costs: list[list[float]]
    memory: dict[int, int]
    looks: tuple[int, ...] = ()

    def handle(self, event: Event) -> list[Instruction]:
        """As the sweep does."""
        began = time.process_time()
        out = super().handle(event)
        cost = time.process_time() - began
        ended = self.trials.ended
        while len(self.costs) <= ended:
            self.costs.append([0.0, 0])
        self.costs[ended][0] += cost
        self.costs[ended][1] += not isinstance(event, Ticked)
        if ended in self.looks and ended not in self.memory:
            gc.collect()
            self.memory[ended] = own_memory(os.getpid())
        return out

    def cost_us(self, low: int, high: int) -> float:
        """Microseconds of an event while trials ``low`` to ``high`` ended."""
        part = self.costs[low:high]
        return 1e6 * sum(seconds for seconds, _ in part) / sum(events for _, events in part)


def fits(case: Case) -> Callable[[Item], Happening]:
    """Synthetic trials: a smooth landscape, five folds, three metrics."""
    rng = random.Random(case.seed)
    metrics = ("score", "average_precision", "log_loss")

    def fit(item: Item) -> Happening:
        seconds = case.seconds * rng.uniform(0.9, 1.1)
        score = -loss(item.configuration)
        folds = [score + rng.gauss(0.0, 0.01) for _ in range(5)]
        used = Resources(
            wall_s=seconds, load_s=0.0, fit_s=0.95 * seconds, score_s=0.05 * seconds,
            cpu_s=seconds, peak_mb=200.0 + 50.0 * rng.random(), threads=1,
        )  # fmt: skip
        outcome = Outcome(
            dict.fromkeys(metrics, score), dict.fromkeys(metrics, folds), ((900, 50), (20, 30)),
            used, kind="proba",
        )  # fmt: skip
        return Happening(seconds, outcome)

    return fit


def simulated(case: Case, recorded: Recorded | None = None) -> dict[str, Any]:
    """One sweep to its end, with its record in an SQLite file. ``recorded``: replay these."""
    nodes = tuple(Node(NODE_CORES, 2048.0 * NODE_CORES) for _ in range(case.workers // NODE_CORES))
    told = recorded or Recorded((), SPACE, "score", "maximize")
    policy = Policy(
        budget=case.trials, objective=told.objective, direction=told.direction,
        slots=NODE_CORES * len(nodes), nodes=nodes, stop=StopRules(failed=case.trials),
    )  # fmt: skip
    strategy = make_strategy(
        case.sampler, told.space, direction=told.direction, trials=case.trials, seed=case.seed
    )
    sweep = TimedSweep(policy, strategy)
    sweep.costs, sweep.memory = [], {}
    sweep.looks = (case.trials // 5, case.trials - policy.slots - 1)
    clock = VirtualClock()
    plan = Replay(recorded.entries) if recorded else fits(case)
    runner = SimulatedRunner(plan, policy.slots, clock, spent_s=time.process_time)
    with tempfile.TemporaryDirectory() as folder, Records.open(f"{folder}/r.db") as store:
        sweep_id = store.create("scale", {"metric": told.objective})
        with store.acquire(sweep_id) as lease:
            driver = Driver(sweep, store, sweep_id, lease, clock=clock)
            began, began_s = time.perf_counter(), time.process_time()
            runner.run(driver, None, policy.slots)
            wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_s
    return _figures(case, sweep, runner, clock.now) | {"wall_s": wall_s, "cpu_s": cpu_s}


def _figures(
    case: Case, sweep: TimedSweep, runner: SimulatedRunner, ended_s: float
) -> dict[str, Any]:
    """What is told of a run."""
    core_s = sum(seconds for seconds, _ in sweep.costs)
    events = sum(count for _, count in sweep.costs)
    late = case.trials - runner.workers  # what follows has no successor to be found for it
    first, last = sweep.looks
    return {
        "sampler": case.sampler,
        "trials": sweep.trials.ended,
        "workers": runner.workers,
        "trial_s": case.seconds,
        "events": events,
        "sweep_cpu_s": core_s,
        "events_per_s": events / core_s,
        "us_per_event_at_1000": sweep.cost_us(1000 - WINDOW, 1000 + WINDOW),
        "us_per_event_at_end": sweep.cost_us(late - 2 * WINDOW, late),
        "bytes_per_trial": (sweep.memory[last] - sweep.memory[first]) / (last - first),
        "virtual_s": ended_s,
        "busy": runner.busy_s / (runner.workers * ended_s),
        "busy_but_for_waiting": runner.busy_s / (runner.busy_s + runner.waited_s),
        "wait_ms": 1000 * runner.waited_s / sweep.queue.packs,
    }


def apart(case: Case, recorded: Recorded | None = None) -> dict[str, Any]:
    """In a process of its own, so that no case has another's memory."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(simulated, (case, recorded))
