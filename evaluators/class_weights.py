"""One meaning of ``class_weight`` for all models.

    "balanced"   every class gets the same total weight: n / (k n_c), n and n_c sums of row weights
    a number w   a row of the positive class weighs w, any other row 1 (binary data)
    a mapping    label to weight; a label left out weighs 1
    None         every row weighs the same

It multiplies the rows' own weights. This is ``class_weight`` of scikit-learn, where {positive: w}
is written for w, and ``scale_pos_weight = w`` of XGBoost, but that bins are cut by weight too.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluators.code import nearest
from evaluators.errors import ModelError
from evaluators.types import Floats, Ints

#: TOML has no null: this word means it.
NO_WEIGHTS = "none"
WANTED = '"balanced", a number above 0, or {label = weight}'


@dataclass(frozen=True, slots=True)
class ClassWeights:
    """Class weights checked against the classes of the data.

    ``fixed`` holds one weight by class code; None means balanced in the rows at hand.
    """

    fixed: tuple[float, ...] | None = None

    def by_class(self, target: Ints, row_weight: Floats | None, classes: int) -> Floats:
        """(classes,) weights for these training rows; 1 for a class without rows."""
        if self.fixed is not None:
            return np.asarray(self.fixed)
        totals = np.bincount(target, weights=row_weight, minlength=classes).astype(np.float64)
        present = totals > 0
        weights = np.ones(classes)
        weights[present] = totals.sum() / (present.sum() * totals[present])
        return weights


def check_class_weight(value: object) -> None:
    """Refuse what no data could give a meaning to.

    Raises:
        ModelError: neither of the forms above.
    """
    if value is None or value in ("balanced", NO_WEIGHTS):
        return
    if isinstance(value, Mapping):
        for label, weight in value.items():
            _positive(weight, f"class_weight of {label!r}")
        return
    _positive(value, "class_weight")


def class_weights(value: object, classes: Sequence[str]) -> ClassWeights | None:
    """The weights that ``value`` means for these classes; None where it weighs nothing.

    Raises:
        ModelError: a label that the data does not have, or a number where there is no one
            positive class.
    """
    check_class_weight(value)
    if value is None or value == NO_WEIGHTS:
        return None
    if value == "balanced":
        return ClassWeights()
    if isinstance(value, Mapping):
        by_label = {str(label): float(weight) for label, weight in value.items()}
        for label in by_label:
            if label not in classes:
                raise ModelError(_no_label(label, classes))
        return ClassWeights(tuple(by_label.get(label, 1.0) for label in classes))
    if len(classes) != 2:
        raise ModelError(
            f"class_weight = {value} weighs the positive class, but there are {len(classes)} "
            'classes; write {label = weight} or "balanced"'
        )
    return ClassWeights((1.0, _positive(value, "class_weight")))


def _positive(value: object, what: str) -> float:
    """``value`` as a finite number above zero."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise ModelError(f"{what} is {value!r}; allowed: {WANTED}")


def _no_label(label: str, classes: Sequence[str]) -> str:
    """The message for a label that the data does not have."""
    listed = ", ".join(classes[:8]) + (", ..." if len(classes) > 8 else "")
    guess = nearest(label, classes)
    return f"class_weight: the target has no label {label!r}{guess} (it has {listed})"
