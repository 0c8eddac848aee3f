"""Parallel coordinates: every trial of a model as a line through its parameters to its score."""

import math
from collections.abc import Sequence
from typing import Any

from quintain.notebook.blocks import Picture
from quintain.notebook.drawing import Axis, Plot
from quintain.notebook.importances import coded
from quintain.notebook.pictures import described
from search.report_tables import score
from search.view import SweepView
from search.view_rows import TrialView

#: Lines drawn at most: the best, and others evenly of the order of asking.
MOST, MOST_BEST = 400, 150
#: Axes at most, and levels named on one.
AXES, LEVELS = 9, 8
#: Classes of colour, from the worst fifth to the best.
FIFTHS = ("q0", "q1", "q2", "q3", "q4")


def parallel(view: SweepView, model: str, order: Sequence[str] = ()) -> Picture | None:
    """Of one model; ``order``: its parameters, the most telling first. None for fewer than five."""
    trials = [
        t for t in view.trials
        if t.model == model and t.state == "completed" and math.isfinite(t.score)
    ]  # fmt: skip
    names = _varied(trials, order)
    if len(trials) < 5 or not names:
        return None
    sign = -1.0 if view.direction == "maximize" else 1.0
    ranked = sorted(trials, key=lambda t: sign * t.score)
    shown = _some(ranked)
    told = _told(view, model, trials, shown, names)
    width = max(560, 112 * (len(names) + 1))
    flat = Axis(0.0, 1.0, "")
    plot = Plot(
        f"Parallel coordinates, {model}", told, flat, flat, width=width, height=380, left=70,
        right=70, top=60, bottom=30,
    )  # fmt: skip
    axes = [_axis([t.params.get(name) for t in trials]) for name in names]
    scores = Axis.over([t.score for t in trials], view.metric)
    places = [at / len(names) for at in range(len(names) + 1)]
    rank = {t.trial: at / max(1, len(ranked) - 1) for at, t in enumerate(ranked)}
    for trial in reversed(shown):  # the best on top
        ys = [axis.at(place(trial.params.get(name)))
              for name, (axis, place) in zip(names, axes, strict=True)]  # fmt: skip
        colour = FIFTHS[min(4, int(5 * (1 - rank[trial.trial])))]
        if view.best is not None and trial.trial == view.best.trial:
            colour = "strong"
        plot.line(places, [*ys, scores.at(trial.score)], f"thin {colour}", described(trial))
    drawn = [(name, axis) for name, (axis, _) in zip(names, axes, strict=True)]
    drawn.append((view.metric, scores))
    for place, (at, (name, axis)) in enumerate(zip(places, drawn, strict=True)):
        _draw(plot, at, name, axis, raised=place % 2 * 26)
    return Picture(plot.title, plot.svg(grid=False), told)


def _varied(trials: Sequence[TrialView], order: Sequence[str]) -> list[str]:
    """Parameters that differ between trials, those of ``order`` first."""
    names = dict.fromkeys([*order, *(name for trial in trials for name in trial.params)])
    differ = [name for name in names if len({str(t.params.get(name)) for t in trials}) > 1]
    return differ[:AXES]


def _told(
    view: SweepView, model: str, trials: Sequence[TrialView], shown: Sequence[TrialView],
    names: Sequence[str],
) -> str:  # fmt: skip
    best = shown[: max(1, len(trials) // 5)]
    ranges = []
    for name in names[:4]:
        values: list[Any] = [trial.params.get(name) for trial in best]
        if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
            low, high = min(values), max(values)
            ranges.append(f"{name} {low:.3g} to {high:.3g}")
        else:
            found = sorted({str(value) for value in values})
            ranges.append(f"{name} {', '.join(found[:4])}")
    drawn = "" if len(shown) == len(trials) else f", {len(shown)} of them drawn"
    return (
        f"{len(trials)} completed trials of {model}{drawn}; a line is a trial, fainter the worse "
        f"its {view.metric}. The best fifth (from {score(best[-1].score)}): {'; '.join(ranges)}."
    )


def _some(ranked: Sequence[TrialView]) -> list[TrialView]:
    if len(ranked) <= MOST:
        return list(ranked)
    rest = ranked[MOST_BEST:]
    step = len(rest) / (MOST - MOST_BEST)
    return [*ranked[:MOST_BEST], *(rest[int(at * step)] for at in range(MOST - MOST_BEST))]


def _axis(values: Sequence[Any]) -> tuple[Axis, Any]:
    """An axis for these values, and from a value to its number there."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) == len(values):
        log = min(numbers) > 0 and max(numbers) / min(numbers) > 50
        return Axis.over(numbers, "", log=log), float
    levels = sorted({str(value) for value in values})
    at = dict(zip(levels, coded(levels).tolist(), strict=True))
    ticks = tuple((at[level], level[:12]) for level in levels[:LEVELS])
    low, high = -0.3, len(levels) - 0.7
    return Axis(low, high, "", False, ticks), lambda value: at[str(value)]


def _draw(plot: Plot, at: float, name: str, axis: Axis, raised: int) -> None:
    """One upright axis with its name above it."""
    x, bottom = plot.x(at), plot.height - plot.bottom
    plot.parts.append(f'<path class="axis" d="M{x} {plot.top}V{bottom}"/>')
    plot.write(x, plot.top - 12 - raised, name[:22], "middle")
    for value, told in axis.ticks:
        y = plot.y(axis.at(value))
        plot.parts.append(f'<path class="axis" d="M{x - 3} {y}h6"/>')
        plot.parts.append(f'<text class="ink halo" x="{x + 6}" y="{y + 4}">{_safe(told)}</text>')


def _safe(told: str) -> str:
    from html import escape

    return escape(told)
