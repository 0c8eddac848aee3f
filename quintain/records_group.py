"""Commands of the store itself: is it whole, a copy of it."""

import json
import sys

import click

from quintain.terminal import MENDABLE, Example, json_option, records_option


class Store(click.Group):
    """A group whose help ends with an example."""

    epilog = "Example: quintain records check"

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they were added."""
        return list(self.commands)


@click.group(
    name="records", cls=Store, epilog=Store.epilog, short_help="Check the store, or back it up."
)
def records_() -> None:
    """Check that every sweep of the store can be read, or copy the store while it is in use."""


@records_.command(cls=Example, example="quintain records check")
@records_option
@json_option
def check(records: str | None, as_json: bool) -> None:
    """Read every entry of every sweep and say what is wrong; nothing is written."""
    from search.check import check as checked
    from search.records import Records

    with Records.open(records, create=False) as store:
        found, place = checked(store), store.place
    if as_json:
        click.echo(json.dumps({"records": place, **found.to_json()}))
    else:
        for each in found.troubles:
            click.echo(f"{each.sweep or 'the store'}: {each.told}")
        whole = f"{len(found.troubles)} troubles" if found.troubles else "all is well"
        click.echo(f"{place}: {found.sweeps} sweeps, {found.entries} entries read, {whole}")
    if found.troubles:
        sys.exit(MENDABLE)


@records_.command(cls=Example, example="quintain records backup /backups/monday.db")
@click.argument("out")
@records_option
@json_option
def backup(out: str, records: str | None, as_json: bool) -> None:
    """Copy the store, and the files beside it, to OUT: a new file, or an empty database's URL.

    Sweeps that run go on meanwhile. The copy is a store like any other: --records OUT opens it.
    """
    from search.backup import backup as copied
    from search.records import Records

    with Records.open(records, create=False) as store:
        found = copied(store, out)
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    rows = found.rows
    click.echo(
        f"copied {rows['sweeps']} sweeps, {rows['entries']} entries and {found.files} files to "
        f"{found.place}; next: quintain list --records {out}"
    )
