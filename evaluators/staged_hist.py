"""scikit-learn's histogram boosters, whose fits can be looked at after some of their rounds."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
from sklearn.ensemble import HistGradientBoostingRegressor as Regressor

from evaluators.open_rounds import AUTO, MOST_ROUNDS, PATIENCE, MixedIn, held_out


class _Staged(MixedIn):  # type: ignore[misc] # no library has types
    """What both estimators have on top of scikit-learn's.

    It has no way to look into a fit: the first rounds are a fit of their own, which
    ``warm_start`` goes on with to the very trees of one fit. Rows are binned twice.
    """

    _look: tuple[int, Callable[[], bool]] | None = None

    def stop_after(self, rounds: int, stop: Callable[[], bool]) -> None:
        """Have ``stop`` say, once so many rounds are grown, whether ``fit`` ends with them.

        What is grown answers predictions meanwhile.
        """
        self._look = rounds, stop

    def get_num_boosting_rounds(self) -> int:
        """Rounds of a whole fit, by XGBoost's name for it; 0 where they are not known before."""
        known = self.max_iter != AUTO and not self.early_stopping
        return int(self.max_iter) if known else 0

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **keywords: Any) -> Self:
        """As scikit-learn does it, with the look that was asked for.

        ``max_iter = "auto"`` is the number that was found afterwards.
        """
        if self.max_iter == AUTO:
            learnt, held = held_out(X, y, sample_weight, self.get_params())
            stopping = {"early_stopping": True, "n_iter_no_change": PATIENCE}
            self.set_params(max_iter=MOST_ROUNDS, **stopping)
            super().fit(
                learnt.X, learnt.y, learnt.weight, X_val=held.X, y_val=held.y,
                sample_weight_val=held.weight, **keywords,
            )  # fmt: skip
            self._go_back()
            return self
        look, self._look = self._look, None
        whole = {"max_iter": self.max_iter, "warm_start": self.warm_start}
        try:
            if look is not None:
                rounds, stop = look
                self.set_params(max_iter=rounds, warm_start=True)
                super().fit(X, y, sample_weight, **keywords)
                if stop():
                    return self
                self.set_params(max_iter=whole["max_iter"])
            super().fit(X, y, sample_weight, **keywords)
        finally:
            self.set_params(**whole)
        return self

    def _go_back(self) -> None:
        """To the rounds that were best on what was held out, as the other boosters do."""
        fitted: Any = self
        best = max(1, int(np.argmax(fitted.validation_score_)))  # the first is that of no round
        del fitted._predictors[best:]
        fitted.train_score_ = fitted.train_score_[: best + 1]
        fitted.validation_score_ = fitted.validation_score_[: best + 1]
        fitted.set_params(max_iter=best, early_stopping=False)


class HistGradientBoostingClassifier(_Staged, Classifier):  # type: ignore[misc] # it has no types
    """HistGradientBoostingClassifier, which can be looked at on its way."""


class HistGradientBoostingRegressor(_Staged, Regressor):  # type: ignore[misc] # it has no types
    """HistGradientBoostingRegressor, which can be looked at on its way."""
