"""What ``quintain.run`` gives back."""

from typing import TYPE_CHECKING, Any

from evaluators.errors import QuintainError
from search.records import Records
from search.view import SweepView
from search.view_rows import TrialView

if TYPE_CHECKING:
    from pathlib import Path

    import optuna
    import pandas as pd

    from evaluators.refit import FittedModel
    from quintain.prepare import Prepared
    from search.spec import Spec


class Result:
    """A sweep as its record tells it.

    Attributes:
        view: everything recorded, as frozen dataclasses.
    """

    def __init__(
        self,
        view: SweepView,
        *,
        spec: "Spec | None" = None,
        data: Any = None,
        prepared: "Prepared | None" = None,
        records: str | None = None,
    ) -> None:
        self.view = view
        self._spec = spec
        self._data = data
        self._prepared = prepared
        self._records = records

    def __repr__(self) -> str:
        best = self.view.best
        found = self.view.finals.estimate
        if found is not None:
            told = f"{self.view.metric} {found.score:.4f} estimated"
        elif best is not None:
            told = f"best {self.view.metric} {best.score:.4f}, optimistic"
        else:
            told = "no trial completed"
        return f"<Result {self.sweep}: {self.state}, {told}>"

    @property
    def sweep(self) -> str:
        """The sweep's id."""
        return self.view.id

    @property
    def state(self) -> str:
        """How the sweep stands."""
        return self.view.state

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the winner, its model under the key ``model``.

        Raises:
            QuintainError: no trial has completed.
        """
        best = self._best()
        return {"model": best.model, **best.params}

    @property
    def estimate(self) -> dict[str, Any] | None:
        """What the winner scores on folds that chose nothing, with its interval; or None.

        The selection score in ``trials`` is the best of many on the same folds: optimistic.
        """
        estimate: dict[str, Any] | None = self.to_json()["estimate"]
        return estimate

    @property
    def trials(self) -> "pd.DataFrame":
        """One row a trial, as ``quintain trials --json`` prints them."""
        import pandas as pd

        return pd.DataFrame(self.view.trials_json())

    def to_pandas(self) -> "pd.DataFrame":
        """One row a trial, each parameter and each fold's score in a column of its own.

        ``search.frame`` names the columns.
        """
        from search.frame import frame

        return frame([self.view])

    def study(self, *, cost: str | None = None) -> "optuna.Study":
        """The sweep as an Optuna study in memory, for every function of ``optuna.visualization``.

        Args:
            cost: a second objective, to be minimized: "wall_s", "fit_s", "cpu_s", "peak_mb" or
                "predict_ms_per_1k"; what ``plot_pareto_front`` draws.

        Raises:
            QuintainError: no such cost, or the records are not there any more.
        """
        from quintain.exports.evidence import exported
        from quintain.exports.study import study_of

        return study_of(exported(self.sweep, self._records), cost=cost)

    def report(self) -> str:
        """The report as text."""
        from search.report import report_text

        return report_text(self.view)

    def to_json(self) -> dict[str, Any]:
        """The object that ``quintain run --json`` prints."""
        return self.view.to_json()

    def fit(self) -> "FittedModel":
        """The winner, refitted on all rows but the hold-out, also where a part was searched.

        Its labels are cut at the tuned threshold where the sweep ranks by one, else at the spec's
        number or one half.
        """
        from evaluators.refit import refit
        from evaluators.types import Configuration
        from quintain.prepare import prepare, spec_of

        best = self._best()
        if self._prepared is None:
            spec = self._spec or spec_of(self.view.header)
            with Records.open(self._records, create=False) as store:
                self._prepared = prepare(spec, self._data, store, self.view.header)
        found, known = self._prepared.dataset.fingerprint, self.view.header["fingerprint"]
        if found != known:
            raise QuintainError(f"the data of {self.sweep} has changed since it was searched")
        configuration = Configuration(best.model, best.params)
        task = self._prepared.assignment
        cut = self.view.threshold if task.tuned_objective else None
        return refit(task, self._prepared.dataset, configuration, threshold=cut)

    def page(self, path: "str | Path") -> str:
        """Write the sweep's lab notebook, as ``quintain report`` does; what was written.

        Args:
            path: ends with .html, or with .md for Markdown.

        Raises:
            QuintainError: another ending, or a place that cannot be written.
        """
        from pathlib import Path

        from quintain.notebook.making import of_sweep
        from quintain.notebook.writing import write

        file = Path(path)
        if file.suffix not in (".html", ".md"):
            raise QuintainError(f"{file}: name it .html, or .md for Markdown")
        made, _ = of_sweep(self.sweep, records=self._records, data=self._data)
        html, md = (file, None) if file.suffix == ".html" else (None, file)
        return write(made, html, md)[0]

    def save(self) -> str:
        """Refit the winner and keep it, as ``quintain model save`` does; the version's name.

        Raises:
            QuintainError: no winner, other data than was searched, or a model that cannot be
                stored safely.
        """
        from quintain.versions.saving import save

        return save(self.sweep, data=self._data, records=self._records).name

    def _best(self) -> TrialView:
        if self.view.best is None:
            raise QuintainError(f"no trial of {self.sweep} has completed: see quintain trials")
        return self.view.best
