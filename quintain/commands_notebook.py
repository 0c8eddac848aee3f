"""Commands of the lab notebook: reports and notes."""

import json
from pathlib import Path

import click

from quintain.terminal import (
    Example,
    console,
    json_option,
    records_option,
    service_option,
    stdout_kept,
)

_FILE = click.Path(path_type=Path)


@click.command(
    cls=Example, short_help="The whole report; as a page for a browser with --html.",
    example="quintain report adult-income-7 --html adult.html",
)  # fmt: skip
@click.argument("sweep", required=False)
@click.option("--project", is_flag=True, help="All sweeps of the store, in their order.")
@click.option("--html", type=_FILE, metavar="FILE", help="The lab notebook as one HTML file.")
@click.option("--md", type=_FILE, metavar="FILE", help="The same as Markdown, without pictures.")
@click.option(
    "--picture", type=_FILE, metavar="FILE.svg",
    help="Also draw score against the seconds of a fit.",
)  # fmt: skip
@records_option
@service_option
@json_option
def report(
    sweep: str | None, project: bool, html: Path | None, md: Path | None, picture: Path | None,
    records: str | None, service: str | None, as_json: bool,
) -> None:  # fmt: skip
    """The whole report of a sweep, or with --project of every sweep; --html FILE writes a page.

    The page is one file that needs no network: the claim, why, what was tried and what failed,
    pictures, cost, and how to reproduce it.
    """
    if project == (sweep is not None):
        raise click.UsageError("name one sweep, or --project for all of them")
    if project:
        _project(html, md, picture, records, service, as_json)
        return
    assert sweep is not None
    if html is not None or md is not None:
        from quintain.notebook.making import of_sweep
        from quintain.notebook.writing import write as write_page

        with stdout_kept(as_json):
            page, view = of_sweep(sweep, records=records, service=service)
        told = write_page(page, html, md)
    else:
        from quintain.desk import desk

        told = []
        with desk(records, service) as at:
            view = at.view(sweep)
    if picture is not None:
        from quintain.front_picture import write

        write(view, picture)
    if as_json:
        click.echo(json.dumps(view.to_json() | {"trials": view.trials_json()}))
    elif told:
        click.echo("\n".join(told))
    else:
        from search.report import report

        console().print(report(view))


def _project(
    html: Path | None, md: Path | None, picture: Path | None, records: str | None,
    service: str | None, as_json: bool,
) -> None:  # fmt: skip
    """All sweeps; Markdown on standard output where no file is named."""
    from quintain.desk import chosen, desk
    from quintain.notebook.markdown import markdown
    from quintain.notebook.project import project
    from quintain.notebook.writing import write
    from search.records import Records

    if picture is not None:
        raise click.UsageError("--picture is of one sweep: name it")
    if chosen(records, service) is not None:
        raise click.UsageError("--project reads a store: name it with --records")
    told: list[str] = []
    if html is not None or md is not None or not as_json:
        with Records.open(records, create=False) as store:
            page = project(store)
        told = write(page, html, md)
    if as_json:
        with desk(records, None) as at:
            click.echo(json.dumps(at.rows()))
    else:
        click.echo("\n".join(told) or markdown(page))


@click.command(
    cls=Example, short_help="Write into a sweep's notebook, or read it.",
    example='quintain note adult-income-7 "depth hardly matters once the threshold is tuned"',
)  # fmt: skip
@click.argument("sweep")
@click.argument("text", required=False)
@records_option
@service_option
@json_option
def note(
    sweep: str, text: str | None, records: str | None, service: str | None, as_json: bool
) -> None:
    """Write into a sweep's notebook; without TEXT, show it. Notes are followed, never changed."""
    from quintain.desk import chosen
    from quintain.notebook.notes import FarNotebook, add, notes_of
    from search.records import Records

    at = chosen(records, service)
    if at is not None:
        with FarNotebook.of(at) as far:
            found = far.notes(sweep) if text is None else [far.add(sweep, text)]
    else:
        with Records.open(records, create=False) as store:
            if text is None:
                found = notes_of(store, store.resolve(sweep))
            else:
                found = [add(store, sweep, text)]
    if as_json:
        told = [each.to_json() for each in found]
        click.echo(json.dumps(told if text is None else told[0]))
        return
    for each in found:
        click.echo(f"{each.when}  {each.user or 'with the spec'}: {each.text}")
    if not found:
        click.echo(f'nobody has written yet: quintain note {sweep} "..."')
