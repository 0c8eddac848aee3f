"""One search by one system in a process of its own: ``python -m benchmarks.peers FOLDER``.

Each is written as a competent user of it would: the same space, metric, folds and two workers of
one thread (FLAML: its default, one fit at a time with two threads). FOLDER holds ``job.json`` and
the rows; ``told.json`` is left there. Nothing is refitted at the end by any of them.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.score_paths import Seen, incumbents
from benchmarks.score_space import FIXED, QUICK_SPACE, SPACE, Range

WORKERS = 2
METRIC = "average_precision"
ASHA_FACTOR = HALVING_FACTOR = 3


@dataclass(frozen=True, slots=True)
class Job:
    """What a search is to do.

    Attributes:
        configurations: how many, where a system takes a number of them.
        deadline: seconds since the epoch at which it is to end, where it takes a time.
        pruner: ours.
    """

    system: str
    seed: int
    folds: int
    configurations: int
    deadline: float
    pruner: str
    quick: bool
    folder: str

    @property
    def space(self) -> Mapping[str, Range]:
        """What everybody searches."""
        return QUICK_SPACE if self.quick else SPACE

    def rows(self) -> tuple[Any, Any]:
        """X, y."""
        return np.load(f"{self.folder}/X.npy"), np.load(f"{self.folder}/y.npy")

    @property
    def left_s(self) -> float:
        """Until the deadline."""
        return max(1.0, self.deadline - time.time())

    def splitter(self) -> Any:
        """The folds of every peer."""
        from sklearn.model_selection import StratifiedKFold

        return StratifiedKFold(self.folds, shuffle=True, random_state=self.seed)


@dataclass(slots=True)
class Told:
    """What a search did; times are seconds since the epoch."""

    began: float
    path: list[Seen]
    chosen: dict[str, float]
    ended: float = field(default_factory=time.time)
    notes: dict[str, Any] = field(default_factory=dict)


def classifier(params: dict[str, Any], seed: int) -> Any:
    """The model of every peer, with one thread."""
    from xgboost import XGBClassifier

    return XGBClassifier(**params, **FIXED, n_jobs=1, random_state=seed)


def fold_scores(params: dict[str, Any], job: Job, X: Any, y: Any) -> Iterable[float]:
    """Cross-validation, fold by fold."""
    from sklearn.metrics import average_precision_score

    for train, test in job.splitter().split(X, y):
        model = classifier(params, job.seed).fit(X[train], y[train])
        yield float(average_precision_score(y[test], model.predict_proba(X[test])[:, 1]))


class TellingScorer:
    """Average precision for scikit-learn's searches, each score written down with its time."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __call__(self, model: Any, X: Any, y: Any) -> float:
        from sklearn.metrics import average_precision_score

        score = float(average_precision_score(y, model.predict_proba(X)[:, 1]))
        params = {name: model.get_params()[name] for name in SPACE}
        line = json.dumps({"at": time.time(), "params": params, "score": score}, default=float)
        with open(self.file, "a") as file:  # one short write: lines of two workers do not mix
            file.write(line + "\n")
        return score

    def evaluations(self, folds: int) -> dict[int, list[Seen]]:
        """Whole evaluations by rung: a candidate's first ``folds`` scores are rung 0, and so on."""
        scores: dict[str, list[tuple[float, float]]] = {}
        with open(self.file) as file:
            for told in sorted(map(json.loads, file), key=lambda told: told["at"]):
                scores.setdefault(json.dumps(told["params"]), []).append(
                    (told["at"], told["score"])
                )
        found: dict[int, list[Seen]] = {}
        for params, all_told in scores.items():
            for rung in range(len(all_told) // folds):
                told = all_told[rung * folds : (rung + 1) * folds]
                mean = float(np.mean([score for _, score in told]))
                found.setdefault(rung, []).append(Seen(told[-1][0], json.loads(params), mean))
        return found


class LogWhole:
    """Whole numbers, ratios equally likely: scipy has no such distribution."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def rvs(self, random_state: Any = None) -> int:
        drawn = np.exp(random_state.uniform(np.log(self.low), np.log(self.high + 1)))
        return min(int(drawn), int(self.high))


def distribution(of: Range) -> Any:
    """For scikit-learn."""
    from scipy.stats import loguniform, randint, uniform

    if of.whole:
        return LogWhole(of.low, of.high) if of.log else randint(int(of.low), int(of.high) + 1)
    return loguniform(of.low, of.high) if of.log else uniform(of.low, of.high - of.low)


def random(job: Job) -> Told:
    """RandomizedSearchCV: its path is what one would see if it told of candidates as they end."""
    from sklearn.model_selection import RandomizedSearchCV

    scorer, (X, y), began = TellingScorer(f"{job.folder}/scores"), job.rows(), time.time()
    search = RandomizedSearchCV(
        classifier({}, job.seed), {name: distribution(each) for name, each in job.space.items()},
        n_iter=job.configurations, n_jobs=WORKERS, cv=job.splitter(), scoring=scorer,
        refit=False, random_state=job.seed,
    ).fit(X, y)  # fmt: skip
    ended = time.time()
    path = incumbents(scorer.evaluations(job.folds)[0])
    fits = search.cv_results_["mean_fit_time"] * job.folds
    return Told(began, path, search.best_params_, ended, {"fit_s": float(fits.sum())})


def halving(job: Job) -> Told:
    """HalvingRandomSearchCV over rows; its path is the best of each rung as that ends."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    scorer, (X, y), began = TellingScorer(f"{job.folder}/scores"), job.rows(), time.time()
    search = HalvingRandomSearchCV(
        classifier({}, job.seed), {name: distribution(each) for name, each in job.space.items()},
        n_candidates=job.configurations, min_resources="exhaust", factor=HALVING_FACTOR,
        n_jobs=WORKERS, cv=job.splitter(), scoring=scorer, refit=False, random_state=job.seed,
        return_train_score=False,
    ).fit(X, y)  # fmt: skip
    ended, path = time.time(), []
    for _, seen in sorted(scorer.evaluations(job.folds).items()):
        best = max(seen, key=lambda each: each.score)
        path.append(Seen(max(each.at for each in seen), best.params, best.score))
    notes = {"rows": [int(rows) for rows in search.n_resources_]}
    return Told(began, path, search.best_params_, ended, notes)


def _optuna_worker(job: Job, worker: int, X: Any, y: Any) -> None:
    import optuna

    def objective(trial: optuna.Trial) -> float:
        params: dict[str, Any] = {}
        for name, each in job.space.items():
            if each.whole:
                ends = int(each.low), int(each.high)
                params[name] = trial.suggest_int(name, *ends, log=each.log)
            else:
                params[name] = trial.suggest_float(name, each.low, each.high, log=each.log)
        scores: list[float] = []
        for fold, score in enumerate(fold_scores(params, job, X, y)):
            scores.append(score)
            trial.report(float(np.mean(scores)), fold)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(scores))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=1000 * job.seed + worker)
    study = optuna.load_study(
        study_name="score", storage=_journal(job), sampler=sampler,
        pruner=optuna.pruners.MedianPruner(),
    )  # fmt: skip
    study.optimize(objective, timeout=job.left_s)


def _journal(job: Job) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(f"{job.folder}/journal"))


def optuna(job: Job) -> Told:
    """Two processes on one journal: TPE at its defaults, pruned by the median over folds.

    What they fit with is imported before they are forked, so once.
    """
    import optuna
    import sklearn.metrics
    import sklearn.model_selection  # noqa: F401
    import xgboost  # noqa: F401

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (X, y), began = job.rows(), time.time()
    study = optuna.create_study(study_name="score", storage=_journal(job), direction="maximize")
    context = get_context("fork")
    workers = [
        context.Process(target=_optuna_worker, args=(job, worker, X, y))
        for worker in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            raise SystemExit(f"a worker of Optuna ended with status {worker.exitcode}")
    ended, states = time.time(), optuna.trial.TrialState
    trials = study.get_trials(deepcopy=False)
    seen = [
        Seen(trial.datetime_complete.timestamp(), trial.params, trial.value)
        for trial in trials
        if trial.state == states.COMPLETE and trial.datetime_complete and trial.value is not None
    ]
    notes = {state.name: sum(trial.state == state for trial in trials) for state in states}
    return Told(began, incumbents(seen), study.best_params, ended, notes)


def systems() -> dict[str, Callable[[Job], Told]]:
    """All of them by name, in the order of a table."""
    from benchmarks.tuner_peers import asha, flaml, quintain

    return {
        "random": random,
        "halving": halving,
        "optuna": optuna,
        "flaml": flaml,
        "asha": asha,
        "quintain-local": quintain,
        "quintain-ray": quintain,
    }


def main() -> None:
    """Do the job of the folder named."""
    folder = Path(sys.argv[1])
    job = Job(**json.loads((folder / "job.json").read_text()))
    told = systems()[job.system](job)
    (folder / "told.json").write_text(json.dumps(asdict(told), default=float))


if __name__ == "__main__":
    main()
