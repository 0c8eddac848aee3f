"""What racing saves and what it loses: whole trials are run once, then raced again and again.

Every configuration gets all its folds, and what it scored at each rung is kept. Then random orders
of them are raced by the sweep's own rules (``search.race``), which needs no further fit: a trial
that a bar ends has cost what it had cost by then. Told for each table, metric and margin: the
share of the fits' CPU that was used, how often the winner is the one of the whole evaluation, and
what its score loses where it is not. Beside them the rank correlation of each rung with the end.

    scripts/bench race_margins --json FILE --folder data/race   (lines there are not made again)
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.honesty_portions import Line, Part, Task, made
from benchmarks.plan_accuracy import tables
from benchmarks.score_space import SPACE
from benchmarks.score_works import work_of
from evaluators.crossval import Evaluator
from evaluators.race import FEW_ROUNDS, Bar
from evaluators.types import Configuration, Outcome
from quintain.prepare import Prepared, prepare
from search import race
from search.race import Race
from search.spec import read_spec
from search.strategy import make_strategy
from search.trials import Trial

METRICS = ("roc_auc", "average_precision", "f1@tuned", "f1")
#: Rows of each real table that are searched on.
ROWS = {"adult": 10_000, "bank": 12_000, "pakdd": 10_000, "shuttle": 12_000, "flights": 20_000}
#: One in so many configurations is of logistic regression, but on the made work.
LINEAR = 6
FOLDS = 5
MARGINS = (1.0, race.MARGIN, 3.0)
#: Of the configurations, in each order that is replayed.
PART = 2 / 3


def _spec(table: str, metric: str, target: str) -> dict[str, Any]:
    evaluate: dict[str, Any] = {"folds": FOLDS, "metric": metric, "metrics": []}
    if metric == "f1@tuned":
        evaluate |= {"metric": "f1", "threshold": {"maximize": "f1"}}
    models: list[dict[str, Any]] = [{"estimator": "xgboost"}]
    if table == "medium":
        models[0]["space"] = {
            name: {"int" if of.whole else "float": [int(of.low), int(of.high)] if of.whole
                   else [of.low, of.high], "log": of.log}
            for name, of in SPACE.items()
        }  # fmt: skip
    else:
        models.append({"estimator": "logistic_regression"})
    return {
        "name": "race", "data": {"source": "(in memory)", "target": target}, "evaluate": evaluate,
        "holdout": {"test_size": False}, "search": {"pruner": "racing", "sampler": "random"},
        "model": models,
    }  # fmt: skip


_prepared: dict[tuple[str, str], tuple[Prepared, Evaluator]] = {}


def evaluator_of(table: str, metric: str) -> tuple[Prepared, Evaluator]:
    """Once per process."""
    found = _prepared.get((table, metric))
    if found is None:
        if table == "medium":
            work = work_of("medium", 0, False)
            ready = prepare(read_spec(_spec(table, metric, "target")), (work.X, work.y))
        else:
            load, target = tables()[table]
            rows = load()
            rows = rows.sample(min(ROWS[table], len(rows)), random_state=1).reset_index(drop=True)
            ready = prepare(read_spec(_spec(table, metric, target)), rows)
        found = ready, Evaluator(ready.assignment, ready.dataset, [ready.splits])
        _prepared[table, metric] = found
    return found


def replicate(task: Task) -> Line:
    """One configuration with all its folds."""
    table, metric, number = str(task["table"]), str(task["metric"]), int(task["number"])
    ready, evaluator = evaluator_of(table, metric)
    wanted = ready.space.models
    name = "xgboost" if len(wanted) == 1 or number % LINEAR else "logistic_regression"
    alone = type(ready.space)({name: wanted[name]})
    draws = make_strategy(
        "random", alone, direction=ready.objective.direction, trials=1, seed=1000 + number
    )
    configuration = draws.ask(0)
    assert configuration is not None  # the space is not empty
    *_, outcome = evaluator.evaluate(configuration)
    assert isinstance(outcome, Outcome)
    failure = outcome.failure
    return {
        "model": name, "params": dict(configuration.params), "path": list(outcome.path),
        "final": None if failure else outcome.scores[ready.objective.name],
        "direction": [ready.assignment.race.direction, ready.objective.direction]
        if ready.assignment.race else None,
        "cpu_s": outcome.resources.cpu_s, "seconds": outcome.resources.wall_s,
    }  # fmt: skip


def tasks_of(names: Sequence[str], metrics: Sequence[str]) -> Callable[[int], list[Task]]:
    """So many configurations of each table and metric."""

    def tasks(repeats: int) -> list[Task]:
        return [
            {"table": table, "metric": metric, "number": number}
            for table in names
            for metric in metrics
            for number in range(repeats)
        ]

    return tasks


def raced(lines: Sequence[Line], order: Sequence[int]) -> tuple[float, float, bool]:
    """(share of the CPU, loss in score, whether the winner is kept) of one order."""
    rungs, final = lines[0]["direction"]
    sign = 1.0 if final == "maximize" else -1.0
    running = Race(rungs, final)
    used, winner = 0.0, -1
    best: float | None = None
    for place in order:
        line = lines[place]
        bar = None if best is None else running.bar(line["model"], best)
        rung = _ended_at(line["path"], bar)
        used += line["cpu_s"] * (1.0 if rung is None else _cost(rung))
        if rung is None:
            trial = Trial(place, Configuration(line["model"], {}), "random", 0.0)
            trial.score, trial.path = line["final"], tuple(line["path"])
            running.learn(trial)
            if best is None or sign * line["final"] > sign * best:
                best, winner = line["final"], place
    whole = sum(lines[place]["cpu_s"] for place in order)
    truly = max(order, key=lambda place: sign * lines[place]["final"])
    assert best is not None  # nobody is ended before the first few
    return used / whole, sign * (lines[truly]["final"] - best), winner == truly


def _ended_at(path: Sequence[float], bar: Bar | None) -> int | None:
    if bar is None:
        return None
    return next((rung for rung, score in enumerate(path) if bar.falls_short(rung, score)), None)


def _cost(rung: int) -> float:
    """Of all folds, by a rung."""
    return (rung or FEW_ROUNDS) / FOLDS


def figures(lines: Sequence[Line], orders: int) -> dict[str, Any]:
    """Of one table and metric."""
    known = [line for line in lines if line["final"] is not None]
    told: dict[str, Any] = {"configurations": len(known), "ranks": _ranks(known)}
    generator = np.random.default_rng(0)
    drawn = [generator.permutation(len(known))[: round(PART * len(known))] for _ in range(orders)]
    before = race.MARGIN
    for margin in MARGINS:
        race.MARGIN = margin
        runs = [raced(known, [int(place) for place in order]) for order in drawn]
        told[f"margin {margin:g}"] = {
            "cpu_share": statistics.mean(share for share, _, _ in runs),
            "loss": statistics.mean(loss for _, loss, _ in runs),
            "kept": statistics.mean(kept for _, _, kept in runs),
        }
    race.MARGIN = before
    return told


def _ranks(lines: Sequence[Line]) -> list[float]:
    """Spearman's correlation of each rung with the end, xgboost alone at rung 0."""
    rungs, final = lines[0]["direction"]
    running = Race(rungs, final)
    for place, line in enumerate(lines):
        trial = Trial(place, Configuration(line["model"], {}), "random", 0.0)
        trial.score, trial.path = line["final"], tuple(line["path"])
        running.learn(trial)
    return list(running.ranks("xgboost"))


def shown(table: str, metric: str, told: Mapping[str, Any]) -> str:
    """One line."""
    ranks = " ".join("  - " if math.isnan(rank) else f"{rank:4.2f}" for rank in told["ranks"])
    line = f"{table:9}{metric:19}{ranks}  "
    for margin in MARGINS:
        found = told[f"margin {margin:g}"]
        line += f"   {found['cpu_share']:.2f} {found['kept']:4.0%} {found['loss']:.4f}"
    return line


def main() -> None:
    """Run what is missing, then race."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", default=",".join([*ROWS, "medium"]))
    parser.add_argument("--metrics", default=",".join(METRICS))
    parser.add_argument("--configurations", type=int, default=60, help="of each table and metric")
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1, help="processes of one thread each")
    parser.add_argument("--quick", action="store_true", help="30 on two tables, by ROC AUC")
    parser.add_argument("--folder", type=Path, default=Path("data/race"), help="of the lines")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    asked = parser.parse_args()
    if asked.quick:
        asked.tables, asked.metrics, asked.configurations = "adult,bank", "roc_auc", 30
    names, metrics = asked.tables.split(","), asked.metrics.split(",")
    part = Part("race", asked.configurations, tasks_of(names, metrics), replicate, lambda _: [])
    lines = made(part, asked.configurations, asked.folder, asked.jobs, lambda line: None)
    print(f"{'table':9}{'metric':19}rank by rung            ", end="")
    print("".join(f"   {f'margin {m:g}: CPU, kept, loss':20}" for m in MARGINS))
    told = []
    for table in names:
        for metric in metrics:
            mine = [
                line for line in lines
                if line["task"]["table"] == table and line["task"]["metric"] == metric
            ]  # fmt: skip
            found = figures(mine, asked.orders)
            print(shown(table, metric, found), flush=True)
            told.append({"table": table, "metric": metric, **found})
    if asked.json:
        asked.json.write_text(json.dumps({"what": "racing, replayed", "rows": told}, indent=1))


if __name__ == "__main__":
    main()
