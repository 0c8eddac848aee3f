"""What every runner is: something that carries packs to workers until the sweep is over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from evaluators.types import Dataset, Split
from search.driver import Driver
from search.room import Node

if TYPE_CHECKING:  # the simulated runner fits nothing, and need not import what does
    from evaluators.assignment import Assignment
    from evaluators.foreign import ForeignAssignment, ForeignRows


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """What workers need: who fits what, on which rows, under which folds.

    ``partitions``: the folds searched on, then those of each fresh partition.
    """

    assignment: "Assignment | ForeignAssignment"
    dataset: "Dataset | ForeignRows"
    partitions: list[list[Split]]


@dataclass(frozen=True, slots=True)
class Machine:
    """What a runner has to offer: its hosts, and the cores that a trial asks for."""

    nodes: tuple[Node, ...]
    threads: int = 1

    @property
    def cpus(self) -> int:
        """Cores that trials may use."""
        return sum(node.cores for node in self.nodes)

    @property
    def memory_mb(self) -> float:
        """Memory that trials may use, in units of 2**20 bytes."""
        return sum(node.memory_mb for node in self.nodes)

    @property
    def places(self) -> int:
        """Trials at a time as far as cores go."""
        return sum(node.cores // self.threads for node in self.nodes)


class Runner(Protocol):
    """Carries packs to workers and feeds what happens to the driver.

    ``prepare`` may start workers before the workload is known, so that start-up and data loading
    overlap. ``run`` returns when the driver has finished; it never decides anything itself.
    """

    name: str

    def prepare(self) -> Machine:
        """Start what can be started early; what there is to run on."""

    def run(self, driver: Driver, workload: Workload, slots: int) -> None:
        """Serve the driver with at most ``slots`` packs at a time until it has finished."""

    def close(self) -> None:
        """End everything this runner started."""
