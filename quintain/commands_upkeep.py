"""Commands for sweeps that were begun: other budgets, and taking them out of a store."""

import json

import click

from quintain.terminal import Example, Span, json_option, records_option, service_option

__all__ = ["delete", "extend"]


@click.command(
    cls=Example, short_help="Give a sweep more trials or more time.",
    example="quintain extend adult-income-7 --trials 200",
)  # fmt: skip
@click.argument("sweep")
@click.option("--trials", type=click.IntRange(1), help="Configurations in all.")
@click.option("--timeout", type=Span(), metavar="SPAN", help="Time in all, as in 2h or 45m.")
@records_option
@service_option
@json_option
def extend(
    sweep: str, trials: int | None, timeout: float | None, records: str | None,
    service: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Set the budgets of a sweep: a running one has them within a second or two."""
    from quintain.desk import desk

    with desk(records, service) as found:
        told = found.extend(sweep, trials, timeout)
    if as_json:
        click.echo(json.dumps(told))
        return
    resting = told["state"] in ("stopped", "interrupted")
    more = f": quintain resume {told['sweep']} goes on" if resting else ""
    click.echo(f"{told['sweep']} is {told['state']} and has its new budgets{more}")


@click.command(
    cls=Example, short_help="Take a sweep out of the store.",
    example="quintain delete adult-income-7",
)  # fmt: skip
@click.argument("sweep")
@records_option
@service_option
@json_option
def delete(sweep: str, records: str | None, service: str | None, as_json: bool) -> None:
    """Take a sweep that is over out of the store; looks at locked rows and notes stay."""
    from quintain.desk import desk

    with desk(records, service) as found:
        told = found.delete(sweep)
    click.echo(json.dumps(told) if as_json else f"{told['sweep']} is {told['state']}")
