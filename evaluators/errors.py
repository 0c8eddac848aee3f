"""The root of what a person can mend, and the evaluators' own branch of it.

Every subclass keeps its text in ``args`` so that it survives a trip between processes.
"""


class QuintainError(Exception):
    """Something the user can mend: one line that says what, where, what was allowed, what to do.

    Caught once at each door (command line, Python face). Anything else is a bug.
    """


class DataError(QuintainError):
    """The data cannot be read or cannot be searched on."""


class SplitError(QuintainError):
    """The folds asked for cannot be made from these rows."""


class MetricError(QuintainError):
    """A metric is unknown or does not fit the data."""


class ModelError(QuintainError):
    """A model is unknown, or cannot be built as asked."""


class ResamplingError(ModelError):
    """The training rows cannot be resampled as asked."""


class CodeError(QuintainError):
    """The user's own code (a model, metric or data function) cannot be loaded."""
