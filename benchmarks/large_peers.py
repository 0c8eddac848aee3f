"""One search over the same few configurations of a large table, by one system in its own process.

``python -m benchmarks.large_peers FOLDER``: the folder holds ``job.json``, the rows and the folds;
``told.json`` is left there. Nobody prunes and nobody refits.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

WORKERS, FOLDS, METRIC = 2, 3, "average_precision"
#: X and y as one file, for ours; peers have them as arrays.
ROWS_FILE = "rows.npz"
#: Ours with one set of cuts for all folds: its scores are no peer's.
SHARED = "quintain-shared"
PARAMS = {"n_estimators": 50, "tree_method": "hist"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a search did; times are seconds since the epoch.

    Attributes:
        searched: when the last configuration had all its folds.
        ended: when the system gave its answer.
        scores: fold by fold, by configuration as a text.
    """

    searched: float
    ended: float
    scores: Mapping[str, list[float]]
    fit_s: float


def grid(configurations: int) -> dict[str, list[Any]]:
    """A grid of 4, 8 or 12 points."""
    depths = {4: [6], 8: [4, 8], 12: [4, 6, 8]}[configurations]
    return {"max_depth": depths, "learning_rate": [0.05, 0.1, 0.2, 0.3]}


def spec(configurations: int, *, shared_cuts: bool = False) -> dict[str, Any]:
    """The same search as a spec of ours, of a file as a spec names one."""
    return {
        "name": "large",
        "data": {"source": ROWS_FILE, "target": "target"},
        "holdout": {"test_size": False},
        "evaluate": {"folds": FOLDS, "metric": METRIC, "metrics": [], "folds_seed": 0},
        "search": {
            "trials": configurations,
            "max_concurrent": WORKERS,
            "sampler": "grid",
            "shared_cuts": shared_cuts,
        },
        "model": [{"estimator": "xgboost", "params": PARAMS, "space": grid(configurations)}],
    }


def named(params: Mapping[str, Any]) -> str:
    """A configuration as a text."""
    return f"depth {int(params['max_depth'])}, rate {float(params['learning_rate'])}"


def rows(folder: Path) -> tuple[Any, Any]:
    """X, y in memory, as a user has them."""
    return np.load(folder / "X.npy"), np.load(folder / "y.npy")


def folds(folder: Path) -> list[tuple[Any, Any]]:
    """Training and test rows of each fold: those that ours are dealt."""
    with np.load(folder / "folds.npz") as kept:
        return [(kept[f"train{fold}"], kept[f"test{fold}"]) for fold in range(FOLDS)]


def classifier(params: Mapping[str, Any]) -> Any:
    """The model of every peer, with one thread."""
    from xgboost import XGBClassifier

    return XGBClassifier(**PARAMS, **params, n_jobs=1)


def loky(folder: Path, configurations: int) -> Told:
    """GridSearchCV with two processes; joblib maps the rows from a file for both."""
    from sklearn.model_selection import GridSearchCV

    search = GridSearchCV(
        classifier({}), grid(configurations), n_jobs=WORKERS, cv=folds(folder), scoring=METRIC,
        refit=False,
    ).fit(*rows(folder))  # fmt: skip
    ended, told = time.time(), search.cv_results_
    scores = {
        named(params): [float(told[f"split{fold}_test_score"][place]) for fold in range(FOLDS)]
        for place, params in enumerate(told["params"])
    }
    return Told(ended, ended, scores, float(told["mean_fit_time"].sum() * FOLDS))


def _trainable(config: dict[str, Any], X: Any, y: Any, splits: Any) -> None:
    from ray import tune
    from sklearn.metrics import average_precision_score

    scores, fit_s = [], 0.0
    for train, test in splits:
        began = time.perf_counter()
        model = classifier(config).fit(X[train], y[train])
        fit_s += time.perf_counter() - began
        told = model.predict_proba(X[test])[:, 1]
        scores.append(float(average_precision_score(y[test], told)))
    tune.report({METRIC: float(np.mean(scores)), "scores": scores, "fit_s": fit_s})


def ray(folder: Path, configurations: int) -> Told:
    """Ray Tune as its documentation shows it: a function, data by with_parameters, the defaults."""
    import ray as library
    from ray import tune

    library.init(address="local", num_cpus=WORKERS)
    X, y = rows(folder)
    trainable = tune.with_parameters(_trainable, X=X, y=y, splits=folds(folder))
    tuner = tune.Tuner(
        trainable,
        param_space={name: tune.grid_search(each) for name, each in grid(configurations).items()},
        tune_config=tune.TuneConfig(metric=METRIC, mode="max"),
        run_config=tune.RunConfig(storage_path=str(folder)),
    )
    results = tuner.fit()
    ended = time.time()
    if results.errors:
        raise SystemExit(f"trials of Ray Tune failed: {results.errors[0]}")
    found = [results[place] for place in range(len(results))]
    told = {named(each.config or {}): each.metrics or {} for each in found}
    scores = {name: each["scores"] for name, each in told.items()}
    return Told(ended, ended, scores, sum(each["fit_s"] for each in told.values()))


def _quintain(runner: str, *, shared_cuts: bool = False) -> Callable[[Path, int], Told]:
    def search(folder: Path, configurations: int) -> Told:
        import quintain
        from search.records import Records

        url = f"{folder}/records.db"
        asked = spec(configurations, shared_cuts=shared_cuts)
        asked["data"]["source"] = str(folder / ROWS_FILE)
        result = quintain.run(asked, runner=runner, records=url, progress=False, plan=False)
        ended = time.time()
        if result.state != "completed":
            raise SystemExit(f"the sweep ended as {result.state}")
        with Records.open(url, create=False) as store:
            ends = [e.time for e in store.entries(result.sweep) if e.kind == "ended"]
        trials = result.view.trials
        scores = {named(each.params): list(each.folds[METRIC]) for each in trials}
        return Told(max(ends), ended, scores, sum(each.fit_s for each in trials))

    return search


SYSTEMS: Mapping[str, Callable[[Path, int], Told]] = {
    "loky": loky,
    "ray": ray,
    "quintain-local": _quintain("local"),
    "quintain-ray": _quintain("ray"),
    SHARED: _quintain("local", shared_cuts=True),
}


def main() -> None:
    """Do the job of the folder named."""
    folder = Path(sys.argv[1])
    job = json.loads((folder / "job.json").read_text())
    told = SYSTEMS[job["system"]](folder, job["configurations"])
    (folder / "told.json").write_text(json.dumps(asdict(told)))


if __name__ == "__main__":
    main()
