"""What a child of the service makes: ``python -m quintain.page.made notebook SWEEP``."""

import os
import sys

from evaluators.errors import QuintainError


def main(kind: str, *words: str) -> int:
    """Print HTML for the middle of a page; what a person can mend is one line on stderr."""
    if hasattr(os, "nice"):
        os.nice(10)  # whoever searches goes first
    try:
        print(_made(kind, words))
    except QuintainError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0


def _made(kind: str, words: tuple[str, ...]) -> str:
    from quintain.notebook.html import within

    if kind == "compare":
        return _compared(*words)
    if kind == "project":
        from quintain.notebook.project import project
        from search.records import Records

        with Records.open(create=False) as store:
            return within(project(store))
    from quintain.notebook.making import of_sweep

    return within(of_sweep(words[0])[0])


def _compared(a: str, b: str) -> str:
    """The verdict on two trials or sweeps."""
    from quintain.comparing import compare
    from quintain.notebook.blocks import Text
    from quintain.notebook.html import block_html

    first, *rest = compare(a, b).text().splitlines()
    blocks = [Text(first[0].upper() + first[1:] + ".", "claim"), *(Text(line) for line in rest)]
    return "\n".join(map(block_html, blocks))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
