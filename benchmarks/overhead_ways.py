"""One run of many like fits by one system, a process of its own: ``python -m ... FOLDER``.

FOLDER holds ``job.json`` and the rows. All systems fit the same models to the same rows with two
workers of one thread, under five folds and ROC AUC. ``told.json`` is left there: when the last
trial had ended, in seconds since the epoch; the first fit leaves its moment in ``first``.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, log
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier

WORKERS, FOLDS = 2, 5
ALPHA = 1e-6, 1e-2


class Steady(SGDClassifier):  # type: ignore[misc] # scikit-learn has no types
    """A fit that takes as long whatever ``alpha`` is; a process's first one notes its moment."""

    _noted = False

    def __init__(self, note: str = "", alpha: float = 1e-4, max_iter: int = 50) -> None:
        super().__init__(loss="log_loss", alpha=alpha, max_iter=max_iter, tol=None, random_state=0)
        self.note = note

    def fit(self, X: Any, y: Any, **more: Any) -> "Steady":
        """So many epochs."""
        if self.note and not Steady._noted:
            Steady._noted = True
            note_once(Path(self.note))
        super().fit(X, y, **more)
        return self


def note_once(note: Path) -> None:
    """The moment, unless another process was first."""
    moment = time.time()
    try:
        with note.open("x") as file:
            file.write(repr(moment))
    except FileExistsError:
        pass


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done: so many configurations of fits of so many epochs."""

    way: str
    trials: int
    epochs: int
    seed: int
    folder: str

    @property
    def note(self) -> str:
        """Where the first fit leaves its moment."""
        return f"{self.folder}/first"

    def rows(self) -> tuple[Any, Any]:
        """X, y."""
        return np.load(f"{self.folder}/X.npy"), np.load(f"{self.folder}/y.npy")

    def model(self, alpha: float) -> Steady:
        """One configuration's."""
        return Steady(self.note, alpha, self.epochs)


def _score(job: Job, alpha: float, rows: tuple[Any, Any]) -> float:
    """Cross-validation as plainly as it can be written."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    X, y = rows
    scores = []
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=job.seed).split(X, y):
        model = job.model(alpha).fit(X[train], y[train])
        scores.append(roc_auc_score(y[test], model.predict_proba(X[test])[:, 1]))
    return float(np.mean(scores))


def _bare_worker(job: Job, numbers: Any, rows: tuple[Any, Any]) -> None:
    draws = np.random.default_rng(job.seed).uniform(log(ALPHA[0]), log(ALPHA[1]), job.trials)
    while True:
        with numbers.get_lock():
            number, numbers.value = numbers.value, numbers.value + 1
        if number >= job.trials:
            return
        _score(job, exp(draws[number]), rows)


def _together(target: Callable[..., None], *given: Any) -> None:
    """Two forked processes to their end."""
    context = get_context("fork")
    workers = [context.Process(target=target, args=given) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise SystemExit(f"a worker ended with status {worker.exitcode}")


def bare(job: Job) -> float:
    """The ideal: forked processes that take the next number; nothing is searched or written."""
    import sklearn.metrics
    import sklearn.model_selection  # noqa: F401 # before the fork

    _together(_bare_worker, job, get_context("fork").Value("i", 0), job.rows())
    return time.time()


def _optuna_worker(job: Job, rows: tuple[Any, Any]) -> None:
    import optuna
    from optuna.study import MaxTrialsCallback

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(study_name="overhead", storage=_journal(job))
    study.optimize(
        lambda trial: _score(job, trial.suggest_float("alpha", *ALPHA, log=True), rows),
        n_trials=job.trials, callbacks=[MaxTrialsCallback(job.trials, states=None)],
    )  # fmt: skip


def _journal(job: Job) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(f"{job.folder}/journal"))


def optuna(job: Job) -> float:
    """Two forked processes on one journal file, the default sampler."""
    import optuna
    import sklearn.metrics
    import sklearn.model_selection  # noqa: F401 # before the fork

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(study_name="overhead", storage=_journal(job), direction="maximize")
    _together(_optuna_worker, job, job.rows())
    return time.time()


def loky(job: Job) -> float:
    """RandomizedSearchCV."""
    from scipy.stats import loguniform
    from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold

    RandomizedSearchCV(
        job.model(1e-4), {"alpha": loguniform(*ALPHA)}, n_iter=job.trials, n_jobs=WORKERS,
        cv=StratifiedKFold(FOLDS, shuffle=True, random_state=job.seed), scoring="roc_auc",
        refit=False, random_state=job.seed,
    ).fit(*job.rows())  # fmt: skip
    return time.time()


def quintain(job: Job) -> float:
    """Ours, everything on; ``way`` is "runner, sampler". The end is the last trial's, as written.

    What comes after, finalists on fresh folds and the estimate, no peer does: it counts in the
    process's whole time only.
    """
    import quintain as face
    from search.records import Records

    runner, sampler = job.way.split(", ")
    spec = {
        "name": "overhead", "holdout": {"test_size": False},
        "evaluate": {"metric": "roc_auc", "metrics": [], "folds": FOLDS},
        "search": {"trials": job.trials, "sampler": sampler, "max_concurrent": WORKERS,
                   "seed": job.seed, "pruner": "none"},
        "model": [{"estimator": "benchmarks.overhead_ways:Steady",
                   "params": {"note": job.note, "max_iter": job.epochs},
                   "space": {"alpha": {"float": list(ALPHA), "log": True}}}],
    }  # fmt: skip
    url = f"{job.folder}/records.db"
    result = face.run(spec, job.rows(), runner=runner, records=url, progress=False, plan=False)
    with Records.open(url, create=False) as store:
        ends = [entry for entry in store.entries(result.sweep) if entry.kind == "ended"]
    states = {entry.body["state"] for entry in ends}
    if result.state != "completed" or len(ends) != job.trials or states != {"completed"}:
        raise SystemExit(f"the sweep ended as {result.state}, its trials as {states}")
    kept = len(list(Path(job.folder).glob(f"**/{result.sweep}/*.oof")))
    if kept < job.trials:
        raise SystemExit(f"{kept} files of out-of-fold outputs for {job.trials} trials")
    return max(entry.time for entry in ends)


def ways() -> dict[str, Callable[[Job], float]]:
    """All of them by name, in the order of a table."""
    ours = [f"{runner}, {sampler}" for runner in ("local", "ray") for sampler in ("random", "tpe")]
    peers: dict[str, Callable[[Job], float]] = {"bare": bare, "loky": loky, "optuna": optuna}
    return peers | dict.fromkeys(ours, quintain)


def main() -> None:
    """Do the job of the folder named."""
    folder = Path(sys.argv[1])
    job = Job(**json.loads((folder / "job.json").read_text()))
    ended = ways()[job.way](job)
    (folder / "told.json").write_text(json.dumps({"ended": ended}))


if __name__ == "__main__":
    main()
