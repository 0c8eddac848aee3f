"""A page as one HTML file that asks nothing of the network: no script, font, image or style."""

from collections.abc import Iterator, Sequence
from html import escape

from quintain.notebook.blocks import Block, Code, Facts, Fold, Page, Picture, Pictures, Table, Text
from quintain.notebook.style import CSS

#: A browser is told so too: whatever were smuggled into a name, nothing is run or fetched.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def html(page: Page) -> str:
    """The whole file."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: Page) -> Iterator[str]:
    title = escape(page.title)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>"
    yield '<a class="skip" href="#content">To the content</a>'
    yield f'<header><h1>{title}</h1><p class="lead">{escape(page.lead)}</p></header>'
    yield from _contents(page)
    yield '<main id="content">'
    yield from _sections(page)
    yield "</main>\n</body>\n</html>"


def within(page: Page) -> str:
    """Contents and sections alone, for a page of somebody else's that has the style."""
    return "\n".join([*_contents(page), *_sections(page)])


def block_html(block: Block) -> str:
    """One block, for the same."""
    return "\n".join(_block(block))


def _contents(page: Page) -> Iterator[str]:
    yield '<nav aria-label="Sections"><ul>'
    for section in page.sections:
        yield f'<li><a href="#{escape(section.anchor)}">{escape(section.title)}</a></li>'
    yield "</ul></nav>"


def _sections(page: Page) -> Iterator[str]:
    for section in page.sections:
        anchor = escape(section.anchor)
        yield f'<section aria-labelledby="{anchor}"><h2 id="{anchor}">{escape(section.title)}</h2>'
        for block in section.blocks:
            yield from _block(block)
        yield "</section>"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text(told, tone):
            name = f' class="{tone}"' if tone else ""
            yield f"<p{name}>{escape(told)}</p>"
        case Facts(rows):
            facts = (f"<dt>{escape(label)}</dt><dd>{escape(told)}</dd>" for label, told in rows)
            yield f"<dl>{''.join(facts)}</dl>"
        case Table():
            yield from _table(block)
        case Picture():
            yield _figure(block)
        case Pictures(pictures):
            yield f'<div class="beside">{"".join(map(_figure, pictures))}</div>'
        case Code(_, text):
            yield f'<pre tabindex="0"><code>{escape(text)}</code></pre>'
        case Fold(summary, blocks):
            yield f"<details><summary>{escape(summary)}</summary>"
            for each in blocks:
                yield from _block(each)
            yield "</details>"


def _table(table: Table) -> Iterator[str]:
    """In a frame that scrolls by itself, which a keyboard can reach."""
    title = escape(table.title)
    yield f'<div class="wide" role="region" tabindex="0" aria-label="{title}"><table>'
    heads = "".join(
        f'<th scope="col"{_word(table, at)}>{escape(name)}</th>'
        for at, name in enumerate(table.columns)
    )
    yield f"<caption>{title}</caption><thead><tr>{heads}</tr></thead><tbody>"
    for at, row in enumerate(table.rows):
        yield _row(table, row, at in table.marked)
    yield "</tbody></table></div>"
    if table.note:
        yield f'<p class="note">{escape(table.note)}</p>'


def _row(table: Table, row: Sequence[str], marked: bool) -> str:
    first, *rest = row
    cells = "".join(f"<td{_word(table, at)}>{escape(cell)}</td>" for at, cell in enumerate(rest, 1))
    name = ' class="marked"' if marked else ""
    return f'<tr{name}><th scope="row"{_word(table, 0)}>{escape(first)}</th>{cells}</tr>'


def _word(table: Table, column: int) -> str:
    return ' class="word"' if column in table.words else ""


def _figure(picture: Picture) -> str:
    """The text stands below it for everybody, so a reader of the screen hears it once there."""
    return (
        f"<figure><figcaption>{escape(picture.title)}</figcaption>{picture.svg}"
        f"<p>{escape(picture.told)}</p></figure>"
    )
