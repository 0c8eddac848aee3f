"""The pictures of one sweep. Each says in words what it shows, which is all Markdown has of it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quintain.front_picture import STYLE
from quintain.front_picture import picture as front_svg
from quintain.notebook.blocks import Picture
from quintain.notebook.drawing import SERIES, Axis, Plot
from search.report_tables import compact, number, score
from search.view import SweepView
from search.view_rows import TrialView

if TYPE_CHECKING:  # scipy comes with them, 100 MB that a service has no other use for
    from quintain.notebook.curves import ClassCurves, Curve
    from quintain.notebook.evidence import Stay
    from quintain.notebook.importances import Importances

#: Lanes of the timeline at most.
LANES = 24
#: Colours by how a trial ended.
ENDS = {
    "completed": "blue", "pruned": "grey", "failed": "orange", "cancelled": "gold",
    "finalist": "green", "paused": "sky", "lost": "pink",
}  # fmt: skip


def history(view: SweepView) -> Picture | None:
    """Scores in the order of asking, and the best so far."""
    scored = [t for t in view.trials if t.state == "completed" and math.isfinite(t.score)]
    if len(scored) < 2:
        return None
    better = max if view.direction == "maximize" else min
    best, path = scored[0].score, []
    for trial in scored:
        best = best if trial.infeasible else better(best, trial.score)
        path.append(best)
    floor = math.nan if view.baseline is None else view.baseline.searched
    scores = [trial.score for trial in scored]
    low, high = sorted(scores)[len(scores) // 50], sorted(scores)[-1 - len(scores) // 50]
    first = next(t.trial for t, p in zip(scored, path, strict=True) if p == path[-1])
    told = (
        f"{len(scored)} completed trials scored from {score(min(scores))} to {score(max(scores))}; "
        f"the best selection score, {score(path[-1])}, was first reached by trial {first}."
    )
    shown = [low, high, *path]
    near = math.isfinite(floor) and _near(floor, shown)
    shown += [floor] if near else []
    if math.isfinite(floor):
        told += f" The baseline on the same folds is {score(floor)}"
        told += "." if near else ", outside of the picture."
    across = Axis.over([t.trial for t in scored], "trial, in the order of asking")
    up = Axis.over(shown, _metric(view))
    plot = Plot("Selection scores in order", told, across, up, top=34, left=76)
    for model, colour in zip(_models(scored), (*SERIES, *["grey"] * 99), strict=False):
        own = [t for t in scored if t.model == model]
        said = [f"trial {t.trial}, {t.model}: {score(t.score)}" for t in own]
        plot.points([t.trial for t in own], [t.score for t in own], colour, said)
    if near:
        plot.level(floor, f"baseline {score(floor)}")
    stairs = _stairs([t.trial for t in scored], path)
    plot.line(*stairs, "strong", "best so far")
    _row_of(plot, [*_models(scored)][: len(SERIES)], SERIES)
    return Picture(plot.title, plot.svg(), told)


def front(view: SweepView) -> Picture | None:
    """Score against the seconds of a fit."""
    scored = [t for t in view.trials if t.state == "completed" and abs(t.score) < 1e300]
    scored = [t for t in scored if t.fit_s >= 0]
    if not scored:
        return None
    dear, cheap = max(scored, key=lambda t: t.fit_s), min(scored, key=lambda t: t.fit_s)
    told = (
        f"Fits of a trial took from {number(cheap.fit_s)} s (trial {cheap.trial}, "
        f"{score(cheap.score)}) to {number(dear.fit_s)} s (trial {dear.trial}, "
        f"{score(dear.score)}), all folds together; {len(view.front)} trials are on the front."
    )
    if (alike := view.cheapest_alike) is not None:
        told += (
            f" The quickest within one standard error of the best is trial {alike.trial}, "
            f"{number(alike.fit_s)} s at {score(alike.score)}."
        )
    drawn = front_svg(view).replace(STYLE, "").strip()
    name = f'role="img" aria-label="{_attribute(told)}"'
    drawn = drawn.replace("<svg ", f'<svg class="whole" {name} ', 1)
    return Picture("Selection score against the seconds of a fit", drawn, told)


def roc(curves: Sequence["ClassCurves"], of: str) -> Picture:
    """Found positives against false alarms."""
    told = f"ROC, of {of}. Area under the curve: {_areas([(c.name, c.roc) for c in curves])}. "
    told += "No model: 0.5, the dashed line."
    plot = _square("ROC curve", told, "false positive rate", "true positive rate")
    plot.line([0.0, 1.0], [0.0, 1.0], "dashed grey", "no model")
    for each, colour in zip(curves, SERIES, strict=False):
        _curve(plot, each.roc, colour, each.name)
    _legend(plot, [each.name for each in curves[: len(SERIES)]], SERIES)
    return Picture(plot.title, plot.svg(), told)


def pr(curves: Sequence["ClassCurves"], of: str) -> Picture:
    """Precision against recall."""
    told = f"Precision against recall, of {of}. Average precision: "
    told += f"{_areas([(c.name, c.pr) for c in curves])}. No model: the share of the class, "
    told += ", ".join(f"class {c.name} {c.share:.1%}" for c in curves[: len(SERIES)]) + ", dashed."
    plot = _square("Precision-recall curve", told, "recall", "precision")
    for each, colour in zip(curves, SERIES, strict=False):
        plot.line([0.0, 1.0], [each.share, each.share], f"dashed {colour}", "no model")
        _curve(plot, each.pr, colour, each.name)
    _legend(plot, [each.name for each in curves[: len(SERIES)]], SERIES)
    return Picture(plot.title, plot.svg(), told)


def importance(found: "Importances", metric: str) -> Picture:
    """Bars with their range over folds of trials, and what random numbers reach."""
    shown = [*found.each[:12], found.noise]
    named = ", ".join(f"{each.name} {each.mean:.2f}" for each in found.each[:4])
    told = (
        f"{found.model}: importance for {metric}, the most important first: {named}; random "
        f"numbers {found.noise.mean:.2f}. The forests have R² {found.r2:.2f} on trials left out."
    )
    ends = [0.0, 0.05, *(each.high for each in shown), *(each.low for each in shown)]
    axis = Axis.over(ends, "R² lost when the parameter's values are shuffled")
    height = 70 + 26 * len(shown)
    rows = Axis(0.0, float(len(shown)), "")
    plot = Plot(f"Importances, {found.model}", told, axis, rows, height=height, left=190)
    for place, each in enumerate(shown):
        colour, y = "grey" if each is found.noise else "blue", plot.y(len(shown) - place - 0.5)
        zero, end = plot.x(0.0), plot.x(each.mean)
        low, high = plot.x(each.low), plot.x(each.high)
        plot.parts.append(
            f'<path class="bar {colour}" d="M{zero} {y - 8}H{end}V{y + 8}H{zero}Z"/>'
            f'<path class="axis" d="M{low} {y}H{high}M{low} {y - 4}v8M{high} {y - 4}v8"/>'
        )
        plot.write(plot.left - 8, y + 4, each.name[:26], "end", dim=each is found.noise)
    return Picture(plot.title, plot.svg(), told)


def timeline(stays: Sequence["Stay"]) -> Picture | None:
    """Trials at each worker over time."""
    if not stays:
        return None
    lanes: dict[str, float] = {}
    for stay in stays:
        lanes[stay.worker] = lanes.get(stay.worker, 0.0) + stay.end - stay.begin
    last, busy = max(stay.end for stay in stays), math.fsum(lanes.values())
    names = list(lanes)[:LANES]
    trials = len({stay.trial for stay in stays if stay.trial >= 0})
    if last <= 0:
        return None
    told = (
        f"{trials} trials at {len(lanes)} worker{'s' * (len(lanes) != 1)} within {number(last)} s; "
        f"these workers had a trial or a finalist for {busy / (len(lanes) * last):.0%} of that "
        "span. Trials of one pack report together: each has its share of the pack's time."
    )
    if len(lanes) > LANES:
        told += f" The first {LANES} workers are drawn."
    axis = Axis.from_zero(last, "seconds since the sweep began")
    height = 70 + 22 * len(names)
    plot = Plot(
        "Trials per worker over time", told, axis, Axis(0.0, float(len(names)), ""), width=860,
        height=height, left=120, top=30,
    )  # fmt: skip
    _lanes(plot, names, stays)
    return Picture(plot.title, plot.svg(), told)


def _lanes(plot: Plot, names: Sequence[str], stays: Sequence["Stay"]) -> None:
    """A row of bars for each worker, and above them what their colours mean."""
    for lane, name in enumerate(names):
        y = plot.y(len(names) - lane - 0.5)
        plot.write(plot.left - 8, y + 4, name if len(name) < 17 else f"…{name[-15:]}", "end")
        own = [stay for stay in stays if stay.worker == name]
        for state in ENDS:
            bars = "".join(
                f"M{plot.x(s.begin)} {y - 7}H{max(plot.x(s.end) - 0.3, plot.x(s.begin) + 0.2)}"
                f"V{y + 7}H{plot.x(s.begin)}Z"
                for s in own
                if s.state == state
            )
            if bars:
                plot.parts.append(f'<path class="bar {ENDS[state]}" d="{bars}"/>')
    there = [state for state in ENDS if any(stay.state == state for stay in stays)]
    at = plot.left
    for state in there:
        plot.parts.append(f'<path class="bar {ENDS[state]}" d="M{at} 10h12v12h-12z"/>')
        plot.write(at + 17, 20, state)
        at += 32 + 8 * len(state)


def predicted(target: Sequence[float], output: Sequence[float], of: str, unit: str) -> Picture:
    """Numbers that were predicted against the true ones."""
    step = max(1, len(target) // 3000)
    across = Axis.over([*target], f"true {unit}")
    told = f"Predicted against true {unit}, {len(target):,} out-of-fold rows of {of}."
    if step > 1:
        told += f" One in {step} is drawn."
    plot = _square("Predicted against true", told, across.label, f"predicted {unit}")
    both = Axis.over([*target, *output], across.label)
    plot.across, plot.up = both, Axis(both.low, both.high, f"predicted {unit}", False, both.ticks)
    plot.points(target[::step], output[::step], "blue")
    plot.line([both.low, both.high], [both.low, both.high], "dashed floor", "exact")
    return Picture(plot.title, plot.svg(), told)


def _curve(plot: Plot, curve: "Curve", colour: str, name: str) -> None:
    from quintain.notebook.curves import GRID

    xs = GRID.tolist()
    plot.band(xs, curve.low.tolist(), curve.high.tolist(), colour)
    plot.line(xs, curve.ys.tolist(), colour, name)


def _square(title: str, told: str, across: str, up: str) -> Plot:
    return Plot(title, told, Axis.share(across), Axis.share(up), width=440, height=420)


def _areas(each: Sequence[tuple[str, "Curve"]]) -> str:
    """With their intervals."""
    return "; ".join(
        f"class {name}: {score(curve.area)} [{score(curve.area_low)}, {score(curve.area_high)}]"
        for name, curve in each[: len(SERIES)]
    )


def _legend(plot: Plot, names: Sequence[str], colours: Sequence[str]) -> None:
    """Below on the right of a square."""
    if len(names) < 2:
        return
    x = plot.width - plot.right - 130
    y = plot.height - plot.bottom - 18 * len(names)
    for place, (name, colour) in enumerate(zip(names, colours, strict=False)):
        at = y + 18 * place
        plot.parts.append(f'<circle class="dot {colour}" cx="{x}" cy="{at - 4}" r="5"/>')
        plot.write(x + 11, at, name[:24])


def _row_of(plot: Plot, names: Sequence[str], colours: Sequence[str]) -> None:
    """A line above the axes."""
    at = plot.left + 6
    for name, colour in zip(names, colours, strict=False):
        plot.parts.append(f'<circle class="dot {colour}" cx="{at}" cy="16" r="5"/>')
        plot.write(at + 10, 20, name[:26])
        at += 34 + 8 * len(name[:26])


def _near(floor: float, scores: Sequence[float]) -> bool:
    """Whether a line at the baseline leaves scores half of the picture."""
    low, high = min(scores), max(scores)
    return low - (high - low) <= floor <= high + (high - low)


def _models(trials: Sequence[TrialView]) -> list[str]:
    return list(dict.fromkeys(trial.model for trial in trials))


def _stairs(xs: Sequence[float], ys: Sequence[float]) -> tuple[list[float], list[float]]:
    """Corners only, so that ten thousand trials are a short path."""
    across, up = [xs[0]], [ys[0]]
    for x, y in zip(xs, ys, strict=True):
        if y != up[-1]:
            across += [x, x]
            up += [up[-1], y]
    return [*across, xs[-1]], [*up, up[-1]]


def _metric(view: SweepView) -> str:
    better = "higher" if view.direction == "maximize" else "lower"
    return f"{view.metric} ({better} is better)"


def _attribute(told: str) -> str:
    from html import escape

    return escape(told, quote=True)


def described(trial: TrialView) -> str:
    """A trial in a word, for whoever points at it."""
    return f"trial {trial.trial}, {score(trial.score)}: {compact(trial.params)}"
