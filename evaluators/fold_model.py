"""One model for one training fold: view, class codes, weights and threads around an estimator."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from evaluators.class_weights import ClassWeights
from evaluators.errors import ModelError
from evaluators.preprocess import View
from evaluators.prior import log_prior_shift
from evaluators.resampling import Resampler
from evaluators.rows import Rows, in_parts
from evaluators.threads import limited
from evaluators.types import Floats, Ints
from evaluators.user_models import Estimator


@dataclass(slots=True, eq=False)
class FoldModel:
    """Takes the float matrix of a Dataset and answers by the dataset's class codes.

    A class that the training rows lack is unknown to the estimator: it sees 0..m-1 for the m
    classes present, and its answers are put back in their places.

    Attributes:
        name: for messages.
        model: the unfitted, then fitted estimator.
        view: what it gets to see.
        classes: how many classes the dataset has.
        present: codes of the classes that the training rows hold, ascending.
        threads: limit of BLAS and OpenMP threads while it fits and scores.
        weights: class weights, or None.
        rows_keyword: the keyword of ``fit`` that takes row weights, or None.
        class_parameter: its parameter for class weights, used where rows cannot be weighed.
        fit_keywords: further keywords of ``fit``.
        resampler: changes the training rows before anything learns from them, or None.
        true_share: (classes,) each class's share of the weight of the training rows, once fitted.
        learnt_share: (classes,) the same of what the estimator learnt from: rows as resampled,
            class weights included. Where the two differ, probabilities are those of other shares.
    """

    name: str
    model: Estimator
    view: View
    classes: int
    present: Ints
    threads: int
    weights: ClassWeights | None = None
    rows_keyword: str | None = "sample_weight"
    class_parameter: str | None = None
    fit_keywords: dict[str, Any] = field(default_factory=dict)
    resampler: Resampler | None = None
    true_share: Floats | None = None
    learnt_share: Floats | None = None

    def fit(self, X: Floats | Rows, y: Ints, sample_weight: Floats | None = None) -> Self:
        """Fit on training rows: (rows, columns) matrix, (rows,) class codes, (rows,) weights.

        ``Rows`` only where ``evaluators.rows.by_reference`` says so.

        Raises:
            ModelError: rows have weights and the model cannot weigh rows.
            Exception: whatever the estimator raises.
        """
        keywords = dict(self.fit_keywords)
        self.true_share = self._shares(y, sample_weight)
        with limited(self.threads):
            if self.resampler is not None and not isinstance(X, Rows):
                X, y, sample_weight = self.resampler.resample(X, y, sample_weight)
            weight = self._weigh_classes(y, sample_weight)
            if weight is not None:
                if self.rows_keyword is None:
                    raise ModelError(
                        f"{self.name} cannot weigh rows; leave out [data] weight_column"
                    )
                keywords[self.rows_keyword] = weight
            shown = X if isinstance(X, Rows) else self.view.fit_transform(X)
            self.model.fit(shown, self._local(y), **keywords)
        return self

    @property
    def log_prior_shift(self) -> tuple[float, ...] | None:
        """What takes probabilities back to the true shares (see ``evaluators.prior``), or None."""
        if self.true_share is None or self.learnt_share is None:
            return None
        return log_prior_shift(self.true_share, self.learnt_share)

    def _shares(self, target: Ints, weight: Floats | None) -> Floats:
        """(classes,) shares of the rows' weight."""
        totals = np.bincount(target, weights=weight, minlength=self.classes)
        shares: Floats = totals / totals.sum()
        return shares

    def _weigh_classes(self, target: Ints, row_weight: Floats | None) -> Floats | None:
        """Row weights, class weights included unless the model has a parameter for those."""
        self.learnt_share = self._shares(target, row_weight)
        if self.weights is None:
            return row_weight
        by_class = self.weights.by_class(target, row_weight, self.classes)
        weighed_share = self.learnt_share * by_class
        self.learnt_share = weighed_share / weighed_share.sum()
        if self.rows_keyword is None:
            weighed = {code: float(by_class[of]) for code, of in enumerate(self.present)}
            self.model.set_params(**{str(self.class_parameter): weighed})
            return row_weight
        return by_class[target] if row_weight is None else by_class[target] * row_weight

    def _local(self, target: Ints) -> Ints:
        """Codes among the classes present."""
        if len(self.present) == self.classes:
            return target
        return np.searchsorted(self.present, target)

    def _answers(self, method: str, X: Floats | Rows) -> Floats:
        """What the estimator's method says of rows, checked to have one row for each."""
        with limited(self.threads):
            answer = getattr(self.model, method)
            answers: Floats = in_parts(lambda part: answer(self.view.transform(part)), X)
        if answers.shape[:1] != (len(X),):
            raise ModelError(f"{self.name}: {method} gave shape {answers.shape} for {len(X)} rows")
        return answers


class ProbabilityModel(FoldModel):
    """A fold's model that gives probabilities."""

    def predict_proba(self, X: Floats | Rows) -> Floats:
        """(rows, classes) probabilities; 0 for a class that training lacked.

        Raises:
            ModelError: the estimator does not give a column for each class it saw.
        """
        answers: Floats = self._answers("predict_proba", X)
        if answers.ndim != 2 or answers.shape[1] != len(self.present):
            raise ModelError(
                f"{self.name}: predict_proba gave shape {answers.shape}, "
                f"not (rows, {len(self.present)} classes)"
            )
        if len(self.present) == self.classes:
            return answers
        spread = np.zeros((len(answers), self.classes), dtype=answers.dtype)
        spread[:, self.present] = answers
        return spread


class DecisionModel(FoldModel):
    """A fold's model that gives decision values."""

    def decision_function(self, X: Floats | Rows) -> Floats:
        """(rows,) of the positive class if binary, else (rows, classes).

        A class that training lacked is 1 below the lowest value of its row.

        Raises:
            ModelError: the estimator's values have another shape.
        """
        answers = self._answers("decision_function", X)
        seen = len(self.present)
        if seen == 2:
            answers = answers[:, 0] if answers.shape[1:] == (1,) else answers
            if answers.ndim == 1 and self.classes > 2:
                answers = np.column_stack([-answers, answers])
        if answers.shape[1:] != (() if self.classes == 2 else (seen,)):
            raise ModelError(
                f"{self.name}: decision_function gave shape {answers.shape} for {seen} classes"
            )
        if seen == self.classes:
            return answers
        spread = np.repeat(answers.min(axis=1, keepdims=True) - 1, self.classes, axis=1)
        spread[:, self.present] = answers
        return spread
