"""benchmarks.honesty attack: what can be gained by looking often, and by resampling noise."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE

import quintain
from benchmarks.attack import attacked
from benchmarks.honesty_portions import Claim, Line, Part, Task, mean_and_error
from evaluators.types import Floats, Ints

LOOKS, TEST_ROWS = 500, 4000
#: What 500 looks may gain at most, in accuracy.
GAIN = 0.02
ROWS, FEATURES, POSITIVE, TRIALS = 400, 8, 0.1, 5
CHANCE = 0.5
ATTACKS = ("vote", "climb")
ANSWERS = ("exact", "ladder")
SMOTES = ("inside the fold", "before the folds")


def replicate(task: Task) -> Line:
    """One attack on a test set, or one sweep with SMOTE on noise."""
    began = time.perf_counter()
    seed = int(task["seed"])
    if "attack" in task:
        gain = attacked(task["attack"], task["answers"], LOOKS, TEST_ROWS, seed)
        found: Line = {"gain": max(gain.told, gain.reached)}
    else:
        found = {"auc": smote_on_noise(seed, before=task["smote"] == "before the folds")}
    return {**found, "seconds": time.perf_counter() - began}


def smote_on_noise(seed: int, *, before: bool) -> float:
    """The mean AUC of all trials of a sweep; ``before``: the rows were grown before it saw them."""
    generator = np.random.default_rng((161803, seed))
    values: Floats = generator.normal(size=(ROWS, FEATURES))
    target: Ints = (generator.random(ROWS) < POSITIVE).astype(np.int64)
    if before:
        values, target = SMOTE(random_state=seed).fit_resample(values, target)
    model: dict[str, Any] = {"estimator": "knn", "space": {"n_neighbors": {"int": [1, 15]}}}
    spec = {
        "name": "smote",
        "holdout": {"test_size": False},
        "evaluate": {"metric": "roc_auc", "metrics": []},
        "search": {"trials": TRIALS, "seed": seed},
        "model": [model if before else model | {"resample": "smote"}],
    }
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "records.db")
        data = (values, target)
        result = quintain.run(spec, data, runner="inline", records=store, progress=False)
    return float(np.mean([trial.score for trial in result.view.ranked]))


def tasks(repeats: int) -> list[Task]:
    seeds = range(repeats)
    looks: list[Task] = [
        {"attack": attack, "answers": answers, "seed": seed}
        for attack in ATTACKS for answers in ANSWERS for seed in seeds
    ]  # fmt: skip
    return looks + [{"smote": where, "seed": seed} for where in SMOTES for seed in seeds]


def claims(lines: Sequence[Line]) -> list[Claim]:
    """What each attack gained, then SMOTE."""
    found = []
    for attack in ATTACKS:
        for answers in ANSWERS:
            gains = [
                line["gain"] for line in lines
                if (line["task"].get("attack"), line["task"].get("answers")) == (attack, answers)
            ]  # fmt: skip
            mean, error = mean_and_error(gains)
            what = f"{attack}, {len(gains)} x {LOOKS} looks, {answers}: gain"
            held = (f"< {GAIN}", mean < GAIN) if answers == "ladder" else ("", None)
            found.append(Claim(what, mean, error, *held))
    for where in SMOTES:
        aucs = [line["auc"] - CHANCE for line in lines if line["task"].get("smote") == where]
        mean, error = mean_and_error(aucs)
        held = ("within 2 standard errors of 0", abs(mean) <= 2 * error)
        what = f"SMOTE {where}, {len(aucs)} sweeps: AUC - chance"
        found.append(Claim(what, mean, error, *(held if where == SMOTES[0] else ("", None))))
    return found


PART = Part("attack", 20, tasks, replicate, claims)
