"""Seconds against rows, both in logarithms, as a small SVG: no library and no browser."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from quintain.speeding import Speed, Speeds

WIDTH, HEIGHT = 860, 520
LEFT, RIGHT, TOP, BOTTOM = 76, 214, 54, 60
#: Okabe & Ito's colours, told apart by the colour-blind too.
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31",
    "#882255", "#999999",
)  # fmt: skip
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
        """The powers of ten on the axis; where it is short, twice and five times these too."""
        first, last = math.floor(self._logs[0]), math.ceil(self._logs[1])
        between = (1, 2, 5) if self._logs[1] - self._logs[0] < 2 else (1,)
        every = [step * 10.0**power for power in range(first, last + 1) for step in between]
        return [value for value in every if self.low <= value <= self.high]


def picture(speeds: Speeds) -> str:
    """The SVG: points measured, curves through them, the interval at the full size."""
    known = [speed for speed in speeds.speeds if speed.fits]
    across, up = _scales(speeds, known)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="26" font-size="16">Seconds of one fit by rows: '
        f"{escape(speeds.name)}</text>",
        f'<text x="{LEFT}" y="44" fill="#555">points measured, lines fitted, bars where all '
        f"{speeds.rows:,} rows should end nine times in ten</text>",
        *_axes(across, up),
    ]
    if speeds.deadline_s is not None:
        y = up.at(speeds.deadline_s)
        lines.append(
            f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#B00020" stroke-dasharray="6 4"/>'
            f'<text x="{LEFT + 6}" y="{y - 5}" fill="#B00020">deadline</text>'
        )
    for place, speed in enumerate(known):
        lines += _drawn(speed, speeds.rows, across, up, COLOURS[place % len(COLOURS)], place)
    return "\n".join([*lines, "</svg>"]) + "\n"


def write(speeds: Speeds, path: Path) -> None:
    """The picture as a file.

    Raises:
        OSError: it cannot be written there.
    """
    path.write_text(picture(speeds), encoding="utf-8")


def _scales(speeds: Speeds, known: Sequence[Speed]) -> tuple[Scale, Scale]:
    """Axes wide enough for every point and every interval."""
    rows = [fit.rows for speed in known for fit in speed.fits]
    seconds = [fit.fit_s for speed in known for fit in speed.fits]
    ends = [speed.full(speeds.rows) for speed in known]
    seconds += [end.low for end in ends] + [end.high for end in ends]
    if speeds.deadline_s is not None:
        seconds.append(speeds.deadline_s)
    return (
        Scale(min(rows) * 0.8, max(speeds.rows, *rows) * 1.25, LEFT, WIDTH - RIGHT),
        Scale(max(min(seconds), 1e-4) * 0.7, max(seconds) * 1.5, HEIGHT - BOTTOM, TOP),
    )


def _axes(across: Scale, up: Scale) -> list[str]:
    """A line and a label at each power of ten, and what the axes are."""
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    lines = []
    for value in across.ticks():
        x = across.at(value)
        lines.append(f'<path d="M{x} {TOP}V{bottom}" stroke="#ddd"/>')
        lines.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{value:,.0f}</text>')
    for value in up.ticks():
        y = up.at(value)
        lines.append(f'<path d="M{LEFT} {y}H{right}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{value:g} s</text>')
    lines.append(f'<path d="M{LEFT} {TOP}V{bottom}H{right}" stroke="#333" fill="none"/>')
    middle = (LEFT + right) / 2
    lines.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">rows</text>')
    return lines


def _drawn(speed: Speed, full: int, across: Scale, up: Scale, colour: str, place: int) -> list[str]:
    """One algorithm: its points, its curve, its interval and its name."""
    first = speed.fits[0].rows
    ratio = max(full / first, 1.01)
    rows = [first * ratio ** (step / STEPS) for step in range(STEPS + 1)]
    path = " ".join(f"{across.at(n)},{up.at(speed.full(n).value)}" for n in rows)
    end, x = speed.full(full), across.at(full) + 3 * (place % 5)
    y = TOP + 14 + 20 * place
    points = [
        f'<circle cx="{across.at(fit.rows)}" cy="{up.at(fit.fit_s)}" r="3.5" fill="{colour}"/>'
        for fit in speed.fits
    ]
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>',
        *points,
        f'<path d="M{x} {up.at(end.low)}V{up.at(end.high)}" stroke="{colour}" stroke-width="3" '
        f'stroke-opacity="0.55"/>',
        f'<circle cx="{WIDTH - RIGHT + 30}" cy="{y - 4}" r="5" fill="{colour}"/>'
        f'<text x="{WIDTH - RIGHT + 42}" y="{y}">{escape(speed.model)}</text>',
    ]
