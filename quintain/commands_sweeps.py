"""Commands that run sweeps and show them."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path

import click

from quintain.terminal import (
    Example,
    address_option,
    console,
    finish,
    json_option,
    progress,
    records_option,
    runner_option,
    service_option,
    stdout_kept,
)  # fmt: skip


@click.command(
    cls=Example, short_help="Write a commented spec for a table.",
    example="quintain init loans.csv --target default",
)  # fmt: skip
@click.argument("data")
@click.option("--target", required=True, help="The column to predict.")
@click.option("--output", type=click.Path(path_type=Path), help="Default: DATA's name with .toml.")
@click.option("--force", is_flag=True, help="Replace a spec that is there.")
def init(data: str, target: str, output: Path | None, force: bool) -> None:
    """Write a commented spec for a table, after checking that it can be searched."""
    from quintain.starting import write_starting_spec

    path = write_starting_spec(data, target, output, force=force)
    click.echo(f"wrote {path}; next: quintain run {shlex.quote(str(path))}")


@click.command(
    cls=Example, short_help="Search; then the estimate, the winner and the cost.",
    example="quintain run adult.toml --runner local",
)  # fmt: skip
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Only validate the spec, and its data if it is there.")
@click.option("--no-plan", is_flag=True, help="No pilot fits before a search of minutes or more.")
@click.option("--fresh", is_flag=True, help="Run again what the records know already.")
@runner_option
@address_option
@records_option
@json_option
def run(
    spec: Path, check: bool, no_plan: bool, fresh: bool, runner: str, address: str | None,
    records: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Search: live progress, then the best trials with score and cost in one row."""
    if check:
        from quintain.prepare import prepare
        from search.spec import read_spec

        with stdout_kept(as_json):
            prepared = prepare(read_spec(spec))
        rows, warnings = prepared.rows_searched, [asdict(each) for each in prepared.warnings]
        if as_json:
            click.echo(json.dumps({"valid": True, "rows": rows, "warnings": warnings}))
            return
        more = f" of {prepared.dataset.rows}, finalists on all" if prepared.part else ""
        click.echo(f"{spec} is fine: {rows} rows{more} to search")
        for each in prepared.warnings:
            click.echo(f"warning {each.code}: {each.message}")
        return
    from quintain import sweeps

    with stdout_kept(as_json):
        result = sweeps.run(
            spec, runner=runner, address=address, records=records, plan=not no_plan,
            fresh=fresh, watcher=progress(),
        )  # fmt: skip
    finish(result, as_json)


@click.command(
    cls=Example, short_help="Go on with a sweep that was stopped or killed.",
    example="quintain resume adult-income-7",
)  # fmt: skip
@click.argument("sweep")
@runner_option
@address_option
@records_option
@service_option
@json_option
def resume(
    sweep: str, runner: str, address: str | None, records: str | None, service: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Go on with a sweep whose driver was stopped or killed; nothing recorded runs again.

    With --service it is queued again, and its driver starts in its turn.
    """
    from quintain import sweeps
    from quintain.desk import chosen

    at = chosen(records, service)
    if at is not None:
        from quintain.service.client import Client

        with Client.at(at) as client:
            told = client.resume(sweep)
        click.echo(json.dumps(told) if as_json else f"{told['sweep']} is {told['state']}")
        return

    with stdout_kept(as_json):
        result = sweeps.resume(
            sweep, runner=runner, address=address, records=records, watcher=progress()
        )
    finish(result, as_json)


@click.command(name="list", cls=Example, example="quintain list --by user")
@click.option("--by", type=click.Choice(["user"]), help="Core-hours and failures of each instead.")
@records_option
@service_option
@json_option
def list_(by: str | None, records: str | None, service: str | None, as_json: bool) -> None:
    """Every sweep of the store, newest first."""
    from quintain.desk import desk
    from quintain.listing import table

    with desk(records, service) as at:
        if by is not None:
            from quintain.upkeep import use_table

            used = at.use_by_user()
            if as_json:
                click.echo(json.dumps(used))
            else:
                console().print(use_table(used))
            return
        found = at.rows()
    if as_json:
        click.echo(json.dumps(found))
    elif not found:
        click.echo(f"no sweeps in {at.place}; start one with quintain run SPEC")
    else:
        console().print(table(found))


@click.command(cls=Example, example="quintain show adult-income-7 --trial 12")
@click.argument("sweep")
@click.option("--trial", type=int, metavar="N", help="One trial: its attempts, costs, traceback.")
@records_option
@service_option
@json_option
def show(
    sweep: str, trial: int | None, records: str | None, service: str | None, as_json: bool
) -> None:
    """One sweep: how it stands, its best trial, what it cost; or one trial of it in full."""
    from quintain.desk import desk

    if trial is not None:
        _show_trial(sweep, trial, records, service, as_json)
        return
    with desk(records, service) as at:
        view = at.view(sweep)
    if as_json:
        click.echo(json.dumps(view.to_json()))
        return
    from search.report import summary

    console().print(summary(view))


def _show_trial(
    sweep: str, number: int, records: str | None, service: str | None, as_json: bool
) -> None:
    from quintain.desk import desk
    from quintain.listing import trial_of
    from search.view_trial import attempts, trial_json

    with desk(records, service) as at:
        view, entries = at.record(sweep)
    trial, tried = trial_of(view, number), attempts(entries, number, view.metric)
    if as_json:
        click.echo(json.dumps(trial_json(trial, tried)))
        return
    from search.report_trial import trial_report

    console().print(trial_report(view, trial, tried))


@click.command(cls=Example, example="quintain trials adult-income-7 --json")
@click.argument("sweep")
@click.option("--traceback", type=int, metavar="TRIAL", help="Show why this trial failed, in full.")
@records_option
@service_option
@json_option
def trials(
    sweep: str, traceback: int | None, records: str | None, service: str | None, as_json: bool
) -> None:
    """Every trial of a sweep: state, cause of failure, scores and cost."""
    from quintain.desk import desk

    with desk(records, service) as at:
        view = at.view(sweep)
    if traceback is not None:
        from quintain.listing import traceback_of

        click.echo(traceback_of(view, traceback))
    elif as_json:
        click.echo(json.dumps(view.trials_json()))
    else:
        from search.report import trials_table

        console().print(trials_table(view))
