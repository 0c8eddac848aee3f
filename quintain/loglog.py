"""Seconds against rows, both in logarithms, as a small SVG: no library and no browser."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from quintain.plan_text import span

if TYPE_CHECKING:
    from quintain.speeding import Speed, Speeds

WIDTH, HEIGHT = 980, 560
LEFT, RIGHT, TOP, BOTTOM = 84, 330, 58, 62
#: Pixels between two intervals, and at least between two names.
BAR_STEP, NAME_STEP = 9, 17
#: Okabe & Ito's colours, told apart by the colour-blind too.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31",
    "#882255", "#999999",
)  # fmt: skip
#: Letters of a name, at most.
LONGEST_NAME = 22
#: Ticks beyond 10 seconds: 1 and 10 minutes, 1, 10 and 100 hours.
LONG_TIMES = (60.0, 600.0, 3600.0, 36_000.0, 360_000.0)
#: A line has so many points.
STEPS = 40


class Scale:
    """Logarithms on to pixels: ``low`` and ``high`` come to lie at ``first`` and ``last``."""

    def __init__(self, low: float, high: float, first: float, last: float) -> None:
        self.low, self.high = low, high
        self._first, self._last = first, last
        self._logs = math.log10(low), math.log10(high)

    def at(self, value: float) -> float:
        """The pixel of a value, held inside the axis."""
        low, high = self._logs
        share = (math.log10(min(max(value, self.low), self.high)) - low) / (high - low)
        return round(self._first + share * (self._last - self._first), 1)

    def ticks(self) -> list[float]:
        """The powers of ten on the axis; where it is short, two and five times these too."""
        first, last = math.floor(self._logs[0]), math.ceil(self._logs[1])
        between = (1, 2, 5) if self._logs[1] - self._logs[0] < 2.5 else (1,)
        every = [step * 10.0**power for power in range(first, last + 1) for step in between]
        return [value for value in every if self.low <= value <= self.high]


def picture(speeds: "Speeds") -> str:
    """The SVG: points measured, curves through them, the interval at the full size."""
    known = [speed for speed in speeds.speeds if speed.fits]
    across, up = _scales(speeds, known)
    known.sort(key=lambda speed: -speed.full(speeds.rows).value)
    names = _apart([up.at(speed.full(speeds.rows).value) for speed in known])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="26" font-size="16">Time of one fit by rows: '
        f"{escape(speeds.name)}</text>",
        f'<text x="{LEFT}" y="45" fill="#555">points: measured, one thread; lines: fitted, dashed '
        f"beyond; bars: where {speeds.rows:,} rows should end nine times in ten</text>",
        *_axes(across, up, speeds.rows),
    ]
    bars = WIDTH - RIGHT + BAR_STEP * (len(known) + 1)
    if speeds.deadline_s is not None:
        y = up.at(speeds.deadline_s)
        lines.append(
            f'<path d="M{LEFT} {y}H{bars}" stroke="#B00020" stroke-dasharray="6 4"/>'
            f'<text x="{LEFT + 6}" y="{y - 5}" fill="#B00020">deadline '
            f"{span(speeds.deadline_s)}</text>"
        )
    for place, (speed, height) in enumerate(zip(known, names, strict=True)):
        colour = COLOURS[place % len(COLOURS)]
        lines += _curve(speed, speeds.rows, across, up, colour)
        lines += _end(speed, speeds.rows, up, colour, WIDTH - RIGHT + BAR_STEP * (place + 1),
                      (bars, height))  # fmt: skip
    return "\n".join([*lines, "</svg>"]) + "\n"


def write(speeds: "Speeds", path: Path) -> None:
    """The picture as a file.

    Raises:
        OSError: it cannot be written there.
    """
    path.write_text(picture(speeds), encoding="utf-8")


def _scales(speeds: "Speeds", known: Sequence["Speed"]) -> tuple[Scale, Scale]:
    """Axes wide enough for every point and every interval."""
    rows = [fit.rows for speed in known for fit in speed.fits]
    seconds = [fit.fit_s for speed in known for fit in speed.fits]
    ends = [speed.full(speeds.rows) for speed in known]
    seconds += [end.low for end in ends] + [end.high for end in ends]
    seconds += [speed.full(speed.fits[0].rows).value for speed in known]
    if speeds.deadline_s is not None:
        seconds.append(speeds.deadline_s)
    return (
        Scale(min(rows) * 0.8, max(speeds.rows, *rows), LEFT, WIDTH - RIGHT),
        Scale(max(min(seconds), 1e-4) * 0.7, max(seconds) * 1.5, HEIGHT - BOTTOM, TOP),
    )


def _short(name: str) -> str:
    """A name that leaves room for the time beside it."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _apart(heights: Sequence[float]) -> list[float]:
    """Pixels of the names, from above: each beside its curve, ``NAME_STEP`` apart, all inside."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + NAME_STEP if placed else TOP))
    below = float(HEIGHT - BOTTOM)
    for place in reversed(range(len(placed))):
        placed[place] = min(placed[place], below)
        below = placed[place] - NAME_STEP
    return placed


def _axes(across: Scale, up: Scale, full: int) -> list[str]:
    """A line and a label at each tick and at all rows, and what the axes are."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines = []
    # a tick beside the full size would be printed over it
    ticks = [value for value in across.ticks() if across.at(full) - across.at(value) > 60]
    for value in [*ticks, float(full)]:
        x = across.at(value)
        lines.append(f'<path d="M{x} {TOP}V{bottom}" stroke="#ddd"/>')
        lines.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{value:,.0f}</text>')
    for value in _times(up):
        y = up.at(value)
        lines.append(f'<path d="M{LEFT} {y}H{right}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{span(value)}</text>')
    lines.append(f'<path d="M{LEFT} {TOP}V{bottom}H{right}" stroke="#333" fill="none"/>')
    across_middle, up_middle = (LEFT + right) / 2, (TOP + bottom) / 2
    lines.append(
        f'<text x="{across_middle}" y="{HEIGHT - 16}" text-anchor="middle">rows a fit learns from'
        "</text>"
    )
    lines.append(
        f'<text x="20" y="{up_middle}" text-anchor="middle" '
        f'transform="rotate(-90 20 {up_middle})">time of one fit</text>'
    )
    return lines


def _times(up: Scale) -> list[float]:
    """Ticks in seconds where a clock has round figures: powers of ten, then minutes and hours."""
    short = [value for value in up.ticks() if value <= 10]
    return [*short, *(value for value in LONG_TIMES if up.low <= value <= up.high)]


def _curve(speed: "Speed", full: int, across: Scale, up: Scale, colour: str) -> list[str]:
    """One algorithm's points and its curve, dashed from its last point on."""
    first, last, curve = speed.fits[0].rows, speed.fits[-1].rows, speed.time

    def line(low: float, high: float, dashes: str) -> str:
        rows = [low * (high / low) ** (step / STEPS) for step in range(STEPS + 1)]
        points = " ".join(f"{across.at(n)},{up.at(curve.at(n).value)}" for n in rows)
        return (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"'
            f"{dashes}/>"
        )

    return [
        *([line(first, last, "")] if last > first else []),
        *([line(last, full, ' stroke-dasharray="5 4"')] if full > last else []),
        *(
            f'<circle cx="{across.at(fit.rows)}" cy="{up.at(fit.fit_s)}" r="3.5" fill="{colour}"/>'
            for fit in speed.fits
        ),
    ]


def _end(
    speed: "Speed", full: int, up: Scale, colour: str, x: float, name: tuple[float, float]
) -> list[str]:
    """What is foreseen for all rows: a bar, a tick on it, and the name with the time.

    ``x``: of the bar; ``name``: pixels where the names begin and of this one's height.
    """
    end = speed.full(full)
    y, (left, height) = up.at(end.value), name
    return [
        f'<path d="M{x} {up.at(end.low)}V{up.at(end.high)}" stroke="{colour}" stroke-width="3"/>'
        f'<path d="M{x - 4} {y}H{x + 4}" stroke="{colour}" stroke-width="3"/>'
        f'<path d="M{x + 5} {y}L{left} {height}H{left + 8}" stroke="{colour}" fill="none" '
        'stroke-opacity="0.5"/>',
        f'<text x="{left + 12}" y="{height + 4}">{escape(_short(speed.model))}</text>',
        f'<text x="{WIDTH - 14}" y="{height + 4}" text-anchor="end" fill="#555">'
        f"{span(end.value)}</text>",
    ]
