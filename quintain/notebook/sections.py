"""A sweep as a page: what is claimed, then why, what was tried, what failed, and the rest."""

from collections.abc import Iterator, Sequence

from quintain.notebook.blocks import Block, Facts, Page, Section, Text
from quintain.notebook.evidence import Evidence
from quintain.notebook.notes import moment
from quintain.notebook.reproducing import reproducing
from quintain.notebook.results import capacity, curves, knobs, planned, price, racing, recognised
from quintain.notebook.stepping import one_at_a_time
from quintain.notebook.trials import failures, tried
from search.bodies import number as number_of
from search.report_tables import compact, number, score
from search.view import SweepView


def page(found: Evidence) -> Page:
    """The whole page. It is made of any sweep, whatever state it is in."""
    view = found.view
    parts: Sequence[tuple[str, str, Iterator[Block]]] = (
        ("claim", "The claim", claim(found)),
        ("why", "Why", why(found)),
        ("tried", "What was tried", tried(view)),
        ("failed", "What failed, and why", failures(view)),
        ("confusion", "What the winner takes for what", recognised(found)),
        ("curves", "Curves", curves(found)),
        ("steps", "One at a time", one_at_a_time(view)),
        ("parameters", "Which parameters matter", knobs(view)),
        ("cost", "Score against cost", price(view)),
        ("capacity", "Capacity over time", capacity(found)),
        ("plan", "Predicted against actual", planned(view)),
        ("racing", "Racing", racing(view)),
        ("reproduce", "How to reproduce it", reproducing(view)),
    )
    sections = [Section(anchor, title, tuple(blocks)) for anchor, title, blocks in parts]
    lead = f"{view.state}, begun {moment(view.created)}, record in {view.place or 'no store'}"
    return Page(view.id, lead, [each for each in sections if each.blocks])


def claim(found: Evidence) -> Iterator[Block]:
    """The honest score with its interval and baseline, the winner, and what gives pause."""
    view = found.view
    estimate, best, baseline = view.finals.estimate, view.best, view.baseline
    if estimate is not None:
        interval = estimate.interval
        told = (
            f"{view.metric} {score(estimate.score)}, {interval.level:.0%} interval "
            f"{score(interval.low)} to {score(interval.high)}"
        )
        if baseline is not None:
            told += f", baseline {score(baseline.score)}"
        yield Text(told, "claim")
    elif best is not None:
        why = view.finals.failure or "the winner was not scored on fresh folds"
        if "searchcv" in view.header:
            why = "SearchCV scores on the folds searched on alone"
        if (steps := view.header.get("vary")) is not None:
            why = f"these are steps from {steps['of']}, which compare and claim nothing"
        yield Text(f"No honest estimate: {why}.", "doubt")
    else:
        yield Text(f"No claim: no trial has completed with a score ({view.state}).", "doubt")
    for warned in view.doubts:
        yield Text(f"{warned.code}: {warned.message}", "doubt")
    if view.beats_baseline is False and baseline is not None and best is not None:
        yield Text(
            f"The best trial does not beat the baseline: {score(best.score)} against "
            f"{score(baseline.searched)} ({baseline.kind}).", "doubt",
        )  # fmt: skip
    yield Facts([*_winner(view), *_estimate(view), *_what(view), *_looks(found)])
    for warned in view.warnings:
        if warned not in view.doubts:
            yield Text(f"Warning {warned.code}: {warned.message}", "aside")


def _winner(view: SweepView) -> Iterator[tuple[str, str]]:
    best = view.best
    if best is None:
        return
    by = "the default configuration" if best.trial < 0 else f"trial {best.trial}"
    yield "winner", f"{by}, {best.model} {compact(best.params)}".strip()
    if view.finals.choice:
        yield "why it won", view.finals.choice
    yield (
        "selection score",
        f"{score(best.score)}, one of {len(view.ranked)} on the same folds: optimistic",
    )
    if (cuts := view.cuts_told) is not None:
        yield "bin edges", cuts
    if view.threshold is not None:
        yield "threshold", score(view.threshold)


def _estimate(view: SweepView) -> Iterator[tuple[str, str]]:
    found = view.finals.estimate
    if found is None:
        return
    yield "how the estimate was made", found.method
    if found.row is not None:
        others = [
            f"{name} {score(value)}" for name, value in found.row.scores.items()
            if name != view.metric and value == value
        ]  # fmt: skip
        if others:
            yield "on the same fresh folds", ", ".join(others)
    tried = f"{found.tried} configurations on this data in all"
    if (bbc := view.finals.optimism) is not None:
        ends = f"{score(bbc.interval.low)} to {score(bbc.interval.high)}"
        tried += f"; BBC-CV says {score(bbc.score)}, {bbc.interval.level:.0%} interval {ends}"
    yield "tried", tried


def _what(view: SweepView) -> Iterator[tuple[str, str]]:
    header = view.header
    better = "higher" if view.direction == "maximize" else "lower"
    yield "metric", f"{view.metric} ({better} is better)"
    if view.baseline is not None:
        yield "baseline", f"{score(view.baseline.score)} ({view.baseline.kind}: without features)"
    if view.positive is not None:
        share = header.get("positive_share")
        yield "positive class", view.positive + (f" ({share:.1%})" if share is not None else "")
    elif header.get("classes"):
        yield "classes", ", ".join(map(str, header["classes"]))
    if header.get("task") == "regression":
        yield "target", f"{header.get('target')} (a number)"
    rows = header.get("rows_searched")
    if rows is not None:
        locked = header.get("rows_locked")
        told = f"{rows:,} searched, " + (f"{locked:,} locked" if locked else "none locked")
        if (part := header.get("part")) is not None:
            told += f"; {part['rows']:,} of {part['of']:,} in the search itself"
        yield "rows", told
    counts = [f"{count} {state}" for state, count in view.counts.items() if count]
    yield "trials", f"{', '.join(counts) or 'none yet'}, of {header.get('budget', '?')} asked for"
    yield "state", view.state + (f" ({view.reason})" if view.reason else "")
    cost = view.resources
    told = f"{number(view.wall_s)} s with a driver, {number(cost.cpu_s)} s of CPU in trials"
    yield "took", f"{told}, {cost.peak_mb:,.0f} MB at most in one"


def _looks(found: Evidence) -> Iterator[tuple[str, str]]:
    for look in found.looks:
        low, high, value = (score(number_of(look[key])) for key in ("low", "high", "score"))
        yield (
            f"look {look['look']} at the hold-out",
            f"{look['when'][:16]}, {look['metric']} {value} ({low} to {high}) on "
            f"{look['rows']:,} rows, {look['sweep']}, {look['who']}: {look['why']}",
        )
    for each in found.view.refreshed:
        fresh = each["fresh"]
        low, high, value = (score(number_of(fresh[key])) for key in ("low", "high", "score"))
        yield (
            "on new rows",
            f"{each['when'][:10]}: {value} ({low} to {high}), the claim: {each['verdict']}; "
            f"{each['reason']}",
        )


def why(found: Evidence) -> Iterator[Block]:
    """Notes in their order; they are never edited away."""
    for note in found.notes:
        by = f"{note.when}, {note.user}" if note.user else f"{note.when}, with the spec"
        yield Facts([(by, note.text)])
    if not found.notes:
        yield Text(f'Nobody has written why: quintain note {found.view.id} "..."', "aside")
