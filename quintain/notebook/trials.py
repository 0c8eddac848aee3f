"""What was tried, in order, and what failed."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from quintain.notebook.blocks import Block, Code, Facts, Fold, Table, Text
from quintain.notebook.pictures import history
from search.report_tables import compact, megabytes, number, score
from search.view import SweepView
from search.view_rows import TrialView

#: Failures of one kind named, and lines of a traceback shown.
NAMED, LINES = 12, 40


def tried(view: SweepView) -> Iterator[Block]:
    """The course of the search, models beside each other, finalists, and every trial in a line."""
    if not view.trials:
        yield Text("No trial has been asked for yet.")
        return
    if (drawn := history(view)) is not None:
        yield drawn
    yield _models(view)
    if len(view.finals.finalists) > 1:
        yield _finalists(view)
    counts = ", ".join(f"{count} {state}" for state, count in view.counts.items() if count)
    yield Fold(f"All {len(view.trials)} trials in the order of asking ({counts})", [_all(view)])


def _models(view: SweepView) -> Table:
    """One row a model."""
    rows = []
    names = list(dict.fromkeys(trial.model for trial in view.trials))
    for name in names:
        own = [trial for trial in view.trials if trial.model == name]
        ranked = [trial for trial in view.ranked if trial.model == name]
        middle = ranked[len(ranked) // 2].score if ranked else float("nan")
        rows.append((
            name, str(len(own)), str(len(ranked)),
            str(sum(t.state == "pruned" for t in own)), str(sum(t.state == "failed" for t in own)),
            score(ranked[0].score) if ranked else "-", score(middle),
            number(sum(t.cpu_s for t in own if t.cpu_s == t.cpu_s)),
        ))  # fmt: skip
    won = {at for at, name in enumerate(names) if view.best is not None and view.best.model == name}
    columns = ("model", "trials", "ranked", "pruned", "failed", f"best {view.metric}",
               "middle one", "CPU s")  # fmt: skip
    note = "selection scores, the best of many on the same folds: optimistic"
    return Table("Models", columns, rows, note, frozenset({0}), frozenset(won))


def _finalists(view: SweepView) -> Table:
    rows = []
    for each in view.finals.finalists:
        told = f"{each.model} {compact(each.params)}"
        rows.append((
            each.name, score(each.search), score(each.fresh), number(each.cpu_s),
            f"{told}; {each.failure}" if each.failure else told,
        ))  # fmt: skip
    won = frozenset(at for at, each in enumerate(view.finals.finalists) if each.won)
    columns = ("finalist", "folds searched on", "fresh folds", "CPU s", "model and parameters")
    return Table(
        f"Finalists by {view.metric}", columns, rows, view.finals.choice, frozenset({0, 4}), won
    )


def _all(view: SweepView) -> Table:
    """One line a trial."""
    columns = ("trial", "state", view.metric, "± sd", "fit s", "CPU s", "peak MB",
               "model, parameters, and why it ended")  # fmt: skip
    won = frozenset(
        at for at, t in enumerate(view.trials) if view.best and t.trial == view.best.trial
    )
    note = "± standard deviation over the folds: a spread, not an interval"
    rows = [_line(trial, view.metric) for trial in view.trials]
    return Table(f"Trials of {view.id}", columns, rows, note, frozenset({1, 7}), won)


def _line(trial: TrialView, metric: str) -> tuple[str, ...]:
    told = f"{trial.model} {compact(trial.params)}".strip()
    if trial.cause:
        told += f"; {trial.cause}: {_first(trial.reason or '')}"
    elif trial.state == "pruned" and trial.reason:
        told += f"; {_first(trial.reason)}"
    if trial.infeasible:
        told += f"; breaks {trial.infeasible}"
    return (
        str(trial.trial), trial.state + ", cached" * trial.cached, score(trial.score),
        _spread(trial.folds.get(metric, ())), number(trial.fit_s), number(trial.cpu_s),
        megabytes(trial.peak_mb), told,
    )  # fmt: skip


def _spread(folds: Sequence[float]) -> str:
    """As the report has it; with exact fractions ten thousand of them took half a second."""
    known = [each for each in folds if math.isfinite(each)]
    if len(known) < 2:
        return "-"
    mean = math.fsum(known) / len(known)
    return score(math.sqrt(math.fsum((each - mean) ** 2 for each in known) / (len(known) - 1)))


def _first(text: str) -> str:
    """One line of what may be many."""
    line = text.strip().split("\n")[0]
    return line if len(line) <= 200 else f"{line[:199]}…"


def failures(view: SweepView) -> Iterator[Block]:
    """Failed trials by cause and reason, each kind with where it happened; then what fits said."""
    by_number = {trial.trial: trial for trial in view.trials}
    failed = view.counts["failed"]
    if not failed:
        yield Text("No trial failed.")
    for road in view.failed_roads:
        yield Text(str(road))
    for group in view.failures:
        own = [by_number[number] for number in group.trials]
        named = ", ".join(str(number) for number in group.trials[:NAMED])
        more = f" and {len(own) - NAMED} more" if len(own) > NAMED else ""
        models = ", ".join(
            f"{sum(t.model == name for t in own)} {name}"
            for name in dict.fromkeys(trial.model for trial in own)
        )
        facts = [
            (f"{len(own)} of {failed} failed: {group.cause}", group.reason or "no reason is known"),
            ("trials", f"{named}{more} ({models})"),
        ]
        if (shared := _shared(view, own)) is not None:
            facts.append(("where", shared))
        spent = sum(t.wall_s for t in own if t.wall_s == t.wall_s)
        facts.append(("took", f"{number(spent)} s of worker time"))
        yield Facts(facts)
        if own[0].traceback:
            lines = own[0].traceback.rstrip().split("\n")[-LINES:]
            yield Fold(f"Traceback of trial {own[0].trial}", [Code("text", "\n".join(lines))])
    said = view.said_by_fits
    if said:
        rows = [(str(len(trials)), _first(text)) for text, trials in list(said.items())[:20]]
        yield Table("Fits warned", ("trials", "warning"), rows, "", frozenset({1}))


def _shared(view: SweepView, failed: list[TrialView]) -> str | None:
    """What the parameters of a kind of failure have in common that completed trials have not.

    One parameter whose range, or levels, hold all of these and the fewest of those; None unless
    that tells most of the completed ones apart.
    """
    completed = [t for t in view.trials if t.state == "completed" and t.model == failed[0].model]
    if len(failed) < 3 or len(completed) < 3 or any(t.model != failed[0].model for t in failed):
        return None
    found: list[tuple[int, str]] = []
    for name in failed[0].params:
        values: list[Any] = [t.params.get(name) for t in failed]
        others: list[Any] = [t.params.get(name) for t in completed]
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values + others):
            low, high = min(values), max(values)
            inside = sum(low <= v <= high for v in others)
            found.append((inside, f"{name} {low:.3g} to {high:.3g}"))
        else:
            levels = {str(v) for v in values}
            inside = sum(str(v) in levels for v in others)
            found.append((inside, f"{name} {', '.join(sorted(levels))}"))
    if not found:
        return None
    inside, told = min(found)
    if inside > 0.25 * len(completed):
        return None
    model = failed[0].model
    return f"all with {told}, where {inside} of {len(completed)} completed {model} trials lie"
