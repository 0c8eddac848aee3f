"""Sweeps in the forms of other programs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quintain.terminal import (
    Example,
    json_option,
    records_option,
    service_option,
)

if TYPE_CHECKING:
    from quintain.exports.evidence import Exported

FORMS = ("csv", "parquet", "optuna", "mlflow")


@click.command(
    cls=Example, short_help="Hand a sweep over: CSV, Parquet, an Optuna study, MLflow runs.",
    example="quintain export adult-income-7 --to optuna --out adult.db",
)  # fmt: skip
@click.argument("sweep")
@click.option("--to", "form", required=True, type=click.Choice(FORMS), help="What it becomes.")
@click.option(
    "--out", metavar="PLACE",
    help="A file, - for standard output (csv), a database's URL (optuna), a tracking server "
    "(mlflow). Default: a file named as the sweep; MLflow's own settings.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace what was exported there before.")
@records_option
@service_option
@json_option
def export(
    sweep: str, form: str, out: str | None, force: bool, records: str | None, service: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Hand a sweep over to another program. The record stays as it is, whatever its state."""
    if out == "-" and (form != "csv" or as_json):
        raise click.UsageError("--out - is for --to csv, without --json")
    from quintain.exports.evidence import exported

    found = exported(sweep, records, service)
    if out == "-":
        from quintain.exports.tables import write_csv

        write_csv(found.view, sys.stdout)
        return
    place, next_step = _handed_over(found, form, out, force)
    told: dict[str, Any] = {
        "sweep": found.view.id, "to": form, "out": place, "trials": len(found.view.trials)
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(f"wrote {told['trials']} trials of {told['sweep']} to {place}{next_step}")


def _handed_over(found: "Exported", form: str, out: str | None, force: bool) -> tuple[str, str]:
    """Where it is now, and what to type next."""
    name = found.view.id
    if form == "mlflow":
        from quintain.exports.mlflow_runs import log_runs

        uri, run = log_runs(found, out)
        return uri, f" as run {run}"
    if form == "optuna":
        from quintain.exports.optuna_file import into

        url = into(found, out or f"{name}.optuna.db", force=force)
        return url, f"; next: optuna-dashboard {url}"
    from quintain.exports import tables

    path = Path(out or f"{name}.{form}").expanduser()
    write = tables.csv_file if form == "csv" else tables.parquet_file
    write(found.view, path, force=force)
    return str(path), ""
