"""A page put into a file: whole, or not at all."""

import os
from pathlib import Path

from evaluators.errors import QuintainError
from quintain.notebook.blocks import Page
from quintain.notebook.html import html
from quintain.notebook.markdown import markdown


def write(page: Page, html_file: Path | None, md_file: Path | None) -> list[str]:
    """What was written, a sentence each.

    Raises:
        QuintainError: a place that cannot be written; what stood there still does.
    """
    told = []
    for option, path, rendered in (("--html", html_file, html), ("--md", md_file, markdown)):
        if path is not None:
            text = rendered(page).encode("utf-8", errors="replace")
            _replace(path, text, option)
            told.append(f"wrote {path} ({len(text) / 1e6:.2f} MB)")
    return told


def _replace(path: Path, content: bytes, option: str) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():  # as /dev/stdout
            path.write_bytes(content)
            return
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise QuintainError(f"{option} {path} cannot be written: {error.strerror}") from error
