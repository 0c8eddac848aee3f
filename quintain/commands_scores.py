"""Commands that say what a score is worth: looks at the hold-out, comparisons, newer data."""

import json
from collections.abc import Mapping
from typing import Any

import click

from quintain.terminal import (
    Example,
    address_option,
    console,
    finish,
    json_option,
    leave,
    progress,
    records_option,
    runner_option,
    stdout_kept,
)  # fmt: skip


@click.command(
    cls=Example, short_help="Score the winner on the locked rows; each look counts.",
    example='quintain holdout adult-income-7 --why "before we go live"',
)  # fmt: skip
@click.argument("sweep")
@click.option("--why", metavar="TEXT", help="The reason for this look; the ledger keeps it.")
@click.option("--list", "listed", is_flag=True, help="Show the looks taken so far; take none.")
@records_option
@json_option
def holdout(sweep: str, why: str | None, listed: bool, records: str | None, as_json: bool) -> None:
    """Look at the locked rows: the winner, refitted on the rest, scored there once and counted."""
    from quintain import holdout as room

    if listed:
        found = room.ledger(sweep, records=records)
        if as_json or not found:
            click.echo(json.dumps(found) if as_json else "nobody has looked at these rows yet")
        else:
            console().print(room.table(found))
        return
    with stdout_kept(as_json):
        told = room.look(sweep, why or "", records=records)
    click.echo(json.dumps(told) if as_json else room.sentence(told))


@click.command(
    cls=Example, short_help="Is A better than B, worse, or can nobody tell?",
    example="quintain compare adult-income-7:12 adult-income-8",
)  # fmt: skip
@click.argument("a")
@click.argument("b")
@click.option("--metric", metavar="NAME", help="Compare by this one, searched by or not.")
@records_option
@json_option
def compare(a: str, b: str, metric: str | None, records: str | None, as_json: bool) -> None:
    """Is A better, worse, or can nobody tell? A and B: a sweep (its winner), or SWEEP:TRIAL."""
    from quintain.comparing import compare as compared

    with stdout_kept(as_json):
        found = compared(a, b, metric=metric, records=records)
    click.echo(json.dumps(found.to_json()) if as_json else found.text())


@click.command(
    cls=Example, short_help="Hold a claim against newer rows, then search on.",
    example="quintain refresh adult-income-7 --data adult-2026.csv",
)  # fmt: skip
@click.argument("sweep")
@click.option("--data", metavar="NEWER", required=True, help="The grown table, old rows included.")
@click.option("--why", metavar="TEXT", default="", help="A word on it, kept in the record.")
@click.option("--no-search", is_flag=True, help="Only score the finalists on the new rows.")
@runner_option
@address_option
@records_option
@json_option
def refresh(
    sweep: str, data: str, why: str, no_search: bool, runner: str, address: str | None,
    records: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Score the finalists on rows that came later, then search on with all of them."""
    from quintain import refreshing as room
    from quintain.refresh_text import sentence

    def tell(told: Mapping[str, Any]) -> None:
        if not as_json:
            click.echo(sentence(told))

    with stdout_kept(as_json):
        found = room.refresh(
            sweep, data, why=why, go_on=not no_search, runner=runner, address=address,
            records=records, watcher=progress(), tell=tell,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(found.to_json()))
    if found.result is not None:
        leave(found.result) if as_json else finish(found.result, as_json)
