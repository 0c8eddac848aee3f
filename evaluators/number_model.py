"""One model of a numeric target for one training fold: view, weights and threads around it."""

from dataclasses import dataclass, field
from typing import Any, Self

from evaluators.errors import ModelError
from evaluators.preprocess import View
from evaluators.rows import Rows, in_parts
from evaluators.threads import limited
from evaluators.types import Floats
from evaluators.user_models import Estimator


@dataclass(slots=True, eq=False)
class NumberModel:
    """Takes the float matrix of a Dataset and answers with numbers.

    Attributes:
        name: for messages.
        model: the unfitted, then fitted estimator.
        view: what it gets to see.
        threads: limit of BLAS and OpenMP threads while it fits and predicts.
        rows_keyword: the keyword of ``fit`` that takes row weights, or None.
        fit_keywords: further keywords of ``fit``.
    """

    name: str
    model: Estimator
    view: View
    threads: int
    rows_keyword: str | None = "sample_weight"
    fit_keywords: dict[str, Any] = field(default_factory=dict)

    #: There are no shares of classes to be bent.
    log_prior_shift = None

    def fit(self, X: Floats | Rows, y: Floats, sample_weight: Floats | None = None) -> Self:
        """Fit on training rows: (rows, columns) matrix, (rows,) numbers, (rows,) weights.

        ``Rows`` only where ``evaluators.rows.by_reference`` says so.

        Raises:
            ModelError: rows have weights and the model cannot weigh rows.
            Exception: whatever the estimator raises.
        """
        keywords = dict(self.fit_keywords)
        if sample_weight is not None:
            if self.rows_keyword is None:
                raise ModelError(f"{self.name} cannot weigh rows; leave out [data] weight_column")
            keywords[self.rows_keyword] = sample_weight
        with limited(self.threads):
            shown = X if isinstance(X, Rows) else self.view.fit_transform(X)
            self.model.fit(shown, y, **keywords)
        return self

    def predict(self, X: Floats | Rows) -> Floats:
        """(rows,) numbers.

        Raises:
            ModelError: the estimator gives another shape.
        """
        with limited(self.threads):
            found: Floats = in_parts(lambda part: self.model.predict(self.view.transform(part)), X)
        found = found[:, 0] if found.shape[1:] == (1,) else found
        if found.shape != (len(X),):
            raise ModelError(f"{self.name}: predict gave shape {found.shape} for {len(X)} rows")
        return found
