"""The normal distribution for Optuna's TPE, from SciPy.

Optuna 5 evaluates its logarithm number by number in Python, which is half of what a suggestion
costs. SciPy has the same functions for whole arrays. They are lent to Optuna while a sampler of
ours is asked, and only then: a study of the user's in this process is left alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from optuna.samplers._tpe import _truncnorm
from scipy.special import erf, log_ndtr

#: Optuna's private functions by their names, and what stands in for each.
LENT = {"_log_ndtr": log_ndtr, "erf": erf}
_OWN = {name: getattr(_truncnorm, name) for name in LENT if hasattr(_truncnorm, name)}


@contextmanager
def scipy_normal() -> Iterator[None]:
    """Within, Optuna evaluates normal distributions by SciPy. Names it no longer has are let be."""
    for name in _OWN:
        setattr(_truncnorm, name, LENT[name])
    try:
        yield
    finally:
        for name, own in _OWN.items():
            setattr(_truncnorm, name, own)
