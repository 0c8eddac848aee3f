"""A page as Markdown: all of its words and tables, and for each picture what it shows."""

import re
from collections.abc import Iterator

from quintain.notebook.blocks import Block, Code, Facts, Fold, Page, Picture, Pictures, Table, Text

#: What Markdown, or the HTML inside it, would take for its own.
_OWN = re.compile(r"([\\`*_\[\]<>|~#])")


def markdown(page: Page) -> str:
    """The whole text."""
    lines = [f"# {plain(page.title)}", plain(page.lead)]
    for section in page.sections:
        lines.append(f"## {plain(section.title)}")
        for block in section.blocks:
            lines += _block(block)
    return "\n\n".join(lines) + "\n"


def plain(text: str) -> str:
    """Words that stay words, on one line."""
    return _OWN.sub(r"\\\1", " ".join(text.split()))


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text(told, tone):
            yield f"**{plain(told)}**" if tone in ("claim", "doubt") else plain(told)
        case Facts(rows):
            yield "\n".join(f"- {plain(label)}: {plain(told)}" for label, told in rows)
        case Table():
            yield f"**{plain(block.title)}**"
            yield "\n".join(_rows(block))
            if block.note:
                yield plain(block.note)
        case Picture(title, _, told):
            yield f"**{plain(title)}.** {plain(told)}"
        case Pictures(pictures):
            for picture in pictures:
                yield from _block(picture)
        case Code(language, text):
            fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`+", text))])
            yield f"{fence}{language}\n{text.rstrip()}\n{fence}"
        case Fold(summary, blocks):
            yield f"### {plain(summary)}"
            for each in blocks:
                yield from _block(each)


def _rows(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(map(plain, table.columns))} |"
    aligned = ("---" if at in table.words else "--:" for at in range(len(table.columns)))
    yield f"|{'|'.join(aligned)}|"
    for at, row in enumerate(table.rows):
        cells = [plain(cell) for cell in row]
        if at in table.marked:
            cells = [f"**{cell}**" if cell else "" for cell in cells]
        yield f"| {' | '.join(cells)} |"
