"""``quintain records``: looking after the store. Commands of a group stand apart from others."""

import getpass
import json

import click

from quintain.terminal import Example, Span, json_option, records_option


@click.group(
    name="records", short_help="Look after the store.",
    epilog="Example: quintain records prune --older 90d",
)  # fmt: skip
def store() -> None:
    """Look after the store."""


@store.command(
    cls=Example, short_help="Take old sweeps out.",
    example="quintain records prune --older 90d --dry-run",
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
