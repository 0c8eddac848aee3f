"""What a sweep says at its end: texts and tables for a terminal, a pipe or a notebook.

Import it late: rich costs 0.1 s. Every part reads at 80 columns and without colour.
"""

import io
import math
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.bodies import number as number_of
from search.report_cost import cost_lines
from search.report_front import constraint_lines, front_table
from search.report_tables import (
    STYLES,
    best_table,
    class_table,
    compact,
    confusion_table,
    failures_table,
    finalists_table,
    number,
    plan_table,
    said_table,
    score,
    trials_table,
)
from search.report_vary import diary, steps_picture
from search.view import SweepView

__all__ = [
    "best_table",
    "class_table",
    "confusion_table",
    "failures_table",
    "headline",
    "report",
    "report_text",
    "summary",
    "trials_table",
]

#: Columns of a label; the longest, of the line that stands first, sets it.
_LABEL = len("positive class: ")
#: Of the claim, by the verdict of a refresh.
_HELD = {
    "held": "held", "did not hold": "did not hold", "cannot tell": "may have held or not",
}  # fmt: skip


def headline(view: SweepView) -> list[Text]:
    """What is known before the first trial, a line each; the positive class stands first."""
    header = view.header
    repeats = header.get("repeats", 1)
    folds = f"{header.get('folds')} folds{f' x {repeats} repeats' if repeats > 1 else ''}"
    better = "higher" if view.direction == "maximize" else "lower"
    slots = view.resources.max_concurrent
    at_once = f", up to {slots} trial{'s' * (slots != 1)} at a time" if slots else ""
    lines = [
        _classes(view),
        _line("rows", _rows(view)),
        _line("sweep", f"{view.id}, {header.get('budget')} trials, {folds}{_continued(view)}"),
        _line("metric", f"{view.metric} ({better} is better)"),
    ]
    if view.baseline is not None:
        told = f"{score(view.baseline.score)} ({view.baseline.kind}: what no features score)"
        lines.append(_line("baseline", told))
    lines.append(_line("runner", f"{view.runner}{at_once}"))
    if view.place:
        lines.append(_line("records", view.place))
    return lines + _warnings(view)


def summary(view: SweepView) -> Group:
    """How a sweep stands, without its tables."""
    return _spaced([Group(*headline(view)), Group(*_verdict(view)), _cost(view), _next(view)])


def report(view: SweepView, *, opening: bool = True) -> Group:
    """The whole report; without its ``opening`` where that was printed before the first trial."""
    tables = (
        finalists_table(view), best_table(view), front_table(view), confusion_table(view),
        class_table(view), failures_table(view), said_table(view), plan_table(view),
    )  # fmt: skip
    return _spaced(
        [
            *([Group(*headline(view))] if opening else []),
            Group(*_verdict(view)),
            *(table for table in tables if table is not None),
            _cost(view),
            _next(view),
        ]
    )


def report_text(view: SweepView, width: int = 80) -> str:
    """The whole report as plain text of so many columns."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(report(view))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def _classes(view: SweepView) -> Text:
    """The first line of every output."""
    header = view.header
    if header.get("task") == "regression":
        return _line("target", f"{header.get('target')} (regression)")
    if header.get("task") == "other":
        return _line("estimator", header["searchcv"]["estimator"])
    if view.positive is None:
        names = [str(name) for name in header.get("classes", ())]
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        return _line("classes", f"{', '.join(names[:6])}{more} ({len(names)} in all)")
    share = header.get("positive_share")
    told = view.positive if share is None else f"{view.positive} ({share:.1%})"
    return _line("positive class", told)


def _rows(view: SweepView) -> str:
    searched, locked = view.header.get("rows_searched"), view.header.get("rows_locked")
    if searched is None:
        return "not known"
    told, part = f"{searched:,} searched, ", view.header.get("part")
    if part is not None:
        told = f"{part['rows']:,} of {part['of']:,} searched, finalists on all; "
    return told + (
        f"{locked:,} locked as hold-out" if locked else "none locked: there is no hold-out"
    )


def _verdict(view: SweepView) -> Iterator[RenderableType]:
    """The estimate, the state, the winner, and whether it beats no model at all."""
    if view.best is not None:
        yield from _estimate(view)
    yield from _refreshed(view)
    yield from _varied(view)
    counts = view.counts
    told = [f"{counts[state]} {state}" for state in counts if counts[state]]
    because = f" ({view.reason})" if view.reason else ""
    state = Text(f"{view.state}{because}", STYLES.get(view.state, ""))
    yield _line("state", state + Text(f"  {', '.join(told) or 'no trials yet'}", "dim"))
    yield from (_line("constraint", Text(each, "yellow")) for each in constraint_lines(view))
    for told_of in view.known.lines() if view.known is not None else ():
        yield _line("known", told_of)
    best = view.best
    if best is None:
        what = "has completed with a score"
        if counts["infeasible"]:
            what = "that has completed is within search.constraints: raise one, or drop it"
        yield Text(f"No trial {what}.", "bold")
        return
    by = "the default configuration" if best.trial < 0 else f"trial {best.trial}"
    top = view.ranked[:1] == [best]
    rank = f"best of {len(view.ranked)}" if top else f"one of {len(view.ranked)} to choose from"
    chosen = f"selection score, {rank} on the same folds: optimistic"
    if (part := view.header.get("part")) is not None:
        chosen = f"selection score, {rank} on the same folds of {part['rows']:,} rows"
    yield _line("winner", f"{by}, {best.model} {compact(best.params)}")
    if view.finals.choice:
        yield _aside(view.finals.choice)
    yield _line("searched", Text(f"{score(best.score)} {chosen}", "dim"))
    if (cuts := view.cuts_told) is not None:
        yield _line("cuts", cuts)
    for doubt in view.doubts:
        yield Text.assemble(("doubt   ", "bold yellow"), (f"{doubt.code}: {doubt.message}", ""))
    said = "within_noise_of_baseline" in [doubt.code for doubt in view.doubts]
    if view.beats_baseline is False and view.baseline is not None and not said:
        yield Text(
            f"The best trial does not beat the baseline: {score(best.score)} against "
            f"{score(view.baseline.searched)} ({view.baseline.kind}).",
            "bold yellow",
        )


def _estimate(view: SweepView) -> Iterator[RenderableType]:
    """What the winner will do on data nobody has looked at, as far as that can be known."""
    found = view.finals.estimate
    if found is None:
        why = view.finals.failure or "the winner was not scored on fresh folds before the end"
        if "searchcv" in view.header:
            why = "SearchCV scores on the folds searched on alone; see its estimate_"
        if (steps := view.header.get("vary")) is not None:
            why = f"these are steps from {steps['of']}: they compare, and claim nothing"
        yield _line("estimate", Text(f"none: {why}", "yellow"))
        return
    ends = f"[{score(found.interval.low)}, {score(found.interval.high)}]"
    told = Text.assemble(
        (f"{score(found.score)}  {ends}", "bold green"),
        f"  {view.metric}, {found.interval.level:.0%} interval",
    )
    if view.baseline is not None and not math.isnan(view.baseline.score):
        told += Text(f", baseline {score(view.baseline.score)}")
    yield _line("estimate", told)
    if found.row is not None:
        others = {
            name: value for name, value in found.row.scores.items()
            if name != view.metric and not name.endswith("@tuned") and not math.isnan(value)
        }  # fmt: skip
        if others:
            told_too = ", ".join(f"{name} {score(value)}" for name, value in others.items())
            yield _aside(f"there too: {told_too}")
    yield _aside(found.method)
    tried = f"{found.tried} configurations were tried on this data in all"
    if (bbc := view.finals.optimism) is not None:
        ends = f"[{score(bbc.interval.low)}, {score(bbc.interval.high)}]"
        on_part = " of the part searched" if view.header.get("part") else ""
        tried += f"; BBC-CV{on_part} says {score(bbc.score)} {ends}"
    yield _aside(tried)


def _continued(view: SweepView) -> str:
    """Which sweep it goes on with, on a table that has grown."""
    earlier = view.header.get("refreshed_from")
    return f", continues {earlier}" if earlier else ""


def _refreshed(view: SweepView) -> Iterator[RenderableType]:
    """What the winner did on rows that came later."""
    for each in view.refreshed:
        fresh = each["fresh"]
        low, high, value = (score(number_of(fresh[key])) for key in ("low", "high", "score"))
        yield _line("on new rows", f"{value}  [{low}, {high}]: the claim {_HELD[each['verdict']]}")
        goes_on = f"; {each['next']} goes on" if each["next"] else ""
        told = f"{each['when'][:10]}, {each['scored_rows']} rows: {each['reason']}{goes_on}"
        yield _aside(told)


def _varied(view: SweepView) -> Iterator[RenderableType]:
    """Of steps that started here a line each; of a sweep of steps their picture."""
    if "vary" not in view.header:
        yield from (_line("one at a time", told) for told in diary(view))
        return
    if view.varied:
        yield from (Text(), steps_picture(view.varied[-1]), Text())


def _warnings(view: SweepView) -> list[Text]:
    """Each warning with its code, which the docs explain."""
    return [
        Text("warning ", "yellow") + Text(f"{each.code}: {each.message}", "default")
        for each in view.warnings
        if each not in view.doubts
    ]


def _cost(view: SweepView) -> Text:
    """The wall time beside the CPU time of the trials on the cores there are, and the rest."""
    cost, cpus = view.resources, (view.header.get("machine") or {}).get("cpus")
    cpu = f"CPU of all trials {number(cost.cpu_s)} s"
    if cpus and view.wall_s > 0:
        each = cost.cpu_s / cpus
        part = each / view.wall_s
        cpu += f" = {number(each)} s on each of {cpus} cores, {part:.0%} of the wall time"
    lines = (
        f"wall time {number(view.wall_s)} s",
        cpu,
        f"slots idle, starting or waiting for the scheduler {number(cost.overhead_s)} s",
        f"peak memory of a trial {cost.peak_mb:,.0f} MB",
        *(view.race.lines() if view.race is not None else ()),
        *cost_lines(cost),
    )
    return Text.assemble(("Cost", "bold"), *(f"\n  {line}" for line in lines))


def _next(view: SweepView) -> Group:
    """What to type next."""
    steps = [(f"quintain trials {view.id}", "every trial, its scores and its cost")]
    if view.state in ("interrupted", "stopped"):
        how = f"quintain resume {view.id}"
        if "searchcv" in view.header:
            how = "the same fit in Python"
        steps.insert(0, (how, "go on; nothing recorded runs again"))
    elif view.state == "completed":
        if view.header.get("rows_locked") and "vary" not in view.header:
            look = f'quintain holdout {view.id} --why "..."'
            steps.insert(0, (look, "score the winner on the locked rows; each look counts"))
        steps.append((f"quintain show {view.id} --json", "the same for a program"))
    if view.failures:
        first = view.failures[0].trials[0]
        steps.append((f"quintain show {view.id} --trial {first}", "why that one failed, in full"))
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for command, why in steps:
        table.add_row(Text(f"  {command}"), why)
    return Group(Text("Next", "bold"), table)


def _line(label: str, told: str | Text) -> Text:
    """``label: told``; a text of the user's is taken as it is."""
    return Text.assemble((f"{f'{label}:':<{_LABEL}}", "bold"), told)


def _aside(told: str) -> Padding:
    """A remark below a line, under what that line says."""
    return Padding(Text(told, "dim"), (0, 0, 0, _LABEL), expand=False)


def _spaced(parts: list[RenderableType]) -> Group:
    """The parts with an empty line between them."""
    return Group(*(piece for part in parts for piece in (part, Text())))
