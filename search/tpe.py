"""The tree-structured Parzen estimator of Optuna, asked and told."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import TPESampler
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from evaluators.types import Configuration
from search.domains import Scalar
from search.normal import scipy_normal
from search.space import Space
from search.strategy import Verdict

#: Finished trials the sampler looks at, at most: its cost grows with each. Past this it goes on
#: with four fifths of them.
LIMIT = 500
#: Trials that are drawn at random before it learns: Optuna's own number.
STARTUP = 10
#: The name of the constraint that an infeasible trial violates.
_FITS = "fits the machine"

#: By parameter, all parameters that are searched jointly with it, itself included.
Groups = Mapping[str, Mapping[str, BaseDistribution]]


class TreeParzen:
    """TPE over all models at once: the model is one choice, its parameters a group under it.

    The study lives in memory and is derived: what is told rebuilds it. A trial is forgotten when
    it is neither among the best nor among the latest; see ``_worth_keeping``.
    """

    name = "tpe"

    def __init__(
        self,
        space: Space,
        *,
        direction: Literal["maximize", "minimize"],
        seed: int,
        resumed: int = 0,
        opening: int = 0,
        race: Literal["maximize", "minimize"] | None = None,
        limit: int | None = LIMIT,
    ) -> None:
        """``opening``: trials asked before any has ended. ``race``: which way is better in what a
        look at one of them finds. ``limit`` None: look at everything, for measurements.
        """
        self._space = space
        self._models = tuple(space.models)
        self._groups = groups(space)
        self._direction = direction
        self._seeds = np.random.SeedSequence((seed, resumed))
        self._startup = max(STARTUP, opening)
        self._limit = limit
        self._running: dict[int, optuna.Trial] = {}
        self._finished = 0
        self._study = self._new_study()
        self._looks = Looks(space, race, seed, resumed, opening) if race and opening else None

    def ask(self, trial: int) -> Configuration:
        """What the sampler makes of all it was told, and of what is still under way."""
        if self._limit is not None and self._finished > self._limit:
            self._forget(self._limit * 4 // 5)
        asked = self._study.ask()
        if self._looks is not None and self._looks.cover(trial):
            model = asked.suggest_categorical("model", self._models)
            given = self._looks.ask(trial, model)
            self._sampler.give(asked.number, {f"{model}.{k}": v for k, v in given.items()})
        return self._suggest(trial, asked)

    def remember(self, trial: int, configuration: Configuration) -> None:
        """The trial counts as running. A configuration outside the space is passed over."""
        model, params = configuration.model, configuration.params
        if self._space.contains(model, params):
            named = {f"{model}.{name}": value for name, value in params.items()}
            self._study.enqueue_trial({"model": model, **named})
            self._suggest(trial, self._study.ask())
            if self._looks is not None:
                self._looks.remember(trial, configuration)

    def looked_at(self, trial: int, configuration: Configuration, score: float) -> None:
        """What a look at a trial of the opening found: further looks are led by it."""
        if self._looks is not None:
            self._looks.tell(trial, configuration, score, "completed")

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """Optuna's own end for a verdict. Without a score nothing is completed.

        Infeasible is PRUNED with a violated constraint: TPE puts such trials among the bad ones,
        while it never looks at a FAIL.
        """
        if trial not in self._running:
            self.remember(trial, configuration)
        if self._looks is not None:
            self._looks.end(trial, configuration, verdict)
        told = self._running.pop(trial, None)
        if told is None:
            return
        self._finished += 1
        known = score is not None and not math.isnan(score)
        if verdict == "completed" and known:
            self._study.tell(told, score)
        elif verdict == "pruned":
            if score is not None and known:
                told.report(score, step=1)
            self._study.tell(told, state=TrialState.PRUNED)
        elif verdict == "infeasible":
            told.set_constraint(_FITS, 1.0)
            self._study.tell(told, state=TrialState.PRUNED)
        else:
            self._study.tell(told, state=TrialState.FAIL)

    def awaits(self, trial: int) -> bool:
        """Whether a trial is under way here."""
        return trial in self._running

    def _suggest(self, trial: int, asked: optuna.Trial) -> Configuration:
        model = asked.suggest_categorical("model", self._models)
        params = self._space.suggest(asked, model)
        self._running[trial] = asked
        return Configuration(model, params)

    def _forget(self, keep: int) -> None:
        """Start a new study with the trials worth keeping, in their old order, and the running."""
        running, self._running = self._running, {}
        learned = self._study.get_trials(
            deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
        )
        kept = _worth_keeping(learned, keep, self._direction == "maximize")
        self._study = self._new_study()
        self._study.add_trials(kept)
        self._finished = len(kept)
        for trial, asked in running.items():
            self._study.enqueue_trial(asked.params)
            self._suggest(trial, self._study.ask())

    def _new_study(self) -> optuna.Study:
        """An empty study in memory, with a sampler whose seed no earlier one had."""
        seed = int(self._seeds.spawn(1)[0].generate_state(1)[0])
        self._sampler = sampler = GroupedTPE(self._groups, seed, self._startup)
        said = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # it announces each new study
        try:
            return optuna.create_study(direction=self._direction, sampler=sampler)
        finally:
            optuna.logging.set_verbosity(said)


class Looks:
    """TPE among the trials of an opening, model by model, by what a look at each has found.

    A look costs about a fiftieth of a trial and ranks nearly as its end does, so the first trials
    to go on need not be the best of random ones. Scores of looks are compared with nothing else:
    each model has a study of its own, which ends with the opening.
    """

    def __init__(
        self,
        space: Space,
        race: Literal["maximize", "minimize"],
        seed: int,
        resumed: int,
        opening: int,
    ) -> None:
        self._opening = opening
        self._known: set[int] = set()
        seeds = np.random.SeedSequence((seed, opening)).generate_state(len(space.models))
        self._models = {
            model: TreeParzen(
                Space({model: parameters}), direction=race, seed=int(own), resumed=resumed
            )
            for own, (model, parameters) in zip(seeds, space.models.items(), strict=True)
        }

    def cover(self, trial: int) -> bool:
        """Whether it is of the opening."""
        return 0 <= trial < self._opening

    def ask(self, trial: int, model: str) -> Mapping[str, Scalar]:
        """Parameters for one more: at random, until enough looks have been told."""
        self._known.add(trial)
        return self._models[model].ask(trial).params

    def remember(self, trial: int, configuration: Configuration) -> None:
        """One is under way that was not asked for here."""
        if self.cover(trial) and trial not in self._known:
            self._known.add(trial)
            self._models[configuration.model].remember(trial, configuration)

    def tell(
        self, trial: int, configuration: Configuration, score: float | None, verdict: Verdict
    ) -> None:
        """A look's score, or that there will be none."""
        if self.cover(trial):
            self._known.add(trial)
            self._models[configuration.model].tell(trial, configuration, score, verdict)

    def end(self, trial: int, configuration: Configuration, verdict: Verdict) -> None:
        """It has reached its end. Where nobody had looked at it, its final score is of no use here.

        ``infeasible`` is: also here it is to stay away from there.
        """
        if self.cover(trial) and self._models[configuration.model].awaits(trial):
            told: Verdict = "infeasible" if verdict == "infeasible" else "cancelled"
            self.tell(trial, configuration, None, told)


class GroupedTPE(TPESampler):
    """Optuna's TPE with its option ``group``, for groups that are known beforehand.

    Optuna finds the groups by going through all trials, and samples every one of them for each
    suggestion. Here a group is sampled when the first of its parameters is asked for: those of
    other models cost nothing, a suggestion costs about half, and trials under way do not stand for
    places in models they do not use.
    """

    def __init__(self, groups: Groups, seed: int, startup: int = STARTUP) -> None:
        super().__init__(multivariate=True, constant_liar=True, seed=seed, n_startup_trials=startup)
        self._groups = groups
        self._drawn: tuple[int, dict[str, Any]] = (-1, {})

    def give(self, number: int, values: Mapping[str, Scalar]) -> None:
        """Have a trial of this number take these values for the parameters that it is asked for."""
        self._drawn = (number, dict(values))

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Nothing is sampled before it is asked for."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Scalar:
        """The parameter's share of a joint draw of its group; random during the first trials."""
        number, drawn = self._drawn
        if number != trial.number:
            drawn = {}
        if param_name not in drawn:
            group = dict(self._groups[param_name])
            with scipy_normal():
                drawn = {**drawn, **super().sample_relative(study, trial, group)}
            self._drawn = (trial.number, drawn)
        if param_name in drawn:
            value: Scalar = drawn[param_name]
        else:
            value = super().sample_independent(study, trial, param_name, param_distribution)
        return value


def groups(space: Space) -> Groups:
    """Parameters that are always active together: of one model, under the same conditions."""
    found: dict[str, dict[str, BaseDistribution]] = {}
    found["model"] = {"model": CategoricalDistribution(tuple(space.models))}
    for model, parameters in space.models.items():
        always = tuple(replace(each, when=None) for each in parameters)
        unconditional = Space({model: always})
        values = unconditional.from_unit(model, [0.5] * len(always))
        probe = FixedTrial({f"{model}.{name}": value for name, value in values.items()})
        unconditional.suggest(probe, model)  # as Optuna will be asked
        together: dict[Any, dict[str, BaseDistribution]] = {}
        for each in parameters:
            name = f"{model}.{each.name}"
            distribution = probe.distributions.get(name)
            if distribution is not None and not distribution.single():
                found[name] = together.setdefault(each.when, {})
                found[name][name] = distribution
    return found


def _worth_keeping(learned: Sequence[FrozenTrial], keep: int, maximize: bool) -> list[FrozenTrial]:
    """The best half of ``keep`` and the latest half, in the order they had."""
    if len(learned) <= keep:
        return list(learned)
    sign = -1.0 if maximize else 1.0
    best = sorted(
        (each for each in learned if each.state == TrialState.COMPLETE),
        key=lambda each: sign * (each.value or 0.0),
    )[: keep // 2]
    chosen = {each.number for each in best}
    for each in reversed(learned):
        if len(chosen) == keep:
            break
        chosen.add(each.number)
    return [each for each in learned if each.number in chosen]
