"""What a person can mend where trials run."""

from evaluators.errors import QuintainError


class ClusterError(QuintainError):
    """The cluster cannot be reached, or it cannot run what was asked."""
