"""TPE learns what it is told, with the real Optuna."""

import itertools
import math
import statistics

import optuna
import pytest
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace
from optuna.trial import TrialState

from search.distinct import Distinct
from search.sequences import draws
from search.space import Choice, Fixed, Float, Int, Parameter, Space, canonical
from search.strategy import make_strategy
from search.tpe import TreeParzen, groups

#: Two models, one with a parameter under a condition: endless.
MIXED = Space(
    {
        "boosted": (
            Parameter("depth", Int(3, 10)),
            Parameter("rate", Float(0.001, 0.3, log=True)),
            Parameter("part", Float(0.5, 1.0, step=0.1)),
            Parameter("booster", Choice(("gbtree", "dart"))),
            Parameter("drop", Float(0.0, 0.5), when=(("booster", ("dart",)),)),
        ),
        "linear": (
            Parameter("C", Float(0.001, 100.0, log=True)),
            Parameter("method", Fixed("exact")),
        ),
    }
)


def make(sampler, seed=0):
    return make_strategy(sampler, MIXED, direction="minimize", trials=100, seed=seed)


def tpe(space=MIXED, seed=0, **options):
    return TreeParzen(space, direction=options.pop("direction", "minimize"), seed=seed, **options)


def keys(configurations):
    return [canonical(each.model, each.params) for each in configurations]


def loss(configuration):
    """A bowl in each model; the deepest point has depth 6, rate 0.03 and dart."""
    params = configuration.params
    if configuration.model == "linear":
        return 0.1 + 0.1 * (math.log10(params["C"]) - 1) ** 2
    return (
        0.01 * (params["depth"] - 6) ** 2
        + 0.1 * (math.log10(params["rate"]) + 1.5) ** 2
        + (params.get("drop", 0.3) - 0.1) ** 2
    )


def asked(strategy, count, first=0):
    """Ask for trials one by one, each told before the next."""
    found = []
    for trial in range(first, first + count):
        configuration = strategy.ask(trial)
        found.append(configuration)
        strategy.tell(trial, configuration, loss(configuration), "completed")
    return found


def trials_of(strategy):
    return strategy._study.get_trials(deepcopy=False)


def test_each_verdict_reaches_optuna_as_what_it_means():
    """In any order of telling; infeasible is pruned under a violated constraint."""
    strategy = tpe()
    found = [strategy.ask(trial) for trial in range(7)]
    ends = [
        (0.3, "completed"), (0.4, "pruned"), (None, "pruned"), (0.5, "failed"),
        (None, "infeasible"), (None, "cancelled"), (math.nan, "completed"),
    ]  # fmt: skip
    for trial, (score, verdict) in reversed(list(enumerate(ends))):
        strategy.tell(trial, found[trial], score, verdict)
    trials = trials_of(strategy)
    states = [each.state.name for each in trials]
    assert states == ["COMPLETE", "PRUNED", "PRUNED", "FAIL", "PRUNED", "FAIL", "FAIL"]
    assert [each.value for each in trials[:3]] == [0.3, 0.4, None]
    violated = [bool(sum(each.constraints.values()) > 0) for each in trials]
    assert violated == [False] * 4 + [True] + [False] * 2


def test_a_trial_told_without_being_asked_is_one_like_the_others():
    """Its values and distributions are those an asked one would have."""
    one, other = tpe(), tpe(seed=1)
    for trial in range(12):
        configuration = one.ask(trial)
        one.tell(trial, configuration, 0.1, "completed")
        other.tell(trial, configuration, 0.1, "completed")
    for mine, theirs in zip(trials_of(one), trials_of(other), strict=True):
        assert mine.params == pytest.approx(theirs.params)
        assert (mine.distributions, mine.value) == (theirs.distributions, theirs.value)


def test_groups_are_those_optuna_finds():
    """Known from the space, they are what Optuna's own ``group`` learns from many trials."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(60):
        trial = study.ask()
        MIXED.suggest(trial, trial.suggest_categorical("model", tuple(MIXED.models)))
        study.tell(trial, 0.0)
    learned = _GroupDecomposedSearchSpace().calculate(study).search_spaces
    mine = {tuple(sorted(group.items())) for group in groups(MIXED).values()}
    assert mine == {tuple(sorted(group.items())) for group in learned}


def test_tpe_looks_at_a_limited_number_of_trials():
    """Past the limit the best and the latest stay, in order, and what is running."""
    strategy = tpe(limit=100, direction="maximize")
    running = [(trial, strategy.ask(trial)) for trial in range(3)]
    for trial, drawn in enumerate(itertools.islice(draws(MIXED, (1,)), 100), start=3):
        strategy.tell(trial, drawn, float(-trial), "completed")
    strategy.tell(103, drawn, None, "infeasible")
    strategy.ask(104)
    kept = [each for each in trials_of(strategy) if each.state.is_finished()]
    best, latest = (
        [-float(each) for each in range(3, 43)],
        [-float(each) for each in range(64, 103)],
    )
    assert [each.value for each in kept] == [*best, *latest, None]
    assert kept[-1].constraints
    assert sum(each.state == TrialState.RUNNING for each in trials_of(strategy)) == 4
    for trial, configuration in running:
        strategy.tell(trial, configuration, 1.0, "completed")
    assert [each.value for each in trials_of(strategy)[80:83]] == [1.0, 1.0, 1.0]


def test_optuna_is_quiet_and_its_loudness_is_left_alone(capfd):
    """Nothing is printed, and a user's own studies log as before."""
    before = optuna.logging.get_verbosity()
    asked(tpe(limit=20), 30)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == before


def best(sampler, seed, trials):
    return min(loss(each) for each in asked(make(sampler, seed=seed), trials))


def test_tpe_beats_random():
    """On a bowl in each of two models, after 60 trials, in the median of seven seeds."""
    gained = statistics.median(best("tpe", seed, 60) for seed in range(7))
    assert gained < 0.7 * statistics.median(best("random", seed, 60) for seed in range(7))


def wasted(verdict, seed):
    """The share of unfit suggestions in the latter half, when told so by ``verdict``."""
    strategy, unfit = make("tpe", seed=seed), []
    for trial in range(80):
        configuration = strategy.ask(trial)
        unfit.append(configuration.params.get("part", 0.0) > 0.75)
        if unfit[-1]:
            strategy.tell(trial, configuration, None, verdict)
        else:
            strategy.tell(trial, configuration, loss(configuration), "completed")
    return statistics.mean(unfit[40:])


def test_tpe_keeps_away_from_what_does_not_fit():
    """Random wastes a quarter; told as infeasible it is less than half of that.

    Told as plain failures they teach nothing, and TPE comes back to them for ever.
    """
    assert statistics.mean(wasted("infeasible", seed) for seed in range(4)) < 0.125
    assert statistics.mean(wasted("failed", seed) for seed in range(2)) > 0.5


def test_a_good_model_of_one_configuration_does_not_hold_tpe():
    """Repeats are told as used up, so few are made: the known score would attract ever more."""
    space = Space({**MIXED.models, "bayes": ()})
    inner = tpe(space)
    strategy = Distinct(inner, space, seed=0)
    for trial in range(60):
        configuration = strategy.ask(trial)
        score = 0.0 if configuration.model == "bayes" else 1 + loss(configuration)
        strategy.tell(trial, configuration, score, "completed")
    assert len(trials_of(inner)) < 90


@pytest.mark.parametrize("told", [6, 30])
def test_a_resumed_tpe_does_not_repeat_its_first_suggestions(told):
    """The same seed without the count of trials would start the same stream again."""
    first = asked(tpe(seed=7), told)

    def restarted(resumed):
        strategy = tpe(seed=7, resumed=resumed)
        for trial, configuration in enumerate(first):
            strategy.tell(trial, configuration, loss(configuration), "completed")
        return set(keys(asked(strategy, 4, first=told)))

    assert not restarted(told) & set(keys(first))
    if told < 10:  # while suggestions are random: the trap is real
        assert restarted(0) == set(keys(first[:4]))


def test_parameters_of_a_group_are_modelled_jointly():
    """Where only u = v is good, suggestions lie near it; apart, u and v look equally good all over.

    Two random numbers are 0.29 from each other in the median.
    """
    space = Space({name: tuple(Parameter(p, Float(0.0, 1.0)) for p in "uv") for name in "ab"})
    strategy = tpe(space)

    def gap(configuration):
        return abs(configuration.params["u"] - configuration.params["v"])

    for trial, drawn in enumerate(itertools.islice(draws(space, (1,)), 150)):
        strategy.tell(trial, drawn, gap(drawn), "completed")
    assert statistics.median(gap(strategy.ask(trial)) for trial in range(150, 180)) < 0.1
