"""The tables of a report, with rich. Texts of the user's are never read as markup."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evaluators import metric_functions as formula
from evaluators.metrics import tuned_name
from search.view import SweepView
from search.view_rows import TrialView

#: More classes than this make a matrix no screen holds; the worst confusions are listed instead.
_MATRIX_CLASSES = 8

#: Numbers of trials named in a row of failures.
_NAMED = 6

STYLES = {
    "completed": "green", "running": "cyan", "waiting": "dim", "pruned": "dim",
    "failed": "red", "cancelled": "yellow", "interrupted": "yellow", "stopped": "yellow",
}  # fmt: skip


def best_table(view: SweepView, rows: int = 5) -> Group | None:
    """The best completed trials, score and cost in one row; None if none has a score."""
    ranked = view.ranked[:rows]
    if not ranked:
        return None
    folds = len(ranked[0].folds.get(view.metric, ()))
    table = plain_table()
    columns(table, "trial", "score", "± sd", "wall s", "CPU s", "peak MB")
    table.add_column("model and parameters", overflow="fold", ratio=1)
    for trial in ranked:
        table.add_row(
            str(trial.trial), score(trial.score), spread(trial.folds.get(view.metric, ())),
            number(trial.wall_s), number(trial.cpu_s), megabytes(trial.peak_mb),
            _configuration(trial),
        )  # fmt: skip
    note = f"± standard deviation over the {folds} folds: a spread, not an interval"
    title = f"Best trials by {view.metric}, {len(ranked)} of {len(view.ranked)}"
    return titled(title, table, note if folds > 1 else "")


def finalists_table(view: SweepView) -> Group | None:
    """Who competed on the fresh partition; None where there was nothing to choose."""
    if len(view.finals.finalists) < 2:
        return None
    table, part = plain_table(), view.header.get("part")
    scores = ("search", "fresh", "mean") if part is None else ("part", "all rows")
    columns(table, "finalist", *scores, "CPU s")
    table.add_column("model and parameters", overflow="fold", ratio=1)
    for each in view.finals.finalists:
        name = "default" if each.trial is None else str(each.trial)
        told = Text(f"{each.failure}\n", "red") if each.failure else Text()
        told += Text(each.model) + Text(f" {compact(each.params)}", "dim")
        table.add_row(
            Text(f"> {name}" if each.won else name, "bold green" if each.won else ""),
            *(score(value) for value in (each.search, each.fresh)),
            *([score((each.search + each.fresh) / 2)] if part is None else []),
            number(each.cpu_s), told,
        )  # fmt: skip
    note = "the same configurations on the folds searched on and on a fresh partition"
    if part is not None:
        note += " of all rows, which decides"
    return titled("Finalists, > the winner", table, note)


def trials_table(view: SweepView) -> Group:
    """Every trial in the order of asking: how it ended, its score and its cost."""
    table = plain_table()
    columns(table, "trial")
    table.add_column("state", no_wrap=True)
    columns(table, "score", "wall s", "CPU s", "peak MB")
    table.add_column("model and parameters", overflow="fold", ratio=1)
    for trial in view.trials:
        state = Text(trial.state, STYLES.get(trial.state, ""))
        state += Text(", cached" if trial.cached else "", "dim")
        why = f"{trial.cause}: {trial.reason}\n" if trial.cause else ""
        why += f"infeasible: {trial.infeasible}\n" if trial.infeasible else ""
        table.add_row(
            str(trial.trial), state, score(trial.score), number(trial.wall_s),
            number(trial.cpu_s), megabytes(trial.peak_mb),
            Text(why, "red") + _configuration(trial),
        )  # fmt: skip
    return titled(f"Trials of {view.id}, score by {view.metric}", table)


def confusion_table(view: SweepView) -> Group | None:
    """What the best trial took for what; None where it is not known.

    Two classes have a second matrix at the tuned threshold; each names its own threshold.
    """
    best = view.best
    if best is None or best.confusion is None:
        return None
    names = _class_names(view, len(best.confusion))
    repeats = int(view.header.get("repeats", 1))
    note = "a row for each true class, a column for each predicted one"
    if repeats > 1:
        note += f"; each row of the data counts {repeats} times, once a repeat"
    twice = [name for name in best.scores if tuned_name(name) in best.scores]
    told = {False: "", True: ""}
    for tuned in told:
        keys = [tuned_name(name) if tuned else name for name in twice]
        told[tuned] = ", ".join(f"{key} {score(best.scores[key])}" for key in keys)
    title = f"Confusion of {_called(best)}, out of fold"
    if (part := view.header.get("part")) is not None:
        title += f" on the {part['rows']:,} rows searched"
    first = _confusion(best.confusion, names, f"{title} ({_rule(view, best)})", told[False])
    parts: list[RenderableType] = [
        first,
        *([] if len(names) > _MATRIX_CLASSES else [Text(note, "dim")]),
    ]
    if best.tuned_confusion is not None and view.threshold is not None:
        rule = f"tuned for {view.header.get('tuned_for')} on the other folds"
        rule += f"; the one to use: {score(view.threshold)}"
        tuned_title = f"{title} ({_scale(best)} {rule})"
        parts += [Text(), _confusion(best.tuned_confusion, names, tuned_title, told[True])]
    return Group(*parts)


def _class_names(view: SweepView, size: int) -> list[str]:
    """Labels by code; the codes where they are not known."""
    names = [str(name) for name in view.header.get("classes", ())]
    return names if len(names) == size else [str(code) for code in range(size)]


def _called(trial: TrialView) -> str:
    return f"trial {trial.trial}" if trial.trial >= 0 else "the default configuration"


def _scale(trial: TrialView) -> str:
    return "decision value" if trial.kind == "decision" else "threshold"


def _rule(view: SweepView, trial: TrialView) -> str:
    """Where the labels of ``trial.confusion`` were cut."""
    if len(trial.confusion or ()) > 2:
        return "the most probable class wins"
    given = view.header.get("threshold")
    if given is not None:
        return f"threshold {given:g}, as the spec says"
    return f"{_scale(trial)} {0 if trial.kind == 'decision' else 0.5:g}, not tuned"


def _confusion(
    matrix: Sequence[Sequence[float]], names: Sequence[str], title: str, note: str
) -> Group:
    """One matrix with the recall of each class."""
    if len(names) > _MATRIX_CLASSES:
        return _worst_confusions(matrix, names, title)
    table = plain_table()
    table.add_column("true class", overflow="fold")
    for name in names:
        table.add_column(Text(name), justify="right", overflow="fold")
    table.add_column("recall", justify="right")
    for code, row in enumerate(matrix):
        cells = [Text(count(n), "bold" if code == at else "") for at, n in enumerate(row)]
        table.add_row(Text(names[code]), *cells, _share(row[code], sum(row)))
    return titled(title, table, note)


def class_table(view: SweepView) -> Group | None:
    """How well the best trial knows each of more than two classes; None for two, or if unknown."""
    best = view.best
    if best is None or best.confusion is None or len(best.confusion) == 2:
        return None
    counts = np.asarray(best.confusion, dtype=np.float64)
    names, repeats = _class_names(view, len(counts)), int(view.header.get("repeats", 1))
    table = plain_table()
    table.add_column("class", overflow="fold")
    columns(table, "rows", "precision", "recall", "F1")
    each = (formula.precisions(counts), formula.recalls(counts), formula.fbetas(counts, 1.0))
    order: Sequence[int] = range(len(counts))
    if len(counts) > _MATRIX_CLASSES:
        order = np.argsort(each[2], kind="stable")[:_MATRIX_CLASSES].tolist()
    for code in order:
        values = [score(float(of_class[code])) for of_class in each]
        table.add_row(Text(names[code]), count(counts[code].sum() / repeats), *values)
    few = len(order) < len(counts)
    note = f"the {len(order)} of {len(counts)} classes with the lowest F1" if few else ""
    return titled(f"Classes of {_called(best)}, out of fold", table, note)


def _worst_confusions(
    matrix: Sequence[Sequence[float]], names: Sequence[str], title: str, rows: int = 8
) -> Group:
    """The pairs of classes mistaken most often."""
    table = plain_table()
    table.add_column("true class", overflow="fold")
    table.add_column("predicted", overflow="fold")
    columns(table, "rows", "of the class")
    pairs = [
        (mistaken, true, taken)
        for true, row in enumerate(matrix)
        for taken, mistaken in enumerate(row)
        if true != taken and mistaken
    ]
    for mistaken, true, taken in sorted(pairs, key=lambda pair: -pair[0])[:rows]:
        part = _share(mistaken, sum(matrix[true]))
        table.add_row(Text(names[true]), Text(names[taken]), count(mistaken), part)
    return titled(title, table, f"of {len(names)} classes, the pairs mistaken most often")


def failures_table(view: SweepView) -> Group | None:
    """Why trials failed, the most frequent first; None if none did."""
    groups = view.failures
    if not groups:
        return None
    table = plain_table()
    columns(table, "trials")
    table.add_column("cause", style="red")
    table.add_column("reason", overflow="fold", ratio=1)
    table.add_column("which", overflow="fold")
    for group in groups:
        which = ", ".join(str(trial) for trial in group.trials[:_NAMED])
        more = ", ..." if len(group.trials) > _NAMED else ""
        table.add_row(
            str(len(group.trials)), Text(group.cause), Text(group.reason), f"{which}{more}"
        )
    failed = view.counts["failed"]
    roads = "\n".join(str(road) for road in view.failed_roads)
    return titled(f"{failed} trial{'s' * (failed != 1)} failed", table, roads)


def said_table(view: SweepView) -> Group | None:
    """What fits warned of, the most frequent first; None if they were silent."""
    said = view.said_by_fits
    if not said:
        return None
    table = plain_table()
    columns(table, "trials")
    table.add_column("warning", overflow="fold", ratio=1)
    for text, trials in said.items():
        table.add_row(str(len(trials)), Text(text))
    return titled("Fits warned", table)


def score(value: float) -> str:
    """Four digits after the point, or as many as count where that would hide the number."""
    if math.isnan(value):
        return "-"
    if 1e3 <= abs(value) < 1e9:  # an error in the target's unit, as dollars
        return f"{value:,.1f}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e3 else f"{value:.3g}"


def spread(folds: Sequence[float]) -> str:
    """Standard deviation (n - 1) of the folds' scores, or a dash for fewer than two."""
    known = [each for each in folds if math.isfinite(each)]
    return score(statistics.stdev(known)) if len(known) > 1 else "-"


def number(value: float) -> str:
    """Seconds, with as many digits as a person reads."""
    if math.isnan(value):
        return "-"
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def megabytes(value: float) -> str:
    """Whole megabytes, or a dash where nothing was measured."""
    return "-" if math.isnan(value) else f"{value:,.0f}"


def count(value: float) -> str:
    """How many rows; parts of a row where repeats were averaged."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def compact(params: Mapping[str, Any]) -> str:
    """``name=value`` of each parameter, numbers to three digits."""
    return " ".join(f"{name}={_short(value)}" for name, value in params.items())


def _short(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _configuration(trial: TrialView) -> Text:
    """The model, then its parameters dimmed."""
    return Text(trial.model) + Text(f" {compact(trial.params)}", "dim")


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def plain_table() -> Table:
    """Without lines, for a terminal or a pipe."""
    return Table(box=None, pad_edge=False, header_style="dim")


def titled(title: str, table: Table, note: str = "") -> Group:
    """Title and note outside the table, which may be narrower than they are."""
    return Group(Text(title, "bold"), table, *([Text(note, "dim")] if note else []))


def columns(table: Table, *names: str) -> None:
    """Columns of numbers."""
    for name in names:
        table.add_column(Text(name), justify="right", no_wrap=True)


def plan_table(view: SweepView) -> Group | None:
    """What was foreseen beside what it took; None where nothing was planned."""
    plan = view.plan
    if plan is None:
        return None
    table = plain_table()
    table.add_column("model", no_wrap=True)
    columns(table, "trials", "foreseen s", "took s", "to plan for MB", "reached MB")
    for each in plan.models:
        table.add_row(
            Text(each.model), str(each.trials), number(each.foreseen_s), number(each.took_s),
            megabytes(each.foreseen_mb), megabytes(each.reached_mb),
        )  # fmt: skip
    foreseen, part = plan.foreseen, ""
    if foreseen.trials is not None and plan.ended < foreseen.trials:
        part = f" for {plan.ended} of {foreseen.trials} trials"
    note = (
        f"the sweep: {number(foreseen.p50_s)} s foreseen, {number(foreseen.p90_s)} s nine times in "
        f"ten; took {number(plan.took_s)} s{part}. A trial: the middle of what was foreseen, the "
        "mean of what they took"
    )
    return titled("Plan and what became of it", table, note)
