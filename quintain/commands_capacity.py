"""Commands about what a search takes: time, memory, and what to ask less of."""

import json
from pathlib import Path

import click

from quintain.terminal import Example, json_option, runner_option, stdout_kept


@click.command(
    cls=Example, short_help="How long a sweep will take, in how much memory.",
    example="quintain plan adult.toml --deadline 2h --memory 8G",
)  # fmt: skip
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--deadline", metavar="TIME", help='When it has to be over: "90s", "30m", "2h".')
@click.option("--memory", metavar="SIZE", help='What it may take: "800M", "8G".')
@runner_option
@click.option("--address", metavar="HOST:PORT", help="Plan for the nodes of this Ray cluster.")
@json_option
def plan(
    spec: Path, deadline: str | None, memory: str | None, runner: str, address: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """How long a sweep will take, in how much memory; and what to cut where that is too much."""
    from quintain import planning as room
    from quintain.plan_text import lines

    with stdout_kept(as_json):
        deadline_s, memory_mb = room.asked_limits(deadline, memory)
        found = room.plan(
            spec, deadline_s=deadline_s, memory_mb=memory_mb, runner=runner, address=address,
            tell=lambda line: click.echo(line, err=True),
        )  # fmt: skip
    click.echo(json.dumps(found.to_json()) if as_json else "\n".join(lines(found)))


@click.command(
    cls=Example, short_help="Time, memory and score of each algorithm by rows.",
    example="quintain speed loans.csv --target default --deadline 30m",
)  # fmt: skip
@click.argument("data")
@click.option("--target", required=True, help="The column to predict.")
@click.option("--models", metavar="A,B", help="Default: every registered model that is installed.")
@click.option("--deadline", metavar="TIME", help="In which one fit of all rows is to end.")
@click.option(
    "--picture", type=click.Path(path_type=Path), metavar="FILE",
    help="Where the picture goes. Default: speed-DATA.svg, here.",
)  # fmt: skip
@json_option
def speed(
    data: str, target: str, models: str | None, deadline: str | None, picture: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Time, memory and score of each algorithm against rows and threads, on your data."""
    from quintain import speeding as room
    from quintain.loglog import write
    from quintain.planning import asked_limits
    from quintain.speed_text import lines

    with stdout_kept(as_json):
        found = room.speed(
            data, target, [name for name in (models or "").split(",") if name],
            deadline_s=asked_limits(deadline, None)[0],
            tell=lambda line: click.echo(line, err=True),
        )  # fmt: skip
        place = picture or Path(f"speed-{found.name}.svg")
        write(found, place)
    told = found.to_json() | {"picture": str(place)}
    click.echo(json.dumps(told) if as_json else "\n".join([*lines(found), f"picture: {place}"]))


@click.command(
    cls=Example, short_help="A part of a table that stands for all of it, with the tests.",
    example="quintain subsample loans.csv --target default --rows 10000 --output part.parquet",
)  # fmt: skip
@click.argument("data")
@click.option("--target", required=True, help="The column to predict.")
@click.option("--rows", type=int, required=True, help="How many rows.")
@click.option(
    "--output", type=click.Path(path_type=Path), help="A new .csv, .tsv or .parquet for them."
)
@click.option("--seed", default=0, show_default=True, help="Of the draw; 0 is what a spec draws.")
@click.option("--group-column", metavar="NAME", help="Rows come in groups, told apart by this.")
@click.option("--time-column", metavar="NAME", help="When a row was made.")
@json_option
def subsample(
    data: str, target: str, rows: int, output: Path | None, seed: int, group_column: str | None,
    time_column: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Draw a representative part of a table, test it against the rest, and write it."""
    from quintain import subsampling as room

    with stdout_kept(as_json):
        found = room.subsample(
            data, target, rows, output=output, seed=seed, group_column=group_column,
            time_column=time_column,
        )  # fmt: skip
    click.echo(json.dumps(found.to_json()) if as_json else found.text())
