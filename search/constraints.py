"""Limits on what a trial may cost: one that breaks a limit is kept, but never recommended."""

from collections.abc import Mapping

from evaluators.types import Resources

#: What can be limited, by its unit for a person: fields of ``evaluators.types.Resources``.
UNITS = {"fit_s": "s", "predict_ms_per_1k": "ms", "peak_mb": "MB"}


def broken(limits: Mapping[str, float], used: Resources) -> str:
    """Which limits are passed and by what, as "peak_mb 2,100 is over 2,000"; empty if none is.

    What was not measured (NaN) breaks nothing.
    """
    found = {name: float(getattr(used, name)) for name in limits}
    over = [name for name in limits if found[name] > limits[name]]
    return "; ".join(f"{name} {found[name]:,.4g} is over {limits[name]:,.4g}" for name in over)
