"""What a person can mend in a spec, a sweep or a records store."""

from collections.abc import Sequence

from evaluators.errors import QuintainError


class SpecError(QuintainError):
    """A spec that cannot run. ``problems`` holds one line per mistake, each with its path."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(list(problems))
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class PlanError(QuintainError):
    """No sweep like this fits into the time or the memory given, or none could be measured."""


class RecordsError(QuintainError):
    """The records store cannot be opened, read or written."""


class UnknownSweepError(RecordsError):
    """No sweep of that id in this store."""


class LeaseError(RecordsError):
    """Another driver is running this sweep, or took it over."""
