"""Commands of the store itself: is it whole, a copy of it, what is old taken out."""

import getpass
import json
import sys

import click

from quintain.terminal import MENDABLE, Example, Span, json_option, records_option


class Store(click.Group):
    """A group whose help ends with an example."""

    epilog = "Example: quintain records check"

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they were added."""
        return list(self.commands)


@click.group(name="records", cls=Store, epilog=Store.epilog, short_help="Look after the store.")
def records_() -> None:
    """Check that every sweep of the store can be read, copy the store, take old sweeps out."""


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


@records_.command(
    cls=Example, example="quintain records prune --older 90d --dry-run"
)  # fmt: skip
@click.option("--older", type=Span(), required=True, metavar="SPAN", help="Begun so long ago.")
@click.option("--dry-run", is_flag=True, help="Only say which.")
@records_option
@json_option
def prune(older: float, dry_run: bool, records: str | None, as_json: bool) -> None:
    """Take sweeps out that are over and were begun long ago; looks and notes stay."""
    from quintain import upkeep
    from search.records import Records

    with Records.open(records, create=False) as found:
        told = upkeep.prune(found, older, getpass.getuser(), rehearse=dry_run)
    if as_json:
        click.echo(json.dumps(told))
        return
    for each in told:
        click.echo(f"{each['sweep']}  {each['state']}")
    click.echo(f"{len(told)} sweeps {'would be' if dry_run else 'were'} taken out")
