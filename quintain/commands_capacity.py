"""Commands about what a search takes: time, memory, and what to ask less of."""

import json
from pathlib import Path

import click

from quintain.terminal import Example, json_option, stdout_kept


@click.command(cls=Example, example="quintain plan adult.toml --deadline 2h --memory 8G")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--deadline", metavar="TIME", help='When it has to be over: "90s", "30m", "2h".')
@click.option("--memory", metavar="SIZE", help='What it may take: "800M", "8G".')
@json_option
def plan(spec: Path, deadline: str | None, memory: str | None, as_json: bool) -> None:
    """How long a sweep will take, in how much memory; and what to cut where that is too much."""
    from quintain import planning as room
    from quintain.plan_text import lines

    with stdout_kept(as_json):
        deadline_s, memory_mb = room.asked_limits(deadline, memory)
        found = room.plan(
            spec, deadline_s=deadline_s, memory_mb=memory_mb,
            tell=lambda line: click.echo(line, err=True),
        )  # fmt: skip
    click.echo(json.dumps(found.to_json()) if as_json else "\n".join(lines(found)))
