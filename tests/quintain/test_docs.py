"""The docs are held to the program."""

import re
import shlex
from pathlib import Path

import click
import pytest

from quintain.cli import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_each_command_stands_in_the_docs_with_help_and_example(name):
    """Every command is in docs/commands.md, and its help ends with an example that parses."""
    command = cli.commands[name]
    assert f"`quintain {name} " in (ROOT / "docs/commands.md").read_text() or name == "list"
    assert command.help
    program, first, *arguments = shlex.split(command.epilog.removeprefix("Example: "))
    assert (program, first) == ("quintain", name)
    with click.Context(command) as context:
        command.parse_args(context, arguments)


def test_each_option_of_run_stands_in_the_docs():
    """No option is a secret."""
    page = (ROOT / "docs/commands.md").read_text()
    for command in cli.commands.values():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option not in ("--help", "--output", "--force"):
                    assert option in page, option


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_somewhere(page):
    """A link to a file of ours leads to one that is there."""
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), link


def test_commands_in_the_readme_are_real():
    """Each shell line of the README calls a script or a command that exists."""
    text = (ROOT / "README.md").read_text()
    lines = [
        line for block in re.findall(r"```bash\n(.*?)```", text, re.S)
        for line in block.splitlines() if line.strip()
    ]  # fmt: skip
    assert "scripts/quickstart" in " ".join(lines)
    for line in lines:
        program, *rest = shlex.split(line, comments=True)
        if program == "quintain":
            assert rest[0] in cli.commands, line
        elif program.startswith("scripts/"):
            assert (ROOT / program).exists(), line


def test_python_blocks_of_the_readme_compile():
    """Python in the README and in docs/commands.md is Python."""
    for page in (ROOT / "README.md", ROOT / "docs/commands.md"):
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S):
            compile(block, page.name, "exec")
