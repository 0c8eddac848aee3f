"""``[search] constraints``: what a trial may cost to be recommended."""

from typing import Annotated

from pydantic import Field

from search.spec_values import Section, fits, is_number

_Limit = Annotated[
    float | None,
    fits("a number above 0", lambda value: value is None or (is_number(value) and value > 0)),
]


class Constraints(Section):
    """A trial that passes one of these stays recorded and never wins."""

    predict_ms_per_1k: _Limit = Field(
        default=None, description="milliseconds to predict 1,000 rows, at most"
    )
    peak_mb: _Limit = Field(default=None, description="own memory in units of 2**20 bytes, at most")
    fit_s: _Limit = Field(default=None, description="seconds of all fits of a trial, at most")

    @property
    def limits(self) -> dict[str, float]:
        """Those that are given."""
        told: dict[str, float] = self.model_dump(exclude_none=True)
        return told
