"""What a page is made of, before it is HTML or Markdown.

Texts are plain: whoever renders a block escapes it, so that nothing a user has named anywhere
becomes markup.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. ``tone``: the claim itself, something that gives pause, or a remark."""

    told: str
    tone: Literal["", "claim", "doubt", "aside"] = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Labels, each with what is told under it."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a title.

    Attributes:
        words: places of the columns that hold text; the others hold numbers.
        marked: places of the rows that stand out, as the winner's.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    words: frozenset[int] = frozenset()
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG element and, in words, what is to be seen in it."""

    title: str
    svg: str
    told: str


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures side by side where there is room."""

    each: Sequence[Picture]


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be copied as it is."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Fold:
    """What is shown on demand only."""

    summary: str
    blocks: Sequence["Block"]


Block = Text | Facts | Table | Picture | Pictures | Code | Fold


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its blocks; ``anchor`` is its place in the page's address."""

    anchor: str
    title: str
    blocks: Sequence[Block] = field(default=())


@dataclass(frozen=True, slots=True)
class Page:
    """``lead``: a line below the title."""

    title: str
    lead: str
    sections: Sequence[Section]
