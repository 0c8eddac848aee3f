"""``quintain vary``: a sweep of steps from a trial, on folds that chose nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from evaluators.errors import QuintainError, SplitError
from evaluators.models import check_params
from quintain.driving import Watcher
from quintain.prepare import Prepared, prepare, spec_of
from quintain.varying.steps import STEPS, Start, stepped
from search.domains import Scalar
from search.records import Records
from search.space import Parameter
from search.spec import Spec, read_spec, space_of
from search.view import SweepView, read_view
from search.wording import shown

if TYPE_CHECKING:
    from quintain.result import Result

#: How often all rows are dealt into folds anew, each time under another seed.
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Varied:
    """What ``quintain.vary`` found.

    Attributes:
        told: the object of ``quintain vary --json``.
        result: the sweep of steps.
    """

    told: Mapping[str, Any]
    result: "Result"

    def to_json(self) -> dict[str, Any]:
        """The object of ``quintain vary --json``."""
        return dict(self.told)


def vary(
    sweep: str,
    param: str,
    *,
    over: str | None = None,
    trial: int | None = None,
    repeats: int = REPEATS,
    steps: int = STEPS,
    data: Any = None,
    runner: str = "auto",
    address: str | None = None,
    records: str | None = None,
    progress: bool = True,
    watcher: Watcher | None = None,
    tell: Callable[[str], None] | None = None,
) -> Varied:
    """Change one hyperparameter in steps, all else as it is, and say which steps are real.

    Args:
        sweep: id or name; of a sweep of steps, the one it started from is meant.
        param: the hyperparameter.
        over: "3..10", "0.01..1" or "a,b,c"; None: what the space allows.
        trial: where to start; None: at the step that was kept last, before the first at the winner.
        repeats: how often the rows are dealt into folds anew.
        steps: of a range, at most so many.
        data: the table or (X, y) that the sweep was run on, where that was not a file.
        runner: where trials run, as for ``quintain.run``.
        address: a running Ray cluster to join.
        records: where the record is.
        progress: whether to show it, on standard error.
        watcher: shows progress in a way of its own.
        tell: called with what it will take, before it starts.

    Raises:
        QuintainError: no such trial or value, a step would change two things, or the data or the
            code is not what it was; no sweep was begun.
        KeyboardInterrupt: it was stopped; ``quintain.resume`` goes on.
    """
    from quintain.sweeps import default_watcher, placed, start

    watcher = watcher or (default_watcher() if progress else None)
    with Records.open(records, create=False) as store:
        view = _begun_from(store, sweep)
        asked = asked_for(view, param, over=over, trial=trial, repeats=repeats, steps=steps)
        prepared = _prepared(view, store, asked, data)
        place = placed(prepared, runner, address)
        if tell is not None:
            tell(foretold(view, asked))
        result = start(place, data, store, watcher=watcher, plan=False, further={"vary": asked})
    if result.state == "stopped":
        raise KeyboardInterrupt(f"{result.sweep} was stopped: quintain resume {result.sweep}")
    return Varied(outcome(result.view), result)


def outcome(view: SweepView) -> Mapping[str, Any]:
    """What the steps came to.

    Raises:
        QuintainError: they did not end, or not one has a score.
    """
    if not view.varied:
        raise QuintainError(
            f"{view.id} is {view.state} ({view.reason}), so nothing was judged: "
            f"quintain resume {view.id}, or see quintain trials {view.id}"
        )
    return view.varied[-1]


def foreseen(
    sweep: str, param: str, *, over: str | None = None, trial: int | None = None,
    repeats: int = REPEATS, steps: int = STEPS, records: str | None = None,
) -> tuple[str, list[Scalar]]:  # fmt: skip
    """What ``vary`` would do, as a sentence, and its values; nothing is run or written."""
    with Records.open(records, create=False) as store:
        view = _begun_from(store, sweep)
    asked = asked_for(view, param, over=over, trial=trial, repeats=repeats, steps=steps)
    return foretold(view, asked), asked["values"]


def _begun_from(store: Records, sweep: str) -> SweepView:
    """The sweep meant; of a sweep of steps the one they started from."""
    view = read_view(store, store.resolve(sweep))
    return read_view(store, view.header["vary"]["of"]) if "vary" in view.header else view


def asked_for(
    view: SweepView, param: str, *, over: str | None, trial: int | None, repeats: int, steps: int
) -> dict[str, Any]:
    """What the header of the sweep of steps says of them."""
    if repeats < 1 or steps < 2:
        raise QuintainError("--repeats is at least 1, and --steps at least 2")
    spec = spec_of(view.header)
    begin = _start(view, spec, trial)
    models = space_of(spec).models
    _refuse_other_model(view, begin, param, models)
    values = stepped(begin, param, models[begin.model], over, steps)
    return {
        "of": view.id, "start_at": begin.origin, "trial": begin.trial, "model": begin.model,
        "param": param, "from": begin.all.get(param), "values": values, "repeats": repeats,
        "candidates": _candidates(begin, param, values),
    }  # fmt: skip


def _refuse_other_model(
    view: SweepView, begin: Start, param: str, models: Mapping[str, Sequence[Parameter]]
) -> None:
    """Name a trial of the model that has the parameter, where the start's has it not."""
    having = [name for name, known in models.items() if param in [each.name for each in known]]
    if not having or begin.model in having or param in begin.all:
        return
    near = [each for each in view.ranked if each.model in having]
    hint = f"start at the best of {near[0].model}: --trial {near[0].trial}" if near else (
        f"no trial of {having[0]} has completed"
    )  # fmt: skip
    raise QuintainError(f"{begin.origin} is a {begin.model}, which has no {param}; {hint}")


def _prepared(view: SweepView, store: Records, asked: Mapping[str, Any], data: Any) -> Prepared:
    """Everything ready, on the rows that the sweep was searched on, dealt anew."""
    from quintain.sameness import must_be_the_same

    spec = spec_of(view.header)
    earlier = [each for each in store.sweeps() if each.header.get("vary", {}).get("of") == view.id]
    table = str(view.header.get("table") or view.header["fingerprint"])
    # a round whose sweep was deleted has dealt folds too
    rounds = max(len(earlier), len(view.varied))
    seed = store.draw_partition(table, view.id, f"vary {rounds + 1}")
    trials = len(asked["candidates"])
    stepping = _spec(spec, view, asked["model"], trials, asked["repeats"], seed)
    try:
        prepared = prepare(stepping, data, store, {**view.header, "vary": asked})
    except SplitError as error:
        raise QuintainError(f"steps need folds that chose nothing, and {error}") from error
    must_be_the_same(view.id, view.header, prepared)
    said = check_params(prepared.assignment.recipes[asked["model"]], [asked["param"]])
    if said:
        raise QuintainError(f"--param: {said[0]}")
    return prepared


def _start(view: SweepView, spec: Spec, trial: int | None) -> Start:
    """The trial that was named, the step kept last, or the winner."""
    fixed = {block.name: dict(block.params) for block in spec.model}
    if trial is not None:
        found = next((each for each in view.trials if each.trial == trial), None)
        if found is None:
            last = max((each.trial for each in view.trials), default=None)
            there = "it has no trials yet" if last is None else f"its trials are 0 to {last}"
            raise QuintainError(f"{view.id} has no trial {trial}: {there}")
        return Start(found.model, found.params, fixed[found.model], f"trial {trial}", trial)
    if view.varied:
        last_step = view.varied[-1]
        origin = f"what {last_step['sweep']} kept"
        model = str(last_step["model"])
        return Start(model, last_step["kept_params"], fixed[model], origin)
    if view.best is None:
        raise QuintainError(f"no trial of {view.id} has completed: see quintain trials {view.id}")
    best = view.best
    if best.trial < 0:
        origin = f"the winner of {view.id}, the default configuration"
        return Start(best.model, best.params, fixed[best.model], origin)
    origin = f"the winner of {view.id}, trial {best.trial}"
    return Start(best.model, best.params, fixed[best.model], origin, best.trial)


def _candidates(begin: Start, param: str, values: Sequence[Scalar]) -> list[dict[str, Any]]:
    """The start, then each step."""
    each = [dict(begin.params), *({**begin.params, param: value} for value in values)]
    return [{"model": begin.model, "params": params} for params in each]


def _spec(spec: Spec, view: SweepView, model: str, trials: int, repeats: int, seed: int) -> Spec:
    """The sweep's spec, with the steps for a search and fresh folds."""
    told = spec.to_json()
    told["name"] = f"{spec.name}-vary"
    told["note"] = None
    told["model"] = [block for block in told["model"] if _name(block) == model]
    told["evaluate"] |= {
        "folds": view.header["folds"], "repeats": repeats, "folds_seed": seed, "nested": False
    }  # fmt: skip
    if ":" in spec.evaluate.splitter:
        told["evaluate"]["folds"] = spec.evaluate.folds
    limit = spec.search.trial_timeout
    if limit is not None:  # the same for a fold
        limit *= repeats / view.header.get("repeats", 1)
    told["search"] = {
        "trials": trials, "sampler": "random", "pruner": "none", "seed": spec.search.seed,
        "trial_timeout": limit, "max_concurrent": spec.search.max_concurrent,
        "stop_when": {"failed": trials + 1},
    }  # fmt: skip
    return read_spec(told).in_folder(spec.folder)


def _name(block: Mapping[str, Any]) -> str:
    return str(block.get("name") or block["estimator"])


def foretold(view: SweepView, asked: Mapping[str, Any]) -> str:
    """What the steps will take, from what a fold took in trials of the same model."""
    steps = len(asked["values"])
    folds = view.header["folds"] * asked["repeats"]
    start = "its default" if asked["from"] is None else shown(asked["from"])
    what = (
        f"{steps} steps of {asked['param']} from {start} ({asked['start_at']}), each on {folds} "
        f"folds that chose nothing"
    )
    took = [
        each.wall_s / len(scored)
        for each in view.trials
        if each.model == asked["model"] and (scored := each.folds.get(view.metric))
    ]
    if not took:
        return what
    seconds = median(took) * folds * (steps + 1)
    return f"{what}: about {seconds:.3g} s of work in all, as folds took in {view.id}"
