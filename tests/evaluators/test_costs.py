"""Costs are written by label, whole, and refused before they can be misread."""

import math

import pytest

from evaluators.costs import cost_matrix
from evaluators.errors import MetricError

CLASSES = ("no", "yes")


def test_costs_by_label_become_a_matrix_by_code():
    """The order they are written in plays no part; a right label may be written as 0."""
    costs = {"yes": {"no": 5, "yes": 0}, "no": {"yes": 1.0}}
    assert cost_matrix(costs, CLASSES) == ((0.0, 1.0), (5.0, 0.0))
    assert cost_matrix(costs, CLASSES[::-1]) == ((0.0, 5.0), (1.0, 0.0))


MISTAKES = {
    "an unknown true label": ({"yse": {"no": 1}}, "no label 'yse'; did you mean 'yes'? (it has"),
    "an unknown predicted label": ({"yes": {"maybe": 1}}, "no label 'maybe' (it has no, yes)"),
    "a row left out": ({"yes": {"no": 1}}, "calling 'no' 'yes': 'no' = { 'yes' = ... }"),
    "a pair left out": ({"yes": {"no": 1}, "no": {}}, "calling 'no' 'yes': 'no' = { 'yes'"),
    "a negative cost": ({"yes": {"no": -1}}, "costs -1; allowed: a number of at least 0"),
    "no number": ({"yes": {"no": math.nan}}, "costs nan; allowed"),
    "infinite": ({"yes": {"no": math.inf}}, "costs inf; allowed"),
    "text": ({"yes": {"no": "5"}}, "costs '5'; allowed"),
    "a right label": ({"yes": {"yes": 2}}, "is right and costs 2; a right label costs 0"),
    "nothing costs": ({"yes": {"no": 0}, "no": {"yes": 0}}, "every cost is 0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_one_line(mistake):
    """With what was allowed, or the pair that is missing."""
    costs, said = MISTAKES[mistake]
    with pytest.raises(MetricError) as caught:
        cost_matrix(costs, CLASSES)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
