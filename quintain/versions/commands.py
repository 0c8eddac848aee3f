"""Commands of model versions: save, list, predict."""

import json
from pathlib import Path

import click

from quintain.terminal import Example, console, json_option, records_option, stdout_kept


class Model(click.Group):
    """A group whose help ends with an example."""

    epilog = "Example: quintain model save adult-income-7"

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they were added."""
        return list(self.commands)


@click.group(cls=Model, epilog=Model.epilog, short_help="Keep winners as versions, and use them.")
def model() -> None:
    """Keep a winner as a version with its card, list versions, predict with one."""


@model.command(cls=Example, example="quintain model save adult-income-7")
@click.argument("sweep")
@records_option
@json_option
def save(sweep: str, records: str | None, as_json: bool) -> None:
    """Refit the winner on all rows but the hold-out, and keep it with its card."""
    from quintain.versions.saving import save as saved

    with stdout_kept(as_json):
        found = saved(sweep, records=records)
    if as_json:
        click.echo(json.dumps({"version": found.name, "file": str(found.path), **found.card}))
        return
    data = found.card["data"]
    locked = data["rows_locked"]
    told = f"{locked:,} locked rows were not used" if locked else "there is no hold-out"
    rows = "all rows" if data["rows_fitted"] is None else f"{data['rows_fitted']:,} rows"
    click.echo(f"saved {found.name}: {found.card['model']} fitted on {rows}, {told}")
    click.echo(f"file {found.path}; next: quintain model predict {found.name} DATA")


@model.command(name="list", cls=Example, example="quintain model list")
@click.argument("sweep", required=False)
@records_option
@json_option
def list_(sweep: str | None, records: str | None, as_json: bool) -> None:
    """Every version of the store, or of one sweep, with its honest score."""
    from quintain.versions.listing import rows, table
    from search.records import Records

    with Records.open(records, create=False) as store:
        found = rows(store, sweep)
        place = store.place
    if as_json:
        click.echo(json.dumps(found))
    elif not found:
        click.echo(f"no saved models in {place}; quintain model save SWEEP keeps a winner")
    else:
        console().print(table(found))


@model.command(cls=Example, example="quintain model predict adult-income-7/v1 new.csv")
@click.argument("version")
@click.argument("data")
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE.csv", help="Default: print them."
)
@click.option("--proba", is_flag=True, help="A column for the probability of each class too.")
@records_option
@json_option
def predict(
    version: str, data: str, output: Path | None, proba: bool, records: str | None, as_json: bool
) -> None:
    """Predict a table's rows, in their order, by a version's preprocessing and threshold."""
    from quintain.versions.predicting import predicted, write

    with stdout_kept(as_json):
        found = predicted(version, data, proba=proba, records=records)
    if output is not None:
        write(found, output)
    if as_json:
        click.echo(json.dumps({"rows": len(found), **found.to_dict(orient="list")}))
    elif output is not None:
        click.echo(f"wrote {len(found):,} predictions to {output}")
    else:
        click.echo(found.to_csv(index=False), nl=False)
