"""What a worker is told once for a whole sweep, the data apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from evaluators.metrics import Metric, tuned_name
from evaluators.models import ModelRecipe
from evaluators.own_code import OwnCode
from evaluators.types import Split

if TYPE_CHECKING:  # which needs this
    from evaluators.crossval import Evaluator


@dataclass(frozen=True, slots=True)
class Assignment:
    """How configurations are scored.

    Attributes:
        recipes: the ``[[model]]`` blocks by name.
        metrics: the objective first, then what is also recorded.
        threads: threads a fit may use.
        seed: passed to every fit, so that two configurations differ only in their parameters.
        reseeded: whether each repeat adds its number to the seed, for what is to hold whatever the
            seed is.
        fit_seconds: limit of wall seconds for one trial (all folds), or None.
        keep_oof: whether out-of-fold outputs are returned.
        cut: a probability above which binary data is labelled 1; None for the default.
        tune: the label metric that binary data's thresholds are tuned for; None: none is tuned.
        tuned_objective: whether the objective is ``metrics[0]`` at the tuned thresholds.
        fresh_dearer: how many times as long a fold of a fresh partition may take as one searched
            on; more than 1 where it has more rows.
        race: what trials are compared by before their end; None: nobody is.
        shared_cuts: whether XGBoost bins all folds that are searched on by one sketch of some of
            their rows; all others have their own.
        own: modules of the user's that recipes and metrics may come from.
    """

    recipes: Mapping[str, ModelRecipe]
    metrics: tuple[Metric, ...]
    threads: int = 1
    seed: int = 0
    reseeded: bool = False
    fit_seconds: float | None = None
    keep_oof: bool = True
    cut: float | None = None
    tune: Metric | None = None
    tuned_objective: bool = False
    fresh_dearer: float = 1.0
    race: Metric | None = None
    shared_cuts: bool = False
    own: OwnCode | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """``own`` comes first: a worker can import it before it reads what refers to it."""
        return _assembled, (self.own, tuple(getattr(self, each.name) for each in fields(self)))

    @property
    def objective(self) -> Metric:
        """What ranks trials, named as its scores are."""
        first = self.metrics[0]
        return replace(first, name=tuned_name(first.name)) if self.tuned_objective else first

    def evaluator(self, dataset: Any, partitions: Sequence[Sequence[Split]]) -> "Evaluator":
        """Who scores configurations on these rows, in this process."""
        from evaluators.crossval import Evaluator

        return Evaluator(self, dataset, partitions)


def _assembled(own: OwnCode | None, values: tuple[Any, ...]) -> Assignment:
    return Assignment(*values)
