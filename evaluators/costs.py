"""What each kind of wrong label costs: a table by labels, since codes have an order that surprises.

``costs["yes"]["no"] = 5`` is the cost of calling a row "no" that is "yes". A right label costs
nothing. Every pair of different labels has its cost: what is left out was more likely forgotten
than free.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import product

from evaluators.code import nearest
from evaluators.errors import MetricError

#: ``[true][predicted]`` by class code.
Costs = tuple[tuple[float, ...], ...]

HOW_TO_WRITE_COSTS = (
    '[evaluate] costs = { "true label" = { "predicted label" = 5.0 }, ... }, '
    "one cost for each pair of different labels"
)


def cost_matrix(costs: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> Costs:
    """The costs by class code.

    Raises:
        MetricError: a label that the data does not have, a pair left out, a cost that is negative
            or no number, a right label that costs something, or no wrong one that does.
    """
    for true, row in costs.items():
        _check_label(true, classes)
        for predicted, cost in row.items():
            _check_label(predicted, classes)
            _check_cost(true, predicted, cost)
    for true, predicted in product(classes, classes):
        if true != predicted and predicted not in costs.get(true, {}):
            raise MetricError(
                f"no cost of calling {true!r} {predicted!r}: {true!r} = {{ {predicted!r} = ... }} "
                "is missing; write 0 if it costs nothing"
            )
    matrix = tuple(
        tuple(float(costs[true].get(predicted, 0.0)) for predicted in classes) for true in classes
    )
    if not any(any(row) for row in matrix):
        raise MetricError("every cost is 0; at least one wrong label has to cost something")
    return matrix


def _check_label(label: str, classes: Sequence[str]) -> None:
    if label not in classes:
        listed = ", ".join(classes[:8]) + (", ..." if len(classes) > 8 else "")
        raise MetricError(
            f"the target has no label {label!r}{nearest(label, classes)} (it has {listed})"
        )


def _check_cost(true: str, predicted: str, cost: object) -> None:
    number = isinstance(cost, int | float) and not isinstance(cost, bool) and math.isfinite(cost)
    if not number or cost < 0:  # type: ignore[operator]  # it is a number
        raise MetricError(
            f"calling {true!r} {predicted!r} costs {cost!r}; allowed: a number of at least 0"
        )
    if true == predicted and cost:
        raise MetricError(
            f"calling {true!r} {predicted!r} is right and costs {cost:g}; a right label costs 0: "
            f"subtract {cost:g} from the other costs of {true!r}, which ranks models alike"
        )
