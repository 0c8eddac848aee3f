"""Commands of the service: run it, hand sweeps to it, say who may use it."""

import gc
import json
import sys
from pathlib import Path

import click

from quintain.terminal import MENDABLE, Example, json_option, records_option, service_option


@click.command(
    cls=Example, short_help="Run the service: a queue of sweeps, REST in front.",
    example="quintain serve --port 8700",
)  # fmt: skip
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8700, show_default=True)
@click.option(
    "--max-sweeps", type=click.IntRange(1, 1000), default=2, show_default=True,
    help="Sweeps that run at the same time; each has its part of the cores.",
)  # fmt: skip
@click.option(
    "--data-root", "data_roots", multiple=True, metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Specs may only name files below; can be given several times.",
)  # fmt: skip
@click.option(
    "--tls-cert", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Certificate (PEM), with --tls-key.",
)  # fmt: skip
@click.option(
    "--tls-key", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Its private key (PEM).",
)  # fmt: skip
@click.option(
    "--cluster", metavar="URL",
    help="Run drivers as jobs of the Ray cluster with this dashboard, http://head:8265; "
    "RAY_AUTH_TOKEN holds its token.",
)  # fmt: skip
@click.option(
    "--upload-limit",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    metavar="MB",
    help="Largest file that may be sent along with a sweep.",
)
@click.option("--public-url", metavar="URL", help="Where the cluster's nodes reach this service.")
@click.option("--webhook", metavar="URL", help="Is told, by POST, of the end of each sweep.")
@click.option("--behind-proxy", is_flag=True, help="A proxy in front of this port speaks TLS.")
@records_option
def serve(
    host: str, port: int, max_sweeps: int, data_roots: tuple[Path, ...], tls_cert: Path | None,
    tls_key: Path | None, cluster: str | None, public_url: str | None, webhook: str | None,
    behind_proxy: bool, upload_limit: int, records: str | None,
) -> None:  # fmt: skip
    """Run the service on this machine until Ctrl-C; running sweeps go on without it."""
    # modules, and records of large sweeps, are hundreds of thousands of objects in no cycle: to
    # look through them again and again took a third of the time to the first view of a large one
    gc.set_threshold(50_000, 20, 50)
    from quintain.service.app import serve as run
    from quintain.service.settings import Settings, slots_each

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    tls = (tls_cert, tls_key) if tls_cert and tls_key else None
    run(Settings(
        records=records, host=host, port=port, max_sweeps=max_sweeps, tls=tls,
        slots=slots_each(max_sweeps), data_roots=data_roots, behind_proxy=behind_proxy,
        cluster=cluster, public_url=public_url, webhook=webhook,
        upload_limit=upload_limit * 10**6,
    ))  # fmt: skip


@click.command(
    cls=Example, short_help="Hand a sweep to a service.",
    example="quintain submit adult.toml --service http://127.0.0.1:8700 --follow",
)  # fmt: skip
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--priority", type=click.IntRange(-100, 100), default=0, help="Higher goes first.")
@click.option("--key", metavar="TEXT", help="Asked again under the same key, it is queued once.")
@click.option("--upload-data", is_flag=True, help="Send the table along: only this machine has it.")
@click.option("--follow", is_flag=True, help="Show its progress until it is over.")
@click.option("--fresh", is_flag=True, help="Run again what the records know already.")
@service_option
@json_option
def submit(
    spec: Path, priority: int, key: str | None, upload_data: bool, follow: bool, fresh: bool,
    service: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Queue a sweep; its id comes back at once."""
    from quintain.service.client import Client
    from search.spec import read_spec

    read = read_spec(spec)
    with Client.at(service) as client:
        told = client.submit(read, upload_data=upload_data, priority=priority, key=key, fresh=fresh)
        for each in told.get("warnings", ()):
            click.echo(f"warning {each['code']}: {each['message']}", err=True)
        if as_json:
            click.echo(json.dumps({"sweep": told["sweep"], "state": told["state"]}))
        else:
            click.echo(f"{told['sweep']} is {told['state']}")
        if follow:
            state = client.follow(told["sweep"], lambda line: click.echo(line, err=True))
            sys.exit({"completed": 0, "failed": 1}.get(state, 130))


@click.command(cls=Example, example="quintain stop adult-income-7")
@click.argument("sweep")
@click.option("--reason", default="", metavar="TEXT", help="Kept in the record.")
@records_option
@service_option
@json_option
def stop(sweep: str, reason: str, records: str | None, service: str | None, as_json: bool) -> None:
    """Stop a sweep, wherever its driver runs: folds that run have 30 seconds to end."""
    from quintain.desk import desk

    with desk(records, service) as found:
        told = found.stop(sweep, reason)
    click.echo(json.dumps(told) if as_json else f"{told['sweep']} is {told['state']}")


@click.command(cls=Example, example="quintain logs adult-income-7 --follow")
@click.argument("sweep")
@click.option("--follow", is_flag=True, help="Go on until the sweep is over.")
@records_option
@service_option
def logs(sweep: str, follow: bool, records: str | None, service: str | None) -> None:
    """What the drivers of a submitted sweep have said."""
    from quintain.desk import desk

    with desk(records, service) as found:
        for piece in found.log(sweep, follow):
            click.echo(piece, nl=False)


@click.command(
    cls=Example, short_help="Say who may use the service on a store.",
    example="quintain users --add ada --role submit",
)  # fmt: skip
@click.option("--add", metavar="NAME", help="A new user, or a new token for one: shown once.")
@click.option(
    "--role", type=click.Choice(["read", "submit", "admin"]), default="submit", show_default=True
)
@click.option("--revoke", metavar="NAME", help="The user's token is worth nothing from now on.")
@records_option
@json_option
def users(
    add: str | None, role: str, revoke: str | None, records: str | None, as_json: bool
) -> None:
    """Users of the service: list them, add one and see the token once, or revoke one."""
    import getpass

    from search.records import Records

    if add and revoke:
        raise click.UsageError("--add and --revoke: one at a time")
    by = f"{getpass.getuser()} (command line)"
    with Records.open(records, create=add is not None) as store:
        if add:
            token = store.users.add(add, role, by)  # type: ignore[arg-type]
            told = {"name": add, "role": role, "token": token}
            click.echo(json.dumps(told) if as_json else token)
            return
        if revoke:
            store.users.revoke(revoke, by)
        found = [{"name": user.name, "role": user.role} for user in store.users.all()]
    if as_json:
        click.echo(json.dumps(found))
        return
    for user in found:
        click.echo(f"{user['name']}  {user['role']}")
    if not found:
        click.echo("no users: the service answers this machine alone, without a token")


@click.command(
    cls=Example, short_help="Look at this machine, the records and a cluster; say what to mend.",
    example="quintain doctor --cluster http://head:8265",
)  # fmt: skip
@click.option("--cluster", metavar="URL", help="Also look at this Ray cluster's dashboard.")
@records_option
@service_option
@json_option
def doctor(cluster: str | None, records: str | None, service: str | None, as_json: bool) -> None:
    """Look at what a sweep stands on, and say what to mend; exit code 2 where something must be."""
    from quintain import doctor as room

    found = room.look(records, cluster, service)
    if as_json:
        click.echo(json.dumps([each.to_json() for each in found]))
    else:
        for each in found:
            click.echo(f"{each.state:4}  {each.name}: {each.said}")
            if each.mend:
                click.echo(f"      {each.mend}")
    if any(each.state == "fail" for each in found):
        sys.exit(MENDABLE)
