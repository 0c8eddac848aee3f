"""The speed of algorithms is measured on the user's rows and told with what it means for all."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from evaluators.limits import usable_cores
from quintain.loglog import picture
from quintain.speed_text import lines
from quintain.speeding import refuse_impossible, speed
from search.errors import PlanError, SpecError

from .conftest import table


@pytest.fixture(scope="module")
def measured():
    """3,000 rows, one algorithm, a second."""
    return speed(table(3000), "default", ["gaussian_nb"], measured_s=1.0)


def test_an_algorithm_has_time_memory_and_score_by_rows_and_threads(measured):
    """Rows grow, scores are cross-validated ones, the prediction stands inside its interval."""
    told = measured.to_json()["models"]["gaussian_nb"]
    assert told["rows"] == sorted(set(told["rows"]))
    assert len(told["rows"]) == len(told["fit_s"]) == len(told["peak_mb"]) >= 2
    assert all(0.5 < score <= 1 for score in told["score"])
    assert told["full_fit_s"][1] < told["full_fit_s"][0] < told["full_fit_s"][2]
    assert told["threads_rows"] in told["rows"]
    assert set(told["threads"]) == {"1", "2"} or usable_cores() != 2
    assert measured.to_json()["rows"] == 3000


def test_the_table_and_the_picture_have_every_algorithm(measured):
    """A row each; the picture is an SVG with a point for each part and a name for each curve."""
    assert sum("gaussian_nb" in line for line in lines(measured)) == 1
    tree = ElementTree.fromstring(picture(measured))
    shapes = [element.tag.rpartition("}")[2] for element in tree]
    known = measured.speeds[0]
    dashed = [each for each in tree if each.get("stroke-dasharray")]
    assert shapes.count("polyline") == 1 + len(dashed)
    assert len(dashed) == (known.fits[-1].rows < measured.rows)
    assert shapes.count("circle") == len(known.fits)
    words = [element.text for element in tree]
    assert {"gaussian_nb", "time of one fit", "rows a fit learns from", "3,000"} <= set(words)


def test_a_misspelt_algorithm_is_refused_before_anything_is_measured():
    """With the nearest name there is."""
    with pytest.raises(SpecError, match="xgboost"):
        speed(table(200), "default", ["xgbost"])


def test_a_deadline_below_every_fit_is_refused_with_the_smallest_that_would_do(measured):
    """Nothing meets a microsecond; the figure named would be met."""
    with pytest.raises(PlanError, match=r"smallest that would do: [\d.e-]+s \(gauss") as refused:
        refuse_impossible(replace(measured, deadline_s=1e-6))
    named = float(str(refused.value).rpartition(": ")[2].partition("s ")[0])
    again = replace(measured, deadline_s=named * 1.01)
    refuse_impossible(again)
    assert again.meets(again.speeds[0])
