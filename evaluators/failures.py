"""Why a fit failed: any exception becomes one of the causes that a trial can have.

In this order, the first that fits:

    out_of_memory   MemoryError, or an allocation failure that a native library reports as text
    user_code       a line of the user's own file is in the traceback
    bad_parameters  scikit-learn's InvalidParameterError; rows that cannot be resampled as asked;
                    a ModelError about a registered model
    numeric         NaN, infinity, overflow or a singular matrix where a number was needed
    user_code       anything else from a model of the user's
    bad_parameters  ValueError, TypeError, KeyError, OverflowError or a native library's own error:
                    how a registered model refuses a value
    crashed         anything else: a fault of the library or of ours; the traceback tells
"""

import re
import traceback
from types import TracebackType

from evaluators.code import USER_MODULE
from evaluators.errors import ModelError, QuintainError, ResamplingError
from evaluators.types import Cause, Failure

#: The reason is one line of at most so many characters.
REASON_LENGTH = 200

#: The traceback keeps its beginning and, mostly, its end.
TRACEBACK_BYTES = 16_000

_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|cannot allocate memory|can't allocate memory|unable to allocate|out of memory", re.I
)
_NUMERIC = re.compile(
    r"\b(nans?|inf|infs|infinity|infinite|non-finite|overflow|underflow|singular"
    r"|not positive[- ]definite|ill-conditioned|did not converge)\b",
    re.I,
)
#: A value quoted back by a parameter check may itself be "nan" or "inf".
_ABOUT_A_PARAMETER = re.compile(r"\bparameters?\b", re.I)

#: Errors of native libraries by name, so that none of them has to be imported.
_NATIVE = frozenset({"XGBoostError", "LightGBMError"})


def classify_failure(error: BaseException, *, user_code: bool) -> Failure:
    """The cause, one short line and the traceback of an exception raised while fitting or scoring.

    ``user_code`` says that the model is the user's own and not a registered one.
    """
    return Failure(_cause(error, user_code), _reason(error), _traceback(error))


def _cause(error: BaseException, user_code: bool) -> Cause:
    said = str(error).split("Stack trace:")[0]
    names = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(said):
        return "out_of_memory"
    if _from_user_file(error.__traceback__):
        return "user_code"
    if "InvalidParameterError" in names or isinstance(error, ResamplingError):
        return "bad_parameters"
    if _is_numeric(error, names, said):
        return "numeric"
    if user_code:
        return "user_code"
    if isinstance(error, QuintainError):
        return "bad_parameters" if isinstance(error, ModelError) else "crashed"
    if isinstance(error, ValueError | TypeError | KeyError | OverflowError) or names & _NATIVE:
        return "bad_parameters"
    return "crashed"


def _is_numeric(error: BaseException, names: set[str], said: str) -> bool:
    """Whether the numbers themselves, not a setting, were the trouble."""
    if isinstance(error, FloatingPointError | ZeroDivisionError) or "LinAlgError" in names:
        return True
    refused = isinstance(error, ValueError | RuntimeWarning) or bool(names & _NATIVE)
    return refused and bool(_NUMERIC.search(said)) and not _ABOUT_A_PARAMETER.search(said)


def _from_user_file(trace: TracebackType | None) -> bool:
    """Whether a line of a file loaded by ``evaluators.code`` was running."""
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith(USER_MODULE):
            return True
        trace = trace.tb_next
    return False


def _reason(error: BaseException) -> str:
    """Type and the first line that says something, without a native library's place and time."""
    said = re.sub(r"^\[\d\d:\d\d:\d\d\] \S+:\d+:\s*", "", str(error).strip())
    said = re.sub(r" at /\S+, line \d+ ?\.?", "", said)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return reason if len(reason) <= REASON_LENGTH else reason[: REASON_LENGTH - 3] + "..."


def _traceback(error: BaseException) -> str:
    """The whole traceback; of a very long one the first quarter and the last three."""
    text = "".join(traceback.format_exception(error))
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= TRACEBACK_BYTES:
        return text
    cut = b"\n... (cut) ...\n"
    head = TRACEBACK_BYTES // 4
    tail = TRACEBACK_BYTES - head - len(cut)
    return (encoded[:head] + cut + encoded[-tail:]).decode("utf-8", "ignore")
