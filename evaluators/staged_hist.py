"""scikit-learn's histogram boosters, whose fits can be looked at after some of their rounds."""

from collections.abc import Callable
from typing import Any, Self

from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
from sklearn.ensemble import HistGradientBoostingRegressor as Regressor

from evaluators.open_rounds import AUTO, MOST_ROUNDS, ONE_OF, PATIENCE


class _Staged:
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
        known = self.max_iter != AUTO and not self.early_stopping  # type: ignore[attr-defined]
        return int(self.max_iter) if known else 0  # type: ignore[attr-defined]

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **keywords: Any) -> Self:
        """As scikit-learn does it, with the look that was asked for.

        ``max_iter = "auto"`` is the number that was found afterwards.
        """
        if self.max_iter == AUTO:  # type: ignore[attr-defined]
            held = {"early_stopping": True, "validation_fraction": 1 / ONE_OF}
            self.set_params(max_iter=MOST_ROUNDS, n_iter_no_change=PATIENCE, **held)  # type: ignore[attr-defined]
            super().fit(X, y, sample_weight, **keywords)  # type: ignore[misc]
            self.set_params(max_iter=self.n_iter_)  # type: ignore[attr-defined]
            return self
        look, self._look = self._look, None
        whole = {"max_iter": self.max_iter, "warm_start": self.warm_start}  # type: ignore[attr-defined]
        try:
            if look is not None:
                rounds, stop = look
                self.set_params(max_iter=rounds, warm_start=True)  # type: ignore[attr-defined]
                super().fit(X, y, sample_weight, **keywords)  # type: ignore[misc]
                if stop():
                    return self
                self.set_params(max_iter=whole["max_iter"])  # type: ignore[attr-defined]
            super().fit(X, y, sample_weight, **keywords)  # type: ignore[misc]
        finally:
            self.set_params(**whole)  # type: ignore[attr-defined]
        return self


class HistGradientBoostingClassifier(_Staged, Classifier):  # type: ignore[misc] # it has no types
    """HistGradientBoostingClassifier, which can be looked at on its way."""


class HistGradientBoostingRegressor(_Staged, Regressor):  # type: ignore[misc] # it has no types
    """HistGradientBoostingRegressor, which can be looked at on its way."""
