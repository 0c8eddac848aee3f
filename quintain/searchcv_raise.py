"""``error_score="raise"``: the exception itself, which no record can hold."""

from typing import Any, NoReturn

from evaluators.foreign_trial import ForeignEvaluator
from evaluators.types import Configuration, FoldResult, Outcome
from quintain.searchcv_asked import Asked
from quintain.searchcv_run import Searched


def raise_again(asked: Asked, found: Searched) -> NoReturn:
    """Fit the trial that failed again, in this process.

    Raises:
        Exception: whatever the fit, or its scorer, raises.
        RuntimeError: its worker died; or it does not raise a second time, and the record's
            traceback is in the text.
    """
    row = next(trial for trial in found.view.trials if trial.state == "failed")
    if not row.traceback:  # it did not raise: what killed its worker would kill us
        raise RuntimeError(f"trial {row.trial} has failed ({row.cause}): {row.reason}")
    evaluator = Again(asked.assignment(found.planned.vocabulary), asked.rows, [asked.splits])
    for result in evaluator.evaluate(Configuration(row.model, row.params)):
        if isinstance(result, Outcome) and evaluator.raised is not None:
            raise evaluator.raised
    raise RuntimeError(
        f"trial {row.trial} failed in its worker ({row.cause}: {row.reason}) and not here, where "
        f"it was fitted again\n{row.traceback}"
    )


class Again(ForeignEvaluator):
    """One that keeps the exception that ended a trial."""

    raised: BaseException | None = None

    def _fold(self, configuration: Configuration, number: int, run: Any) -> FoldResult:
        """As it was, and the exception is kept on its way."""
        try:
            return super()._fold(configuration, number, run)
        except Exception as error:
            self.raised = error
            raise
