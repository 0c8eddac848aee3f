"""Axes, lines, bands, points and bars as SVG. Colours are the page's, by class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import count

#: Names of the page's colours that tell series apart, also for the colour-blind.
SERIES = ("blue", "orange", "green", "pink", "sky", "gold")
#: Points with a word to each at most; more of them are one path, which a browser draws at once.
NAMED = 600

_numbers = count()


@dataclass(frozen=True, slots=True)
class Axis:
    """Values on to pixels. ``ticks``: where a line stands, and what is written there."""

    low: float
    high: float
    label: str
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()

    @classmethod
    def over(cls, values: Sequence[float], label: str, *, log: bool = False) -> "Axis":
        """Long enough for all of them, with some room."""
        known = [each for each in values if math.isfinite(each) and (each > 0 or not log)] or [1.0]
        low, high = min(known), max(known)
        if log:
            low, high = low / 1.25, high * 1.25
            return cls(low, high, label, True, _powers(low, high))
        room = 0.05 * (high - low) or 0.05 * max(abs(high), 1e-9)
        return cls(low - room, high + room, label, False, _round(low - room, high + room))

    @classmethod
    def share(cls, label: str) -> "Axis":
        """From 0 to 1."""
        ticks = tuple((each / 5, f"{each / 5:g}") for each in range(6))
        return cls(0.0, 1.0, label, False, ticks)

    @classmethod
    def from_zero(cls, high: float, label: str) -> "Axis":
        """From 0 to a little above ``high``."""
        top = 1.05 * high if high > 0 else 1.0
        return cls(0.0, top, label, False, _round(0.0, top))

    def at(self, value: float) -> float:
        """Its share of the axis, held inside."""
        low, high, value = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)


def _round(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Three to eight numbers, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= rough * 0.999)
    places = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return tuple((place * step, f"{place * step:.6g}") for place in places)


def _powers(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Powers of ten; where the axis is short, two and five times these too."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    times = (1, 2, 5) if last - first < 4 else (1,)
    apart = max(1, (last - first) // 6)
    every = [each * 10.0**power for power in range(first, last + 1, apart) for each in times]
    return tuple((each, f"{each:.6g}") for each in every if low <= each <= high)


@dataclass(slots=True)
class Plot:
    """A picture while it is drawn; x goes to the right, y upwards, in the axes' own units."""

    title: str
    told: str
    across: Axis
    up: Axis
    width: int = 640
    height: int = 400
    left: int = 64
    top: int = 16
    right: int = 16
    bottom: int = 52
    parts: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        """The pixel of a value."""
        return round(self.left + self.across.at(value) * (self.width - self.left - self.right), 1)

    def y(self, value: float) -> float:
        """The pixel of a value."""
        bottom = self.height - self.bottom
        return round(bottom - self.up.at(value) * (bottom - self.top), 1)

    def line(self, xs: Sequence[float], ys: Sequence[float], colour: str, told: str = "") -> None:
        """Through all points that are known."""
        self.parts.append(f'<path class="line {colour}" d="{self._path(xs, ys)}">{_said(told)}')
        self.parts.append("</path>")

    def band(
        self, xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], colour: str
    ) -> None:
        """Between two lines."""
        forth, back = self._path(xs, lows), self._path(list(xs)[::-1], list(highs)[::-1])
        if forth and back:
            self.parts.append(f'<path class="band {colour}" d="{forth}L{back[1:]}Z"/>')

    def level(self, value: float, told: str, colour: str = "floor") -> None:
        """A dashed line across, with its name."""
        y, right = self.y(value), self.width - self.right
        above = y - 5 if y > self.top + 16 else y + 15
        self.parts.append(f'<path class="dashed {colour}" d="M{self.left} {y}H{right}"/>')
        self.parts.append(
            f'<text class="ink" x="{right - 4}" y="{above}" text-anchor="end">{escape(told)}</text>'
        )

    def points(
        self, xs: Sequence[float], ys: Sequence[float], colour: str, told: Sequence[str] = ()
    ) -> None:
        """Dots; a few have their word each."""
        if told and len(told) <= NAMED:
            self.parts += [
                f'<circle class="dot {colour}" cx="{self.x(x)}" cy="{self.y(y)}" r="3.5">'
                f"{_said(word)}</circle>"
                for x, y, word in zip(xs, ys, told, strict=True)
            ]
            return
        dots = "".join(f"M{self.x(x)} {self.y(y)}h0" for x, y in zip(xs, ys, strict=True))
        self.parts.append(f'<path class="dots {colour}" d="{dots}"/>')

    def write(
        self, x: float, y: float, told: str, anchor: str = "start", dim: bool = False
    ) -> None:
        """Words at a pixel."""
        tone = "dim" if dim else "ink"
        self.parts.append(
            f'<text class="{tone}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(told)}</text>'
        )

    def svg(self, *, grid: bool = True) -> str:
        """The element."""
        number = next(_numbers)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" role="img" aria-labelledby="t{number} d{number}">'
            f'<title id="t{number}">{escape(self.title)}</title>'
            f'<desc id="d{number}">{escape(self.told)}</desc>'
            + "".join([*(self._axes() if grid else []), *self.parts])
            + "</svg>"
        )

    def _path(self, xs: Sequence[float], ys: Sequence[float]) -> str:
        known = [
            (x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)
        ]
        return "M" + "L".join(f"{self.x(x)} {self.y(y)}" for x, y in known) if known else ""

    def _axes(self) -> list[str]:
        bottom, right = self.height - self.bottom, self.width - self.right
        lines = []
        for value, told in self.across.ticks:
            x = self.x(value)
            lines.append(f'<path class="grid" d="M{x} {self.top}V{bottom}"/>')
            lines.append(
                f'<text class="dim" x="{x}" y="{bottom + 18}" text-anchor="middle">{escape(told)}'
                "</text>"
            )
        for value, told in self.up.ticks:
            y = self.y(value)
            lines.append(f'<path class="grid" d="M{self.left} {y}H{right}"/>')
            lines.append(
                f'<text class="dim" x="{self.left - 6}" y="{y + 4}" text-anchor="end">'
                f"{escape(told)}</text>"
            )
        lines.append(f'<path class="axis" d="M{self.left} {self.top}V{bottom}H{right}"/>')
        middle = (self.top + bottom) / 2
        lines.append(
            f'<text class="ink" x="{(self.left + right) / 2}" y="{self.height - 10}" '
            f'text-anchor="middle">{escape(self.across.label)}</text>'
            f'<text class="ink" text-anchor="middle" transform="translate(15 {middle}) '
            f'rotate(-90)">{escape(self.up.label)}</text>'
        )
        return lines


def _said(told: str) -> str:
    return f"<title>{escape(told)}</title>" if told else ""
