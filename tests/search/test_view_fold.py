"""A fold that reads entries as they come gives what all of them read at once give."""

from cluster.simulated import Happening, SimulatedRunner, VirtualClock
from evaluators.types import Failure, Outcome, Resources
from search.driver import Driver
from search.policy import Policy
from search.records import Records
from search.space import Float, Parameter, Space
from search.strategy import make_strategy
from search.sweep import Sweep
from search.view import SweepView
from search.view_fold import SweepFold


def outcome(item):
    if item.trial % 5 == 4:
        return Outcome(failure=Failure("user_code", "because"))
    x = item.configuration.params["x"]
    return Outcome({"score": x}, {"score": [x, x / 2]}, resources=Resources(wall_s=3.0, cpu_s=2.0))


def test_looking_on_the_way_changes_nothing():
    """After every entry the view of the fold is that of the entries so far, costs and all."""
    header = {"metric": "score", "direction": "maximize"}
    with Records.open() as store:
        sweep_id, clock = store.create("simulated", header), VirtualClock(10.0)
        space = Space({"m": (Parameter("x", Float(0.0, 1.0)),)})
        chosen = make_strategy("random", space, direction="maximize", trials=9, seed=0, resumed=0)
        sweep = Sweep(Policy(budget=9, objective="score", direction="maximize", slots=2), chosen)
        with store.acquire(sweep_id) as lease:
            driver = Driver(sweep, store, sweep_id, lease, clock=clock)
            plan = lambda item: Happening(3.0, outcome(item))  # noqa: E731
            SimulatedRunner(plan, 2, clock).run(driver, None, 2)
        entries = store.entries(sweep_id)
    fold = SweepFold.of("score", None)
    for number, entry in enumerate(entries, 1):
        fold.read(entry)
        seen = SweepView.of(sweep_id, header, fold)
        whole = SweepView.build(sweep_id, header, entries[:number])
        assert seen.to_json() == whole.to_json()
        assert seen.trials_json() == whole.trials_json()
        assert seen.wall_s == whole.wall_s
    assert seen.state == "completed"
