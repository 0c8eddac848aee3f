"""One hyperparameter at a time."""

import json

import click

from quintain.terminal import (
    Example,
    address_option,
    console,
    json_option,
    progress,
    records_option,
    runner_option,
    stdout_kept,
)


@click.command(
    cls=Example, short_help="Change one hyperparameter in steps; which steps are real.",
    example="quintain vary adult-income-7 --param max_depth --over 3..10",
)  # fmt: skip
@click.argument("sweep")
@click.option("--param", required=True, metavar="NAME", help="The hyperparameter to change.")
@click.option(
    "--over", metavar="VALUES",
    help="A range, 3..10 or 0.01..1, or a,b,c. Default: what the sweep's space allows.",
)  # fmt: skip
@click.option(
    "--trial", type=int, metavar="N",
    help="Start at this trial. Default: the step kept last, before the first the winner.",
)  # fmt: skip
@click.option(
    "--repeats", type=int, default=3, show_default=True, metavar="N",
    help="How often the rows are dealt into folds anew.",
)  # fmt: skip
@click.option(
    "--steps", type=int, default=8, show_default=True, metavar="N",
    help="Of a range, so many values at most.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Only say what it would do and how long that takes.")
@runner_option
@address_option
@records_option
@json_option
def vary(
    sweep: str, param: str, over: str | None, trial: int | None, repeats: int, steps: int,
    check: bool, runner: str, address: str | None, records: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Change one hyperparameter in steps from a trial, all else as it is, and say what is real.

    Every value is scored on the same folds, which chose nothing, under the same seeds. The best
    step that is more than noise is kept, and the next parameter starts there.
    """
    from quintain.varying import running

    if check:
        told, values = running.foreseen(
            sweep, param, over=over, trial=trial, repeats=repeats, steps=steps, records=records
        )
        answer = {"told": told, "param": param, "values": values}
        click.echo(json.dumps(answer) if as_json else f"{told}; values: {values}")
        return
    with stdout_kept(as_json):
        watcher = progress()
        try:
            found = running.vary(
                sweep, param, over=over, trial=trial, repeats=repeats, steps=steps, runner=runner,
                address=address, records=records, watcher=watcher, tell=watcher.say,
            )  # fmt: skip
        except KeyboardInterrupt as stopped:
            watcher.say(str(stopped))
            raise
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    from search.report_vary import steps_picture

    console().print(steps_picture(found.told))
