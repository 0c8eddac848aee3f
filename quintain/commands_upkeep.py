"""Commands for sweeps that were begun: other budgets, and taking them out of a store."""

import getpass
import json
import re

import click

from quintain.terminal import Example, json_option, records_option, service_option

#: Seconds of a day, an hour, a minute.
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


class Span(click.ParamType[float]):
    """A length of time: 90d, 1h30m, 45s."""

    name = "span"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds."""
        if isinstance(value, (int, float)):
            return float(value)
        text = str(value)
        parts = re.findall(r"(\d+(?:\.\d+)?)([dhms])", text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(f"{text!r} is no length of time: write 90d, 2h, 1h30m or 45s", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


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


@click.group(
    name="records", short_help="Look after the store.",
    epilog="Example: quintain records prune --older 90d",
)  # fmt: skip
def records_() -> None:
    """Look after the store."""


@records_.command(
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

    with Records.open(records, create=False) as store:
        told = upkeep.prune(store, older, getpass.getuser(), rehearse=dry_run)
    if as_json:
        click.echo(json.dumps(told))
        return
    for each in told:
        click.echo(f"{each['sweep']}  {each['state']}")
    click.echo(f"{len(told)} sweeps {'would be' if dry_run else 'were'} taken out")
