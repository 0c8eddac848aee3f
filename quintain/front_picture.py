"""Score against the seconds of a fit as an SVG that stands alone, in light and in dark."""

import math
from html import escape
from pathlib import Path

from evaluators.errors import QuintainError
from quintain.loglog import Scale
from search.report_tables import number, score
from search.view import SweepView
from search.view_rows import TrialView

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 84, 40, 86, 62
#: A fit that took no measurable time is drawn here.
SHORTEST_S = 1e-4
#: Okabe & Ito's blue, orange and green, lighter where the page is dark.
STYLE = """<style>
  .page { fill: #ffffff } .ink { fill: #1a1a1a } .dim { fill: #5c5c5c } .grid { stroke: #e2e2e2 }
  .axis { stroke: #4a4a4a; fill: none } .trial { fill: #8c8c8c; fill-opacity: 0.55 }
  .out { stroke: #8c8c8c; stroke-width: 1.4 }
  .front { fill: #0072b2 } .line { stroke: #0072b2; stroke-width: 1.6; fill: none }
  .winner { fill: none; stroke: #009e73; stroke-width: 3 }
  .base { stroke: #d55e00; stroke-width: 1.6; stroke-dasharray: 6 4 } .floor { fill: #b54f00 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #15181c } .ink { fill: #ececec } .dim { fill: #a8adb3 } .grid { stroke: #2c3137 }
    .axis { stroke: #9aa0a6 } .front { fill: #56b4e9 } .line { stroke: #56b4e9 }
    .winner { stroke: #2fd0a0 } .base { stroke: #ff9d52 }
    .floor { fill: #ff9d52 }
  }
</style>"""


def write(view: SweepView, path: Path) -> None:
    """The picture as a file.

    Raises:
        QuintainError: another kind of file, a place that cannot be written, or no trial to draw.
    """
    if path.suffix.lower() != ".svg":
        raise QuintainError(f"--picture {path}: only SVG can be drawn; name it {path.stem}.svg")
    if not any(_drawable(trial) for trial in view.trials):
        raise QuintainError(f"--picture: no trial of {view.id} has completed with a score")
    try:
        path.write_text(picture(view), encoding="utf-8")
    except OSError as error:
        raise QuintainError(f"--picture {path} cannot be written: {error.strerror}") from error


def picture(view: SweepView) -> str:
    """The SVG of a sweep with at least one trial that has a score and a fit time."""
    trials = [trial for trial in view.trials if _drawable(trial)]
    seconds = [max(trial.fit_s, SHORTEST_S) for trial in trials]
    across = Scale(min(seconds) * 0.8, max(seconds) * 1.25, LEFT, WIDTH - RIGHT)
    floor = view.baseline.score if view.baseline is not None else float("nan")
    up = _Linear([*(trial.score for trial in trials), *([floor] if floor == floor else [])])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        STYLE,
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="ink" x="{LEFT}" y="28" font-size="16">Score against fit time: '
        f"{escape(view.id)}</text>",
        *_legend(view.best, any(trial.infeasible for trial in trials)),
        *_axes(view, across, up),
    ]
    if floor == floor and view.baseline is not None:
        y = up.at(floor)
        lines.append(
            f'<path class="base" d="M{LEFT} {y}H{WIDTH - RIGHT}"/><text class="floor" '
            f'x="{WIDTH - RIGHT - 4}" y="{y - 6}" text-anchor="end">baseline {score(floor)} '
            f"({escape(view.baseline.kind)})</text>"
        )
    return "\n".join([*lines, *_drawn(view, trials, across, up), "</svg>"]) + "\n"


class _Linear:
    """Scores on to pixels, with some room above and below."""

    def __init__(self, values: list[float]) -> None:
        low, high = min(values), max(values)
        room = 0.06 * (high - low) or 0.01 * max(abs(high), 1.0)
        self.low, self.high = low - room, high + room

    def at(self, value: float) -> float:
        """The pixel of a score."""
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM + share * (TOP - HEIGHT + BOTTOM), 1)

    def ticks(self) -> list[float]:
        """Three to eight numbers on the axis, 1, 2 or 5 times a power of ten apart."""
        rough = (self.high - self.low) / 7
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [place * step for place in range(first, last + 1)]


def _drawable(trial: TrialView) -> bool:
    """Whether it has a place in the picture; a comparison with NaN is false."""
    return trial.state == "completed" and abs(trial.score) < 1e300 and trial.fit_s >= 0


def _legend(best: TrialView | None, infeasible: bool) -> list[str]:
    """What the marks mean, in a line above the axes."""
    x, y = LEFT, 48
    name = "none" if best is None else f"trial {best.trial}" if best.trial >= 0 else "defaults"
    lines = [
        f'<circle class="front" cx="{x + 6}" cy="{y}" r="5"/><text class="dim" x="{x + 18}" '
        f'y="{y + 4}">front: no trial scores as much at less cost</text>',
        f'<circle class="winner" cx="{x + 306}" cy="{y}" r="7"/><text class="dim" '
        f'x="{x + 320}" y="{y + 4}">winner: {name}</text>',
        f'<circle class="trial" cx="{x + 450}" cy="{y}" r="4"/><text class="dim" '
        f'x="{x + 462}" y="{y + 4}">other trials</text>',
    ]
    if infeasible:
        lines.append(
            f'{_cross(x + 560, y)}<text class="dim" x="{x + 572}" y="{y + 4}">breaks a '
            "constraint</text>"
        )
    return lines


def _axes(view: SweepView, across: Scale, up: _Linear) -> list[str]:
    """Lines and labels of both axes, and what they are."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines = []
    for value in across.ticks():
        x = across.at(value)
        lines.append(f'<path class="grid" d="M{x} {TOP}V{bottom}"/>')
        lines.append(
            f'<text class="ink" x="{x}" y="{bottom + 18}" text-anchor="middle">{value:g} s</text>'
        )
    for value in up.ticks():
        y = up.at(value)
        lines.append(f'<path class="grid" d="M{LEFT} {y}H{right}"/>')
        lines.append(
            f'<text class="ink" x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value:.6g}</text>'
        )
    better = "higher" if view.direction == "maximize" else "lower"
    return [
        *lines,
        f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>',
        f'<text class="ink" x="{(LEFT + right) / 2}" y="{HEIGHT - 16}" text-anchor="middle">'
        "seconds to fit, all folds together (logarithmic)</text>",
        f'<text class="ink" x="{LEFT}" y="{TOP - 10}">{escape(view.metric)} ({better} is better, '
        "selection score)</text>",
    ]


def _drawn(view: SweepView, trials: list[TrialView], across: Scale, up: _Linear) -> list[str]:
    """Every trial, those of the front joined by a line, the winner in a ring."""
    front = view.front
    on_front, lines = {trial.trial for trial in front}, []

    def place(trial: TrialView) -> tuple[float, float]:
        return across.at(max(trial.fit_s, SHORTEST_S)), up.at(trial.score)

    for trial in trials:
        if trial.trial in on_front:
            continue
        x, y = place(trial)
        mark = f'<circle class="trial" cx="{x}" cy="{y}" r="4"/>'
        lines.append(_cross(x, y) if trial.infeasible else mark)
    cheaper: list[TrialView] = []  # others of the front are there for their latency or memory
    for trial in front:
        if not cheaper or trial.fit_s < cheaper[-1].fit_s:
            cheaper.append(trial)
    points = " ".join(f"{x},{y}" for x, y in map(place, cheaper))
    lines.append(f'<polyline class="line" points="{points}"/>')
    for trial in front:
        x, y = place(trial)
        told = f"trial {trial.trial}, {trial.model}: {score(trial.score)}, {number(trial.fit_s)} s"
        lines.append(
            f'<circle class="front" cx="{x}" cy="{y}" r="5"><title>{escape(told)}</title></circle>'
        )
    best = view.best
    if best is not None and _drawable(best):
        x, y = place(best)
        lines.append(f'<circle class="winner" cx="{x}" cy="{y}" r="8"/>')
    return lines


def _cross(x: float, y: float) -> str:
    return f'<path class="out" d="M{x - 4} {y - 4}l8 8m0 -8l-8 8"/>'
