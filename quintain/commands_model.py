"""``quintain model``. Its own commands stand elsewhere: all that stand here are top-level ones."""

from quintain.versions.commands import model

__all__ = ["model"]
