"""The group of commands of the store itself."""

from quintain.records_group import records_

__all__ = ["records_"]
