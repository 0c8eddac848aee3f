"""LightGBM's estimators, whose fits can be looked at after some of their rounds."""

from collections.abc import Callable
from typing import Any, Self

import lightgbm

from evaluators.open_rounds import AUTO, MOST_ROUNDS, PATIENCE, MixedIn, held_out


class _Look:
    """Asks once during a fit whether it is to go on."""

    before_iteration = False
    order = 0

    def __init__(self, estimator: Any, rounds: int, stop: Callable[[], bool]) -> None:
        self._rounds, self._asked = rounds, [(estimator, stop)]

    def __call__(self, env: Any) -> None:
        if env.iteration + 1 != self._rounds:
            return
        estimator, stop = self._asked.pop()  # or estimator and callback would hold each other
        estimator.answer_from(env.model)
        if stop():
            raise lightgbm.callback.EarlyStopException(env.iteration, [])


class _Staged(MixedIn):  # type: ignore[misc] # no library has types
    """What both estimators have on top of LightGBM's."""

    _look: _Look | None = None

    def stop_after(self, rounds: int, stop: Callable[[], bool]) -> None:
        """Have ``stop`` say, once so many rounds are grown, whether ``fit`` ends with them.

        What is grown answers predictions meanwhile.
        """
        self._look = _Look(self, rounds, stop)

    def get_num_boosting_rounds(self) -> int:
        """Rounds of a whole fit, by XGBoost's name for it."""
        rounds: int = self.n_estimators
        return rounds

    def answer_from(self, booster: lightgbm.Booster) -> None:
        """Predict with a booster that still grows: all that ``fit`` notes of it at its end."""
        self._Booster = booster
        self._n_features = booster.num_feature()
        self._fitted_with_feature_names = False
        self._best_iteration = 0
        self.fitted_ = True

    def fit(self, X: Any, y: Any, **keywords: Any) -> Self:
        """As LightGBM does it, with the look that was asked for.

        ``n_estimators = "auto"`` is the number that was found afterwards.
        """
        if self._look is not None:
            keywords["callbacks"] = [*(keywords.get("callbacks") or ()), self._look]
            self._look = None
        fit = super().fit
        if self.n_estimators != AUTO:
            fit(X, y, **keywords)
            return self
        weight = keywords.pop("sample_weight", None)
        learnt, held = held_out(X, y, weight, self.get_params())
        self.set_params(n_estimators=MOST_ROUNDS)
        fit(
            learnt.X, learnt.y, sample_weight=learnt.weight, eval_X=held.X, eval_y=held.y,
            eval_sample_weight=None if held.weight is None else [held.weight],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)], **keywords,
        )  # fmt: skip
        # none is the best of dart's, whose trees change until the last: it keeps all
        found = self.best_iteration_ or MOST_ROUNDS
        self.set_params(n_estimators=found)
        return self


class LGBMClassifier(_Staged, lightgbm.LGBMClassifier):  # type: ignore[misc] # it has no types
    """LGBMClassifier, which can be looked at on its way."""


class LGBMRegressor(_Staged, lightgbm.LGBMRegressor):  # type: ignore[misc] # it has no types
    """LGBMRegressor, which can be looked at on its way."""
