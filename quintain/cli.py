"""The command line: one door where what can be mended becomes one line and exit code 2."""

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evaluators.errors import QuintainError

if TYPE_CHECKING:
    from quintain.result import Result

MENDABLE, INTERRUPTED, SWEEP_FAILED = 2, 130, 1

records_option = click.option(
    "--records", metavar="URL", envvar="QUINTAIN_RECORDS",
    help="Where the records are: a file or a database URL. Default: your user data folder.",
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


class Example(click.Command):
    """A command whose help ends with an example."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epilog = f"Example: {example}"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="quintain")
def cli() -> None:
    """Search hyperparameters on one machine or a Ray cluster; every trial with score and cost."""


@cli.command(cls=Example, example="quintain init loans.csv --target default")
@click.argument("data")
@click.option("--target", required=True, help="The column to predict.")
@click.option("--output", type=click.Path(path_type=Path), help="Default: DATA's name with .toml.")
@click.option("--force", is_flag=True, help="Replace a spec that is there.")
def init(data: str, target: str, output: Path | None, force: bool) -> None:
    """Write a commented spec for a table, after checking that it can be searched."""
    from quintain.starting import write_starting_spec

    path = write_starting_spec(data, target, output, force=force)
    click.echo(f"wrote {path}; next: quintain run {shlex.quote(str(path))}")


@cli.command(cls=Example, example="quintain run adult.toml --runner local")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only validate the spec, and its data if it is there.")
@runner_option
@address_option
@records_option
@json_option
def run(
    spec: Path, check: bool, runner: str, address: str | None, records: str | None, as_json: bool
) -> None:
    """Search: live progress, then the best trials with score and cost in one row."""
    if check:
        from quintain.prepare import prepare
        from search.spec import read_spec

        with _stdout_kept(as_json):
            prepared = prepare(read_spec(spec))
        sentence = f"{spec} is fine: {prepared.dataset.rows} rows to search"
        click.echo(
            json.dumps({"valid": True, "rows": prepared.dataset.rows}) if as_json else sentence
        )
        return
    from quintain import sweeps

    with _stdout_kept(as_json):
        result = sweeps.run(
            spec, runner=runner, address=address, records=records, watcher=_progress()
        )
    _finish(result, as_json)


@cli.command(cls=Example, example="quintain resume adult-income-7")
@click.argument("sweep")
@runner_option
@address_option
@records_option
@json_option
def resume(
    sweep: str, runner: str, address: str | None, records: str | None, as_json: bool
) -> None:
    """Go on with a sweep whose driver was stopped or killed; nothing recorded runs again."""
    from quintain import sweeps

    with _stdout_kept(as_json):
        result = sweeps.resume(
            sweep, runner=runner, address=address, records=records, watcher=_progress()
        )
    _finish(result, as_json)


@cli.command(name="list", cls=Example, example="quintain list")
@records_option
@json_option
def list_(records: str | None, as_json: bool) -> None:
    """Every sweep of the store, newest first."""
    from quintain.listing import rows, table
    from search.records import Records

    with Records.open(records, create=False) as store:
        found = rows(store)
        if as_json:
            click.echo(json.dumps(found))
        elif not found:
            click.echo(f"no sweeps in {store.place}; start one with quintain run SPEC")
        else:
            _console().print(table(found))


@cli.command(cls=Example, example="quintain show adult-income-7 --json")
@click.argument("sweep")
@records_option
@json_option
def show(sweep: str, records: str | None, as_json: bool) -> None:
    """One sweep: how it stands, its best trial, what it cost."""
    from quintain.sweeps import open_sweep

    result = open_sweep(sweep, records=records)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    from search.report import summary

    _console().print(summary(result.view))


@cli.command(cls=Example, example="quintain trials adult-income-7 --json")
@click.argument("sweep")
@click.option("--traceback", type=int, metavar="TRIAL", help="Show why this trial failed, in full.")
@records_option
@json_option
def trials(sweep: str, traceback: int | None, records: str | None, as_json: bool) -> None:
    """Every trial of a sweep: state, cause of failure, scores and cost."""
    from quintain.sweeps import open_sweep

    view = open_sweep(sweep, records=records).view
    if traceback is not None:
        from quintain.listing import traceback_of

        click.echo(traceback_of(view, traceback))
    elif as_json:
        click.echo(json.dumps(view.trials_json()))
    else:
        from search.report import trials_table

        _console().print(trials_table(view))


@cli.command(cls=Example, example="quintain report adult-income-7")
@click.argument("sweep")
@records_option
@json_option
def report(sweep: str, records: str | None, as_json: bool) -> None:
    """The whole report of a sweep."""
    from quintain.sweeps import open_sweep

    result = open_sweep(sweep, records=records)
    if as_json:
        click.echo(json.dumps(result.to_json() | {"trials": result.view.trials_json()}))
        return
    from search.report import report

    _console().print(report(result.view))


@cli.command(cls=Example, example='quintain holdout adult-income-7 --why "before we go live"')
@click.argument("sweep")
@click.option("--why", metavar="TEXT", help="The reason for this look; the ledger keeps it.")
@click.option("--list", "listed", is_flag=True, help="Show the looks taken so far; take none.")
@records_option
@json_option
def holdout(sweep: str, why: str | None, listed: bool, records: str | None, as_json: bool) -> None:
    """Look at the locked rows: the winner, refitted on the rest, scored there once and counted."""
    from quintain import holdout as room

    if listed:
        found = room.ledger(sweep, records=records)
        if as_json or not found:
            click.echo(json.dumps(found) if as_json else "nobody has looked at these rows yet")
        else:
            _console().print(room.table(found))
        return
    with _stdout_kept(as_json):
        told = room.look(sweep, why or "", records=records)
    click.echo(json.dumps(told) if as_json else room.sentence(told))


@cli.command(cls=Example, example="quintain compare adult-income-7:12 adult-income-8")
@click.argument("a")
@click.argument("b")
@click.option("--metric", metavar="NAME", help="Compare by this one, searched by or not.")
@records_option
@json_option
def compare(a: str, b: str, metric: str | None, records: str | None, as_json: bool) -> None:
    """Is A better, worse, or can nobody tell? A and B: a sweep (its winner), or SWEEP:TRIAL."""
    from quintain.comparing import compare as compared

    with _stdout_kept(as_json):
        found = compared(a, b, metric=metric, records=records)
    click.echo(json.dumps(found.to_json()) if as_json else found.text())


@cli.command(cls=Example, example="quintain refresh adult-income-7 --data adult-2026.csv")
@click.argument("sweep")
@click.option("--data", metavar="NEWER", required=True, help="The grown table, old rows included.")
@click.option("--why", metavar="TEXT", default="", help="A word on it, kept in the record.")
@click.option("--no-search", is_flag=True, help="Only score the finalists on the new rows.")
@runner_option
@address_option
@records_option
@json_option
def refresh(
    sweep: str, data: str, why: str, no_search: bool, runner: str, address: str | None,
    records: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Score the finalists on rows that came later, then search on with all of them."""
    from quintain import refreshing as room
    from quintain.refresh_text import sentence

    def tell(told: Mapping[str, Any]) -> None:
        if not as_json:
            click.echo(sentence(told))

    with _stdout_kept(as_json):
        found = room.refresh(
            sweep, data, why=why, go_on=not no_search, runner=runner, address=address,
            records=records, watcher=_progress(), tell=tell,
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps(found.to_json()))
    if found.result is not None:
        _leave(found.result) if as_json else _finish(found.result, as_json)


@contextmanager
def _stdout_kept(as_json: bool) -> Iterator[None]:
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


def _console(*, stderr: bool = False) -> Any:
    """A terminal of at least 80 columns; a pipe gets no colour and no folding at 80."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 120)


def _progress() -> Any:
    """Progress on standard error, so that standard output is the answer alone."""
    from quintain.progress import Progress

    return Progress(_console(stderr=True))


def _finish(result: "Result", as_json: bool) -> None:
    """Print what a finished sweep says and leave with its exit code."""
    if as_json:
        click.echo(json.dumps(result.to_json()))
    else:
        from search.report import report

        _console().print(report(result.view, opening=not sys.stdout.isatty()))
    _leave(result)


def _leave(result: "Result") -> None:
    """End with the exit code of a sweep, unless all is well."""
    if result.state == "failed":
        sys.exit(SWEEP_FAILED)
    if result.state == "stopped":
        sys.exit(INTERRUPTED)


def main() -> None:
    """The program ``quintain``."""
    try:
        cli(standalone_mode=False)
    except QuintainError as error:
        for line in str(error).splitlines():
            click.echo(f"error: {line}", err=True)
        sys.exit(MENDABLE)
    except click.exceptions.Abort:
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)  # the reader had enough, as in `quintain trials X | head`


if __name__ == "__main__":
    main()
