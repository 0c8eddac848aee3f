"""XGBoost's estimators, which take rows by reference and keep their binned matrices.

Half of a fit on large data goes into sorting values into bins, which only depends on the rows,
their weights and ``max_bin``: other configurations use the same matrix. Rows beyond one part are
sketched part by part, so that no copy of them is held. The cuts then differ minutely from those of
one piece (both are approximate quantiles); up to one part they are the same.

Finding the cuts takes more than half of that. Where ``Rows.cuts`` names rows, it is done once, of
those, for all folds.
"""

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, Self

import numpy as np
import xgboost

from evaluators.open_rounds import AUTO, MOST_ROUNDS, PATIENCE, MixedIn, held_out
from evaluators.rows import Rows


class _Parts(xgboost.DataIter):
    """Feeds rows part by part. ``gaps``: whether any value was missing."""

    def __init__(self, rows: Rows, label: Any, weight: Any, feature_types: Any) -> None:
        self._rows, self._label, self._weight = rows, label, weight
        self._feature_types = feature_types
        self._left = rows.slices()
        super().__init__()

    def reset(self) -> None:
        self._left = self._rows.slices()

    def next(self, input_data: Callable[..., Any]) -> bool:
        where = next(self._left, None)
        if where is None:
            return False
        weight = None if self._weight is None else self._weight[where]
        input_data(
            data=self._rows.part(where),
            label=self._label[where],
            weight=weight,
            feature_types=self._feature_types,
        )
        return True


class _Look(xgboost.callback.TrainingCallback):
    """Asks once during a fit whether it is to go on."""

    def __init__(self, estimator: Any, rounds: int, stop: Callable[[], bool]) -> None:
        super().__init__()
        self._rounds, self._asked = rounds, [(estimator, stop)]

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        if epoch + 1 != self._rounds:
            return False
        estimator, stop = self._asked.pop()  # or estimator and callback would hold each other
        estimator._Booster = model  # XGBoost's own place for it, which it fills at the end
        return stop()


class _TakesRows(MixedIn):  # type: ignore[misc] # no library has types
    """What both estimators have on top of XGBoost's."""

    #: See ``evaluators.rows.by_reference``.
    takes_rows = True

    def _create_dmatrix(self, ref: Any, **given: Any) -> Any:
        """XGBoost's hook for the matrix that a fit learns from: ours where it is fed ``Rows``."""
        rows = given["data"]
        if not isinstance(rows, Rows):
            return super()._create_dmatrix(ref, **given)

        shared = rows.cuts is not None and self._binned
        names = ("max_bin", "tree_method", "booster", "device", "missing", "enable_categorical")
        asked = repr([getattr(self, name) for name in names]), repr(given["feature_types"])

        def make() -> Any:
            if self._binned and (rows.count > 1 or shared):
                return self._fed(rows, given, self._cuts(rows, given, asked) if shared else None)
            return super(_TakesRows, self)._create_dmatrix(ref, **{**given, "data": rows.whole})

        weight = given.get("weight")
        digest = None if weight is None else _digest(weight)
        return rows.kept.get(rows.index, (*asked, digest, shared), make, _held_mb)

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None, **keywords: Any) -> Self:
        """As XGBoost does it; ``n_estimators = "auto"`` is the number that was found afterwards."""
        fit = super().fit
        own = self.get_params()
        if own["n_estimators"] != AUTO:
            fit(X, y, sample_weight=sample_weight, **keywords)
            return self
        learnt, held = held_out(X, y, sample_weight, own)
        patience = own["early_stopping_rounds"] or PATIENCE
        self.set_params(n_estimators=MOST_ROUNDS, early_stopping_rounds=patience)
        fit(
            learnt.X, learnt.y, sample_weight=learnt.weight, eval_set=[(held.X, held.y)],
            sample_weight_eval_set=None if held.weight is None else [held.weight], verbose=False,
            **keywords,
        )  # fmt: skip
        found = self.best_iteration + 1
        self.set_params(n_estimators=found, early_stopping_rounds=None)
        return self

    def stop_after(self, rounds: int, stop: Callable[[], bool]) -> None:
        """Have ``stop`` say, once so many rounds are grown, whether ``fit`` ends with them.

        What is grown answers predictions meanwhile.
        """
        self.set_params(callbacks=[_Look(self, rounds, stop)])

    @property
    def _binned(self) -> bool:
        """Whether it learns from bins, as XGBoost itself decides it."""
        from xgboost.sklearn import _can_use_qdm

        usable: bool = _can_use_qdm(self.tree_method, self.device)
        return usable and self.booster != "gblinear"

    def _cuts(self, rows: Rows, given: dict[str, Any], asked: Hashable) -> xgboost.QuantileDMatrix:
        """A matrix of the rows that all folds have their cuts from."""
        assert rows.cuts is not None, "ask where there are some"
        few = Rows(rows.values, rows.cuts)
        given = given | {"label": np.zeros(len(few)), "weight": None}
        return rows.kept.get(rows.cuts, asked, lambda: self._fed(few, given, None), _held_mb)

    def _fed(
        self, rows: Rows, given: dict[str, Any], ref: xgboost.QuantileDMatrix | None
    ) -> xgboost.QuantileDMatrix:
        """The matrix of rows that are never in memory together; ``ref``: whose cuts it has."""
        parts = _Parts(rows, given["label"], given.get("weight"), given["feature_types"])
        return xgboost.QuantileDMatrix(
            parts,
            ref=ref,
            missing=given["missing"],
            enable_categorical=given["enable_categorical"],
            nthread=self.n_jobs,
            max_bin=self.max_bin,
        )


class XGBClassifier(_TakesRows, xgboost.XGBClassifier):
    """XGBClassifier, which also learns from ``Rows``."""


class XGBRegressor(_TakesRows, xgboost.XGBRegressor):
    """XGBRegressor, which also learns from ``Rows``."""


def _digest(weight: Any) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(weight).data).digest()


def _held_mb(matrix: xgboost.DMatrix) -> float:
    """Memory of a matrix in units of 2**20 bytes; of raw values (``tree_method = "exact"``) too."""
    entries, rows = int(matrix.num_nonmissing()), int(matrix.num_row())
    if not isinstance(matrix, xgboost.QuantileDMatrix):
        return 8.0 * entries / 2**20
    gaps = entries < rows * int(matrix.num_col())
    return rows * row_bytes(entries / max(1, rows), gaps, matrix.max_bin) / 2**20


def row_bytes(entries: float, gaps: bool, max_bin: int | None) -> float:
    """Bytes of a row with so many values in a binned matrix, as measured of 27 million of them.

    Bins lie there by row and by column, 1 byte each up to 256 of them and 2 beyond; where values
    are missing somewhere (``gaps``) those by row have 4.
    """
    each = 1 if (max_bin or 256) <= 256 else 2
    return ((4 if gaps else each) + each) * entries + 16
