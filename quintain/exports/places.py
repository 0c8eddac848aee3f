"""Files that an export writes: whole or not at all, and none of another's is replaced unasked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluators.errors import QuintainError


@contextmanager
def replaced(path: Path, *, force: bool) -> Iterator[Path]:
    """A path beside ``path`` to write to, which takes its place when the block has ended well.

    Raises:
        QuintainError: there is a file already and ``force`` is not set, or no file can be there.
    """
    if path.exists() and not force:
        raise QuintainError(f"{path} is there already: name another with --out, or use --force")
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield aside
        aside.replace(path)
    except OSError as error:
        raise QuintainError(f"--out {path} cannot be written: {error.strerror or error}") from error
    finally:
        aside.unlink(missing_ok=True)
