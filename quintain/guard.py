"""Refuses to start when a folder of the user's hides one of ours.

Our packages are flat and top-level; a folder ``search/`` beside the user's script would be
imported in place of ours and fail in ways that nobody could read.
"""

from importlib.util import find_spec
from pathlib import Path

OURS = ("cluster", "search", "evaluators")


class HiddenPackageError(ImportError):
    """A package of quintain's is hidden by another of the same name."""


def check_packages(names: tuple[str, ...] = OURS, root: Path | None = None) -> None:
    """Find each of our packages without importing it and compare where it stands.

    Raises:
        HiddenPackageError: one of them is not beside this package.
    """
    home = root or Path(__file__).resolve().parent.parent
    for name in names:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin == home / name / "__init__.py":
            continue
        found = origin or (list(spec.submodule_search_locations or []) if spec else None)
        raise HiddenPackageError(
            f"quintain needs its own package {name!r} but Python finds {found}: rename that folder "
            "or start Python from another one"
        )
