"""All sweeps of a store in the order they began, for a colleague who has just come."""

import math
from collections.abc import Iterator, Sequence

from quintain.notebook.blocks import Block, Facts, Page, Picture, Section, Table, Text
from quintain.notebook.drawing import SERIES, Axis, Plot
from quintain.notebook.notes import Noted, moment, opening
from search.records import Records
from search.report_tables import compact, number, score
from search.report_vary import diary
from search.view import SweepView, read_view

Told = tuple[SweepView, Sequence[Noted]]


def project(store: Records) -> Page:
    """The chronology; outer folds of nested sweeps are parts of these."""
    notes: dict[str, list[Noted]] = {}
    for each in store.changes.of(kinds=("note",)):
        notes.setdefault(each.sweep, []).append(Noted(each.time, each.user, each.body["text"]))
    found: list[Told] = [
        (read_view(store, record.id),
         opening(record.header, record.created) + notes.pop(record.id, []))
        for record in reversed(store.sweeps())
        if "outer_of" not in record.header
    ]  # fmt: skip
    trials = sum(len(view.trials) for view, _ in found)
    cpu = sum(view.resources.cpu_s + view.resources.finalists_cpu_s for view, _ in found)
    lead = (
        f"{len(found)} sweeps, {trials:,} trials, {number(cpu)} s of CPU; records in {store.place}"
    )
    sections = [Section("overview", "Overview", tuple(_overview(found)))]
    sections += [
        Section(view.id, f"{view.id}, {moment(view.created)}", tuple(_one(view, notes_of)))
        for view, notes_of in found
    ]
    if notes:
        gone = [
            Facts([(f"{sweep}, {n.when}, {n.user}", n.text) for n in each])
            for sweep, each in notes.items()
        ]
        sections.append(Section("deleted", "Notes of sweeps that were deleted", gone))
    return Page("Lab notebook", lead, sections)


def _overview(found: Sequence[Told]) -> Iterator[Block]:
    if not found:
        yield Text("No sweep yet: quintain run SPEC.")
        return
    yield from _courses(found)
    rows = [
        (view.id, moment(view.created), view.state, view.metric, _claimed(view),
         "-" if view.baseline is None else score(view.baseline.score),
         "-" if view.best is None else view.best.model, str(len(view.trials)),
         str(view.counts["failed"]), number(view.resources.cpu_s))
        for view, _ in found
    ]  # fmt: skip
    columns = ("sweep", "begun", "state", "metric", "estimate and interval", "baseline", "winner",
               "trials", "failed", "CPU s")  # fmt: skip
    note = "an estimate is the winner's on fresh folds, never the best score of a search"
    yield Table("All sweeps, oldest first", columns, rows, note, frozenset({0, 1, 2, 3, 4, 6}))


def _claimed(view: SweepView) -> str:
    found = view.finals.estimate
    if found is None:
        return "none"
    return f"{score(found.score)} ({score(found.interval.low)} to {score(found.interval.high)})"


def _courses(found: Sequence[Told]) -> Iterator[Picture]:
    """Estimates of one metric on one table, with at least two sweeps: only those compare."""
    groups: dict[tuple[str, str], list[SweepView]] = {}
    for view, _ in found:
        if view.finals.estimate is not None:
            table = str(view.header.get("table") or view.header.get("fingerprint"))
            groups.setdefault((table, view.metric), []).append(view)
    for (_, metric), views in groups.items():
        if len(views) > 1:
            yield _course(metric, views)


def _course(metric: str, views: Sequence[SweepView]) -> Picture:
    estimates = [view.finals.estimate for view in views]
    known = [each for each in estimates if each is not None]
    values = [v for e in known for v in (e.score, e.interval.low, e.interval.high)]
    floors = [v.baseline.score for v in views if v.baseline and math.isfinite(v.baseline.score)]
    told = (
        f"{len(views)} sweeps on one table, estimate and interval of {metric}: the first "
        f"{views[0].id} {_claimed(views[0])}, the last {views[-1].id} {_claimed(views[-1])}."
    )
    across = Axis(-0.5, len(views) - 0.5, "sweeps on this table, oldest first", False, tuple(
        (at, view.id[-14:]) for at, view in enumerate(views) if at % math.ceil(len(views) / 6) == 0
    ))  # fmt: skip
    plot = Plot(f"Estimates of {metric} over time", told, across,
                Axis.over([*values, *floors[:1]], metric))  # fmt: skip
    for at, (view, each) in enumerate(zip(views, known, strict=True)):
        low, high = each.interval.low, each.interval.high
        plot.line([at, at], [low, high], SERIES[0], f"{view.id}: {_claimed(view)}")
        plot.points([at], [each.score], SERIES[0], [f"{view.id}: {_claimed(view)}"])
    if floors:
        plot.level(floors[0], f"baseline {score(floors[0])}")
    return Picture(plot.title, plot.svg(), told)


def _one(view: SweepView, notes: Sequence[Noted]) -> Iterator[Block]:
    """One sweep in a few lines."""
    for note in notes:
        by = f"{note.when}, {note.user}" if note.user else f"{note.when}, with the spec"
        yield Facts([(by, note.text)])
    baseline = "" if view.baseline is None else f", baseline {score(view.baseline.score)}"
    if view.finals.estimate is not None:
        level = f"{view.finals.estimate.interval.level:.0%} interval"
        yield Text(f"{view.metric} {_claimed(view)}, {level}{baseline}", "claim")
    else:
        yield Text(f"No honest estimate ({view.state}){baseline}.", "doubt")
    for doubt in view.doubts:
        yield Text(f"{doubt.code}: {doubt.message}", "doubt")
    counts = [f"{count} {state}" for state, count in view.counts.items() if count]
    facts = [("state", view.state + (f" ({view.reason})" if view.reason else ""))]
    if view.best is not None:
        by = "the default configuration" if view.best.trial < 0 else f"trial {view.best.trial}"
        facts.append(("winner", f"{by}, {view.best.model} {compact(view.best.params)}".strip()))
    facts.append(("trials", f"{', '.join(counts) or 'none'}, of {view.header.get('budget', '?')}"))
    facts += [
        (f"{len(group.trials)} failed: {group.cause}", group.reason.split("\n")[0])
        for group in view.failures[:3]
    ]
    facts.append(
        ("took", f"{number(view.wall_s)} s with a driver, {number(view.resources.cpu_s)} s of CPU")
    )
    facts += [
        ("on new rows", f"{each['when'][:10]}: {each['verdict']}; {each['reason']}")
        for each in view.refreshed
    ]
    facts += [("one at a time", told) for told in diary(view)]
    facts.append(("the whole page", f"quintain report {view.id} --html {view.id}.html"))
    yield Facts(facts)
