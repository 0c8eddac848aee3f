"""What all commands share: options, where their words go, how they leave."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from quintain.result import Result

MENDABLE, INTERRUPTED, SWEEP_FAILED = 2, 130, 1

records_option = click.option(
    "--records", metavar="URL", envvar="QUINTAIN_RECORDS",
    help="Where the records are: a file or a database URL. Default: your user data folder.",
)  # fmt: skip
service_option = click.option(
    "--service", metavar="URL", envvar="QUINTAIN_SERVICE",
    help="Ask this service instead of a store; QUINTAIN_TOKEN holds your token.",
)  # fmt: skip
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print exactly one JSON value on standard output."
)
runner_option = click.option(
    "--runner", default="auto", show_default=True, metavar="NAME",
    help="ray (Ray Tune), local (child processes), inline (this process), auto.",
)  # fmt: skip
address_option = click.option(
    "--address", metavar="HOST:PORT", help="Join this running Ray cluster instead of starting one."
)


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


class Example(click.Command):
    """A command whose help ends with an example."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epilog = f"Example: {example}"


@contextmanager
def stdout_kept(as_json: bool) -> Iterator[None]:
    """Under --json, whatever prints meanwhile goes to standard error.

    The user's own data function, metric or model may print, and C libraries do: so it is the file
    descriptor itself that is turned round.
    """
    if not as_json:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def console(*, stderr: bool = False) -> Any:
    """A terminal of at least 80 columns; a pipe gets no colour and no folding at 80."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 120)


def progress() -> Any:
    """Progress on standard error, so that standard output is the answer alone."""
    from quintain.progress import Progress

    return Progress(console(stderr=True))


def finish(result: "Result", as_json: bool) -> None:
    """Print what a finished sweep says and leave with its exit code."""
    if as_json:
        click.echo(json.dumps(result.to_json()))
    else:
        from search.report import report

        console().print(report(result.view, opening=not sys.stdout.isatty()))
    leave(result)


def leave(result: "Result") -> None:
    """End with the exit code of a sweep, unless all is well."""
    if result.state == "failed":
        sys.exit(SWEEP_FAILED)
    if result.state == "stopped":
        sys.exit(INTERRUPTED)
