"""What ``[evaluate]`` asks to be scored on this data: metrics, costs, and where labels are cut."""

from collections.abc import Iterator
from dataclasses import dataclass

from evaluators.costs import Costs, cost_matrix
from evaluators.errors import QuintainError
from evaluators.metrics import REGISTERED, Direction, Metric, default_metric, resolve, standard_set
from evaluators.race import raced_metric
from evaluators.types import Dataset
from search.errors import SpecError
from search.spec import Search, Spec

#: Label metrics that a threshold can be tuned for, as they are written.
TUNABLE = ", ".join(metric.name for metric in REGISTERED if metric.reads == "counts")


@dataclass(frozen=True, slots=True)
class Measures:
    """What every trial is scored by.

    Attributes:
        metrics: what ranks trials first, then what is also recorded, each once.
        cut: the probability above which binary data is labelled 1, where the user gave a number.
        tune: what binary data's thresholds are tuned for, or None.
        tuned_objective: whether trials are ranked by ``metrics[0]`` at the tuned thresholds.
    """

    metrics: tuple[Metric, ...]
    cut: float | None = None
    tune: Metric | None = None
    tuned_objective: bool = False

    def raced(self, search: Search, binary: bool) -> Metric | None:
        """What trials race by; None where each goes to its end."""
        if search.pruner == "none" or (search.pruner == "auto" and search.sampler == "grid"):
            return None  # who asks for a grid means all of it
        return raced_metric(self.metrics[0], tuned=self.tuned_objective, binary=binary)


def measures(spec: Spec, dataset: Dataset) -> Measures:
    """All of it, resolved for this data.

    Raises:
        SpecError: an unknown metric, costs that do not fit the labels, a threshold tuned for what
            needs none, or one of more than two classes; a line each.
    """
    asked = _Asked(spec, dataset)
    metrics = asked.metrics()
    found = asked.threshold(metrics)
    if asked.problems:
        raise SpecError(asked.problems)
    return found


class _Asked:
    """One reading of ``[evaluate]``.

    ``problems`` grows by a line for each thing that is wrong, ``named`` by each metric that stands
    there because the user said so and not by default.
    """

    def __init__(self, spec: Spec, dataset: Dataset) -> None:
        self.spec = spec
        self.evaluate = spec.evaluate
        self.binary = dataset.binary
        self.regression = dataset.regression
        self.classes = len(dataset.classes)
        self.share = float(dataset.target.mean()) if dataset.binary else None
        self.problems: list[str] = []
        self.named: list[Metric] = []
        self.costs = self._costs(dataset)

    def _costs(self, dataset: Dataset) -> Costs | None:
        """The matrix; of ones where the spec's is wrong, so that nothing else is blamed for it."""
        if self.evaluate.costs is None:
            return None
        if self.regression:
            self.problems.append(
                "$.evaluate.costs: the target is a number, and costs are of wrong labels: leave "
                "them out"
            )
            return None
        try:
            return cost_matrix(self.evaluate.costs, dataset.classes)
        except QuintainError as error:
            self.problems.append(f"$.evaluate.costs: {error}")
            return ((1.0,) * self.classes,) * self.classes

    def resolved(self, at: str, name: str, direction: Direction | None) -> Metric | None:
        """A metric by the name that stands at ``at``; None with a problem."""
        try:
            return resolve(
                name, binary=self.binary, regression=self.regression, direction=direction,
                folder=self.spec.folder, costs=self.costs,
            )  # fmt: skip
        except QuintainError as error:
            self.problems.append(f"{at}: {error}")
            return None

    def _wanted(self) -> Iterator[tuple[str, str, Direction | None, bool]]:
        """Where each metric is named, its name, the direction given, and whether a user named it.

        Costs name the metric that counts them.
        """
        evaluate = self.evaluate
        name = evaluate.metric or default_metric(self.share, self.binary, self.regression)
        yield "$.evaluate.metric", name, evaluate.direction, evaluate.metric is not None
        others = evaluate.metrics
        if others is None:
            others = standard_set(self.binary, self.regression)
        for number, other in enumerate(others):
            yield f"$.evaluate.metrics[{number}]", other, None, evaluate.metrics is not None
        if self.costs is not None:
            yield "$.evaluate.costs", "cost", None, True

    def metrics(self) -> dict[str, Metric]:
        """By name, the objective first."""
        found: dict[str, Metric] = {}
        for at, name, direction, named in self._wanted():
            metric = self.resolved(at, name, direction)
            if metric is not None:
                found.setdefault(metric.name, metric)
                self.named += [metric] * named
        return found

    def threshold(self, metrics: dict[str, Metric]) -> Measures:
        """Where labels are cut, and by that what ranks trials."""
        written = self.evaluate.threshold
        if written != "auto" and not self.binary:
            what = f"there are {self.classes} classes, and a threshold is for two: the class with "
            what += "the highest output wins"
            if self.regression:
                what = "the target is a number, and a threshold is for two classes"
            self.problems.append(f"$.evaluate.threshold: {what}; leave it out")
        every = tuple(metrics.values())
        if self.problems or not self.binary:
            return Measures(every)
        if written == "auto":
            of_labels = (metric for metric in self.named if metric.reads == "counts")
            default = resolve("balanced_accuracy", binary=True)
            return Measures(every, tune=next(of_labels, default))
        if not isinstance(written, dict):
            return Measures(every, cut=float(written))
        ((direction, name),) = written.items()
        tune = self._tunable(f"$.evaluate.threshold.{direction}", name, direction)
        if tune is None:
            return Measures(every)
        every = tuple({**metrics, tune.name: tune}.values())
        return Measures(every, tune=tune, tuned_objective=every[0].reads == "counts")

    def _tunable(self, at: str, name: str, direction: Direction) -> Metric | None:
        """The metric of labels that a threshold is to be tuned for; None with a problem."""
        metric = self.resolved(at, name, direction if ":" in name else None)
        if metric is None:
            return None
        told = ""
        if metric.needs != "label":
            what = "ranks rows" if metric.needs == "score" else "reads probabilities"
            told = f"{name!r} {what} and needs no threshold; allowed: a metric of labels: {TUNABLE}"
        elif metric.reads != "counts":
            told = (
                f"{name!r} is too slow to be tried at every threshold; allowed: {TUNABLE}; costs "
                "of your own are written as [evaluate] costs"
            )
        elif metric.direction != direction:
            told = f'{name!r} is {metric.direction}d: write {{ {metric.direction} = "{name}" }}'
        if told:
            self.problems.append(f"{at}: {told}")
        return None if told else metric
