"""Laws of ending when late gains are noise: `stop_when = { converged = true }`."""

import random

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Outcome, Resources
from search.domains import Float
from search.driver import Driver
from search.policy import Policy, StopRules
from search.records import Records
from search.space import Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep

SPACE = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})


def swept(score_of, noise, *, converged=True, budget=120):
    """Five folds, each off by its own luck. ``score_of``: by trial number and x."""
    luck = random.Random(1)

    def fit(item):
        true = score_of(item.trial, item.configuration.params["x"])
        folds = [true + luck.gauss(0.0, noise) for _ in range(5)]
        mean = sum(folds) / 5
        used = Resources(wall_s=1.0, cpu_s=1.0, peak_mb=100.0)
        return Happening(1.0, Outcome({"score": mean}, {"score": folds}, resources=used))

    stop = StopRules(converged=converged)
    policy = Policy(budget, "score", "maximize", slots=2, stop=stop)
    strategy = make_strategy("random", SPACE, direction="maximize", trials=budget, seed=0)
    sweep, clock = Sweep(policy, strategy), VirtualClock()
    with Records.open() as store:
        sweep_id = store.create("converged", {"metric": "score"})
        with store.acquire(sweep_id) as lease:
            SimulatedRunner(fit, 2, clock).run(
                Driver(sweep, store, sweep_id, lease, clock=clock), None, 2
            )
        return sweep, store.sweep(sweep_id)


def test_gains_below_the_noise_of_the_folds_end_the_search():
    sweep, told = swept(lambda trial, x: 0.7 + 0.001 * x, 0.02)
    assert sweep.state == "completed"
    assert 40 <= sweep.trials.ended < 100
    assert "gained less than the noise of the folds" in str(told)


def test_gains_above_it_do_not():
    """Each trial is better than the one before by as much as the folds are apart."""
    sweep, _ = swept(lambda trial, x: 0.01 * trial, 0.01)
    assert sweep.trials.ended == 120


def test_it_is_off_unless_asked_for():
    sweep, _ = swept(lambda trial, x: 0.7, 0.02, converged=False)
    assert sweep.trials.ended == 120
