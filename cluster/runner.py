"""What every runner is: something that carries packs to workers until the sweep is over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from evaluators.types import Dataset, Split
from search.driver import Driver

if TYPE_CHECKING:  # the simulated runner fits nothing, and need not import what does
    from evaluators.crossval import Assignment


@dataclass(frozen=True, slots=True, eq=False)
class Workload:
    """What workers need: who fits what, on which rows, under which folds.

    ``partitions``: the folds searched on, then those of each fresh partition.
    """

    assignment: "Assignment"
    dataset: Dataset
    partitions: list[list[Split]]


@dataclass(frozen=True, slots=True)
class Machine:
    """What a runner has to offer.

    Attributes:
        cpus: cores that trials may use.
        memory_mb: memory of all nodes together, in units of 2**20 bytes.
        places: trials that fit at a time, by what each asks for.
        nodes: hosts.
    """

    cpus: int
    memory_mb: float
    places: int = 1
    nodes: int = 1


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
