"""docs/warnings.md is held to the codes in the program."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("evaluators", "search", "cluster", "quintain")


def codes_in_the_source() -> set[str]:
    """Every word that stands first in a call of ``Warned`` or of a driver's ``warn``."""
    found = set()
    for path in (path for room in ROOMS for path in ROOT.glob(f"{room}/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if called in ("Warned", "warn") and re.fullmatch(r"[a-z_]+", node.args[0].value):
                    found.add(node.args[0].value)
    return found


def test_every_code_stands_in_the_docs():
    """Each code of the program has one line in docs/warnings.md, and each line a code."""
    page = (ROOT / "docs/warnings.md").read_text()
    listed = re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)
    assert sorted(listed) == sorted(codes_in_the_source())
