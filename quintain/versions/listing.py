"""``quintain model list``: versions with what is claimed of them."""

from typing import Any

from rich.table import Table
from rich.text import Text

from quintain.versions.shelf import versions
from search.bodies import number
from search.records import Records
from search.report_tables import score


def rows(store: Records, sweep: str | None = None) -> list[dict[str, Any]]:
    """One object a version: its name, its file and its card."""
    found = versions(store, None if sweep is None else store.resolve(sweep))
    return [{"version": each.name, "file": str(each.path), **each.card} for each in found]


def table(found: list[dict[str, Any]]) -> Table:
    """The same for a person."""
    shown = Table(box=None, header_style="dim")
    for name in ("version", "saved (UTC)", "model", "metric", "estimate", "interval", "threshold"):
        shown.add_column(name)
    for each in found:
        told = each["estimate"]
        ends = "" if told is None else f"{_score(told['low'])} to {_score(told['high'])}"
        shown.add_row(
            each["version"], each["created"][:16].replace("T", " "), Text(each["model"]),
            each["metric"], "none" if told is None else _score(told["score"]), ends,
            "-" if each["threshold"] is None else _score(each["threshold"]),
        )  # fmt: skip
    return shown


def _score(value: Any) -> str:
    return score(number(value))
