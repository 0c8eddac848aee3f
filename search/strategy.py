"""What to try next: one protocol to ask and tell, four samplers behind it.

``import search.strategy`` is light; Optuna and SciPy are imported by ``make_strategy`` and by the
samplers that need them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from evaluators.types import Configuration
from search.errors import SpecError
from search.space import Space
from search.wording import unknown

if TYPE_CHECKING:
    from search.sequences import Grid

#: How a trial ended, as far as a sampler is concerned.
#: completed   it has a score
#: pruned      it was given up; the score, if any, is the last one seen
#: failed      it says nothing about the place it stood at
#: infeasible  it took more memory or time than there is: stay away from there
#: cancelled   it was stopped before it could show anything; its configuration is free again
Verdict = Literal["completed", "pruned", "failed", "infeasible", "cancelled"]

SAMPLERS = ("tpe", "random", "grid", "sobol")


@dataclass(frozen=True, slots=True)
class Told:
    """How a trial of an earlier sweep ended."""

    configuration: Configuration
    score: float | None
    verdict: Verdict


class Strategy(Protocol):
    """Proposes configurations, and is told how they did, in any order.

    Trials go by the sweep's own numbers. After a resume numbers go on where they were, what had
    ended is told again and what was under way is remembered, before the next ``ask``. Equal seeds
    and equal calls give equal answers.
    """

    @property
    def name(self) -> str:
        """The origin of what was proposed last: the sampler's name, or why it came first."""

    def ask(self, trial: int) -> Configuration | None:
        """The configuration for a new trial; None when the space has run out."""

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """How a trial ended, whether it was asked for here or not."""

    def remember(self, trial: int, configuration: Configuration) -> None:
        """A trial that was not asked for here is under way."""

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """A trial of the opening, still under way, has this score at rung 0 of the race."""


def make_strategy(
    sampler: str,
    space: Space,
    *,
    direction: Literal["maximize", "minimize"],
    trials: int,
    seed: int,
    resumed: int = 0,
    first: Sequence[Configuration] = (),
    because: str = "refresh",
    warm: Sequence[Told] = (),
    opening: int = 0,
    race: Literal["maximize", "minimize"] | None = None,
) -> Strategy:
    """A strategy that never proposes a configuration twice and ends when the space does.

    ``trials`` is the budget: a grid that is larger is sampled. ``seed`` is at least 0.
    ``resumed`` counts the trials asked for before, so that a resumed sampler does not repeat them.
    ``first`` are to be asked before anything else, ``because`` names the reason: "refresh" for the
    finalists of an earlier sweep, "replay" for the trials of one with the same spec.
    ``warm``: how trials of earlier sweeps ended; they may be asked again, as trials of this one.
    ``opening``: trials that are asked before any has ended; ``race``: which way is better in what
    looks at them find.

    Raises:
        SpecError: an unknown sampler, or a grid over a parameter without choices or steps.
    """
    from search.distinct import PATIENCE, Distinct
    from search.sequences import RandomDraws, SobolPoints

    inner: Strategy
    patience: int | None = PATIENCE
    match sampler:
        case "tpe":
            from search.tpe import STARTUP, TreeParzen

            # who has learnt elsewhere needs no looks to begin with
            taught = sum(told.verdict == "completed" for told in warm) >= STARTUP
            inner = TreeParzen(
                space, direction=direction, seed=seed, resumed=resumed, race=race,
                opening=0 if taught else opening,
            )  # fmt: skip
        case "random":
            inner = RandomDraws(space, seed=seed)
        case "sobol":
            inner, patience = SobolPoints(space, seed=seed), 1
        case "grid":
            inner, patience = _grid(space, trials, seed), None
        case _:
            raise SpecError([f"$.search.sampler: {unknown(sampler, SAMPLERS, 'a sampler')}"])
    for place, told in enumerate(warm, start=1):
        inner.tell(-place, told.configuration, told.score, told.verdict)
    distinct = Distinct(inner, space, seed=seed, patience=patience)
    return First(distinct, first, because) if first else distinct


class First:
    """Asks given configurations in the sweep's first trials, then a sampler.

    Which one comes next follows from the trial's number, and from which of them were cancelled:
    those come again. So a resumed or replayed sweep asks the same. The sampler learns from them as
    from its own and does not propose them again.
    """

    def __init__(
        self, inner: Strategy, first: Sequence[Configuration], because: str = "refresh"
    ) -> None:
        self._inner = inner
        self._because = because
        self._first = tuple(first)
        self._again: list[Configuration] = []
        self._given = False

    @property
    def name(self) -> str:
        """Why it was given after one of the given, else the sampler's name."""
        return self._because if self._given else self._inner.name

    def ask(self, trial: int) -> Configuration | None:
        """The given one of this number, then those to be repeated, then the sampler's."""
        self._given = trial < len(self._first) or bool(self._again)
        if not self._given:
            return self._inner.ask(trial)
        chosen = self._first[trial] if trial < len(self._first) else self._again[0]
        self.remember(trial, chosen)
        return chosen

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """Passed on."""
        self._repeated(trial, configuration)
        if verdict == "cancelled" and configuration in self._first:
            self._again.append(configuration)
        self._inner.tell(trial, configuration, score, verdict)

    def remember(self, trial: int, configuration: Configuration) -> None:
        """Passed on."""
        self._repeated(trial, configuration)
        self._inner.remember(trial, configuration)

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """Passed on."""
        self._inner.looked_at(trial, configuration, score)

    def _repeated(self, trial: int, configuration: Configuration) -> None:
        """A trial that repeats a cancelled one need not come again."""
        if trial >= len(self._first) and configuration in self._again:
            self._again.remove(configuration)


def _grid(space: Space, trials: int, seed: int) -> "Grid":
    """The whole grid in order, or as many distinct random draws of it, brought into its order.

    More trials under the same seed keep the draws and add others.
    """
    from search.distinct import Distinct
    from search.sequences import Grid, RandomDraws, place, walk

    for model in space.models:
        space.grid(model)  # raises SpecError where there are neither choices nor steps
    size = space.cardinality()
    if size is not None and size <= trials:
        return Grid(walk(space))
    chosen = Distinct(RandomDraws(space, seed=seed), space, seed=seed)
    sample = [each for trial in range(trials) if (each := chosen.ask(trial))]
    return Grid(sorted(sample, key=lambda each: place(space, each)))
