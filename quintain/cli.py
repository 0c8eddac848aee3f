"""The command line: one door where what can be mended becomes one line and exit code 2."""

import sys

import click

from evaluators.errors import QuintainError
from quintain import (
    commands_capacity,
    commands_export,
    commands_model,
    commands_notebook,
    commands_records,
    commands_scores,
    commands_service,
    commands_sweeps,
    commands_upkeep,
    commands_vary,
)
from quintain.terminal import INTERRUPTED, MENDABLE


class InOrder(click.Group):
    """Commands in the order in which a person meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """As they were added."""
        return list(self.commands)


@click.group(
    cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="quintain")
def cli() -> None:
    """Search hyperparameters on one machine or a Ray cluster; every trial with score and cost."""


for module in (
    commands_sweeps, commands_notebook, commands_export, commands_model, commands_capacity,
    commands_scores, commands_vary, commands_service, commands_records, commands_upkeep,
):  # fmt: skip
    for command in vars(module).values():
        if isinstance(command, click.Command):
            cli.add_command(command)


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
