"""What a spec asks of the machine that runs it: files that can be read, modules that are there.

Looked at by the service where it runs sweeps itself, else by its scout on the cluster.
"""

import ast
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol


class Ground(Protocol):
    """Who looks."""

    def look(self, sources: Iterable[str], modules: Iterable[str]) -> Mapping[str, str]:
        """What cannot be used of these, each with why; absolute paths and URLs, module names."""


class Here:
    """The machine that we are on."""

    def __init__(self, roots: Iterable[Path], place: str = "the service's machine") -> None:
        """``roots``: folders in which files must lie, if there are any; ``place``: in words."""
        self._roots = [root.resolve() for root in roots]
        self._place = place

    def look(self, sources: Iterable[str], modules: Iterable[str]) -> dict[str, str]:
        """What cannot be used here, each with why."""
        told = {source: self._source(source) for source in sources}
        told |= {module: self._module(module) for module in modules}
        return {name: said for name, said in told.items() if said}

    def _source(self, source: str) -> str | None:
        if "://" in source or "::" in source:
            return self._url(source)
        path = Path(source).resolve()
        if self._roots and not any(path.is_relative_to(root) for root in self._roots):
            allowed = ", ".join(str(root) for root in self._roots)
            return f"{path} is outside of what the service may read: {allowed}"
        try:
            if path.is_dir():
                return f"{path} is a folder"
            if not path.is_file():
                return f"there is no file {path} on {self._place}"
            with path.open("rb"):
                return None
        except OSError as error:
            return f"{path} cannot be read on {self._place}: {error.strerror}"

    def _url(self, source: str) -> str | None:
        """Of a file by URL whether it is there; what cannot be asked now is left to the driver."""
        if self._roots and any(each.startswith(("file:", "local:")) for each in source.split("::")):
            return f"{source!r} is a file of a machine: name its path, without file://"
        import fsspec  # takes as long as the rest of us

        try:
            files, path = fsspec.core.url_to_fs(source)
            if files.exists(path):
                return None
        except (ImportError, ValueError) as error:
            return f"{source} cannot be read on {self._place}: {error}"
        except Exception:  # who cannot look does not refuse: the driver's own reading will tell
            return None
        return f"there is no {source}, as seen from {self._place}"

    def _module(self, module: str) -> str | None:
        if importable(module):
            return None
        top = module.partition(".")[0]
        return f"the module {top!r} is not installed on {self._place}: install it there"


def importable(module: str) -> bool:
    """Whether the first part of a module's name is found; nothing is imported."""
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False


def imported(text: bytes) -> set[str]:
    """The first parts of what a file of code imports at its top level, Python's own left out."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()  # it will be told with its line when it is imported
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)
