"""FLAML, Ray Tune with ASHA, and ours, each as one search of ``benchmarks.peers``."""

import json
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.score_paths import Seen, incumbents
from benchmarks.score_space import SPACE, Range

if TYPE_CHECKING:
    from benchmarks.peers import Job, Told

_FLAML = "xgb_limitdepth"  # its XGBoost with a depth; "xgboost" has leaves instead


def _domain(tune: Any, of: Range) -> Any:
    """For Ray Tune, and for FLAML's copy of its spaces."""
    if of.whole:
        make = tune.lograndint if of.log else tune.randint
        return make(int(of.low), int(of.high) + 1)
    return (tune.loguniform if of.log else tune.uniform)(of.low, of.high)


def flaml(job: "Job") -> "Told":
    """AutoML of XGBoost alone in the time given, no ensemble; its cheapest corner comes first."""
    from flaml import AutoML, tune

    from benchmarks.peers import WORKERS, Told

    space: dict[str, Any] = {name: {"domain": _domain(tune, of)} for name, of in job.space.items()}
    for name in ("n_estimators", "max_depth"):
        low = int(job.space[name].low)
        space[name] |= {"init_value": low, "low_cost_init_value": low}
    space |= {"colsample_bylevel": {"domain": 1.0}, "reg_alpha": {"domain": 0.0}}
    X, y = job.rows()
    began, log = time.time(), f"{job.folder}/flaml.log"
    search = AutoML()
    search.fit(
        X, y, task="classification", metric="ap", estimator_list=[_FLAML],
        custom_hp={_FLAML: space}, time_budget=job.left_s, n_jobs=WORKERS, eval_method="cv",
        n_splits=job.folds, split_type=job.splitter(), retrain_full=False, seed=job.seed,
        log_file_name=log, log_type="all", verbose=0,
    )  # fmt: skip
    ended, seen = time.time(), []
    with open(log) as file:
        for line in file:
            told = json.loads(line)
            if "config" in told and told["validation_loss"] is not None:
                at = began + told["wall_clock_time"]
                seen.append(Seen(at, _ours(told["config"]), 1 - told["validation_loss"]))
    return Told(began, incumbents(seen), _ours(search.best_config), ended, {"trials": len(seen)})


def _ours(config: dict[str, Any]) -> dict[str, float]:
    """The searched part of a configuration of FLAML's."""
    return {name: int(config[name]) if of.whole else config[name] for name, of in SPACE.items()}


def _trainable(config: dict[str, Any], job: "Job", X: Any, y: Any) -> None:
    from ray import tune

    from benchmarks.peers import fold_scores

    scores: list[float] = []
    for score in fold_scores(config, job, X, y):
        scores.append(score)
        tune.report({"score": float(np.mean(scores)), "folds": len(scores), "at": time.time()})


def asha(job: "Job") -> "Told":
    """Random configurations in Ray Tune, ASHA after every fold, actors reused, loggers off.

    The incumbent is the best of those with all their folds.
    """
    os.environ |= {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}
    import ray
    from ray import tune

    from benchmarks.peers import WORKERS, Told

    class Listening(tune.Callback):
        """Keeps what trials with all folds report."""

        def on_trial_result(
            self, iteration: int, trials: Any, trial: Any, result: Any, **_: Any
        ) -> None:
            if result["folds"] == job.folds:
                seen.append(Seen(result["at"], dict(trial.config), result["score"]))

    seen: list[Seen] = []
    ray.init(address="local", num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    (X, y), began = job.rows(), time.time()
    scheduler = tune.schedulers.ASHAScheduler(
        max_t=job.folds, grace_period=1, reduction_factor=3, brackets=1
    )
    tuner = tune.Tuner(
        tune.with_parameters(_trainable, job=job, X=X, y=y),
        param_space={name: _domain(tune, each) for name, each in job.space.items()},
        tune_config=tune.TuneConfig(
            metric="score", mode="max", scheduler=scheduler, num_samples=-1,
            time_budget_s=job.left_s, reuse_actors=True,
            search_alg=tune.search.BasicVariantGenerator(
                max_concurrent=2 * WORKERS, random_state=job.seed
            ),
        ),
        run_config=tune.RunConfig(storage_path=job.folder, verbose=0, callbacks=[Listening()]),
    )  # fmt: skip
    results = tuner.fit()
    ended, path = time.time(), incumbents(seen)
    # one that was still waiting at the end counts as an error there: it has no files
    failed = [error for error in results.errors if not isinstance(error, FileNotFoundError)]
    if failed:
        raise SystemExit(f"trials of Ray Tune failed: {failed[0]}")
    chosen = dict(path[-1].params) if path else {}
    tried = sum(bool(results[place].metrics) for place in range(len(results)))
    return Told(began, path, chosen, ended, {"trials": tried})


def spec_of(job: "Job") -> dict[str, Any]:
    """The same search as a spec of ours."""
    space = {
        name: {"int": [int(of.low), int(of.high)], "log": of.log}
        if of.whole
        else {"float": [of.low, of.high], "log": of.log}
        for name, of in job.space.items()
    }
    return {
        "name": "score",
        "holdout": {"test_size": False},
        "evaluate": {"folds": job.folds, "metric": "average_precision", "metrics": [],
                     "folds_seed": job.seed},
        "search": {"trials": job.configurations, "timeout": f"{job.left_s:.0f}s",
                   "max_concurrent": 2, "seed": job.seed, "pruner": job.pruner},
        "model": [{"estimator": "xgboost", "space": space}],
    }  # fmt: skip


def quintain(job: "Job") -> "Told":
    """Ours, read from its records afterwards; its answer is the winner among the finalists."""
    import quintain as face
    from benchmarks.peers import Told
    from search.records import Records

    url = f"{job.folder}/records.db"
    result = face.run(
        spec_of(job), job.rows(), runner=job.system.removeprefix("quintain-"), records=url,
        progress=False, plan=False,
    )  # fmt: skip
    ended = time.time()
    if result.state != "completed":
        raise SystemExit(f"the sweep ended as {result.state}")
    with Records.open(url, create=False) as store:
        entries = list(store.entries(result.sweep))
    asked = {entry.trial: entry.body["params"] for entry in entries if entry.kind == "asked"}
    ends = [entry for entry in entries if entry.kind == "ended"]
    seen = [
        Seen(entry.time, asked[entry.trial], entry.body["scores"]["average_precision"])
        for entry in ends
        if entry.body["state"] == "completed"
    ]
    began = min(entry.time for entry in entries if entry.kind == "asked")
    chosen = {name: value for name, value in result.best_params.items() if name in SPACE}
    trials = result.trials
    costs = "fit_s", "score_s", "load_s", "queue_s", "start_s", "overhead_s", "cpu_s"
    notes: dict[str, Any] = {name: float(trials[name].sum()) for name in costs}
    last = max(entry.time for entry in ends)
    notes |= {"trials": len(trials), "pruned": int((trials["state"] == "pruned").sum())}
    notes |= {"search_s": last - began, "after_s": ended - last}
    return Told(began, incumbents(seen), chosen, ended, notes)
